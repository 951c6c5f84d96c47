"""How well labels hold up that nobody knows the truth of: whether mirrored looks agree, and what other ways to them say.

Agreement of looks puts ways that are usable into an order, hardly better than chance but well enough to choose by; what the other
groups of ways say, one vote each, is a check, because a way may agree with itself on nonsense (docs/benchmarks.md). How much of each
class there is says nothing: species and scales differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.evidence import Evidence, total

TIE = 0.03
"""Agreements that differ by less are alike: of those the cheapest is taken."""

LEAST_CONSENSUS = 2 / 3
"""So much of the highest consensus a way needs: those that are usable have nearly as much, nonsense less than half."""

BACKED = 0.4
"""Consensus from which other ways say much the same: on all images tried, usable labels had .48 at least, others .34 at most."""

DISPUTED = "the other ways say something else"

TURNED = "bright and dark lie the other way around in the labelled images"

POLARITIES = ("turned around", "as it is")
"""Groups of ways of which one is wrong: they see bright and dark the other way around."""

_LEAST_FOREGROUND = 0.002


@dataclass(frozen=True, eq=False)
class Heard:
    """What a way says of the places that are looked at.

    Attributes
    ----------
    group
        Has one vote together with others of its name.
    labels
        (h, w) uint8 of each place.
    evidence
        Of each place.
    doubts
        Why its labels of each place are probably not usable; empty where nothing speaks against them.
    """

    group: str
    labels: tuple[NDArray[np.uint8], ...]
    evidence: tuple[Evidence, ...]
    doubts: tuple[tuple[str, ...], ...]

    @property
    def evidence_of_all(self) -> Evidence:
        """Of all places together."""
        found = total(self.evidence)
        assert found is not None
        return found

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not to be chosen: what speaks against most of its labels; empty if nothing does."""
        if self.evidence_of_all.foreground < _LEAST_FOREGROUND:
            return ("hardly anything was found",)
        doubted = [one for one in self.doubts if one]
        if 2 * len(doubted) <= len(self.doubts):
            return ()
        return tuple(dict.fromkeys(reason for one in doubted for reason in one))


@dataclass(frozen=True)
class WayScores:
    """How well the labels of a way hold up.

    Attributes
    ----------
    agreement
        Pairwise Dice of mirrored looks, mean over the classes, in [0, 1].
    consensus
        Mean Dice with what the other groups say, in [0, 1]; None where no other says anything usable.
    """

    agreement: float
    consensus: float | None

    @property
    def backed(self) -> bool:
        """Whether another group says much the same."""
        return self.consensus is not None and self.consensus >= BACKED


def scores(heard: Sequence[Heard]) -> tuple[WayScores, ...]:
    """Score every way; those that are not usable have no vote."""
    voters: dict[str, list[int]] = {}
    for number, one in enumerate(heard):
        if not one.reasons:
            voters.setdefault(one.group, []).append(number)
    return tuple(
        WayScores(one.evidence_of_all.agreement or 0.0, _consensus(number, heard, voters))
        for number, one in enumerate(heard)
    )


def _consensus(number: int, heard: Sequence[Heard], voters: Mapping[str, Sequence[int]]) -> float | None:
    votes = [
        float(np.mean([pooled_dice(heard[number].labels, heard[other].labels) for other in members]))
        for group, members in voters.items()
        if group != heard[number].group
    ]
    return float(np.mean(votes)) if votes else None


def said_by_others(labels: Sequence[NDArray[np.uint8]], heard: Sequence[Heard]) -> float | None:
    """Mean Dice of labels of the same places with what the groups of usable ways say; None where none is usable."""
    groups: dict[str, list[float]] = {}
    for one in heard:
        if not one.reasons:
            groups.setdefault(one.group, []).append(pooled_dice(labels, one.labels))
    return float(np.mean([np.mean(one) for one in groups.values()])) if groups else None


def pooled_dice(ones: Sequence[NDArray[np.uint8]], others: Sequence[NDArray[np.uint8]]) -> float:
    """Dice of labels of the same places, all pixels together, mean over the classes that either has; 1 where that is none."""
    common, whole = np.zeros(256), np.zeros(256)
    for one, other in zip(ones, others, strict=True):
        common += np.bincount(one[one == other].ravel(), minlength=256)
        whole += np.bincount(one.ravel(), minlength=256) + np.bincount(other.ravel(), minlength=256)
    seen = whole[1:] > 0
    return float(np.mean(2 * common[1:][seen] / whole[1:][seen])) if seen.any() else 1.0


@dataclass(frozen=True)
class Judgement:
    """Of several ways, in their order.

    Attributes
    ----------
    scores
        How well their labels hold up.
    against
        Why each is not to be chosen; empty where nothing speaks against it.
    best, ties
        Numbers: which to take, and all that are as good, the best included.
    """

    scores: tuple[WayScores, ...]
    against: tuple[tuple[str, ...], ...]
    best: int
    ties: tuple[int, ...]


def judge(heard: Sequence[Heard], costs: Sequence[float], polarity: str | None = None) -> Judgement:
    """Score all ways, and choose one.

    Parameters
    ----------
    costs
        Of each, in any unit.
    polarity
        The one of `POLARITIES` that looks like the labelled images, where that is known. It counts where no way of another kind is
        usable: a segmenter that learned for minutes may agree with itself better on the wrong one (docs/benchmarks.md).
    """
    scored = scores(heard)
    alone = disputed(scored, [not one.reasons for one in heard])
    groups = {one.group for one in heard if not one.reasons}
    told = polarity is not None and groups <= set(POLARITIES)
    turned = [told and one.group in POLARITIES and one.group != polarity for one in heard]
    against = tuple(
        (
            *one.reasons,
            *((TURNED,) if other else ()),
            *((DISPUTED,) if it and not (one.reasons or other) else ()),
        )
        for one, it, other in zip(heard, alone, turned, strict=True)
    )
    best, ties = choose(scored, [not one for one in against], costs)
    return Judgement(scored, against, best, ties)


def disputed(scored: Sequence[WayScores], usable: Sequence[bool]) -> tuple[bool, ...]:
    """Return of every way whether the others contradict it, as they contradict none that is usable more."""
    known = [one.consensus or 0.0 for one, good in zip(scored, usable, strict=True) if good]
    least = LEAST_CONSENSUS * max(known, default=0.0)
    return tuple(one.consensus is not None and one.consensus < least for one in scored)


def choose(
    scored: Sequence[WayScores], usable: Sequence[bool], costs: Sequence[float]
) -> tuple[int, tuple[int, ...]]:
    """Return which way to take, and all that are as good.

    Parameters
    ----------
    usable
        Whether nothing speaks against a way; if there is something against all of them, the least bad is taken.
    costs
        Of each, in any unit.

    Returns
    -------
    best, ties
        Numbers of ways; `ties` holds the best and those whose agreement is not `TIE` below the highest.
    """
    eligible = [number for number, good in enumerate(usable) if good] or list(range(len(scored)))
    highest = max(scored[number].agreement for number in eligible)
    ties = tuple(number for number in eligible if scored[number].agreement > highest - TIE)
    best = min(ties, key=lambda number: (costs[number], -scored[number].agreement, number))
    return best, ties

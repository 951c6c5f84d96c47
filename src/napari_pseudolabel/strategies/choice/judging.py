"""How well labels hold up that nobody knows the truth of: whether mirrored looks agree, and what other ways to them say.

Agreement of looks, and consensus with one vote per group, are the two label-free scores that never chose labels of no use where we
measured them (docs/benchmarks.md). How much of each class there is says nothing: species and scales differ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.evidence import Evidence, total

TIE = 0.03
"""Scores that differ by less are alike: of those the cheapest is taken."""

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
    def score(self) -> float:
        """What is compared: the geometric mean of both, or the agreement where it stands alone."""
        return self.agreement if self.consensus is None else math.sqrt(self.agreement * self.consensus)


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


def pooled_dice(ones: Sequence[NDArray[np.uint8]], others: Sequence[NDArray[np.uint8]]) -> float:
    """Dice of labels of the same places, all pixels together, mean over the classes that either has; 1 where that is none."""
    common, whole = np.zeros(256), np.zeros(256)
    for one, other in zip(ones, others, strict=True):
        common += np.bincount(one[one == other].ravel(), minlength=256)
        whole += np.bincount(one.ravel(), minlength=256) + np.bincount(other.ravel(), minlength=256)
    seen = whole[1:] > 0
    return float(np.mean(2 * common[1:][seen] / whole[1:][seen])) if seen.any() else 1.0


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
        Numbers of ways; `ties` holds the best and those whose score is not `TIE` below the highest.
    """
    eligible = [number for number, good in enumerate(usable) if good] or list(range(len(scored)))
    highest = max(scored[number].score for number in eligible)
    ties = tuple(number for number in eligible if scored[number].score > highest - TIE)
    best = min(ties, key=lambda number: (costs[number], -scored[number].score, number))
    return best, ties

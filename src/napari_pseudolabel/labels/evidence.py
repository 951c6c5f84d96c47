"""What labels look like to someone who does not know the truth: sums over pixels, which add up over the parts of an image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.contrast import Contrast

_BINS = 64  # of brightness; more do not change the second digit of a contrast
_DARK = (0,) * _BINS
_LEAST_PIXELS = 200  # of a class, to say how bright it is
_NOTHING = 255  # of a member that says nothing


@dataclass(frozen=True)
class Evidence:
    """Sums over the labelled pixels of an image or a part of it.

    Attributes
    ----------
    pixels
        How many there are.
    doubt
        Sum of the entropy of the mean of all looks, in nats.
    inside
        What of that is on pixels that are not background.
    unshared
        What of that comes from looks that say different things: the doubt less the mean doubt of each look alone.
    members
        How many looks there are.
    votes, pairs
        By class value: how often it was said, and how many ordered pairs of looks said it of the same pixel.
    brightness
        By class value: how many of its pixels have each of 64 grey levels from 0 to 1.
    edges
        By class value: how many sides of its pixels another value, or another class, is on.
    """

    pixels: int = 0
    doubt: float = 0.0
    inside: float = 0.0
    unshared: float = 0.0
    members: int = 1
    votes: Mapping[int, int] = field(default_factory=dict)
    pairs: Mapping[int, int] = field(default_factory=dict)
    brightness: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    edges: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        labels: NDArray[np.uint8],
        *,
        doubt: NDArray[np.floating],
        unshared: NDArray[np.floating],
        candidates: NDArray[np.uint8],
        seen: NDArray[np.floating],
        counted: NDArray[np.bool_],
    ) -> Evidence:
        """Collect it from labels (H, W).

        Parameters
        ----------
        doubt, unshared
            (H, W), in nats.
        candidates
            (K, H, W) labels of every look.
        seen
            (H, W) in [0, 1]: what the segmenter was given. NaN does not count.
        counted
            (H, W): where there is something to see.
        """
        votes: Counter[int] = Counter()
        pairs: Counter[int] = Counter()
        for value in np.unique(candidates[:, counted]).tolist():
            if value not in (0, _NOTHING):
                found = (candidates == value).sum(axis=0)[counted].astype(np.int64)
                votes[value], pairs[value] = int(found.sum()), int((found * (found - 1)).sum())
        bright, edges = {}, {}
        grey = np.clip(np.nan_to_num(seen) * _BINS, 0, _BINS - 1).astype(np.intp)
        known = counted & np.isfinite(seen)
        for value in np.unique(labels[counted]).tolist():
            own = labels == value
            bright[value] = tuple(np.bincount(grey[own & known], minlength=_BINS).tolist())
            edges[value] = int((own[1:] != own[:-1]).sum() + (own[:, 1:] != own[:, :-1]).sum())
        return cls(
            int(counted.sum()),
            float(doubt[counted].sum(dtype=np.float64)),
            float(doubt[counted & (labels != 0)].sum(dtype=np.float64)),
            float(unshared[counted].sum(dtype=np.float64)),
            len(candidates),
            dict(votes),
            dict(pairs),
            bright,
            edges,
        )

    def __add__(self, other: Evidence) -> Evidence:
        """Return that of two parts together."""
        return Evidence(
            self.pixels + other.pixels,
            self.doubt + other.doubt,
            self.inside + other.inside,
            self.unshared + other.unshared,
            max(self.members, other.members),
            _added(self.votes, other.votes),
            _added(self.pairs, other.pairs),
            {
                value: tuple(
                    a + b
                    for a, b in zip(
                        self.brightness.get(value, _DARK), other.brightness.get(value, _DARK), strict=True
                    )
                )
                for value in {*self.brightness, *other.brightness}
            },
            _added(self.edges, other.edges),
        )

    @property
    def areas(self) -> dict[int, int]:
        """Pixels by class value."""
        return {value: sum(levels) for value, levels in self.brightness.items()}

    @property
    def foreground(self) -> float:
        """Share of the pixels that are not background, in [0, 1]."""
        areas = self.areas
        return 1 - areas.get(0, 0) / max(sum(areas.values()), 1)

    @property
    def agreement(self) -> float | None:
        """Pairwise Dice of the looks, mean over the classes, in [0, 1]; None with one look, or where none saw anything."""
        if self.members < 2 or not self.votes:
            return None
        shares = [
            self.pairs[value] / ((self.members - 1) * votes) for value, votes in self.votes.items() if votes
        ]
        return float(np.mean(shares)) if shares else None

    @property
    def hesitation(self) -> float | None:
        """Mean entropy of the pixels that are not background, in nats; None where there are none."""
        pixels = sum(area for value, area in self.areas.items() if value)
        return self.inside / pixels if pixels else None

    @property
    def quarrel(self) -> float | None:
        """Share of the doubt that the looks do not share, in [0, 1]; None with one look."""
        return None if self.members < 2 or self.doubt <= 0 else max(self.unshared, 0.0) / self.doubt

    @property
    def contrast(self) -> Contrast:
        """Which class is brighter than which, as `labels.contrast.contrast` measures it; of classes that are there."""
        levels = {v: np.array(one) for v, one in sorted(self.brightness.items()) if sum(one) >= _LEAST_PIXELS}
        return {(a, b): _brighter(levels[a], levels[b]) for a, b in combinations(levels, 2)}

    @property
    def width_px(self) -> dict[int, float]:
        """By class value but the background: how wide its parts are, 0.6 of the diameter of discs or 1.2 times the width of bands."""
        return {
            value: np.pi * area / self.edges[value]
            for value, area in self.areas.items()
            if value and area >= _LEAST_PIXELS and self.edges.get(value)
        }


def total(parts: Sequence[Evidence | None]) -> Evidence | None:
    """Return the evidence of all parts of an image together; None where there is none."""
    known = [part for part in parts if part is not None]
    return sum(known[1:], known[0]) if known else None


def _added(one: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
    return {value: one.get(value, 0) + other.get(value, 0) for value in {*one, *other}}


def _brighter(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Probability that a pixel of the one is brighter than one of the other, from their grey levels."""
    below = np.cumsum(other) - other
    return float((one * (below + other / 2)).sum() / (one.sum() * other.sum()))

"""Objects of one class that touch, told apart by their shape, by where models doubt, and by how large one usually is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.labels.objects.components import SQUARE
from napari_pseudolabel.labels.objects.instances import to_classes
from napari_pseudolabel.labels.windows import ALL_OPEN, Sides, Window, rims

# Probabilities from which on pixels count in one of the depths that are averaged: lines that models half see are shallow.
_LEVELS = (0.0, 0.7, 0.85, 0.93, 0.97, 0.99)
# In typical objects: how much is smoothed, and how much deeper than what is between them pieces are at first.
_SMOOTH, _LEAST_DEPTH = 0.035, 0.025
# Pieces that hardly are one object are put together first, the next with what they have become.
_ROUNDS = 6
LEAST_SURE = 0.78
"""Objects of which models are less sure, as a whole, mostly are none (docs/benchmarks.md)."""
_LEAST_CHANCE = 1e-4

FEATURES = ("smaller", "together", "deeper", "neck", "more convex", "convex", "doubt", "sure between")
# Logistic regression on pieces of purple and fluorescence nuclei (tools/fit_parting.py); the offset stands last.
WEIGHTS = (0.354, 0.897, 12.391, -0.415, 22.85, 18.646, 0.581, -0.011, -17.131)

Pair = tuple[int, int]
Features = tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Pieces:
    """A plane in pieces, and pairs of pieces that touch.

    Attributes
    ----------
    pieces
        (H, W) int32: 1 to n, 0 elsewhere.
    pairs
        (P, 2) numbers of pieces that touch, the lower one first.
    features
        (P, F) float64: `FEATURES` of each pair.
    """

    pieces: NDArray[np.int32]
    pairs: NDArray[np.int32]
    features: NDArray[np.float64]


def parted(mask: NDArray[np.bool_], sure: NDArray[np.floating], size_px: float) -> NDArray[np.int32]:
    """Return the objects of a mask, numbered.

    It is cut into too many pieces, of which neighbours are put together again that rather are one object: together they are no larger
    than one usually is, as convex as each of them, not much thinner between them, and models do not doubt there. Which pieces
    become one depends on what is near, not on what else lies in the plane.

    Parameters
    ----------
    mask
        (H, W) bool: one class.
    sure
        (H, W) in [0, 1]: probability of that class.
    size_px
        Diameter of a typical object in pixels, which are square.

    Returns
    -------
    NDArray
        (H, W) int32: 1 to n inside of the mask, 0 elsewhere.
    """
    ground = _Ground.of(mask, sure, size_px)
    pieces, known = ground.pieces(), dict[Pair, Features]()
    for _ in range(_ROUNDS):
        found = ground.described(pieces, known)
        chances = found.features @ np.array(WEIGHTS[:-1]) + WEIGHTS[-1]
        chosen = _mutual(found.pairs, chances, int(pieces.max(initial=0)))
        if not chosen.any():
            break
        joined = np.arange(pieces.max() + 1, dtype=np.int32)
        joined[found.pairs[chosen, 1]] = found.pairs[chosen, 0]
        pieces = joined[pieces]
        # What did not change is not looked at again.
        same = ~np.isin(found.pairs, found.pairs[chosen]).any(axis=1)
        known = {
            (one, other): tuple(row)
            for (one, other), row in zip(
                found.pairs[same].tolist(), found.features[same].tolist(), strict=True
            )
        }
    _, numbers = np.unique(pieces, return_inverse=True)
    return numbers.reshape(pieces.shape).astype(np.int32) + (0 if (pieces == 0).any() else 1)


def apart(
    mask: NDArray[np.bool_],
    sure: NDArray[np.floating],
    size_px: float,
    goes_on: Sides = ALL_OPEN,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return a mask whose objects no longer touch, and those of them that models hardly believe in.

    Parameters
    ----------
    mask, sure, size_px
        As of `parted`.
    goes_on
        On which sides the plane goes on beyond the array: what touches it there is spared, because it may go on beyond.

    Returns
    -------
    mask, unsure
        (H, W) bool: without a line of background between objects; of this those that mostly are none.
    """
    numbered = parted(mask, sure, size_px)
    count = int(numbered.max(initial=0)) + 1
    areas = np.bincount(numbered.ravel(), minlength=count)
    believed = np.bincount(numbered.ravel(), sure.ravel(), count) / np.maximum(areas, 1)
    unsure = believed < LEAST_SURE
    unsure[0] = False
    for open_side, rim in zip(goes_on, rims(numbered), strict=True):
        if open_side:
            unsure[rim] = False
    lined = to_classes(numbered, (numbered > 0).astype(np.uint8)) > 0
    return lined, lined & unsure[numbered]


def first_pieces(mask: NDArray[np.bool_], sure: NDArray[np.floating], size_px: float) -> Pieces:
    """Return what `parted` begins with, to learn from; parameters as there."""
    ground = _Ground.of(mask, sure, size_px)
    return ground.described(ground.pieces(), {})


@dataclass(frozen=True, eq=False)
class _Ground:
    """What pieces are judged by.

    Attributes
    ----------
    depth
        (H, W) in typical objects: how far in the mask, less where models doubt.
    logit
        (H, W) of the smoothed probability.
    size_px
        As of `parted`.
    """

    mask: NDArray[np.bool_]
    depth: NDArray[np.float64]
    logit: NDArray[np.float64]
    size_px: float

    @classmethod
    def of(cls, mask: NDArray[np.bool_], sure: NDArray[np.floating], size_px: float) -> Self:
        """Measure a mask; parameters as of `parted`."""
        smooth = _SMOOTH * size_px
        chance = ndi.gaussian_filter(np.asarray(sure, float), smooth)
        depth = np.zeros(mask.shape)
        for level in _LEVELS:
            depth += ndi.distance_transform_edt(np.pad(mask & (chance > level), 1))[1:-1, 1:-1]
        depth = ndi.gaussian_filter(depth / len(_LEVELS) / size_px, smooth) * mask
        chance = np.clip(chance, _LEAST_CHANCE, 1 - _LEAST_CHANCE)
        return cls(mask, depth, np.log(chance / (1 - chance)), size_px)

    def pieces(self) -> NDArray[np.int32]:
        """Cut the mask into pieces, rather too many."""
        from skimage.morphology import local_maxima, reconstruction  # the shell and the docks start without
        from skimage.segmentation import watershed

        tops = reconstruction(np.maximum(self.depth - _LEAST_DEPTH, 0), self.depth)
        markers, _ = ndi.label(local_maxima(tops) & self.mask, SQUARE, output=np.int32)
        return np.asarray(watershed(-self.depth, markers, connectivity=SQUARE, mask=self.mask), np.int32)

    def described(self, pieces: NDArray[np.int32], known: Mapping[Pair, Features]) -> Pieces:
        """Return which pieces touch, and what speaks for and against two of them being one; of some pairs it is known."""
        one, other = _touching(pieces)
        numbers = np.stack([pieces.ravel()[one], pieces.ravel()[other]], 1)
        swapped = numbers[:, 0] > numbers[:, 1]
        one, other = np.where(swapped, other, one), np.where(swapped, one, other)
        numbers.sort(axis=1)
        pairs, at = np.unique(numbers, axis=0, return_inverse=True)
        order = np.argsort(at, kind="stable")
        starts = np.searchsorted(at[order], np.arange(len(pairs) + 1))
        boxes, seen = ndi.find_objects(pieces), dict[int, _Piece]()
        rows = []
        for number, (a, b) in enumerate(pairs.tolist()):
            if (a, b) not in known:
                for piece in {a, b} - seen.keys():
                    seen[piece] = self._piece(pieces, boxes[piece - 1], piece)
                chosen = order[starts[number] : starts[number + 1]]
                rows.append(
                    self._features(seen[a], seen[b], np.unique(one[chosen]), np.unique(other[chosen]))
                )
            else:
                rows.append(known[a, b])
        return Pieces(pieces, pairs, np.array(rows).reshape(len(pairs), len(FEATURES)))

    def _piece(self, pieces: NDArray[np.int32], box: Window, number: int) -> _Piece:
        own = pieces[box] == number
        corners = _corners(own) + np.array([box[0].start, box[1].start])
        hull, around = _hull(corners / self.size_px)
        area = float(own.sum()) / self.size_px**2
        logits = np.sort(self.logit[box][own])
        return _Piece(
            area,
            hull,
            area / around,
            float(self.depth[box][own].max()),
            float(logits[int(0.8 * (len(logits) - 1))]),
        )

    def _features(
        self, one: _Piece, other: _Piece, of_one: NDArray[np.intp], of_other: NDArray[np.intp]
    ) -> Features:
        """Return `FEATURES` of two pieces; the last two are the flat places where each touches the other."""
        between = np.concatenate([of_one, of_other])
        logit, together = self.logit.ravel()[between], one.area + other.area
        small = min(one.area, other.area)
        convex = together / _hull(np.concatenate([one.hull, other.hull]))[1]
        return (
            math.log(small),
            math.log(together),
            min(one.top, other.top) - float(self.depth.ravel()[between].max()),
            max(len(of_one), len(of_other)) / self.size_px / math.sqrt(small),
            (one.area * one.convex + other.area * other.convex) / together - convex,
            convex,
            min(one.inside, other.inside) - float(logit.max()),
            float(logit.mean()),
        )


@dataclass(frozen=True, eq=False)
class _Piece:
    """One piece.

    Attributes
    ----------
    area
        In squares as wide as a typical object.
    hull
        (N, 2) corners of its convex hull, in typical objects.
    convex
        Its area by that of the hull.
    top
        Where it is deepest, see `_Ground`.
    inside
        Eightieth percentile of its logits.
    """

    area: float
    hull: NDArray[np.float64]
    convex: float
    top: float
    inside: float


def _touching(pieces: NDArray[np.int32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Flat places of neighbouring pixels, over edges and corners, of two pieces."""
    height, width = pieces.shape
    places = np.arange(pieces.size).reshape(pieces.shape)
    ones, others = [], []
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = slice(0, height - dy), slice(max(-dx, 0), width - max(dx, 0))
        there = slice(dy, height), slice(max(dx, 0), width - max(-dx, 0))
        a, b = pieces[here], pieces[there]
        differ = (a != b) & (a > 0) & (b > 0)
        ones.append(places[here][differ])
        others.append(places[there][differ])
    return np.concatenate(ones), np.concatenate(others)


def _corners(own: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Corners of the first and last pixel of each row, of which the hull of all is."""
    rows = np.flatnonzero(own.any(axis=1))
    first = own[rows].argmax(axis=1)
    last = own.shape[1] - own[rows, ::-1].argmax(axis=1)
    ends = [np.stack([rows + dy, edge], 1) for dy in (0, 1) for edge in (first, last)]
    return np.concatenate(ends).astype(np.float64)


def _hull(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Corners of the convex hull of points, and its area."""
    from scipy.spatial import ConvexHull  # the shell and the docks start without

    found = ConvexHull(points)
    return points[found.vertices], float(found.volume)


def _mutual(pairs: NDArray[np.int32], chances: NDArray[np.float64], count: int) -> NDArray[np.bool_]:
    """Return which pairs become one: those that fit each other better than any other."""
    best = np.zeros(count + 1)
    good = chances < 0
    for side in (0, 1):
        np.minimum.at(best, pairs[good, side], chances[good])
    return good & (chances == best[pairs[:, 0]]) & (chances == best[pairs[:, 1]])

"""Objects of one class that touch, told apart by their shape, by where models doubt, and by how large one usually is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.labels.objects.components import SQUARE
from napari_pseudolabel.labels.objects.instances import to_classes
from napari_pseudolabel.labels.windows import ALL_OPEN, Sides, rims

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
    pieces = ground.pieces()
    for _ in range(_ROUNDS):
        found = ground.described(pieces)
        chances = found.features @ np.array(WEIGHTS[:-1]) + WEIGHTS[-1]
        joined = _mutual(found.pairs, chances, int(pieces.max(initial=0)))
        if joined is None:
            break
        pieces = joined[pieces]
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
    return ground.described(ground.pieces())


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

    def described(self, pieces: NDArray[np.int32]) -> Pieces:
        """Return which pieces touch, and what speaks for and against two of them being one."""
        one, other = _touching(pieces)
        numbers = np.stack([pieces.ravel()[one], pieces.ravel()[other]], 1)
        swapped = numbers[:, 0] > numbers[:, 1]
        one, other = np.where(swapped, other, one), np.where(swapped, one, other)
        numbers.sort(axis=1)
        pairs, at = np.unique(numbers, axis=0, return_inverse=True)
        if not len(pairs):
            return Pieces(pieces, pairs.reshape(0, 2), np.zeros((0, len(FEATURES))))
        order = np.argsort(at, kind="stable")
        starts = np.searchsorted(at[order], np.arange(len(pairs) + 1))
        shapes = _Shapes.of(pieces, self.size_px)
        tops = ndi.maximum(self.depth, pieces, np.arange(len(shapes.areas)))
        inside = _upper(self.logit, pieces, len(shapes.areas))
        depth, logit = self.depth.ravel(), self.logit.ravel()
        rows = []
        for pair, (a, b) in enumerate(pairs.tolist()):
            chosen = order[starts[pair] : starts[pair + 1]]
            of_a, of_b = np.unique(one[chosen]), np.unique(other[chosen])
            between = np.concatenate([of_a, of_b])
            small, large = sorted((shapes.areas[a], shapes.areas[b]))
            convex, apart = shapes.together(a, b), shapes.mean_convexity(a, b)
            most = float(logit[between].max())
            rows.append(
                (
                    math.log(small),
                    math.log(small + large),
                    min(tops[a], tops[b]) - float(depth[between].max()),
                    max(len(of_a), len(of_b)) / self.size_px / math.sqrt(small),
                    apart - convex,
                    convex,
                    min(inside[a], inside[b]) - most,
                    float(logit[between].mean()),
                )
            )
        return Pieces(pieces, pairs, np.array(rows))


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


def _upper(values: NDArray[np.float64], pieces: NDArray[np.int32], count: int) -> NDArray[np.float64]:
    """Eightieth percentile of the values of each piece; 0 for number 0."""
    found = np.zeros(count)
    flat = pieces.ravel()
    order = np.lexsort((values.ravel(), flat))
    ends = np.searchsorted(flat[order], np.arange(count + 1))
    for number in range(1, count):
        first, last = ends[number], ends[number + 1]
        if last > first:
            found[number] = values.ravel()[order[first + int(0.8 * (last - first - 1))]]
    return found


@dataclass(frozen=True, eq=False)
class _Shapes:
    """Areas, in squares of typical objects, and corners of the convex hulls of pieces, by their number."""

    areas: NDArray[np.float64]
    hulls: list[NDArray[np.float64]]
    convex: NDArray[np.float64]

    @classmethod
    def of(cls, pieces: NDArray[np.int32], size_px: float) -> Self:
        """Measure all pieces."""
        areas, hulls, convex = [0.0], [np.zeros((0, 2))], [1.0]
        for number, box in enumerate(ndi.find_objects(pieces), start=1):
            if box is None:
                areas.append(0.0)
                hulls.append(np.zeros((0, 2)))
                convex.append(1.0)
                continue
            own = pieces[box] == number
            corners = _corners(own) + np.array([box[0].start, box[1].start])
            hull, area = _hull(corners / size_px)
            areas.append(float(own.sum()) / size_px**2)
            hulls.append(hull)
            convex.append(areas[-1] / area)
        return cls(np.array(areas), hulls, np.array(convex))

    def together(self, one: int, other: int) -> float:
        """How convex two pieces are as one: area by that of the hull."""
        _, area = _hull(np.concatenate([self.hulls[one], self.hulls[other]]))
        return float(self.areas[one] + self.areas[other]) / area

    def mean_convexity(self, one: int, other: int) -> float:
        """How convex each of them is, by area."""
        a, b = self.areas[one], self.areas[other]
        return float((a * self.convex[one] + b * self.convex[other]) / (a + b))


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


def _mutual(pairs: NDArray[np.int32], chances: NDArray[np.float64], count: int) -> NDArray[np.int32] | None:
    """Return new numbers of pieces, of which those became one that fit each other better than any other; None if nothing changes."""
    best = np.zeros(count + 1)
    good = chances < 0
    for side in (0, 1):
        np.minimum.at(best, pairs[good, side], chances[good])
    chosen = good & (chances == best[pairs[:, 0]]) & (chances == best[pairs[:, 1]])
    if not chosen.any():
        return None
    numbers = np.arange(count + 1, dtype=np.int32)
    numbers[pairs[chosen, 1]] = pairs[chosen, 0]
    return numbers

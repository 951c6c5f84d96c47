"""Regions of a plane: how large they are, and sums over each of them at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_pseudolabel.labels.objects.components import SQUARE
from napari_pseudolabel.labels.windows import Box, box_of, holding, moved, window_of

# A region holds a few objects with what is around them, and can be seen at once without scrolling.
DIAMETERS = 3
LEAST_SIDE, MOST_SIDE = 96, 384
# Less than this part of a region is no region of its own.
_SLIVER = 1 / 3
# Specks say nothing about the size of objects.
_LEAST_OBJECT_PX = 9


@dataclass(frozen=True, eq=False)
class RegionGrid:
    """A grid of rectangles that cover a plane, each pixel once.

    Attributes
    ----------
    rows, columns
        (n + 1,) int: borders along Y and X, from 0 to the size of the plane.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]

    @classmethod
    def of(cls, shape: tuple[int, int], side: int) -> RegionGrid:
        """Cut a plane into rectangles of nearly the same size, about `side` pixels wide and high."""
        return cls(*(_borders(length, side) for length in shape))

    def fitted(self, wanted: NDArray[np.bool_]) -> RegionGrid:
        """Without the borders near the ends of what is wanted, (H, W), which would cut slivers off it."""
        rows, columns = (
            _without_slivers(borders, np.flatnonzero(wanted.any(axis=axis)))
            for borders, axis in ((self.rows, 1), (self.columns, 0))
        )
        return RegionGrid(rows, columns)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rectangles along Y and X."""
        return len(self.rows) - 1, len(self.columns) - 1

    @property
    def count(self) -> int:
        """Number of rectangles."""
        return self.shape[0] * self.shape[1]

    @property
    def boxes(self) -> tuple[Box, ...]:
        """Row after row."""
        return tuple(
            (int(y0), int(x0), int(y1), int(x1))
            for y0, y1 in zip(self.rows[:-1], self.rows[1:], strict=True)
            for x0, x1 in zip(self.columns[:-1], self.columns[1:], strict=True)
        )

    def boxes_of(self, wanted: NDArray[np.bool_] | None) -> tuple[tuple[Box, ...], NDArray[np.int64]]:
        """Every rectangle cut to what is wanted of it, and (R,) how many pixels of it are.

        Parameters
        ----------
        wanted
            (H, W); None for everything.
        """
        if wanted is None:
            return self.boxes, self.sizes
        counts = self.sums(wanted).astype(np.int64)
        pairs = zip(self.boxes, counts, self.sizes, strict=True)
        return tuple(_cut(box, wanted) if 0 < some < all_ else box for box, some, all_ in pairs), counts

    @property
    def sizes(self) -> NDArray[np.int64]:
        """(R,) pixels of each rectangle, in the order of `boxes`."""
        return np.outer(np.diff(self.rows), np.diff(self.columns)).astype(np.int64).ravel()

    def sums(self, values: NDArray[np.generic]) -> NDArray[np.float64]:
        """(R,) sum of (H, W) values over each rectangle, in the order of `boxes`."""
        # A row of rectangles at a time: no copy of the plane in double precision.
        summed = [
            np.add.reduceat(
                values[top:bottom].sum(axis=0, dtype=np.float64), self.columns[:-1], dtype=np.float64
            )
            for top, bottom in zip(self.rows[:-1], self.rows[1:], strict=True)
        ]
        return np.concatenate(summed)

    def number_at(self, y: NDArray[np.generic], x: NDArray[np.generic]) -> NDArray[np.intp]:
        """Which rectangle each place lies in, as a position in `boxes`."""
        row = np.clip(np.searchsorted(self.rows, y, side="right") - 1, 0, self.shape[0] - 1)
        column = np.clip(np.searchsorted(self.columns, x, side="right") - 1, 0, self.shape[1] - 1)
        return row * self.shape[1] + column


def object_diameter(labels: NDArray[np.integer]) -> float | None:
    """Typical diameter of the objects of a plane in pixels; None if there are none.

    Parameters
    ----------
    labels
        (H, W) class values; 0 is the background.

    Notes
    -----
    The median over connected components of the class whose components are smallest: where objects touch, as
    myelin does, a whole bundle is one component.
    """
    found = []
    for value in np.unique(labels):
        if value == 0:
            continue
        components, _ = ndimage.label(labels == value, structure=SQUARE, output=np.int32)
        areas = np.bincount(components[components > 0])[1:]
        areas = areas[areas >= _LEAST_OBJECT_PX]
        if areas.size:
            found.append(float(2 * np.sqrt(np.median(areas) / np.pi)))
    return min(found) if found else None


def side_for(diameter: float | None) -> int:
    """Side of regions in pixels for objects of a diameter in pixels."""
    return (
        LEAST_SIDE if diameter is None else int(np.clip(round(DIAMETERS * diameter), LEAST_SIDE, MOST_SIDE))
    )


def _cut(box: Box, wanted: NDArray[np.bool_]) -> Box:
    window = window_of(box)
    return box_of(moved(holding(wanted[window]), window))


def _without_slivers(borders: NDArray[np.intp], places: NDArray[np.intp]) -> NDArray[np.intp]:
    if not places.size:
        return borders
    low, high = int(places[0]), int(places[-1]) + 1
    least = _SLIVER * int(np.diff(borders).max())
    outside = (borders <= low) | (borders >= high)
    return borders[outside | ((borders - low >= least) & (high - borders >= least))]


def _borders(length: int, side: int) -> NDArray[np.intp]:
    count = max(1, round(length / side))
    return np.round(np.linspace(0, length, count + 1)).astype(np.intp)

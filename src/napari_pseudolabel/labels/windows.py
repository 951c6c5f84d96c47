"""Parts of a plane: rectangles as slices, around what they hold, within each other."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.types import ArrayKey

_Kind = TypeVar("_Kind", bound=np.generic)

Index = tuple[int, ...]
"""Of a plane, over the axes before Y and X."""
Window = tuple[slice, slice]
"""Part of Y and X, with explicit bounds."""
Box = tuple[int, int, int, int]
"""The same as y0, x0, y1, x1 in pixels, half open."""
Sides = tuple[bool, bool, bool, bool]
"""Something about the top, the bottom, the left and the right of a window."""
ALL_OPEN: Sides = (True, True, True, True)


def key_of(index: Index, window: Window) -> ArrayKey:
    """Return what picks a part of a plane out of the labels."""
    return (*index, *window)


def box_of(window: Window) -> Box:
    """Return a window as a box."""
    return window[0].start, window[1].start, window[0].stop, window[1].stop


def window_of(box: Box) -> Window:
    """Return a box as a window."""
    y0, x0, y1, x1 = box
    return slice(y0, y1), slice(x0, x1)


def holding(mask: NDArray[np.bool_]) -> Window:
    """Return the smallest window that holds all pixels of a mask; an empty one if there are none."""
    rows, columns = (
        slice(int(places[0]), int(places[-1]) + 1) if places.size else slice(0, 0)
        for places in (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    )
    return rows, columns


def open_sides(window: Window, shape: tuple[int, ...]) -> Sides:
    """Return on which sides of a window the plane goes on."""
    (rows, columns), (height, width) = window, shape[-2:]
    return rows.start > 0, rows.stop < height, columns.start > 0, columns.stop < width


def rims(array: NDArray[_Kind]) -> tuple[NDArray[_Kind], ...]:
    """Return views of the first and last row, and of the first and last column."""
    return array[0], array[-1], array[:, 0], array[:, -1]


def shape_of(window: Window) -> tuple[int, int]:
    """Height and width."""
    return window[0].stop - window[0].start, window[1].stop - window[1].start


def whole(shape: tuple[int, ...]) -> Window:
    """Return the window of a whole plane of this shape."""
    return slice(0, int(shape[-2])), slice(0, int(shape[-1]))


def padded(window: Window, margin: int, shape: tuple[int, ...]) -> Window:
    """Return the window with a margin on every side, as far as the plane goes."""
    rows, columns = (
        slice(max(part.start - margin, 0), min(part.stop + margin, int(size)))
        for part, size in zip(window, shape[-2:], strict=True)
    )
    return rows, columns


def around(one: Window, other: Window) -> Window:
    """Return the smallest window that holds both."""
    rows, columns = (
        slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True)
    )
    return rows, columns


def common_part(one: Window, other: Window) -> Window | None:
    """Return what two windows have in common, None if nothing."""
    rows, columns = (
        slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(one, other, strict=True)
    )
    return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None


def inside(part: Window, window: Window) -> Window:
    """Return a part of a window, counted from the corner of the window."""
    rows, columns = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(part, window, strict=True))
    return rows, columns


def moved(part: Window, window: Window) -> Window:
    """Return what is counted from the corner of the window, counted from the corner of the plane."""
    rows, columns = (slice(a.start + b.start, a.stop + b.start) for a, b in zip(part, window, strict=True))
    return rows, columns

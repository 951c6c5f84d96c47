"""An object in a plane of labels, or a part of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[Any]
"""(H, W) integers: class values, 0 is background."""
Window = tuple[slice, slice]
"""Part of Y and X, with explicit bounds."""
Place = tuple[int, int]
"""Row and column of a pixel."""


@dataclass(frozen=True, eq=False)
class Target:
    """What a tool works on.

    Attributes
    ----------
    value
        Its class; of a fibre that of its inner part, or of its outer part if it has no other.
    window
        Smallest part of the plane that holds it.
    mask
        (h, w) bool of the window: its pixels.
    """

    value: int
    window: Window
    mask: NDArray[np.bool_]

    @property
    def pixels(self) -> int:
        """Number of its pixels."""
        return int(np.count_nonzero(self.mask))

    @property
    def place(self) -> Place:
        """A pixel of it, the first in reading order."""
        row, column = np.unravel_index(int(self.mask.argmax()), self.mask.shape)
        return int(row) + self.window[0].start, int(column) + self.window[1].start

    def holds(self, at: Place) -> bool:
        """Whether a pixel is part of it."""
        row, column = (place - part.start for place, part in zip(at, self.window, strict=True))
        height, width = self.mask.shape
        return 0 <= row < height and 0 <= column < width and bool(self.mask[row, column])

    def within(self, window: Window) -> NDArray[np.bool_]:
        """Its pixels, as a mask of another window of the plane."""
        found = np.zeros(shape_of(window), bool)
        common = common_part(self.window, window)
        if common is not None:
            found[inside(common, window)] = self.mask[inside(common, self.window)]
        return found


def target_of(value: int, window: Window, mask: NDArray[np.bool_]) -> Target:
    """A target whose window is the smallest around its pixels; `mask` is that of `window` and not empty."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    part = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    return Target(int(value), moved(part, window), mask[part].copy())


def shape_of(window: Window) -> tuple[int, int]:
    """Height and width."""
    return window[0].stop - window[0].start, window[1].stop - window[1].start


def whole(shape: tuple[int, ...]) -> Window:
    """The window of a whole plane of this shape."""
    return slice(0, int(shape[-2])), slice(0, int(shape[-1]))


def padded(window: Window, margin: int, shape: tuple[int, ...]) -> Window:
    """The window with a margin on every side, as far as the plane goes."""
    rows, columns = (
        slice(max(part.start - margin, 0), min(part.stop + margin, int(size)))
        for part, size in zip(window, shape[-2:], strict=True)
    )
    return rows, columns


def around(one: Window, other: Window) -> Window:
    """The smallest window that holds both."""
    rows, columns = (
        slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True)
    )
    return rows, columns


def common_part(one: Window, other: Window) -> Window | None:
    """What two windows have in common, None if nothing."""
    rows, columns = (
        slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(one, other, strict=True)
    )
    return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None


def inside(part: Window, window: Window) -> Window:
    """A part of a window, counted from the corner of the window."""
    rows, columns = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(part, window, strict=True))
    return rows, columns


def moved(part: Window, window: Window) -> Window:
    """What is counted from the corner of the window, counted from the corner of the plane."""
    rows, columns = (slice(a.start + b.start, a.stop + b.start) for a, b in zip(part, window, strict=True))
    return rows, columns

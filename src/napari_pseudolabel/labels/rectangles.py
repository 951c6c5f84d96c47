"""Rectangles out of a mask, for programs that learn from whole images only."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.windows import Window, shape_of

# More borders than that in either direction, and the mask is looked at by blocks.
_MOST_BORDERS = 96


def rectangles(mask: NDArray[np.bool_], least: int) -> tuple[Window, ...]:
    """Return rectangles that hold pixels of a mask only and none twice, in reading order.

    A mask that consists of few rectangles, such as regions that a person confirmed, is cut along the borders of these into what
    loses least; a ragged one is looked at by blocks, and its rims are left out.

    Parameters
    ----------
    mask
        (H, W) bool.
    least
        Shortest side of a rectangle in pixels; what is narrower is left out.
    """
    rows, columns = _borders(mask, 0), _borders(mask, 1)
    if max(len(rows), len(columns)) > _MOST_BORDERS:
        side = max(1, least // 2, -(-max(mask.shape) // _MOST_BORDERS))
        rows, columns = (np.append(np.arange(0, size, side), size) for size in mask.shape)
    grid = np.logical_and.reduceat(np.logical_and.reduceat(mask, rows[:-1], axis=0), columns[:-1], axis=1)
    level = [(slice(a, b), slice(c, d)) for a, b, c, d in _strips(grid, rows, columns)]
    upright = [(slice(c, d), slice(a, b)) for a, b, c, d in _strips(grid.T, columns, rows)]
    ways: list[list[Window]] = [
        [window for window in way if min(shape_of(window)) >= least]
        for way in (level, upright, _greedy(grid.copy(), rows, columns, least))
    ]
    best = max(ways, key=lambda way: (sum(map(_area, way)), -len(way)))
    return tuple(sorted(best, key=lambda window: (window[0].start, window[1].start)))


def _area(window: Window) -> int:
    height, width = shape_of(window)
    return height * width


def _borders(mask: NDArray[np.bool_], axis: int) -> NDArray[np.int64]:
    """Return where a row, or a column, is another than the one before; both ends included."""
    along = mask if axis == 0 else mask.T
    changed = (along[1:] != along[:-1]).any(axis=1)
    return np.concatenate([[0], np.flatnonzero(changed) + 1, [mask.shape[axis]]])


def _runs(line: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where runs of True begin and end."""
    turns = np.flatnonzero(np.diff(line.astype(np.int8), prepend=0, append=0))
    return turns[0::2], turns[1::2]


def _strips(
    grid: NDArray[np.bool_], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> Iterator[tuple[int, int, int, int]]:
    """Yield runs along rows, those of the same columns in rows below each other as one: first and last row, and column."""
    open_since: dict[tuple[int, int], int] = {}
    for number, line in enumerate([*grid, np.zeros(grid.shape[1], bool)]):
        here = {(int(columns[a]), int(columns[b])) for a, b in zip(*_runs(line), strict=True)}
        for run in [run for run in open_since if run not in here]:
            yield open_since.pop(run), int(rows[number]), *run
        for run in here - open_since.keys():
            open_since[run] = int(rows[number])


def _greedy(
    grid: NDArray[np.bool_], rows: NDArray[np.int64], columns: NDArray[np.int64], least: int
) -> Iterator[Window]:
    """Yield the largest rectangle, then the largest of what is left, and so on."""
    while (box := _largest(grid, np.diff(rows), columns, least)) is not None:
        top, bottom, left, right = box
        grid[top:bottom, left:right] = False
        yield slice(int(rows[top]), int(rows[bottom])), slice(int(columns[left]), int(columns[right]))


def _largest(
    grid: NDArray[np.bool_], heights: NDArray[np.int64], columns: NDArray[np.int64], least: int
) -> tuple[int, int, int, int] | None:
    """Return first and last row, first and last column (half open) of the largest rectangle; None if all are too small."""
    best, found = 0, None
    for top in range(len(grid)):
        held, tall = grid[top].copy(), 0
        for bottom in range(top, len(grid)):
            held &= grid[bottom]
            if not held.any():
                break
            tall += int(heights[bottom])
            lefts, rights = _runs(held)
            wide = columns[rights] - columns[lefts]
            place = int(wide.argmax())
            if tall >= least and wide[place] >= least and tall * wide[place] > best:
                best = tall * int(wide[place])
                found = top, bottom + 1, int(lefts[place]), int(rights[place])
    return found

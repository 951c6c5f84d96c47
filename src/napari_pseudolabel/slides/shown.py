"""What a store of a large image shows: read from the disk when asked, and not twice."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any, TypeGuard

import numpy as np

from napari_pseudolabel.labels.windows import Index, Window
from napari_pseudolabel.slides.slide_store import SlideStore
from napari_pseudolabel.types import Array

_SIDE = 512
# Several times what a window shows of one level; 32 MB of 8-bit labels.
_MOST_BLOCKS = 128
_Block = tuple[Index, int, int]


class Shown:
    """A level of what a store shows: labels of a person where there are any, else those of runs.

    A window asks for much the same again and again, while the camera moves and whenever a part arrives, and every piece
    costs a way to the disk and back. So blocks are kept until something is written into them.

    Parameters
    ----------
    level
        Of the pyramid, 0 for full resolution.
    """

    def __init__(self, store: SlideStore, level: int) -> None:
        self._store, self._level = store, level
        array = store.values.levels[level]
        self.shape: tuple[int, ...] = array.shape
        self.dtype: np.dtype[Any] = array.dtype
        self.ndim, self.size = array.ndim, array.size
        self._blocks: OrderedDict[_Block, Array] = OrderedDict()
        self._lock = threading.Lock()
        self._changes = 0
        store.watching.add(self)

    def __getitem__(self, key: Any) -> Array:
        """Return a part, as of a zarr array."""
        if not self._is_window(key):
            return self._store.shown_at(self._level, key)
        *plane, rows, columns = key
        sides = self.shape[-2:]
        spans = [slice(*one.indices(side)) for one, side in zip((rows, columns), sides, strict=True)]
        return self._put_together(tuple(int(one) for one in plane), (spans[0], spans[1]))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """All of it."""
        return np.asarray(self[...], dtype)

    def forget(self, plane: Index, window: Window) -> None:
        """Read blocks anew: something was written into a window of full resolution."""
        side = _SIDE * 2**self._level
        rows, columns = (range(one.start // side, (one.stop - 1) // side + 1) for one in window)
        with self._lock:
            self._changes += 1
            for row in rows:
                for column in columns:
                    self._blocks.pop((plane, row, column), None)

    def _is_window(self, key: Any) -> TypeGuard[tuple[Any, ...]]:
        if not isinstance(key, tuple) or len(key) != self.ndim:
            return False
        *plane, rows, columns = key
        spans = all(isinstance(one, slice) and one.step in (None, 1) for one in (rows, columns))
        return spans and all(isinstance(one, int | np.integer) and one >= 0 for one in plane)

    def _put_together(self, plane: Index, window: Window) -> Array:
        rows, columns = (range(one.start // _SIDE, -(-one.stop // _SIDE)) for one in window)
        if not len(rows) or not len(columns) or len(rows) * len(columns) > _MOST_BLOCKS:
            return self._store.shown_at(self._level, (*plane, *window))
        there = self._there(plane, rows, columns)
        height, width = (one.stop - one.start for one in window)
        out = np.empty((height, width), self.dtype)
        for (_, row, column), block in there.items():
            top, left = row * _SIDE - window[0].start, column * _SIDE - window[1].start
            part = block[max(-top, 0) : height - top, max(-left, 0) : width - left]
            y, x = max(top, 0), max(left, 0)
            out[y : y + part.shape[0], x : x + part.shape[1]] = part
        return out

    def _there(self, plane: Index, rows: range, columns: range) -> dict[_Block, Array]:
        """Return blocks; what is missing is read at once, because each reading has its price."""
        found: dict[_Block, Array] = {}
        with self._lock:
            changes = self._changes
            for row in rows:
                for column in columns:
                    if (block := self._blocks.get((plane, row, column))) is not None:
                        found[plane, row, column] = block
                        self._blocks.move_to_end((plane, row, column))
        missing = [(row, column) for row in rows for column in columns if (plane, row, column) not in found]
        if not missing:
            return found
        top, left = min(row for row, _ in missing), min(column for _, column in missing)
        bottom, right = max(row for row, _ in missing) + 1, max(column for _, column in missing) + 1
        key = (*plane, slice(top * _SIDE, bottom * _SIDE), slice(left * _SIDE, right * _SIDE))
        read = self._store.shown_at(self._level, key)
        fresh = {}
        for row, column in missing:
            y, x = (row - top) * _SIDE, (column - left) * _SIDE
            fresh[plane, row, column] = read[y : y + _SIDE, x : x + _SIDE].copy()
        with self._lock:
            if self._changes == changes:  # else some may be of before
                self._blocks.update(fresh)
                while len(self._blocks) > _MOST_BLOCKS:
                    self._blocks.popitem(last=False)
        return found | fresh

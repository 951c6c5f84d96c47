"""What belongs together in a plane that does not fit into memory: pieces of blocks, joined where they touch over edges of blocks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.labels.objects.components import SQUARE
from napari_pseudolabel.labels.objects.plane_blocks import BLOCK_PX, LargePlane, blocks
from napari_pseudolabel.labels.windows import Window, whole
from napari_pseudolabel.types import Array

_Pairs = NDArray[np.int64]
_Numbers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Components:
    """The 8-connected components of a class of a plane, found block by block.

    Attributes
    ----------
    count
        How many there are.
    names
        (pieces + 1,): the component, 1 to `count`, of every piece of a block; the first is the background. Pieces are
        numbered on through all blocks, in reading order, and so are components by their first piece.
    offsets
        How many pieces there are before those of a block, by its corner.
    """

    value: int
    count: int
    names: _Numbers
    offsets: dict[tuple[int, int], int]

    @classmethod
    def of(
        cls, plane: LargePlane, value: int, side: int = BLOCK_PX, done: Callable[[], None] = lambda: None
    ) -> Components:
        """Look at all blocks of a plane once; `done` is called after each."""
        return pieces_of(plane, side, values=(value,), done=done).components(value)

    @cached_property
    def ends(self) -> _Numbers:
        """(count + 1, 2): first and last piece of every component."""
        found = np.zeros((self.count + 1, 2), np.int64)
        pieces = np.arange(len(self.names))
        found[self.names, 1] = pieces  # the last one that is written stays
        found[self.names[::-1], 0] = pieces[::-1]
        return found

    def offset(self, window: Window) -> int:
        """Return how many pieces there are before those of a block."""
        return self.offsets.get((window[0].start, window[1].start), 0)

    def in_block(self, values: Array, window: Window) -> tuple[NDArray[np.int32], _Numbers]:
        """Return pieces of a block and whose they are.

        Parameters
        ----------
        values
            (h, w): what the plane holds in a block of `blocks`.

        Returns
        -------
        pieces, names
            (h, w) int32, 0 where there is something else; (pieces + 1,) the component of each, 0 for the first.
        """
        pieces, number = _pieces(values, self.value)
        names = np.zeros(number + 1, np.int64)
        names[1:] = self.names[self.offset(window) + 1 :][:number]
        return pieces, names


@dataclass(eq=False)
class PlanePieces:
    """What one look at all blocks of a plane has found.

    Attributes
    ----------
    totals
        Number of pieces by value.
    """

    totals: dict[int, int] = field(default_factory=dict)
    _offsets: dict[int, dict[tuple[int, int], int]] = field(default_factory=dict)
    _pairs: dict[tuple[int, int], list[_Pairs]] = field(default_factory=dict)

    def components(self, value: int) -> Components:
        """Join the pieces of a class."""
        total = self.totals.get(value, 0)
        joined = self.pairs(value, value)
        links = scipy.sparse.coo_array(
            (np.ones(len(joined), bool), (joined[:, 0], joined[:, 1])), (total + 1, total + 1)
        )
        count, names = scipy.sparse.csgraph.connected_components(links, directed=False)
        # Number 0, the background, is connected with nothing; the first to come is the first.
        _, first = np.unique(names, return_index=True)
        rank = np.empty(count, np.int64)
        rank[np.argsort(first)] = np.arange(count)
        return Components(value, count - 1, rank[names], self._offsets.get(value, {}))

    def pairs(self, one: int, other: int) -> _Pairs:
        """Return (N, 2) pieces of two classes that touch over edges or corners, or of one, over edges of blocks."""
        return np.concatenate([np.zeros((0, 2), np.int64), *self._pairs.get((one, other), [])])

    def _add(self, corner: tuple[int, int], pieces: dict[int, tuple[NDArray[np.int32], int]]) -> None:
        for value, (_, number) in pieces.items():
            before = self.totals.get(value, 0)
            self._offsets.setdefault(value, {})[corner] = before
            self.totals[value] = before + number

    def _join(self, key: tuple[int, int], pairs: _Pairs) -> None:
        if len(pairs):
            self._pairs.setdefault(key, []).append(pairs)


def pieces_of(
    plane: LargePlane,
    side: int = BLOCK_PX,
    *,
    values: Collection[int] | None = None,
    beside: Collection[tuple[int, int]] = (),
    done: Callable[[], None] = lambda: None,
) -> PlanePieces:
    """Look at all blocks of a plane once, and remember which pieces of its classes touch.

    Parameters
    ----------
    values
        The classes; None for all but 0.
    beside
        Pairs of different classes of which it is to be known, too.
    done
        Called after every block.
    """
    found, width = PlanePieces(), plane.shape[1]
    above, line, top, left = _Line(width), _Line(width), _Line(width), _Line(0)
    for window in blocks(plane.shape, side):
        rows, columns = window
        read = np.asarray(plane[window])
        there = [value for value in _values_of(read) if value and (values is None or value in values)]
        pieces = {value: _pieces(read, value) for value in there}
        found._add((rows.start, columns.start), pieces)
        named = {
            value: np.where(own > 0, own + (found.totals[value] - number), 0).astype(np.int64)
            for value, (own, number) in pieces.items()
        }
        relations = [*((value, value) for value in found.totals), *beside]
        for one, other in beside:
            if one in named and other in named:
                found._join((one, other), _neighbours(named[one], named[other]))
        height = rows.stop - rows.start
        if columns.start:
            _meet(found, relations, left, _Line(height, {key: own[:, 0] for key, own in named.items()}))
        left = _Line(height, {value: own[:, -1] for value, own in named.items()})
        for value, own in named.items():
            top.at(value)[columns], line.at(value)[columns] = own[0], own[-1]
        if columns.stop == width:  # a row of blocks is complete: it meets the one above over corners, too
            if rows.start:
                _meet(found, relations, above, top)
            above, line, top = line, _Line(width), _Line(width)
        done()
    return found


class _Line:
    """Pieces of every class along a line of pixels."""

    def __init__(self, size: int, numbers: dict[int, _Numbers] | None = None) -> None:
        self._size, self._numbers = size, numbers or {}

    def at(self, value: int) -> _Numbers:
        """Return the pieces of a class, which may be written into."""
        return self._numbers.setdefault(value, np.zeros(self._size, np.int64))


def _meet(found: PlanePieces, relations: Collection[tuple[int, int]], one: _Line, other: _Line) -> None:
    for a, b in relations:
        found._join((a, b), _touching(one.at(a), other.at(b)))
        if a != b:
            found._join((a, b), _touching(one.at(b), other.at(a))[:, ::-1])


def _values_of(read: Array) -> list[int]:
    if read.dtype == np.uint8:
        return np.flatnonzero(np.bincount(read.ravel())).tolist()
    return np.unique(read).tolist()


def _pieces(values: Array, value: int) -> tuple[NDArray[np.int32], int]:
    pieces, number = ndi.label(values == value, SQUARE, output=np.int32)
    return pieces, int(number)


def _touching(one: _Numbers, other: _Numbers) -> _Pairs:
    """Return numbers of two lines beside each other that touch over edges or corners: (N, 2)."""
    size = len(one)
    found = []
    for shift in (-1, 0, 1):
        a = one[max(-shift, 0) : size - max(shift, 0)]
        b = other[max(shift, 0) : size - max(-shift, 0)]
        both = (a > 0) & (b > 0)
        found.append(_keys(a[both], b[both]))
    return _pairs_of(found)


def _neighbours(one: _Numbers, other: _Numbers) -> _Pairs:
    """Return numbers of two planes of the same shape whose pixels touch over edges or corners: (N, 2)."""
    found = []
    here, there = one > 0, other > 0
    for a, b in _shifted(one.shape):
        both = here[a] & there[b]
        keys = _keys(one[a][both], other[b][both])
        # Along a border the same two meet again and again: most go before they are sorted.
        found.append(keys[np.diff(keys, prepend=-1) != 0])
    return _pairs_of(found)


def _keys(one: _Numbers, other: _Numbers) -> _Numbers:
    """Two numbers below 2**31 as one: a plane with more pieces has more than the memory."""
    return (one << 32) | other


def _pairs_of(keys: list[_Numbers]) -> _Pairs:
    found = np.unique(np.concatenate(keys))
    return np.stack([found >> 32, found & 0xFFFFFFFF], axis=1)


def _shifted(shape: tuple[int, ...]) -> Iterator[tuple[Window, Window]]:
    """Yield windows of every pixel and of its neighbour, for all 8."""
    rows, columns = whole(shape)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            if dy or dx:
                yield (
                    (
                        slice(max(-dy, 0), rows.stop - max(dy, 0)),
                        slice(max(-dx, 0), columns.stop - max(dx, 0)),
                    ),
                    (
                        slice(max(dy, 0), rows.stop - max(-dy, 0)),
                        slice(max(dx, 0), columns.stop - max(-dx, 0)),
                    ),
                )

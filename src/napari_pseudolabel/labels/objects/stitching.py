"""The objects of planes that do not fit into memory: numbered block by block, the same as in one piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_pseudolabel.labels.objects.components import SQUARE
from napari_pseudolabel.labels.objects.lookup import objects_in
from napari_pseudolabel.labels.objects.object_mask import ObjectMask
from napari_pseudolabel.labels.objects.scheme import Scheme
from napari_pseudolabel.labels.windows import Window, around, inside, padded
from napari_pseudolabel.types import Array

BLOCK_PX = 1024
# So far beyond a block its objects usually go; where they go on, the plane is asked again.
_NEAR_PX = 128

_Pair = NDArray[np.int64]


class LargePlane(Protocol):
    """(H, W) integers that are read window by window: numpy, zarr."""

    @property
    def shape(self) -> tuple[int, ...]:
        """H and W."""

    def __getitem__(self, key: Any, /) -> Any: ...


class WritablePlane(LargePlane, Protocol):
    """The same, and windows can be written."""

    def __setitem__(self, key: Any, value: Any, /) -> None: ...


@dataclass(frozen=True, eq=False)
class Components:
    """The 8-connected components of a class of a plane, found block by block.

    Attributes
    ----------
    count
        How many there are.
    """

    plane: LargePlane
    value: int
    side: int
    count: int
    _offsets: dict[tuple[int, int], int]
    _names: NDArray[np.int64]

    @classmethod
    def of(cls, plane: LargePlane, value: int, side: int = BLOCK_PX) -> Components:
        """Look at all blocks once, and remember which pieces belong together."""
        offsets: dict[tuple[int, int], int] = {}
        pairs: list[_Pair] = []
        total, width = 0, plane.shape[1]
        above = np.zeros(width, np.int64)
        line = np.zeros(width, np.int64)
        left = np.zeros(0, np.int64)
        top = np.zeros(width, np.int64)
        for window in blocks(plane.shape, side):
            rows, columns = window
            pieces, number = _pieces(plane, window, value)
            named = np.where(pieces > 0, pieces + total, 0).astype(np.int64)
            offsets[rows.start, columns.start] = total
            total += number
            if columns.start:
                pairs.append(_touching(left, named[:, 0]))
            left = named[:, -1]
            top[columns], line[columns] = named[0], named[-1]
            if columns.stop == width:  # a row of blocks is complete: it meets the one above over corners, too
                if rows.start:
                    pairs.append(_touching(above, top))
                above[...] = line
        joined = np.concatenate([np.zeros((0, 2), np.int64), *pairs])
        links = coo_array((np.ones(len(joined), bool), (joined[:, 0], joined[:, 1])), (total + 1, total + 1))
        count, names = connected_components(links, directed=False)
        # Number 0, the background, is connected with nothing; the first to come is the first.
        _, first = np.unique(names, return_index=True)
        rank = np.empty(count, np.int64)
        rank[np.argsort(first)] = np.arange(count)
        return cls(plane, value, side, count - 1, offsets, rank[names])

    def numbered(self, window: Window) -> NDArray[np.int64]:
        """Return the numbers 1 to `count` of a block of `blocks`, 0 where there is something else."""
        pieces, _ = _pieces(self.plane, window, self.value)
        there = pieces > 0
        offset = self._offsets[window[0].start, window[1].start]
        return np.where(there, self._names[np.where(there, pieces + offset, 0)], 0)


def blocks(shape: tuple[int, ...], side: int = BLOCK_PX) -> Iterator[Window]:
    """Yield windows that together are the plane, in reading order."""
    height, width = shape[-2:]
    for y in range(0, height, side):
        for x in range(0, width, side):
            yield slice(y, min(y + side, height)), slice(x, min(x + side, width))


def objects_by_block(plane: LargePlane, scheme: Scheme, side: int = BLOCK_PX) -> Iterator[list[ObjectMask]]:
    """Yield the fibres and the objects that may touch of a plane, each once, with the block that holds its first pixel."""
    wanted = [value for fibre in scheme.fibres for value in (fibre.inner, fibre.outer)]
    wanted += scheme.touching
    for window in blocks(plane.shape, side):
        near = _Near(plane, window, wanted)
        yield [one for one in objects_in(near, window, scheme) if _in(one, window)]  # type: ignore[arg-type]


def number_objects(
    plane: LargePlane,
    scheme: Scheme,
    out: WritablePlane,
    *,
    first: int = 1,
    side: int = BLOCK_PX,
    values: tuple[int, ...] | None = None,
    done: Callable[[], None] = lambda: None,
) -> int:
    """Write the number of its object to every pixel of a plane: the objects of `to_instances`, in another order.

    Memory is that of a few blocks, and of the largest component of objects that may touch.

    Parameters
    ----------
    plane
        (H, W) class values, 0 is background.
    out
        (H, W) integers, 0 everywhere; not `plane`.
    first
        Number of the first object.
    side
        Of the blocks, in pixels.
    values
        Classes of the plane, where they are known; else all of it is read once more to find them.
    done
        Called after every block of every step.

    Returns
    -------
    int
        The number after that of the last object.
    """
    grouped = {value for fibre in scheme.fibres for value in (fibre.inner, fibre.outer)} | {*scheme.touching}
    if values is None:
        found = [np.unique(np.asarray(plane[window])) for window in blocks(plane.shape, side)]
        values = tuple(np.unique(np.concatenate(found)).tolist())
    number = first
    if grouped & {*values}:
        for masks in objects_by_block(plane, scheme, side):
            if masks:
                number = _put(out, masks, number)
            done()
    for value in values:
        if value == 0 or value in grouped:
            continue
        components = Components.of(plane, value, side)
        for window in blocks(plane.shape, side):
            own = components.numbered(window)
            if own.any():
                out[window] = np.where(own > 0, own + (number - 1), np.asarray(out[window]))
            done()
        number += components.count
    return number


def _put(out: WritablePlane, masks: list[ObjectMask], number: int) -> int:
    whole = masks[0].window
    for one in masks[1:]:
        whole = around(whole, one.window)
    there = np.array(out[whole])
    for one in masks:
        there[inside(one.window, whole)][one.mask] = number
        number += 1
    out[whole] = there
    return number


def _in(one: ObjectMask, window: Window) -> bool:
    return all(part.start <= place < part.stop for place, part in zip(one.place, window, strict=True))


def _pieces(plane: LargePlane, window: Window, value: int) -> tuple[NDArray[np.int32], int]:
    pieces, number = ndi.label(np.asarray(plane[window]) == value, SQUARE, output=np.int32)
    return pieces, int(number)


def _touching(one: NDArray[np.int64], other: NDArray[np.int64]) -> _Pair:
    """Return numbers of two lines beside each other that touch over edges or corners: (N, 2)."""
    size = len(one)
    found = []
    for shift in (-1, 0, 1):
        a = one[max(-shift, 0) : size - max(shift, 0)]
        b = other[max(shift, 0) : size - max(-shift, 0)]
        both = (a > 0) & (b > 0)
        found.append(np.stack([a[both], b[both]], axis=1))
    return np.unique(np.concatenate(found), axis=0)


class _Near:
    """A plane of which a block with what lies around it is in memory, and only some classes are there."""

    def __init__(self, plane: LargePlane, window: Window, wanted: list[int]) -> None:
        self._plane, self._wanted = plane, wanted
        self.shape = plane.shape
        self._held = padded(window, _NEAR_PX, plane.shape)
        self._values = self._read(self._held)

    def _read(self, window: Window) -> Array:
        values = np.asarray(self._plane[window])
        return np.where(np.isin(values, self._wanted), values, values.dtype.type(0))

    def __getitem__(self, key: Any, /) -> Any:
        window: Any = tuple(one if isinstance(one, slice) else slice(one, one + 1) for one in key)
        held = zip(window, self._held, strict=True)
        if all(outer.start <= one.start and one.stop <= outer.stop for one, outer in held):
            found = self._values[inside(window, self._held)]
        else:
            found = self._read(window)
        return found if isinstance(key[0], slice) else found[0, 0]

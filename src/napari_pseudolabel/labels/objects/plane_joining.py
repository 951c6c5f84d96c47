"""Objects of the planes of a stack that lie on each other, as one object with one number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.matching import one_to_one
from napari_pseudolabel.labels.objects.scheme import Scheme
from napari_pseudolabel.labels.windows import Index

_AT_ONCE = 2**22  # pixels whose numbers are sorted together
_SHIFT = np.uint64(32)
_LOW = np.uint64(2**32 - 1)


class StoredPlanes(Protocol):
    """Planes that are read and written part by part: of numpy, or of zarr."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The last two are those of a plane."""

    def __getitem__(self, key: Any, /) -> Any:
        """Read a part."""

    def __setitem__(self, key: Any, value: Any, /) -> None:
        """Write a part."""


@dataclass(frozen=True, eq=False)
class _Objects:
    """The objects of a plane: numbers in their order, area in pixels, and the class by which they are told apart."""

    numbers: NDArray[np.int64]
    areas: NDArray[np.int64]
    kinds: NDArray[np.int64]


def join_planes(
    numbers: StoredPlanes,
    classes: StoredPlanes,
    scheme: Scheme,
    iou: float,
    axis: int,
    done: Callable[[], object] = lambda: None,
) -> None:
    """Give objects that lie on each other in neighbouring planes one number.

    Two planes at a time: objects of one class are matched one to one so that the sum of their IoU is the highest. It is what
    Cellpose calls stitching, where a match is the best of either side; it does not depend on which end of the stack comes first.

    Parameters
    ----------
    numbers
        (..., H, W) unsigned integers, numpy or zarr: objects, 0 is none; those of different planes have different numbers. Changed
        in place: 1 to n, in the order of planes.
    classes
        Same shape: class values where there is an object.
    scheme
        How classes make objects: a fibre is joined with fibres, myelin without an axon with such myelin.
    iou
        Least IoU of what is joined, above 0.
    axis
        Along which planes are neighbours; along all others stacks are stacks of their own.
    done
        Called after every plane.
    """
    count, shape = 0, numbers.shape[:-2]
    for rest in np.ndindex(*(1 if one == axis else length for one, length in enumerate(shape))):
        before: _Objects | None = None
        for place in range(shape[axis]):
            plane = (*rest[:axis], place, *rest[axis + 1 :])
            found = _objects(numbers, classes, plane, scheme)
            given = np.zeros(len(found.numbers), np.int64)
            if before is not None:
                last = (*rest[:axis], place - 1, *rest[axis + 1 :])
                given = _given(numbers, last, plane, before, found, iou)
            new = given == 0
            given[new] = np.arange(count + 1, count + 1 + np.count_nonzero(new))
            count += int(np.count_nonzero(new))
            _renumber(numbers, plane, found.numbers, given)
            # In the order of numbers, as those of a plane that is read are.
            order = np.argsort(given)
            before = _Objects(given[order], found.areas[order], found.kinds[order])
            done()


def _objects(numbers: StoredPlanes, classes: StoredPlanes, plane: Index, scheme: Scheme) -> _Objects:
    pairs, counts = _counted(_pairs(numbers, plane, classes, plane))
    found, values = _split(pairs)
    own, place = np.unique(found, return_inverse=True)
    areas = np.bincount(place, counts, len(own)).astype(np.int64)
    kinds = np.full(len(own), np.iinfo(np.int64).max)
    np.minimum.at(kinds, place, values)
    for fibre in scheme.fibres:
        kinds[place[values == fibre.inner]] = fibre.inner
    return _Objects(own, areas, kinds)


def _given(
    numbers: StoredPlanes, last: Index, plane: Index, before: _Objects, found: _Objects, iou: float
) -> NDArray[np.int64]:
    """Return the number that every object gets from the plane before; 0 where there is none."""
    pairs, common = _counted(_pairs(numbers, last, numbers, plane))
    old, new = _split(pairs)
    rows, columns = np.searchsorted(before.numbers, old), np.searchsorted(found.numbers, new)
    overlap = common / (before.areas[rows] + found.areas[columns] - common)
    good = (overlap >= iou) & (before.kinds[rows] == found.kinds[columns])
    rows, columns = rows[good], columns[good]
    chosen = one_to_one(rows, columns, overlap[good])
    given = np.zeros(len(found.numbers), np.int64)
    given[columns[chosen]] = before.numbers[rows[chosen]]
    return given


def _bands(numbers: StoredPlanes) -> Iterator[slice]:
    height, width = numbers.shape[-2:]
    step = max(_AT_ONCE // max(width, 1), 1)
    for top in range(0, height, step):
        yield slice(top, min(top + step, height))


def _pairs(
    one: StoredPlanes, first: Index, other: StoredPlanes, second: Index
) -> Iterator[NDArray[np.uint64]]:
    """Yield two values for every pixel that has both, as one number."""
    for rows in _bands(one):
        above, below = (np.asarray(array[(*at, rows)]) for array, at in ((one, first), (other, second)))
        both = (above > 0) & (below > 0)
        yield (above[both].astype(np.uint64) << _SHIFT) | below[both].astype(np.uint64)


def _counted(parts: Iterator[NDArray[np.uint64]]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return what there is, in its order, and how often."""
    told = [np.unique(part, return_counts=True) for part in parts]
    every = np.concatenate([keys for keys, _ in told])
    found, place = np.unique(every, return_inverse=True)
    counts = np.bincount(place, np.concatenate([number for _, number in told]), len(found))
    return found, counts.astype(np.int64)


def _split(pairs: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return (pairs >> _SHIFT).astype(np.int64), (pairs & _LOW).astype(np.int64)


def _renumber(numbers: StoredPlanes, plane: Index, old: NDArray[np.int64], new: NDArray[np.int64]) -> None:
    if not len(old):
        return
    for rows in _bands(numbers):
        band = np.asarray(numbers[(*plane, rows)])
        places = np.searchsorted(old, band).clip(max=len(old) - 1)
        numbers[(*plane, rows)] = np.where(band > 0, new[places], 0).astype(band.dtype)

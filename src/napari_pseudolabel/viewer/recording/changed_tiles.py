"""Tiles of the planes of an array: which of them a change reaches."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from napari_pseudolabel.viewer.corrections import Index, Window
from napari_pseudolabel.viewer.undo_history import AtomChange
from napari_pseudolabel.workspace.sessions import TILE_PX

Place = tuple[Index, int, int]
"""Index of a plane over the axes before Y and X, row and column of a tile."""


def places_in(box: Sequence[slice]) -> Iterator[Place]:
    """Yield the tiles that a box, one slice with bounds for every axis, reaches."""
    rows, columns = (
        range(part.start // TILE_PX, -(-part.stop // TILE_PX)) if part.start < part.stop else range(0)
        for part in box[-2:]
    )
    for plane in itertools.product(*(range(part.start, part.stop) for part in box[:-2])):
        for row in rows:
            for column in columns:
                yield plane, row, column


def places_of(change: AtomChange, shape: Sequence[int]) -> Iterable[Place]:
    """Return the tiles of an array of `shape` that a change reaches."""
    if all(isinstance(part, np.ndarray) and part.dtype != bool for part in change.key):
        places = np.broadcast_arrays(*change.key)
        tiles = np.stack([axis.ravel() for axis in places], axis=-1)
        tiles[:, -2:] //= TILE_PX
        unique = (row.tolist() for row in np.unique(tiles, axis=0))
        return [(tuple(plane), row, column) for *plane, row, column in unique]
    return places_in(change.box(shape))


def all_places(shape: Sequence[int]) -> Iterator[Place]:
    """All tiles of an array."""
    return places_in([slice(0, size) for size in shape])


def window_of(place: Place, shape: Sequence[int]) -> Window:
    """Return the rows and columns of a tile in an array of `shape`."""
    _, row, column = place
    y, x = row * TILE_PX, column * TILE_PX
    return slice(y, min(y + TILE_PX, shape[-2])), slice(x, min(x + TILE_PX, shape[-1]))

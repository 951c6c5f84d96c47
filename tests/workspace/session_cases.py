"""Sessions for the tests: a layer, tiles of it, and batches that follow from a number alone.

Also a program: ``session_cases.py FOLDER SEED LOG`` commits one batch after the other until it is killed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from napari_pseudolabel.workspace.sessions import (
    TILE_PX,
    ArrayState,
    Batch,
    Edit,
    LayerState,
    SessionFile,
    Sessions,
    Summary,
    Tile,
    TileKey,
    ViewState,
)

SHAPE = (2, 300, 420)


def labels_layer(id: str = "a", shape: tuple[int, ...] = SHAPE, dtype: str = "uint8") -> LayerState:
    """A Labels layer with one array, ``labels``."""
    array = ArrayState(name="labels", shape=shape, dtype=dtype)
    return LayerState(id=id, kind="labels", arrays=(array,), attributes={"name": f"layer {id}"})


def tile_of(array: np.ndarray, layer: str, plane: tuple[int, ...], row: int, column: int) -> Tile:
    """One tile of ``labels``."""
    y, x = row * TILE_PX, column * TILE_PX
    values = array[plane][y : y + TILE_PX, x : x + TILE_PX].copy()
    return Tile(TileKey(layer, "labels", plane, row, column), values)


def tiles_of(array: np.ndarray, layer: str = "a") -> list[Tile]:
    """All tiles of ``labels``."""
    rows, columns = (-(-size // TILE_PX) for size in array.shape[-2:])
    return [
        tile_of(array, layer, plane, row, column)
        for plane in np.ndindex(array.shape[:-2])
        for row in range(rows)
        for column in range(columns)
    ]


def saved(sessions: Sessions, array: np.ndarray | None = None) -> SessionFile:
    """A new session with one layer, still open."""
    array = np.random.default_rng(0).integers(0, 3, SHAPE, np.uint8) if array is None else array
    file = sessions.create()
    layer = labels_layer(shape=array.shape, dtype=str(array.dtype))
    file.commit(Batch(layers=[layer], tiles=tiles_of(array), summary=Summary(title="sem_12")))
    return file


def batches(seed: int) -> Iterator[tuple[Batch, np.ndarray]]:
    """Endless edits of ``labels`` of a layer, each with the array as it is afterwards."""
    rng = np.random.default_rng(seed)
    array = np.zeros(SHAPE, np.uint8)
    number = 0
    while True:
        number += 1
        places = {
            (int(rng.integers(2)), int(rng.integers(3)), int(rng.integers(4)))
            for _ in range(rng.integers(1, 9))
        }
        for plane, row, column in places:
            part = array[plane, row * TILE_PX :, column * TILE_PX :][:TILE_PX, :TILE_PX]
            part[:] = 0 if rng.random() < 0.1 else rng.integers(0, 4, part.shape)
        yield (
            Batch(
                tiles=[tile_of(array, "a", (plane,), row, column) for plane, row, column in sorted(places)],
                layers=[labels_layer()] if number == 1 else [],
                view=ViewState(order=("a",), camera={"zoom": number}),
                edits=[Edit(float(number), "a", "paint", (0,), (0, 0, 1, 1), number, 0.5)],
                summary=Summary(title="sem_12", regions_reviewed=number),
            ),
            array,
        )


def main(folder: str, seed: str, log: str) -> None:
    """Commit batches, and append a byte to `log` after each."""
    file = Sessions(folder).create()
    with Path(log).open("ab", buffering=0) as done:
        for batch, _ in batches(int(seed)):
            file.commit(batch)
            done.write(b".")


if __name__ == "__main__":
    main(*sys.argv[1:])

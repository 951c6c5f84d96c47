"""Sessions whose files are damaged at random, and whether what comes back of them is right or named as lost."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.workspace.sessions import (
    TILE_PX,
    ArrayState,
    Batch,
    Edit,
    LayerState,
    SessionContent,
    Sessions,
    Summary,
    Tile,
    TileKey,
    ViewState,
)

SHAPE = (2, 300, 420)
NAMES = ("labels", "predicted", "flags")


def tiles(array: NDArray[np.uint8], layer: str, name: str) -> list[Tile]:
    """All tiles of an array."""
    rows, columns = (-(-size // TILE_PX) for size in array.shape[-2:])
    return [
        Tile(
            TileKey(layer, name, plane, row, column),
            array[plane][row * TILE_PX :, column * TILE_PX :][:TILE_PX, :TILE_PX].copy(),
        )
        for plane in np.ndindex(array.shape[:-2])
        for row in range(rows)
        for column in range(columns)
    ]


@dataclass(frozen=True)
class Expected:
    """What a session holds."""

    layers: tuple[LayerState, ...]
    arrays: dict[tuple[str, str], NDArray[np.uint8]]
    edits: tuple[Edit, ...]
    view: ViewState
    summary: Summary


def session(folder: Path, seed: int) -> tuple[str, Expected]:
    """A session of two layers that was worked on for a while, so that old states of its rows lie about in the file."""
    rng = np.random.default_rng(seed)
    file = Sessions(folder).create()
    layers = tuple(
        LayerState(
            id=id,
            kind="labels",
            arrays=tuple(ArrayState(name=name, shape=SHAPE, dtype="uint8") for name in NAMES),
            attributes={"name": f"layer {id}", "scale": [1.0, 0.2, 0.2], "note": "x" * 3000},
        )
        for id in ("a", "b")
    )
    arrays = {(one.id, name): rng.integers(0, 4, SHAPE, np.uint8) for one in layers for name in NAMES}
    file.commit(Batch(layers=layers, tiles=[one for key in arrays for one in tiles(arrays[key], *key)]))
    edits: list[Edit] = []
    for number in range(12):
        key = ("a", NAMES[number % 3])
        plane, row, column = int(rng.integers(2)), int(rng.integers(3)), int(rng.integers(4))
        part = arrays[key][plane, row * TILE_PX :, column * TILE_PX :][:TILE_PX, :TILE_PX]
        part[:] = rng.integers(0, 1 + number % 4, part.shape)
        edit = Edit(float(number), "a", "paint", (plane,), (0, 0, 1, 1), number, 0.5)
        view, summary = ViewState(order=("b", "a"), camera={"zoom": number}), Summary(title=f"sem_{number}")
        changed = Tile(TileKey(*key, (plane,), row, column), part.copy())
        edits.append(edit)
        file.commit(Batch(tiles=[changed], view=view, edits=[edit], summary=summary))
    file.close()
    return file.id, Expected(layers, arrays, tuple(edits), view, summary)


def flip(data: bytes, chance: random.Random) -> bytes:
    """One bit is another."""
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def cut(data: bytes, chance: random.Random) -> bytes:
    """The end is missing."""
    return data[: chance.randrange(len(data))]


def blot(data: bytes, chance: random.Random) -> bytes:
    """A sector of the disk holds something else."""
    at = chance.randrange(len(data)) // 512 * 512
    return data[:at] + chance.randbytes(len(data[at : at + 512])) + data[at + 512 :]


Damage = Callable[[bytes, random.Random], bytes]
DAMAGES: tuple[Damage, ...] = (flip, cut, blot)


@dataclass(frozen=True)
class Outcome:
    """How it went.

    Attributes
    ----------
    refused
        Nothing came back, with this sentence.
    wrong
        Differs from what was saved without being named.
    pixels
        How many are lost, and named.
    """

    refused: str = ""
    wrong: tuple[str, ...] = ()
    pixels: int = 0


def outcome_of(content: SessionContent, expected: Expected) -> Outcome:
    """Compare what is left with what was saved."""
    told = " ".join(content.lost)
    wrong: list[str] = []
    pixels = 0
    left = {one.id: one for one in content.layers()}
    for layer in expected.layers:
        if layer.id not in left:
            pixels += len(NAMES) * int(np.prod(SHAPE))
            wrong += [] if "layers" in told else [f"layer {layer.id}"]
            continue
        named = f"What layer {layer.id} is besides its pixels" in told
        same = left[layer.id] == layer
        wrong += [] if same or (named and left[layer.id].arrays == layer.arrays) else [f"state of {layer.id}"]
        notes: list[str] = []  # where labels are lost, what is said of them is given up as well
        for name in NAMES:
            differs = content.array(layer.id, name, notes) != expected.arrays[layer.id, name]
            pixels += int(np.count_nonzero(differs))
            gone = _named(" ".join(notes), differs)
            if (differs & ~gone).any() and "rows of tiles" not in told:
                wrong.append(f"{name} of {layer.id}: {notes}")
    for what, found, saved, word in (
        ("edits", content.edits(), expected.edits, "edits"),
        ("view", content.view(), expected.view, "notes"),
        ("summary", content.summary(), expected.summary, "notes"),
    ):
        if found != saved and word not in told:
            wrong.append(what)
    return Outcome("", tuple(wrong), pixels)


def _named(text: str, differs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels that a sentence names."""
    gone = np.zeros(SHAPE, bool)
    for plane, *box in re.findall(r"plane (\d+), rows (\d+) to (\d+), columns (\d+) to (\d+)", text):
        y0, y1, x0, x1 = map(int, box)
        gone[int(plane), y0 : y1 + 1, x0 : x1 + 1] = True
    if " more)" in text:  # only their number is told
        count = max(map(int, re.findall(r"(\d+) of \d+ tiles", text)))
        starts = [np.arange(0, size, TILE_PX) for size in SHAPE[1:]]
        places = np.logical_or.reduceat(np.logical_or.reduceat(differs, starts[0], 1), starts[1], 2)
        if np.count_nonzero(places) <= count:
            gone |= differs
    return gone


def try_one(folder: Path, id: str, expected: Expected, data: bytes) -> Outcome:
    """Read a damaged session, open it, and open it again: each time the same comes back."""
    sessions = Sessions(folder)
    path = folder / f"{id}.sqlite"
    path.write_bytes(data)
    try:
        with closing(sessions.read(id)) as content:
            first = outcome_of(content, expected)
    except InputError as error:
        first = Outcome(refused=str(error))
    assert path.read_bytes() == data
    if first.refused:
        return first
    assert [one.id for one in sessions.list()] == [id]
    for _ in range(2):
        file = sessions.open(id)
        assert outcome_of(file, expected) == first
        file.close(finished=False)
    for one in (path, *folder.glob("*.damaged")):
        one.unlink()
    return first

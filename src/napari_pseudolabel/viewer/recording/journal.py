"""Writing into a session only what differs from what is there. Everything here runs beside the window."""

from __future__ import annotations

import hashlib
import math
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.pixel_states import CONFIRMED, CORRECTED
from napari_pseudolabel.labels.windows import Index
from napari_pseudolabel.types import Array, ArrayKey
from napari_pseudolabel.viewer.recording.changed_tiles import Place, all_places, window_of
from napari_pseudolabel.viewer.recording.plain import REMOVED
from napari_pseudolabel.workspace.sessions import (
    TILE_PX,
    ArrayState,
    Batch,
    LayerState,
    SessionFile,
    Summary,
    Tile,
    TileKey,
)

# So much is compressed and written at once of images, between two looks at what a person did.
_IMAGE_BYTES = 8_000_000


@dataclass(eq=False)
class Look:
    """An array that is to be compared with the session, a few rows of tiles at a time.

    Attributes
    ----------
    id, array
        Layer and name of the array.
    data
        (..., Y, X); a person may change it meanwhile.
    stale
        Planes and rows of tiles that changed since the last look, and not behind anybody's back.
    write
        Whether what differs is to be written at once, or only to be told.
    """

    id: str
    array: str
    data: Array
    stale: frozenset[tuple[Index, int]] = frozenset()
    write: bool = False
    rows: Iterator[tuple[Index, int]] = field(init=False)
    finished: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        planes = np.ndindex(self.data.shape[:-2])
        count = -(-self.data.shape[-2] // TILE_PX)
        self.rows = ((plane, row) for plane in planes for row in range(count))


class Journal:
    """What is known about a session file, so that nothing is written twice.

    What was in the file before is learned by and by with `learn`; until then it may be written once more.

    Attributes
    ----------
    bytes_written
        Size of all tiles that were written so far, compressed.
    """

    def __init__(self, file: SessionFile) -> None:
        self.file = file
        self.bytes_written = 0
        self._layers: dict[str, LayerState] = {}
        self._arrays: dict[tuple[str, str], ArrayState] = {}
        # Of tiles that hold something else than the fill.
        self._digests: dict[TileKey, bytes] = {}
        self._rows: dict[tuple[str, str, Index, int], int] = {}
        # Corrected and confirmed pixels of tiles, and of layers.
        self._counts: dict[TileKey, NDArray[np.int64]] = {}
        self._sums: dict[str, NDArray[np.int64]] = {}
        self._summary = file.summary()
        self._unlearned: list[tuple[str, str]] = []
        for layer in file.layers():
            self._learn_layer(layer)
            self._unlearned += ((layer.id, array.name) for array in layer.arrays)

    def learn(self) -> bool:
        """Take note of one array that was in the file before; False if there is none left.

        Raises
        ------
        InputError
            When it cannot be read.
        """
        if not self._unlearned:
            return False
        id, name = self._unlearned[0]
        values = self.file.array(id, name, [])
        for place in all_places(values.shape):
            part: ArrayKey = (*place[0], *window_of(place, values.shape))
            self._learn(TileKey(id, name, *place), values[part])
        self._unlearned.remove((id, name))
        return True

    def forget(self) -> None:
        """Forget what is in the file: it was made anew and holds nothing."""
        known: dict[Any, Any]
        for known in (self._layers, self._arrays, self._digests, self._rows, self._counts, self._sums):
            known.clear()
        self._summary = Summary()
        self._unlearned.clear()

    def write(self, batch: Batch) -> int:
        """Write what differs, in one step.

        Returns
        -------
        int
            Bytes of the tiles.

        Raises
        ------
        InputError
            As `SessionFile.commit` does; nothing is known to be written then.
        """
        arrays = dict(self._arrays)
        for layer in batch.layers:
            arrays = {key: array for key, array in arrays.items() if key[0] != layer.id}
            arrays |= {(layer.id, array.name): array for array in layer.arrays}
        begun_anew = {key for key, array in arrays.items() if self._arrays.get(key) not in (None, array)}
        unknown = begun_anew.union(self._unlearned)
        tiles = [
            tile
            for tile in batch.tiles
            if (tile.key.layer, tile.key.array) in unknown
            or self._digests.get(tile.key) != self._digest(tile, arrays)
        ]
        summary = self._summary_after(batch, tiles)
        written = self.file.commit(replace(batch, tiles=tiles, summary=summary))
        self.bytes_written += written
        for id in batch.removed:
            self._forget_layer(id)
        for layer in batch.layers:
            self._learn_layer(layer)
        for tile in tiles:
            self._learn(tile.key, tile.values)
        if summary is not None:
            self._summary = summary
        return written

    def look(self, look: Look, seconds: float) -> list[Place]:
        """Go on with a look for a while.

        Returns
        -------
        list
            Tiles that differ and were not written.
        """
        until = time.perf_counter() + seconds
        found: list[Place] = []
        waiting: list[tuple[tuple[str, str, Index, int], int, list[Tile]]] = []
        state = self._arrays.get((look.id, look.array))
        if state is None or state.shape != look.data.shape or state.dtype != str(look.data.dtype):
            look.finished = True  # its layer is to be written first
            return found
        assert (look.id, look.array) not in self._unlearned
        while time.perf_counter() < until and sum(_size(tiles) for _, _, tiles in waiting) < _IMAGE_BYTES:
            place = next(look.rows, None)
            if place is None:
                look.finished = True
                break
            row_key = (look.id, look.array, *place)
            rows = look.data[place[0]][place[1] * TILE_PX : (place[1] + 1) * TILE_PX]
            seen = zlib.crc32(np.ascontiguousarray(rows).data)
            if place not in look.stale and self._rows.get(row_key) == seen:
                continue
            # What is compared and what is written must be the same, whatever happens to the array.
            rows = np.array(rows, order="C")
            tiles = self._differing(look, place, rows, state)
            if not tiles or look.write:
                waiting.append((row_key, zlib.crc32(rows.data), tiles))
            else:
                found += [(tile.key.plane, tile.key.row, tile.key.column) for tile in tiles]
        changed = [tile for _, _, tiles in waiting for tile in tiles]
        if changed:
            self.write(Batch(tiles=changed))
        for row_key, checksum, _ in waiting:
            self._rows[row_key] = checksum
        return found

    def _differing(self, look: Look, place: tuple[Index, int], rows: Array, state: ArrayState) -> list[Tile]:
        starts = range(0, rows.shape[-1], TILE_PX)
        tiles = (
            Tile(TileKey(look.id, look.array, *place, number), rows[:, x : x + TILE_PX])
            for number, x in enumerate(starts)
        )
        return [tile for tile in tiles if self._digests.get(tile.key) != _digest(tile.values, state.fill)]

    def _digest(self, tile: Tile, arrays: Mapping[tuple[str, str], ArrayState]) -> bytes | None:
        return _digest(tile.values, arrays[tile.key.layer, tile.key.array].fill)

    def _learn(self, key: TileKey, values: Array) -> None:
        digest = _digest(values, self._arrays[key.layer, key.array].fill)
        if digest is None:
            self._digests.pop(key, None)
        else:
            self._digests[key] = digest
        if key.array == "flags":
            counts = _counts(values)
            self._sums[key.layer] = self._sums.get(key.layer, 0) + counts - self._counts.get(key, 0)
            self._counts[key] = counts

    def _learn_layer(self, layer: LayerState) -> None:
        now = {array.name: array for array in layer.arrays}
        for (id, name), before in tuple(self._arrays.items()):
            if id == layer.id and now.get(name) != before:
                self._forget_array(id, name)
        self._layers[layer.id] = layer
        self._arrays |= {(layer.id, name): state for name, state in now.items()}

    def _forget_layer(self, id: str) -> None:
        for owner, name in tuple(self._arrays):
            if owner == id:
                self._forget_array(id, name)
        self._layers.pop(id, None)

    def _forget_array(self, id: str, name: str) -> None:
        del self._arrays[id, name]
        if (id, name) in self._unlearned:
            self._unlearned.remove((id, name))
        known: dict[Any, Any]
        for known in (self._digests, self._counts):
            for key in [key for key in known if (key.layer, key.array) == (id, name)]:
                del known[key]
        for row in [row for row in self._rows if row[:2] == (id, name)]:
            del self._rows[row]
        if name == "flags":
            self._sums.pop(id, None)

    def _summary_after(self, batch: Batch, tiles: list[Tile]) -> Summary | None:
        """Return the summary with the shares as they will be; None if nothing changes, or they are not known yet."""
        if any(name == "flags" for _, name in self._unlearned):
            return batch.summary and batch.summary.model_copy(
                update={
                    "share_corrected": self._summary.share_corrected,
                    "share_confirmed": self._summary.share_confirmed,
                }
            )
        layers = {key: state for key, state in self._layers.items() if key not in batch.removed}
        layers |= {layer.id: layer for layer in batch.layers}
        shown = {id for id, one in layers.items() if one.kind == "labels" and not one.attributes.get(REMOVED)}
        pixels = sum(
            math.prod(array.shape) for id in shown for array in layers[id].arrays if array.name == "labels"
        )
        total = np.zeros(2)
        for id in shown:
            total = total + self._sums.get(id, 0)
        for tile in tiles:
            if tile.key.array == "flags" and tile.key.layer in shown:
                total = total + _counts(tile.values) - self._counts.get(tile.key, 0)
        corrected, confirmed = (float(count) / max(pixels, 1) for count in total)
        summary = (batch.summary or self._summary).model_copy(
            update={"share_corrected": corrected, "share_confirmed": confirmed}
        )
        return None if summary == self._summary else summary


def _digest(values: Array, fill: float | None) -> bytes | None:
    """Tells tiles apart; None for one that holds nothing but the fill."""
    filled = np.isnan(values) if fill is None else values == fill
    if filled.all():
        return None
    return hashlib.blake2b(np.ascontiguousarray(values).data, digest_size=16).digest()


def _counts(flags: Array) -> NDArray[np.int64]:
    """How many pixels of a tile are corrected, and how many confirmed."""
    return np.array([np.count_nonzero(np.bitwise_and(flags, bit)) for bit in (CORRECTED, CONFIRMED)])


def _size(tiles: list[Tile]) -> int:
    return sum(tile.values.nbytes for tile in tiles)

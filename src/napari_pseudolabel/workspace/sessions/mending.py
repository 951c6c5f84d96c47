"""What is left of a damaged session, as a sound one; and sentences about what is not."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from napari_pseudolabel.workspace.sessions.ledger import Ledger
from napari_pseudolabel.workspace.sessions.rows import (
    BANDS,
    EDITS,
    FACTS,
    HEADS,
    LAYERS,
    OUTLINES,
    TABLES,
    TILES,
    Key,
    Row,
    Table,
    mark_of,
    plane_from,
)
from napari_pseudolabel.workspace.sessions.tiles import band_width, window_of
from napari_pseudolabel.workspace.sessions.values import ArrayState, LayerState, TileKey

LOST = "lost"
"""The fact that holds the sentences, as a list of [layer, array, sentence], until the session is closed."""
_Arrays = dict[tuple[str, str], tuple[str, ArrayState]]
# What an array says of the pixels of another is worth nothing without them.
_SAYS_OF = {"flags": "labels", "predicted": "labels"}
_PLACES_TOLD = 3


class Remains:
    """The newest sound row of every key.

    Parameters
    ----------
    rows
        Whatever may be rows, turn and sum included; those whose sum does not fit are no rows.
    """

    def __init__(self, rows: Iterable[Sequence[object]]) -> None:
        self.tables: dict[str, dict[Key, tuple[int, Row, bytes]]] = {table.name: {} for table in TABLES}
        for values in rows:
            self._take(values)

    def of(self, table: Table) -> dict[Key, tuple[int, Row, bytes]]:
        """Turn, values and sum of the rows of a table, by their keys."""
        return self.tables[table.name]

    def _take(self, values: Sequence[object]) -> None:
        for table in TABLES:
            if len(values) != len(table.stored):
                continue
            # SQLite stores whole numbers as such wherever they fit.
            kinds = table.stored.values()
            row: list[Any] = [
                float(value) if kind is float and isinstance(value, int) else value
                for kind, value in zip(kinds, values, strict=True)
            ]
            if table.holds(row) and table.sum_of(tuple(row[:-2]), row[-2]) == row[-1]:
                found, key = self.tables[table.name], tuple(row[: table.keys])
                if key not in found or found[key][0] < row[-2]:
                    found[key] = row[-2], tuple(row[:-2]), row[-1]
                return


def mend(connection: sqlite3.Connection, remains: Remains, name: str, *, damaged: bool) -> int:
    """Write what is left into an empty session, and what is not as the fact `LOST`.

    Parameters
    ----------
    name
        Of the file, for the sentences.
    damaged
        Whether that is to be told also where nothing is lost.

    Returns
    -------
    int
        How many layers are left.
    """
    ledger = Ledger(connection)
    lost: list[tuple[str, str, str]] = []
    heads = {key[0]: row for key, (_, row, _) in remains.of(HEADS).items()}
    arrays: _Arrays = {}
    layers = 0
    for id in dict.fromkeys((*remains.of(LAYERS), *remains.of(OUTLINES))):
        whole, outline = (_layer_in(remains, table, id) for table in (LAYERS, OUTLINES))
        state = whole or outline
        if state is None:
            continue
        ledger.put_layer(state)
        layers += 1
        title = str(state.attributes.get("name", "a layer"))
        arrays |= {(state.id, array_state.name): (title, array_state) for array_state in state.arrays}
        if whole is None:
            gone = f"What {title} is besides its pixels is damaged in {name}; look its colours and settings over."
            lost.append(("", "", gone))
    for table in (FACTS, EDITS):
        for _, row, _ in remains.of(table).values():
            if row[0] != LOST:
                ledger.put(table, row)
    for layer, array, sentence in _mend_tiles(ledger, remains, arrays):
        lost.append(
            (layer, array, f"{sentence} in {name}; look there, or bring the file back from a backup.")
        )
    for table, what in _NAMES.items():
        if (head := heads.get(table.name)) is None:
            gone = f"It is not known whether all {what} of {name} are there; look them over."
        elif (count := head[1] - (layers if table is LAYERS else len(remains.of(table)))) > 0:
            gone = f"{count} of {head[1]} {what} of {name} are damaged and lost; see what is missing."
        else:
            continue
        lost.append(("", "", gone))
    if damaged and not lost:
        lost.append(("", "", f"{name} was damaged, but everything in it could be brought back."))
    if lost:
        ledger.put(FACTS, (LOST, json.dumps(lost)))
    ledger.settle()
    return layers


def _layer_in(remains: Remains, table: Table, id: Key) -> LayerState | None:
    """Return a layer as a table has it; None if it is damaged there."""
    found = remains.of(table).get(id)
    if found is None:
        return None
    try:
        state = LayerState.model_validate_json(found[1][1])
        for array in state.arrays:
            band_width(array)
    except (ValidationError, ValueError):
        return None
    return state


_NAMES = {
    LAYERS: "layers",
    BANDS: "rows of tiles",
    EDITS: "entries of the log of edits",
    FACTS: "notes about the view and the session",
}


def _mend_tiles(ledger: Ledger, remains: Remains, arrays: _Arrays) -> Iterator[tuple[str, str, str]]:
    """Tiles that are as the bands say, and a sentence for each array of which some are not."""
    wanted: dict[tuple[str, str], set[Key]] = defaultdict(set)
    kept: dict[Key, Row] = {}
    for _, row, _ in remains.of(BANDS).values():
        state = arrays.get((row[0], row[1]))
        if state is None or not _fits(state[1], (*row[:4], 0)) or len(row[4]) != band_width(state[1]):
            continue
        for column, held in enumerate(row[4]):
            if held:
                key = (*row[:4], column)
                wanted[row[0], row[1]].add(key)
                found = remains.of(TILES).get(key)
                if found is not None and mark_of(found[2]) == held:
                    kept[key] = found[1]
    # Where a band is lost, its tiles are all that is known.
    for key, (_, row, _) in remains.of(TILES).items():
        state = arrays.get((key[0], key[1]))
        if state is not None and key[:4] not in remains.of(BANDS) and _fits(state[1], key):
            wanted[key[0], key[1]].add(key)
            kept[key] = row
    gone = {place: sorted(keys - kept.keys()) for place, keys in wanted.items()}
    for array, other in _SAYS_OF.items():
        for layer in {place[0] for place in gone}:
            for key in gone.get((layer, other), ()):
                kept.pop((layer, array, *key[2:]), None)
    write_tiles(ledger, kept.values(), arrays)
    for (layer, array), keys in gone.items():
        if keys:
            some = "; ".join(_told(arrays[layer, array][1], key) for key in keys[:_PLACES_TOLD])
            more = f" and {len(keys) - _PLACES_TOLD} more" if len(keys) > _PLACES_TOLD else ""
            sentence = (
                f"{len(keys)} of {len(wanted[layer, array])} tiles of the {array} of a layer are damaged"
            )
            yield layer, array, f"{sentence} ({some}{more}) and hold nothing now"


def write_tiles(ledger: Ledger, rows: Iterable[Row], arrays: _Arrays) -> None:
    """Write tiles that fit their arrays, with the bands that tell of them."""
    bands: dict[Key, bytearray] = {}
    for row in rows:
        width = band_width(arrays[row[0], row[1]][1])
        bands.setdefault(row[:4], bytearray(width))[row[4]] = mark_of(ledger.put(TILES, row))
    for key, held in bands.items():
        ledger.put(BANDS, (*key, bytes(held)))


def upgraded(connection: sqlite3.Connection) -> Iterator[list[Any]]:
    """Yield the rows of a session of the first version, which had sums of the bytes of tiles alone, as they are now.

    Tiles that are damaged come without their bytes, and their bands tell that they are missing.
    """
    queries = {
        FACTS: "SELECT name, value FROM facts",
        LAYERS: "SELECT id, state FROM layers ORDER BY rowid",
        EDITS: f"SELECT {EDITS.quoted()} FROM edits",
    }
    for table, query in queries.items():
        rows = 0
        for row in connection.execute(query):
            rows += 1
            yield _signed(table, row)
        yield _signed(HEADS, (table.name, rows, b""))
    yield _signed(HEADS, (BANDS.name, 0, b""))
    bands: dict[Key, dict[int, int]] = defaultdict(dict)
    for *key, column, packed in connection.execute(
        'SELECT layer, array, plane, "row", "column", packed FROM tiles'
    ):
        sound = zlib.crc32(packed[4:]).to_bytes(4, "little") == packed[:4]
        tile = _signed(TILES, (*key, column, packed[4:]))
        bands[tuple(key)][column] = mark_of(tile[-1])
        if sound:
            yield tile
    widths = {
        (state.id, array.name): band_width(array)
        for (text,) in connection.execute("SELECT state FROM layers")
        for state in [LayerState.model_validate_json(text)]
        for array in state.arrays
    }
    for key, marks in bands.items():
        held = bytes(marks.get(column, 0) for column in range(widths.get(key[:2], 0)))
        yield _signed(BANDS, (*key, held))


def _signed(table: Table, row: Row) -> list[Any]:
    return [*row, 0, table.sum_of(tuple(row), 0)]


def _fits(array: ArrayState, key: Key) -> bool:
    try:
        window_of(array, TileKey(key[0], key[1], plane_from(key[2]), key[3], key[4]))
    except ValueError:
        return False
    return True


def _told(array: ArrayState, key: Key) -> str:
    rows, columns = window_of(array, TileKey(key[0], key[1], plane_from(key[2]), key[3], key[4]))
    plane = f"plane {key[2].replace(',', ' ')}, " if key[2] else ""
    return f"{plane}rows {rows.start} to {rows.stop - 1}, columns {columns.start} to {columns.stop - 1}"

"""Changing the rows of a session together with their sums and what is known of all of them."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from napari_pseudolabel.workspace.sessions.rows import (
    HEADED,
    HEADS,
    LAYERS,
    OUTLINES,
    SUM_BYTES,
    Key,
    Row,
    Table,
    mixed,
)
from napari_pseudolabel.workspace.sessions.values import LayerState

# Of an attribute, as JSON: room for matrices, not for tables.
_SHORT = 400
_NOTHING = (0, bytes(SUM_BYTES))


class Ledger:
    """Writes rows within one transaction; `settle` is its last step."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        found = connection.execute(f"SELECT {HEADS.quoted()}, turn FROM heads").fetchall()
        self._turn = 1 + max((turn for *_, turn in found), default=0)
        self._heads: dict[str, tuple[int, bytes]] = {name: (rows, total) for name, rows, total, _ in found}

    def put(self, table: Table, row: Row) -> bytes:
        """Write a row in place of the one with the same key, if there is one; its sum."""
        row = tuple(kind(value) for (_, kind), value in zip(table.columns, row, strict=True))
        key = row[: table.keys]
        found = self._connection.execute(f"SELECT sum FROM {table.name} WHERE {table.where}", key).fetchone()
        sum = table.sum_of(row, self._turn)
        whole = (*row, self._turn, sum)
        if found is None:
            places = ", ".join("?" * len(whole))
            self._connection.execute(f"INSERT INTO {table.name} VALUES ({places})", whole)
        else:
            # Its place in the order in which they came is kept.
            self._count(table, -1, found[0])
            names = ", ".join(f'"{name}"' for name in table.stored)
            places = ", ".join("?" * len(whole))
            statement = f"UPDATE {table.name} SET ({names}) = ({places}) WHERE {table.where}"
            self._connection.execute(statement, (*whole, *key))
        self._count(table, 1, sum)
        return sum

    def put_layer(self, layer: LayerState) -> None:
        """Write a layer, and its outline."""
        self.put(LAYERS, (layer.id, layer.model_dump_json()))
        short = {name: value for name, value in layer.attributes.items() if len(json.dumps(value)) <= _SHORT}
        outline = layer.model_copy(update={"attributes": short})
        self.put(OUTLINES, (layer.id, outline.model_dump_json()))

    def drop(self, table: Table, key: Key) -> None:
        """Delete the row of a key, or all rows whose key begins so."""
        where = " AND ".join(f'"{name}" = ?' for name, _ in table.columns[: len(key)])
        sums = self._connection.execute(f"SELECT sum FROM {table.name} WHERE {where}", key).fetchall()
        if sums:
            self._connection.execute(f"DELETE FROM {table.name} WHERE {where}", key)
        for (sum,) in sums:
            self._count(table, -1, sum)

    def one(self, table: Table, key: Key) -> Any:
        """Return the last column of the row of a key; None if there is no such row."""
        name = table.columns[-1][0]
        found = self._connection.execute(f'SELECT "{name}" FROM {table.name} WHERE {table.where}', key)
        row = found.fetchone()
        return None if row is None else row[0]

    def rows(self, table: Table) -> int:
        """How many rows a table has."""
        return self._heads.get(table.name, _NOTHING)[0]

    def settle(self) -> None:
        """Write what is known of all rows."""
        for table in HEADED:
            self.put(HEADS, (table.name, *self._heads.get(table.name, _NOTHING)))

    def _count(self, table: Table, rows: int, sum: bytes) -> None:
        before, total = self._heads.get(table.name, _NOTHING)
        self._heads[table.name] = before + rows, mixed(total, sum)

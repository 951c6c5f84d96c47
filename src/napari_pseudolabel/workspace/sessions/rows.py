"""The tables of a session, and the sum that every row carries over everything it holds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Row = tuple[Any, ...]
"""Values of the columns of a table, without turn and sum."""
Key = tuple[Any, ...]

SUM_BYTES = 8
_SQL = {str: "TEXT", int: "INTEGER", float: "REAL", bytes: "BLOB"}


@dataclass(frozen=True)
class Table:
    """One table. Every row also has the number of the change that wrote it (turn), and its sum.

    Attributes
    ----------
    columns
        Names and types, those of the key first.
    keys
        How many columns are the key.
    free
        Keys of rows whose sum is over the key alone.
    """

    name: str
    columns: tuple[tuple[str, type], ...]
    keys: int
    free: tuple[Key, ...] = ()

    @property
    def sql(self) -> str:
        """The statement that makes it."""
        columns = ", ".join(f'"{name}" {_SQL[kind]} NOT NULL' for name, kind in self.stored.items())
        # No primary key: it would not be stored in its row where it is one number.
        return f"CREATE TABLE {self.name} ({columns}, UNIQUE ({self.quoted(self.keys)}))"

    @property
    def stored(self) -> dict[str, type]:
        """Names and types of everything in a row, turn and sum included."""
        return {**dict(self.columns), "turn": int, "sum": bytes}

    @property
    def where(self) -> str:
        """The condition for one row."""
        return f"({self.quoted(self.keys)}) = ({', '.join('?' * self.keys)})"

    def quoted(self, count: int | None = None) -> str:
        """Return the first columns for a statement."""
        return ", ".join(f'"{name}"' for name, _ in self.columns[:count])

    def holds(self, values: Sequence[object]) -> bool:
        """Whether values, turn and sum included, have the types of a row."""
        kinds = self.stored.values()
        return len(values) == len(kinds) and all(map(isinstance, values, kinds))

    def sum_of(self, row: Row, turn: int) -> bytes:
        """Return the sum of a row: over the name of the table, all its values and its turn."""
        summed = row[: self.keys] if row[: self.keys] in self.free else row
        digest = hashlib.blake2b(self.name.encode(), digest_size=SUM_BYTES)
        for value in (*summed, turn):
            packed = value if isinstance(value, bytes) else repr(value).encode("utf-8", "surrogatepass")
            digest.update(b"%c%d " % (type(value).__name__.encode()[:1], len(packed)))
            digest.update(packed)
        return digest.digest()


# Whether a session was closed is said by 0 or 1 alone; it is no part of what a person did.
FACTS = Table("facts", (("name", str), ("value", str)), 1, free=(("clean",),))
LAYERS = Table("layers", (("id", str), ("state", str)), 1)
# The short attributes of layers once more: pixels come back even where the rest of their layer is damaged.
OUTLINES = Table("outlines", (("id", str), ("state", str)), 1)
_PLACE: tuple[tuple[str, type], ...] = (("layer", str), ("array", str), ("plane", str), ("row", int))
# Which tiles of a row of tiles hold something: one byte each, see `mark_of`.
BANDS = Table("bands", (*_PLACE, ("held", bytes)), 4)
TILES = Table("tiles", (*_PLACE, ("column", int), ("packed", bytes)), 5)
EDITS = Table(
    "edits",
    (
        *(("number", int), ("at", float), ("layer", str), ("tool", str), ("plane", str)),
        *(("y0", int), ("x0", int), ("y1", int), ("x1", int), ("pixels", int), ("seconds", float)),
    ),
    1,
)
# How many rows every other table has, and the sums of all of them together.
HEADS = Table("heads", (("name", str), ("rows", int), ("total", bytes)), 1)
HEADED = (FACTS, LAYERS, OUTLINES, BANDS, TILES, EDITS)
TABLES = (*HEADED, HEADS)


def mark_of(sum: bytes) -> int:
    """Return what a band holds for a tile, 1 to 255; an older state of the tile has another, almost surely."""
    return sum[0] or 1


def mixed(one: bytes, other: bytes) -> bytes:
    """Return sums taken together, or apart again."""
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def plane_text(plane: tuple[int, ...]) -> str:
    """Return a plane as the tables hold it."""
    return ",".join(str(int(at)) for at in plane)


def plane_from(text: str) -> tuple[int, ...]:
    """Return a plane out of the tables.

    Raises
    ------
    ValueError
        When it is none.
    """
    return tuple(int(at) for at in text.split(",")) if text else ()

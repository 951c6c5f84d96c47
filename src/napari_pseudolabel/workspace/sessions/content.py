"""Reading a session."""

from __future__ import annotations

import math
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.workspace.sessions import tables
from napari_pseudolabel.workspace.sessions.tiles import decode, dtype_of, fill_of, window_of
from napari_pseudolabel.workspace.sessions.values import (
    ArrayState,
    Edit,
    Index,
    LayerState,
    Summary,
    TileKey,
    ViewState,
)

State = TypeVar("State", bound=BaseModel)


class SessionContent:
    """What a session holds, as its last complete change left it; any thread may read it.

    Another process may be writing the session at the same time.

    Parameters
    ----------
    path
        File of the session.
    connection
        Opened by `tables.open_to_read` or `tables.open_to_write`; closed together with this.

    Attributes
    ----------
    id
        Such as ``2026-03-14-1``.
    path
        Where it is.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.id = path.stem
        self.path = path
        self._connection: sqlite3.Connection | None = connection
        self._lock = threading.RLock()

    def layers(self) -> tuple[LayerState, ...]:
        """All layers, in the order in which they came.

        Raises
        ------
        InputError
            When the file is damaged or cannot be read; so do all that follow.
        """
        with self._reading() as connection:
            rows = connection.execute("SELECT state FROM layers ORDER BY rowid").fetchall()
        return tuple(self._parsed(LayerState, text) for (text,) in rows)

    def view(self) -> ViewState | None:
        """How the layers were looked at; None if that was never written."""
        text = self.facts().get("view")
        return None if text is None else self._parsed(ViewState, text)

    def summary(self) -> Summary:
        """What a list of sessions tells about this one."""
        text = self.facts().get("summary")
        return Summary() if text is None else self._parsed(Summary, text)

    def facts(self) -> dict[str, str]:
        """Everything that is noted once per session: created, saved (Unix seconds), clean (0 or 1), view, summary."""
        with self._reading() as connection:
            return dict(connection.execute("SELECT name, value FROM facts").fetchall())

    def count(self, table: Literal["edits", "layers"]) -> int:
        """How many edits or layers there are."""
        with self._reading() as connection:
            return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def edits(self) -> tuple[Edit, ...]:
        """The log of edits, oldest first."""
        with self._reading() as connection:
            rows = connection.execute(
                'SELECT "at", layer, tool, plane, y0, x0, y1, x1, pixels, seconds FROM edits ORDER BY number'
            ).fetchall()
        return tuple(
            Edit(at, layer, tool, plane_from(plane), (y0, x0, y1, x1), pixels, seconds)
            for at, layer, tool, plane, y0, x0, y1, x1, pixels, seconds in rows
        )

    def array(self, layer: str, name: str, notes: list[str] | None = None) -> NDArray[Any]:
        """One array of a layer from its tiles.

        Parameters
        ----------
        layer, name
            Id of the layer and name of the array.
        notes
            Where given, damaged tiles hold the fill, and a sentence about them is added to this list.

        Raises
        ------
        InputError
            When there is no such array, it does not fit into memory, or a tile is damaged and `notes` is None.
        """
        with self._reading() as connection:
            connection.execute("BEGIN")
            try:
                found = connection.execute("SELECT state FROM layers WHERE id = ?", (layer,)).fetchone()
                tiles = connection.execute(
                    'SELECT plane, "row", "column", packed FROM tiles WHERE layer = ? AND array = ?',
                    (layer, name),
                ).fetchall()
            finally:
                connection.execute("COMMIT")
        states = self._parsed(LayerState, found[0]).arrays if found else ()
        state = next((one for one in states if one.name == name), None)
        if state is None:
            raise InputError(f"{self.path.name} holds no {name} of a layer {layer}; choose another.")
        return self._assembled(state, tiles, notes)

    def close(self) -> None:
        """Let go of the file; may be called any number of times."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def _assembled(
        self, state: ArrayState, tiles: list[tuple[str, int, int, bytes]], notes: list[str] | None
    ) -> NDArray[Any]:
        damaged = 0
        try:
            dtype, fill = dtype_of(state), fill_of(state)
            # Untouched zeros take no memory.
            array = np.full(state.shape, fill, dtype) if fill else np.zeros(state.shape, dtype)
            for plane, row, column, packed in tiles:
                key = TileKey("", state.name, plane_from(plane), row, column)
                part = array[key.plane][window_of(state, key)]
                values = decode(packed, part.shape, dtype)
                if values is None:
                    damaged += 1
                else:
                    part[:] = values
        except MemoryError as error:
            gigabytes = math.prod(state.shape) * dtype.itemsize / 2**30
            raise InputError(
                f"The {state.name} of a layer take {gigabytes:.1f} GB, more than there is; close something."
            ) from error
        except ValueError as error:
            raise self._damage(error) from error
        if damaged:
            sentence = (
                f"{damaged} of {len(tiles)} tiles of the {state.name} of a layer are damaged in {self.path.name}; "
                "look for them, or bring the file back from a backup."
            )
            if notes is None:
                raise InputError(sentence)
            notes.append(sentence)
        return array

    def _parsed(self, schema: type[State], text: str) -> State:
        try:
            return schema.model_validate_json(text)
        except ValidationError as error:
            raise self._damage(error) from error

    def _damage(self, error: Exception) -> InputError:
        return InputError(
            f"{self.path.name} is damaged or was written by another version ({type(error).__name__}); "
            "bring it back from a backup, or go on in a new session."
        )

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, tables.told(self.path):
            if self._connection is None:
                raise self._closed_error()
            yield self._connection

    def _closed_error(self) -> InputError:
        return InputError(f"The session {self.id} is closed; open it again.")


def plane_text(plane: Index) -> str:
    """A plane as the tables hold it."""
    return ",".join(str(int(at)) for at in plane)


def plane_from(text: str) -> Index:
    """A plane out of the tables."""
    return tuple(int(at) for at in text.split(",")) if text else ()

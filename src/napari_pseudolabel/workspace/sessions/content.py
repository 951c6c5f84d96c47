"""Reading a session."""

from __future__ import annotations

import math
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import psutil
from pydantic import BaseModel, TypeAdapter, ValidationError

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.types import Array
from napari_pseudolabel.workspace.sessions import tables
from napari_pseudolabel.workspace.sessions.mending import LOST
from napari_pseudolabel.workspace.sessions.rows import TILES, Row, plane_from
from napari_pseudolabel.workspace.sessions.tiles import decode, dtype_of, fill_of, window_of
from napari_pseudolabel.workspace.sessions.values import (
    ArrayState,
    Edit,
    LayerState,
    Summary,
    TileKey,
    ViewState,
)

_LOST = TypeAdapter(list[tuple[str, str, str]])
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
        """Return what a list of sessions tells about this one."""
        text = self.facts().get("summary")
        return Summary() if text is None else self._parsed(Summary, text)

    def facts(self) -> dict[str, str]:
        """Everything that is noted once per session: created, saved (Unix seconds), clean (0 or 1), view, summary."""
        with self._reading() as connection:
            return dict(connection.execute("SELECT name, value FROM facts").fetchall())

    @property
    def lost(self) -> tuple[str, ...]:
        """Sentences about what is damaged in the file, besides tiles of arrays: `array` tells of those."""
        return tuple(sentence for layer, _, sentence in self._lost() if not layer)

    def count(self, table: Literal["edits", "layers"]) -> int:
        """How many edits or layers there are."""
        with self._reading() as connection:
            return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def edits(self) -> tuple[Edit, ...]:
        """Return the log of edits, oldest first."""
        with self._reading() as connection:
            rows = connection.execute(
                'SELECT "at", layer, tool, plane, y0, x0, y1, x1, pixels, seconds FROM edits ORDER BY number'
            ).fetchall()
        return tuple(
            Edit(at, layer, tool, plane_from(plane), (y0, x0, y1, x1), pixels, seconds)
            for at, layer, tool, plane, y0, x0, y1, x1, pixels, seconds in rows
        )

    def array(self, layer: str, name: str, notes: list[str] | None = None) -> Array:
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
                    "SELECT * FROM tiles WHERE layer = ? AND array = ?", (layer, name)
                ).fetchall()
            finally:
                connection.execute("COMMIT")
        states = self._parsed(LayerState, found[0]).arrays if found else ()
        state = next((array_state for array_state in states if array_state.name == name), None)
        if state is None:
            raise InputError(f"{self.path.name} holds no {name} of a layer {layer}; choose another.")
        return self._assembled(layer, state, tiles, notes)

    def close(self) -> None:
        """Let go of the file; may be called any number of times."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def _assembled(self, layer: str, state: ArrayState, tiles: list[Row], notes: list[str] | None) -> Array:
        array = self._empty(state)
        # Those of a damaged file are known since it was opened.
        told = [sentence for of, name, sentence in self._lost() if (of, name) == (layer, state.name)]
        damaged = 0
        for *row, turn, sum in tiles:
            try:
                key = TileKey(layer, state.name, plane_from(row[2]), row[3], row[4])
                part = array[key.plane][window_of(state, key)]
            except ValueError:
                damaged += 1
                continue
            sound = TILES.sum_of(tuple(row), turn) == sum
            values = decode(row[5], part.shape, array.dtype) if sound else None
            if values is None:
                damaged += 1
            else:
                part[:] = values
        if damaged:
            told.append(
                f"{damaged} of {len(tiles)} tiles of the {state.name} of a layer are damaged in {self.path.name}; "
                "look for them, or bring the file back from a backup."
            )
        if told and notes is None:
            raise InputError(" ".join(told))
        if notes is not None:
            notes += told
        return array

    def _empty(self, state: ArrayState) -> Array:
        """Return an array that holds nothing but the fill."""
        try:
            dtype, fill = dtype_of(state), fill_of(state)
        except ValueError as error:
            raise self._damage(error) from error
        size = math.prod(state.shape) * dtype.itemsize
        try:
            # The system promises memory that it does not have.
            if size > psutil.virtual_memory().total:
                raise MemoryError
            # Untouched zeros take no memory.
            return np.full(state.shape, fill, dtype) if fill else np.zeros(state.shape, dtype)
        except (MemoryError, ValueError, OverflowError) as error:
            raise InputError(
                f"The {state.name} of a layer take {size / 2**30:.1f} GB, more than there is; close something."
            ) from error

    def _lost(self) -> list[tuple[str, str, str]]:
        """Layer, array and sentence for everything that was found damaged when the file was opened."""
        try:
            return _LOST.validate_json(self.facts().get(LOST, "[]"))
        except ValidationError as error:
            raise self._damage(error) from error

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
        with self._lock, tables.explained_errors(self.path):
            if self._connection is None:
                raise self._closed_error()
            yield self._connection

    def _closed_error(self) -> InputError:
        return InputError(f"The session {self.id} is closed; open it again.")

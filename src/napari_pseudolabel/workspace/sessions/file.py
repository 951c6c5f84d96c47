"""Writing a session: every commit is on disk completely, or not at all."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.workspace.json_file import make_folder
from napari_pseudolabel.workspace.lock import Hold
from napari_pseudolabel.workspace.sessions import tables
from napari_pseudolabel.workspace.sessions.content import SessionContent
from napari_pseudolabel.workspace.sessions.ledger import Ledger
from napari_pseudolabel.workspace.sessions.mending import LOST
from napari_pseudolabel.workspace.sessions.rows import (
    BANDS,
    EDITS,
    FACTS,
    LAYERS,
    OUTLINES,
    TILES,
    Key,
    mark_of,
    plane_text,
)
from napari_pseudolabel.workspace.sessions.tables import SUFFIX, GoneError
from napari_pseudolabel.workspace.sessions.tiles import band_width, dtype_of, encode, window_of
from napari_pseudolabel.workspace.sessions.values import (
    ArrayState,
    Batch,
    Edit,
    LayerState,
    Tile,
    TileKey,
    ViewState,
)

# A list of sessions tries every lock for an instant.
_PATIENCE_S = 1.0
_Arrays = dict[tuple[str, str], ArrayState]


class SessionFile(SessionContent):
    """A session that this process writes; nobody else can open it meanwhile.

    Any thread may call it, one at a time. Made by `Sessions.create` and `Sessions.open`.
    """

    def __init__(self, path: Path, hold: Hold) -> None:
        super().__init__(path, tables.open_to_write(path))
        self._hold = hold
        self._identity = _identity(path)
        self._arrays: _Arrays = {}
        self._gone = self._closed = False
        try:
            self._arrays = {(layer.id, one.name): one for layer in self.layers() for one in layer.arrays}
            with self._changing() as ledger:
                ledger.put(FACTS, ("clean", "0"))
        except BaseException:
            super().close()
            raise

    @classmethod
    def create(cls, folder: Path, id: str | None = None) -> SessionFile:
        """Make a session in a folder, which is made as well if it is missing.

        Parameters
        ----------
        id
            Tried first; without it, or where it is taken, the next free number of today.

        Raises
        ------
        InputError
            When it cannot be made.
        """
        make_folder(folder)
        today = date.today().isoformat()
        numbered = (f"{today}-{number}" for number in itertools.count(1))
        try:
            for name in itertools.chain([id] if id else [], numbered):
                made = cls._made(folder / f"{name}{SUFFIX}")
                if made is not None:
                    return made
        except OSError as error:
            raise InputError(
                f"No session can be made in {folder} ({error.strerror}); allow it, make room, or choose another "
                "workspace."
            ) from error
        raise AssertionError("numbers do not end")

    @classmethod
    def _made(cls, path: Path) -> SessionFile | None:
        """Return a new session at `path`; None if the name is taken."""
        if path.exists():
            return None
        try:
            hold = Hold(lock_path(path))
        except BlockingIOError:
            return None
        try:
            if path.exists():
                hold.release()
                return None
            # It appears complete or not at all. Whoever left a temporary one behind was killed.
            temporary = tables.temporary_path(path)
            temporary.unlink(missing_ok=True)
            with tables.explained_errors(path):
                tables.make(temporary)
                os.replace(temporary, path)
                return cls(path, hold)
        except BaseException:
            hold.release()
            raise

    def commit(self, batch: Batch) -> int:
        """Write a batch in one step.

        Returns
        -------
        int
            Bytes of the tiles as they were written.

        Raises
        ------
        InputError
            When it cannot be written (full disk, read-only folder); nothing of it is on disk then, and it can be
            tried again.
        GoneError
            When the file or its folder was deleted or replaced; see `recreate`.
        ValueError
            When a tile does not fit its array.
        """
        with self._lock:
            arrays = self._arrays_after(batch)
            packed = [(tile.key, _packed(tile, arrays)) for tile in batch.tiles]
            stated = {"view": self._view_after(batch), "summary": batch.summary}
            with self._changing() as ledger:
                for layer in batch.removed:
                    for table in (LAYERS, OUTLINES, BANDS, TILES):
                        ledger.drop(table, (layer,))
                self._write_layers(ledger, batch.layers, set(batch.removed))
                _write_tiles(ledger, packed, arrays)
                last = ledger.rows(EDITS)
                for number, edit in enumerate(batch.edits, last + 1):
                    ledger.put(EDITS, (number, *_row(edit)))
                for name, state in stated.items():
                    if state is not None:
                        ledger.put(FACTS, (name, state.model_dump_json()))
                ledger.put(FACTS, ("saved", str(time.time())))
            self._arrays = arrays
        return sum(len(blob) for _, blob in packed if blob is not None)

    def recreate(self) -> None:
        """After a `GoneError`: make folder, lock and an empty file anew; everything must be sent again.

        The session has another `id` and `path` afterwards where something else lies in its place.

        Raises
        ------
        InputError
            When that is not possible either; it can be tried again.
        """
        with self._lock:
            super().close()
            self._hold.release()
            made = SessionFile.create(self.path.parent, self.id)
            self.id, self.path = made.id, made.path
            self._connection, self._hold = made._connection, made._hold
            self._identity, self._arrays = made._identity, {}
            self._gone = False

    def close(self, *, finished: bool = True) -> None:
        """Let others open the session; may be called any number of times. Everything committed is safe already.

        Parameters
        ----------
        finished
            Note that the person ended the session, so that it is not offered after the next start.
        """
        with self._lock:
            # A full disk must not keep the session from being closed; it is offered again then.
            with suppress(InputError):
                if finished:
                    with self._changing() as ledger:
                        ledger.drop(FACTS, (LOST,))
                        ledger.put(FACTS, ("clean", "1"))
            super().close()
            self._hold.release()
            self._closed = True

    def _arrays_after(self, batch: Batch) -> _Arrays:
        """Return the arrays that there are once a batch is written; whatever cannot be written is refused here."""
        new = {layer.id for layer in batch.layers}
        arrays = {
            key: one for key, one in self._arrays.items() if key[0] not in new and key[0] not in batch.removed
        }
        for layer in batch.layers:
            for array in layer.arrays:
                dtype_of(array)
                arrays[layer.id, array.name] = array
        return arrays

    def _view_after(self, batch: Batch) -> ViewState | None:
        """How the layers are looked at; what is not open now keeps its place."""
        if batch.view is None:
            return None
        with suppress(InputError):  # what is damaged is replaced
            if (before := self.view()) is not None:
                return batch.view.keeping(before, batch.removed)
        return batch.view

    def _write_layers(self, ledger: Ledger, layers: Sequence[LayerState], removed: set[str]) -> None:
        for layer in layers:
            ledger.put_layer(layer)
            now = {array.name: array for array in layer.arrays}
            for (owner, name), before in self._arrays.items():
                if owner == layer.id and owner not in removed and now.get(name) != before:
                    for table in (BANDS, TILES):
                        ledger.drop(table, (layer.id, name))

    @contextmanager
    def _changing(self) -> Iterator[Ledger]:
        """One transaction: everything in the block is on disk when it ends well, nothing of it otherwise."""
        self._check_place()
        try:
            with self._reading() as connection:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    ledger = Ledger(connection)
                    yield ledger
                    ledger.settle()
                    connection.execute("COMMIT")
                except BaseException:
                    # Some errors end the transaction themselves.
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
        except InputError:
            self._check_place()
            raise
        self._check_place()

    def _check_place(self) -> None:
        """SQLite would go on writing into a file that nobody can find any more."""
        if self._closed:
            raise self._closed_error()
        self._gone = self._gone or not self._hold.is_at_its_place or _identity(self.path) != self._identity
        if self._gone:
            raise GoneError(
                f"{self.path} was deleted or replaced; it is made anew, or choose another workspace."
            )


def lock_path(path: Path) -> Path:
    """Return the lock file of a session."""
    return path.with_suffix(".lock")


def hold(path: Path) -> Hold:
    """Take hold of a session.

    Raises
    ------
    InputError
        When another has it open, or the folder cannot be written to.
    """
    try:
        return Hold(lock_path(path), _PATIENCE_S)
    except BlockingIOError as error:
        raise InputError(
            f"The session {path.stem} is open in another napari; close it there, or choose another."
        ) from error
    except OSError as error:
        raise InputError(
            f"The workspace {path.parent} cannot be written to ({error.strerror}); allow it, or choose another."
        ) from error


def _identity(path: Path) -> tuple[int, int] | None:
    # As long as it is open, its inode is not given to another file.
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino


def _packed(tile: Tile, arrays: _Arrays) -> bytes | None:
    key = tile.key
    array = arrays.get((key.layer, key.array))
    if array is None:
        raise ValueError(f"The tile {key} belongs to no array of this session.")
    rows, columns = window_of(array, key)
    expected = (rows.stop - rows.start, columns.stop - columns.start)
    if tile.values.shape != expected or tile.values.dtype != dtype_of(array):
        raise ValueError(
            f"The tile {key} is {tile.values.dtype} {tile.values.shape}, but {array.dtype} {expected} belongs there."
        )
    return encode(tile.values, array)


def _row(edit: Edit) -> tuple[object, ...]:
    plane, box = plane_text(edit.plane), map(int, edit.box)
    return edit.at, edit.layer, edit.tool, plane, *box, int(edit.pixels), edit.seconds


def _write_tiles(ledger: Ledger, packed: Sequence[tuple[TileKey, bytes | None]], arrays: _Arrays) -> None:
    """Write tiles, and note in their bands which hold something."""
    bands: dict[Key, bytearray] = {}
    for key, blob in packed:
        place = (key.layer, key.array, plane_text(key.plane), key.row)
        if place not in bands:
            held = ledger.one(BANDS, place)
            bands[place] = bytearray(held or band_width(arrays[key.layer, key.array]))
        if blob is None:
            ledger.drop(TILES, (*place, key.column))
            bands[place][key.column] = 0
        else:
            bands[place][key.column] = mark_of(ledger.put(TILES, (*place, key.column, blob)))
    for place, marks in bands.items():
        ledger.put(BANDS, (*place, bytes(marks)))

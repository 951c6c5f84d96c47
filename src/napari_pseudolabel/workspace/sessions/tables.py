"""The SQLite file of a session: its tables, how it is opened, and what its errors mean."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_pseudolabel.errors import InputError

SUFFIX = ".sqlite"
_APPLICATION_ID = 0x50534C42  # "PSLB"
_VERSION = 1
_TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE layers (id TEXT PRIMARY KEY, state TEXT NOT NULL);
CREATE TABLE tiles (
    layer TEXT NOT NULL, array TEXT NOT NULL, plane TEXT NOT NULL, "row" INTEGER NOT NULL,
    "column" INTEGER NOT NULL, packed BLOB NOT NULL, PRIMARY KEY (layer, array, plane, "row", "column")
);
CREATE TABLE edits (
    number INTEGER PRIMARY KEY, "at" REAL NOT NULL, layer TEXT NOT NULL, tool TEXT NOT NULL,
    plane TEXT NOT NULL, y0 INTEGER NOT NULL, x0 INTEGER NOT NULL, y1 INTEGER NOT NULL, x1 INTEGER NOT NULL,
    pixels INTEGER NOT NULL, seconds REAL NOT NULL
);
"""
# Another process reads or writes for milliseconds; whoever holds the file longer than this hangs.
_PATIENCE_S = 5.0


class GoneError(InputError):
    """The file of a session was deleted or replaced, or its folder was."""


def make(path: Path) -> None:
    """Make the file of an empty session, begun now.

    Raises
    ------
    sqlite3.Error
        When it cannot be written.
    """
    # A file that nobody knows yet needs no journal on the disk.
    connection = _connect(path, "rwc", "MEMORY")
    try:
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.executescript(f"BEGIN; {_TABLES}")
        now = str(time.time())
        facts = (("created", now), ("saved", now), ("clean", "0"))
        connection.executemany("INSERT INTO facts VALUES (?, ?)", facts)
        connection.execute("COMMIT")
    finally:
        connection.close()


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open a session only to look at it, also while another process writes it.

    Raises
    ------
    sqlite3.Error, InputError
        When it cannot be read, or is not a session.
    """
    # Not "ro": what a killed process has left half written must be taken back before it can be read.
    connection = _checked(path, _connect(path, "rw"))
    connection.execute("PRAGMA query_only = ON")
    return connection


def open_to_write(path: Path) -> sqlite3.Connection:
    """Open a session to change it, after a look at its soundness.

    Raises
    ------
    sqlite3.Error, InputError
        When it cannot be read, is damaged, or is not a session.
    """
    connection = _checked(path, _connect(path, "rw"))
    try:
        if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("database disk image is malformed")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn errors of SQLite into sentences for the person.

    Raises
    ------
    InputError
        With what is wrong and what to do.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise InputError(_sentence(path, error)) from error


def _connect(path: Path, mode: str, journal: str = "TRUNCATE") -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_PATIENCE_S,
        isolation_level=None,  # transactions are begun and ended by hand
        check_same_thread=False,
    )
    try:
        # A journal that is cut to nothing ends a transaction in one step on every file system, and what FULL has
        # written survives a loss of power.
        connection.execute(f"PRAGMA journal_mode = {journal}")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA trusted_schema = OFF")
    except BaseException:
        connection.close()
        raise
    return connection


def _checked(path: Path, connection: sqlite3.Connection) -> sqlite3.Connection:
    try:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    except BaseException:
        connection.close()
        raise
    if application == _APPLICATION_ID and version == _VERSION:
        return connection
    connection.close()
    if application == _APPLICATION_ID:
        raise InputError(f"{path.name} was written by a newer version of the plugin; update the plugin.")
    raise InputError(f"{path.name} is not a labelling session; choose another file.")


def _sentence(path: Path, error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith("SQLITE_FULL"):
        return (
            f"The disk with {path.parent} is full, so nothing more is saved; make room or choose another "
            "workspace."
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")):
        return f"{path} cannot be written to; allow it, or choose another workspace."
    if name.startswith("SQLITE_CANTOPEN"):
        return f"{path} cannot be opened or made; allow it, or choose another workspace."
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"Another program keeps {path} busy; close it, or try again in a moment."
    if name.startswith("SQLITE_IOERR"):
        return (
            f"{path} cannot be read or written because the disk does not answer or is full; make room, or "
            "choose another workspace."
        )
    if name.startswith("SQLITE_NOTADB"):
        return f"{path.name} is not a labelling session, or it is damaged; bring it back from a backup."
    return f"{path.name} is damaged ({error}); bring it back from a backup, or go on in a new session."

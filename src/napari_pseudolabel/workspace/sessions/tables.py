"""The SQLite file of a session: how it is made and opened, whether it is sound, and what its errors mean."""

from __future__ import annotations

import mmap
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from pydantic import ValidationError

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.workspace.plain_files import check_plain
from napari_pseudolabel.workspace.sessions.carving import PAGE, rows_in
from napari_pseudolabel.workspace.sessions.ledger import Ledger
from napari_pseudolabel.workspace.sessions.mending import Remains, mend, upgraded
from napari_pseudolabel.workspace.sessions.rows import FACTS, HEADED, SUM_BYTES, TABLES, mixed

SUFFIX = ".sqlite"
_ID = 0x50534C42  # "PSLB"
_VERSION = 2
_SCHEMA = tuple(table.sql for table in TABLES)
# Sessions of the first version had no sums of rows.
_FIRST_SCHEMA = (
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE layers (id TEXT PRIMARY KEY, state TEXT NOT NULL)",
    """CREATE TABLE tiles (
    layer TEXT NOT NULL, array TEXT NOT NULL, plane TEXT NOT NULL, "row" INTEGER NOT NULL,
    "column" INTEGER NOT NULL, packed BLOB NOT NULL, PRIMARY KEY (layer, array, plane, "row", "column")
)""",
    """CREATE TABLE edits (
    number INTEGER PRIMARY KEY, "at" REAL NOT NULL, layer TEXT NOT NULL, tool TEXT NOT NULL,
    plane TEXT NOT NULL, y0 INTEGER NOT NULL, x0 INTEGER NOT NULL, y1 INTEGER NOT NULL, x1 INTEGER NOT NULL,
    pixels INTEGER NOT NULL, seconds REAL NOT NULL
)""",
)
# Another process reads or writes for milliseconds; whoever holds the file longer than this hangs.
_PATIENCE_S = 5.0
# No value that we write is larger.
_LARGEST = 2**28
# Steps of SQLite's machine for each byte of a file, far more than looking at all of it takes; and how often it asks.
_STEPS_PER_BYTE, _STEPS_AT_LEAST, _STEPS_BETWEEN = 2, 50_000_000, 100_000
_MAGIC = b"SQLite format 3\0"
# A file may be compressed on the disk, but it does not shrink to nothing.
_HOLES = 100
# Of the last bytes of a journal that tells SQLite to delete another file; ours never do.
_SUPER_JOURNAL = bytes.fromhex("d9d505f920a163d7")
# So much of a text or a header may differ before it is another one instead of a damaged one.
_DAMAGED_BITS, _DAMAGED_LETTERS = 8, 8


class GoneError(InputError):
    """The file of a session was deleted or replaced, or its folder was."""


class _DamagedError(Exception):
    """The file is a session, but not sound."""


def make(path: Path) -> None:
    """Make the file of an empty session, begun now.

    Raises
    ------
    sqlite3.Error
        When it cannot be written.
    """
    # A file that nobody knows yet needs no journal on the disk.
    with closing(_connect(path, "rwc", "MEMORY")) as connection:
        _make_tables(connection)
        ledger = Ledger(connection)
        now = str(time.time())
        for fact in (("created", now), ("saved", now), ("clean", "0")):
            ledger.put(FACTS, fact)
        ledger.settle()
        connection.execute("COMMIT")


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open a session only to read it, also while another process writes it.

    What is left of a damaged one is read from memory; the file stays as it is.

    Raises
    ------
    sqlite3.Error, InputError
        When it cannot be read, is not a session, or nothing of it is left.
    """
    connection, fill = _opened(path)
    if connection is None:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        try:
            _filled(connection, fill, path)
        except BaseException:
            connection.close()
            raise
    connection.execute("PRAGMA query_only = ON")
    return connection


def open_to_write(path: Path) -> sqlite3.Connection:
    """Open a session to change it. Only its owner may do so.

    A damaged one is replaced by what is left of it, and kept beside it as ``NAME.damaged``.

    Raises
    ------
    sqlite3.Error, InputError
        When it cannot be read or written, is not a session, or nothing of it is left.
    """
    connection, fill = _opened(path)
    if connection is not None:
        return connection
    temporary = temporary_path(path)
    temporary.unlink(missing_ok=True)
    try:
        with closing(_connect(temporary, "rwc", "MEMORY")) as made:
            damaged = _filled(made, fill, path)
        if damaged:
            _keep_aside(path)
        # What SQLite would take back with it belongs to the old file.
        journal_path(path).unlink(missing_ok=True)
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(
            f"{path} cannot be mended ({error.strerror}); allow it, make room, or choose another workspace."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return _connect(path, "rw")


def open_to_look(path: Path) -> sqlite3.Connection:
    """Open a session for a list: quickly, without a look at whether all of it is sound.

    Raises
    ------
    sqlite3.Error, InputError
        When it cannot be read, is not a session, or its head is damaged.
    """
    _check_files(path)
    version = _version(path)
    connection = _connect(path, "rw")
    try:
        connection.execute("PRAGMA query_only = ON")
        _check_schema(connection, path, version)
        if version == _VERSION:
            rows = connection.execute("SELECT * FROM facts").fetchall()
            if len(Remains(rows).of(FACTS)) != len(rows):
                raise _DamagedError
    except _DamagedError as error:
        connection.close()
        raise InputError(f"{path.name} is damaged; open it to bring back what is left.") from error
    except BaseException:
        connection.close()
        raise
    return connection


def temporary_path(path: Path) -> Path:
    """Where a session is made before it appears. Whoever left one behind without a lock on it was killed."""
    return path.with_name(f".{path.name}.tmp")


def journal_path(path: Path) -> Path:
    """Return the file in which SQLite keeps what it needs to take a transaction back."""
    return path.with_name(f"{path.name}-journal")


@contextmanager
def explained_errors(path: Path) -> Iterator[None]:
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
    except MemoryError as error:
        raise InputError(
            f"{path.name} does not fit into memory; close something, then open it again."
        ) from error


_Fill = Callable[[sqlite3.Connection], tuple[int, bool]]


def _opened(path: Path) -> tuple[sqlite3.Connection | None, _Fill]:
    """Return a sound session of today; or None, and what writes it anew: it returns the layers, and whether it was damaged."""

    def first(target: sqlite3.Connection) -> tuple[int, bool]:
        with closing(_connect(path, "rw")) as source:
            try:
                remains = Remains(upgraded(source))
            except (ValidationError, ValueError, TypeError) as error:
                raise _nothing_left(path, error) from error
        return mend(target, remains, path.name, damaged=False), False

    def carved(target: sqlite3.Connection) -> tuple[int, bool]:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            remains = Remains(rows_in(data))
        return mend(target, remains, path.name, damaged=True), True

    _check_files(path)
    version = _VERSION
    try:
        version = _version(path)
        connection = _connect(path, "rw")
        try:
            connection.execute("BEGIN")
            _check_schema(connection, path, version)
            _check_sound(connection, path, version)
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        if version == _VERSION:
            return connection, carved
        connection.close()
        return None, first
    except _DamagedError:
        return None, carved
    except sqlite3.Error as error:
        if not _is_damage(error):
            raise
        if version != _VERSION:
            raise _nothing_left(path, error) from error
        return None, carved


def _filled(connection: sqlite3.Connection, fill: _Fill, path: Path) -> bool:
    _make_tables(connection)
    layers, damaged = fill(connection)
    if damaged and not layers:
        raise _nothing_left(path)
    connection.execute("COMMIT")
    return damaged


def _make_tables(connection: sqlite3.Connection) -> None:
    """Make the tables of an empty session, in a transaction that goes on."""
    connection.execute(f"PRAGMA page_size = {PAGE}")
    connection.execute(f"PRAGMA application_id = {_ID}")
    connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("BEGIN")
    for statement in _SCHEMA:
        connection.execute(statement)


def _connect(path: Path, mode: str, journal: str = "TRUNCATE") -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_PATIENCE_S,
        isolation_level=None,  # transactions are begun and ended by hand
        check_same_thread=False,
    )
    try:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST)
        connection.execute("PRAGMA trusted_schema = OFF")
        # A journal that is cut to nothing ends a transaction in one step on every file system, and what FULL has
        # written survives a loss of power.
        connection.execute(f"PRAGMA journal_mode = {journal}")
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def _check_files(path: Path) -> None:
    """Refuse what SQLite must not see: anything but files, and a journal that names other files."""
    journal = journal_path(path)
    for one in (path, journal, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        check_plain(one)
    with suppress(OSError):
        state = path.stat()
        held = getattr(state, "st_blocks", state.st_size) * 512
        if state.st_size > _HOLES * (held + 2**20):
            raise InputError(
                f"{path.name} claims to be much larger than what it holds; bring it back from a backup."
            )
    with suppress(OSError), journal.open("rb") as file:
        file.seek(-len(_SUPER_JOURNAL), os.SEEK_END)
        if file.read() == _SUPER_JOURNAL:
            raise InputError(f"{journal} was not written by this plugin; move it away.")


def _version(path: Path) -> int:
    """Return the version of a session, out of its first bytes.

    Raises
    ------
    InputError
        When it is no session, or one of a newer version.
    _DamagedError
        When it is a session, but its first bytes are damaged.
    """
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except OSError as error:
        raise InputError(
            f"{path} cannot be opened ({error.strerror}); allow it, or choose another workspace."
        ) from error
    ours = _MAGIC + _ID.to_bytes(4, "big")
    found = head[:16] + head[68:72]
    version = int.from_bytes(head[60:64], "big")
    if len(found) < len(ours) or _bits(found, ours) > _DAMAGED_BITS:
        what = "" if head[:16] == _MAGIC else ", or it is damaged; bring it back from a backup"
        raise InputError(f"{path.name} is not a labelling session{what or '; choose another file'}.")
    # Pages of 4096 bytes, a journal, text in UTF-8; only the first version took whatever SQLite took.
    usual = head[16:24] == bytes.fromhex("1000010100402020") and head[56:60] == b"\0\0\0\1"
    if found != ours or not 0 < version < 256 or (version == _VERSION and not usual):
        raise _DamagedError
    if version > _VERSION:
        raise InputError(f"{path.name} was written by a newer version of the plugin; update the plugin.")
    return version


def _check_schema(connection: sqlite3.Connection, path: Path, version: int) -> None:
    """Before anything else is asked: a file may hold programs under the names of our tables."""
    with closing(sqlite3.connect(":memory:")) as model:
        for statement in _SCHEMA if version == _VERSION else _FIRST_SCHEMA:
            model.execute(statement)
        query = "SELECT type || ' ' || name || ' ' || tbl_name || ' ' || ifnull(sql, '') FROM sqlite_master"
        expected = sorted(text for (text,) in model.execute(query))
        found = [text for (text,) in connection.execute(f"{query} LIMIT {len(expected) + 1}")]
    if sorted(map(str, found)) == expected:
        return
    others = [
        text for text in map(str, found) if all(_letters(text, ours) > _DAMAGED_LETTERS for ours in expected)
    ]
    if others:
        raise InputError(
            f"{path.name} holds something that no labelling session does ({' '.join(others[0].split()[:2])!r}), so "
            "it is not opened; bring it back from a backup."
        )
    raise _DamagedError


def _check_sound(connection: sqlite3.Connection, path: Path, version: int) -> None:
    """Look at every row and its sum."""
    left = [max(_STEPS_AT_LEAST, _STEPS_PER_BYTE * path.stat().st_size)]

    def too_long() -> bool:
        left[0] -= _STEPS_BETWEEN
        return left[0] < 0

    connection.set_progress_handler(too_long, _STEPS_BETWEEN)
    try:
        if connection.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok":
            raise _DamagedError
        if version == _VERSION:
            heads = {row[0]: row for row in connection.execute("SELECT * FROM heads")}
            if len(Remains(heads.values()).of(TABLES[-1])) != len(HEADED):
                raise _DamagedError
            for table in HEADED:
                rows, total = 0, bytes(SUM_BYTES)
                for row in connection.execute(f"SELECT * FROM {table.name}"):
                    if not table.holds(row) or table.sum_of(row[:-2], row[-2]) != row[-1]:
                        raise _DamagedError
                    rows, total = rows + 1, mixed(total, row[-1])
                if (rows, total) != heads[table.name][1:3]:
                    raise _DamagedError
    finally:
        connection.set_progress_handler(None, 0)


def _keep_aside(path: Path) -> None:
    number, aside = 1, path.with_suffix(".damaged")
    while os.path.lexists(aside):
        number += 1
        aside = path.with_name(f"{path.stem}-{number}.damaged")
    try:
        os.link(path, aside)
    except OSError:  # a file system without links
        shutil.copy2(path, aside)


def _bits(one: bytes, other: bytes) -> int:
    return sum((a ^ b).bit_count() for a, b in zip(one, other, strict=True))


def _letters(one: str, other: str) -> int:
    """In how many letters two texts differ."""
    return abs(len(one) - len(other)) + sum(a != b for a, b in zip(one, other, strict=False))


def _is_damage(error: sqlite3.Error) -> bool:
    name = getattr(error, "sqlite_errorname", "") or ""
    harmless = ("FULL", "READONLY", "PERM", "AUTH", "CANTOPEN", "BUSY", "LOCKED", "IOERR", "NOMEM")
    return (
        not name.startswith(tuple(f"SQLITE_{one}" for one in harmless)) or name == "SQLITE_IOERR_SHORT_READ"
    )


def _nothing_left(path: Path, error: Exception | None = None) -> InputError:
    reason = f" ({type(error).__name__})" if error else ""
    return InputError(
        f"{path.name} is damaged or was written by another version{reason}; "
        "bring it back from a backup, or go on in a new session."
    )


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

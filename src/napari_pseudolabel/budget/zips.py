"""Zip archives of limited contents, which no two readers can read differently."""

from __future__ import annotations

import os
import struct
import zipfile
from pathlib import Path

from napari_pseudolabel.budget.files import in_words, open_regular
from napari_pseudolabel.budget.limits import BUDGET
from napari_pseudolabel.errors import FileError

_END = struct.Struct("<4s4H2IH")
_FAR_END = struct.Struct("<4sQ2H2I4Q")
_LOCATOR_BYTES = 20
_ENTRY_BYTES = 46 + 256
_TAIL_BYTES = 128
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def open_zip(path: Path) -> zipfile.ZipFile:
    """Open a zip archive of a checkpoint, after its size, number of entries and contents were checked.

    Returns
    -------
    zipfile.ZipFile
        To be closed by the caller. No two names are equal, whatever the case of their letters; no two
        entries share data.

    Raises
    ------
    FileError
        If it is no regular file, damaged, or beyond the BUDGET.
    OSError
        If it cannot be reached.
    """
    with open_regular(path, BUDGET.file_bytes) as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - _TAIL_BYTES))
        table = _table_bytes(file.read(_TAIL_BYTES), path)
        if table > min(size, BUDGET.entries * _ENTRY_BYTES):
            raise FileError(
                f"{path.name} is an archive of more than {BUDGET.entries:,} files; it was not read."
            )
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, IndexError, EOFError):
        raise _damaged(path) from None
    try:
        _check_entries(archive, path, size)
    except BaseException:
        archive.close()
        raise
    return archive


def _table_bytes(tail: bytes, path: Path) -> int:
    """Size of the table of contents: the last record of the file, which has no comment, tells."""
    if len(tail) < _END.size or not tail[-_END.size :].startswith(b"PK\5\6") or tail[-2:] != b"\0\0":
        raise _damaged(path)
    (_, _, _, _, _, table, _, _) = _END.unpack(tail[-_END.size :])
    far = tail[: -_END.size]
    if far[-_LOCATOR_BYTES:].startswith(b"PK\6\7"):
        record = far[-_LOCATOR_BYTES - _FAR_END.size : -_LOCATOR_BYTES]
        if len(record) != _FAR_END.size or not record.startswith(b"PK\6\6"):
            raise _damaged(path)
        table = _FAR_END.unpack(record)[8]
    return int(table)


def _check_entries(archive: zipfile.ZipFile, path: Path, size: int) -> None:
    entries = archive.infolist()
    if len(entries) > BUDGET.entries:
        raise FileError(f"{path.name} is an archive of more than {BUDGET.entries:,} files; it was not read.")
    if len({entry.filename.lower() for entry in entries}) != len(entries):
        raise FileError(f"{path.name} is an archive that holds two files of one name; it was not read.")
    if any(entry.flag_bits & 1 or entry.compress_type not in _METHODS for entry in entries):
        raise FileError(f"{path.name} is an archive that is encrypted or packed in an unusual way; not read.")
    if sum(entry.compress_size for entry in entries) > size or any(
        entry.header_offset + entry.compress_size > size for entry in entries
    ):
        raise _damaged(path)
    total = sum(entry.file_size for entry in entries)
    if total > BUDGET.growth * size:
        raise FileError(
            f"{path.name} has {in_words(size)} but would unpack to {in_words(total)}; it was not read."
        )
    stored = (entry for entry in entries if entry.compress_type == zipfile.ZIP_STORED)
    if any(entry.file_size != entry.compress_size for entry in stored):
        raise _damaged(path)


def _damaged(path: Path) -> FileError:
    return FileError(f"{path.name} is incomplete or damaged; copy or download it again.")

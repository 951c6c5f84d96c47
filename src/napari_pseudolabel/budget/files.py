"""Open files that are files: no pipes, no devices, nothing larger than asked for or than the machine can hold."""

from __future__ import annotations

import os
import stat
from io import BufferedReader
from itertools import islice
from pathlib import Path

from psutil import virtual_memory

from napari_pseudolabel.budget.limits import BUDGET
from napari_pseudolabel.errors import FileError, InputError

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def in_words(size: float) -> str:
    """Bytes for a person: "312 bytes", "4.0 TB"."""
    if size < 1000:
        return f"{size:.0f} bytes"
    for unit in ("kB", "MB", "GB", "TB"):
        size /= 1000
        if size < 1000:
            return f"{size:.1f} {unit}"
    return f"{size:.2g} TB"


def check_regular(path: str | Path, most: int = BUDGET.file_bytes) -> int:
    """Ask whether something is a regular file of at most `most` bytes; it is not opened.

    Returns
    -------
    int
        Its size in bytes.

    Raises
    ------
    FileError
        If it is a pipe, a device, a folder or too large.
    OSError
        If there is nothing, or it cannot be reached.
    """
    return _checked(os.stat(path), Path(path), most)


def _checked(status: os.stat_result, path: Path, most: int) -> int:
    if not stat.S_ISREG(status.st_mode):
        kind = next((words for is_kind, words in _KINDS if is_kind(status.st_mode)), "no file")
        raise FileError(f"{path.name} is {kind}, where a file was expected; choose a file.")
    if status.st_size > most:
        raise FileError(
            f"{path.name} has {in_words(status.st_size)}, more than the {in_words(most)} that are read of "
            "such a file; choose another one."
        )
    return status.st_size


def open_regular(path: str | Path, most: int = BUDGET.file_bytes) -> BufferedReader:
    """Open a regular file for reading; raises as `check_regular` does, and never waits for a writer."""
    check_regular(path, most)  # before opening: to open a device can do something
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        _checked(os.fstat(number), Path(path), most)  # it may have been replaced meanwhile
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise


def read_bytes(path: str | Path, most: int = BUDGET.json_bytes) -> bytes:
    """Read a small file as a whole; raises as `check_regular` does."""
    with open_regular(path, most) as file:
        content = file.read(most + 1)
    if len(content) > most:  # files of /proc say that they have no size
        raise FileError(f"{Path(path).name} does not end; choose another file.")
    return content


def read_text(path: str | Path, most: int = BUDGET.json_bytes) -> str:
    """Read a small UTF-8 file as a whole.

    Raises
    ------
    FileError
        As `check_regular` does, or if it is not UTF-8.
    """
    try:
        return read_bytes(path, most).decode("utf-8")
    except UnicodeDecodeError:
        raise FileError(f"{Path(path).name} is not a text in UTF-8; correct or replace it.") from None


def listed(folder: Path) -> list[Path]:
    """Entries of a folder, unsorted.

    Raises
    ------
    FileError
        If there are more than the budget allows.
    """
    found = list(islice(folder.iterdir(), BUDGET.items + 1))
    if len(found) > BUDGET.items:
        raise FileError(f"{folder.name} holds more than {BUDGET.items:,} files; choose a smaller folder.")
    return found


def free_memory() -> int:
    """Bytes of memory that can be had without swapping."""
    return int(virtual_memory().available)


def check_memory(size: int, what: str) -> None:
    """Refuse to read what the memory cannot hold, before a byte of it is read.

    Parameters
    ----------
    size
        Bytes.
    what
        Beginning of the sentence: "A plane of cells.zarr".

    Raises
    ------
    InputError
        If there is less memory than that.
    """
    if size > 2**20 and size > (free := free_memory()):
        raise InputError(
            f"{what} takes {in_words(size)} of memory, but {in_words(free)} are free; choose a part of it, a "
            "coarser level, or a larger machine."
        )

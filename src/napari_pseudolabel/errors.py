"""Errors whose text is written for the person: one sentence, what is wrong and what to do."""

from __future__ import annotations

import errno
from collections.abc import Sequence


class PseudolabelError(Exception):
    """Base of every error that is shown to the person as it is, without a traceback."""


class InputError(PseudolabelError, ValueError):
    """An image, a label file, a parameter or a combination of them cannot be used."""


class SeveralImages(InputError):
    """A file holds several images of which none stands for the others, and nobody said which is meant."""

    def __init__(self, sentence: str, names: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.names = tuple(names)
        """Of the images in their order; empty where one has none."""


class CheckpointError(PseudolabelError, ValueError):
    """A file or folder is not a checkpoint we can load, or it does not match its card."""


class FileError(InputError, CheckpointError):
    """A file of any kind is no regular file, costs more than its budget, or is no text we can read."""


class DeviceError(PseudolabelError, RuntimeError):
    """The requested device is missing, or every back-off step has run out of memory."""


class WorkerError(PseudolabelError, RuntimeError):
    """A worker process cannot be started or reached, or has died more than once at the same work."""


class ElsewhereError(PseudolabelError):
    """The file of an image does not look here as it did where it was described; whoever asked sends the pixels instead."""


class Cancelled(PseudolabelError):
    """The person cancelled the job; nothing was written."""

    def __init__(self, sentence: str = "Cancelled; nothing was changed.") -> None:
        super().__init__(sentence)


# What pathlib raises for links that lead to themselves, and for the home of nobody.
_NO_PATH = ("Symlink loop", "Could not determine home directory")
_FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
# How torch says it, on a CPU and on others.
_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc")


def message_for(error: BaseException) -> str | None:
    """Return what a person is told about an error of any kind.

    Returns
    -------
    str or None
        One sentence; None if it is a mistake of ours, about which a person can do nothing but report it.
    """
    if isinstance(error, PseudolabelError):
        return str(error)
    if isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)
    ):
        return (
            "There is not enough memory for this; close other programs, or choose a smaller image, region or tile, "
            "or a coarser level."
        )
    if isinstance(error, RuntimeError) and str(error).startswith(_NO_PATH):
        return f"A path leads nowhere ({error}); check it."
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        if error.errno in _FULL:
            return f"{where}{error.strerror or error}: the disk, or what you may use of it, is full; make room, then do the same again."
        return f"{where}{error.strerror or error}; check the path and its permissions."
    return None

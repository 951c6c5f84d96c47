"""One writer at a time, over all processes that have a workspace open."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from napari_pseudolabel.errors import InputError

if os.name == "nt":
    import msvcrt

    def _try_lock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]

    def _unlock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined,unused-ignore]

else:
    import fcntl

    def _try_lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)


_PATIENCE_S = 10.0
_LOOK_AGAIN_S = 0.01


@contextmanager
def locked(path: Path, patience_s: float = _PATIENCE_S) -> Iterator[None]:
    """Hold the lock file `path`, which is made if it is missing; its folder must exist.

    The system lets go of the lock when a process ends, however it ends. The file stays, because
    removing it would let two others hold "the" lock at once.

    Raises
    ------
    InputError
        When another process does not let go within `patience_s` seconds, or the file cannot be made.
    """
    try:
        file = path.open("ab")
    except OSError as error:
        raise InputError(
            f"The workspace {path.parent} cannot be written to ({error.strerror}); choose another folder."
        ) from error
    with file:
        _wait(file, path, time.monotonic() + patience_s)
        try:
            yield
        finally:
            _unlock(file)


def _wait(file: IO[bytes], path: Path, until: float) -> None:
    while True:
        try:
            return _try_lock(file)
        except OSError as error:
            if time.monotonic() > until:
                raise InputError(
                    f"Another program has been writing to the workspace {path.parent} for too long; "
                    "close it, or try again in a moment."
                ) from error
            time.sleep(_LOOK_AGAIN_S)

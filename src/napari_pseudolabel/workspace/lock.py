"""One writer at a time, over all processes that have a workspace open."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.workspace.plain_files import check_plain

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
        When another process does not let go within `patience_s` seconds, the file cannot be made, or something else
        than a plain file lies there.
    """
    try:
        hold = Hold(path, patience_s)
    except BlockingIOError as error:
        raise InputError(
            f"Another program has been writing to the workspace {path.parent} for too long; "
            "close it, or try again in a moment."
        ) from error
    except OSError as error:
        raise InputError(
            f"The workspace {path.parent} cannot be written to ({error.strerror}); choose another folder."
        ) from error
    try:
        yield
    finally:
        hold.release()


class Hold:
    """A lock file that is held until `release`, or until the process ends, however it ends.

    Parameters
    ----------
    path
        Made if it is missing; its folder must exist.
    patience_s
        How long to wait for others to let go of it.

    Raises
    ------
    BlockingIOError
        When another holds it for longer.
    OSError
        When the file cannot be made.
    InputError
        When something else than a plain file lies there.
    """

    def __init__(self, path: Path, patience_s: float = 0.0) -> None:
        self.path = path
        self._file: IO[bytes] | None = None
        until = time.monotonic() + patience_s
        while self._file is None:
            file = _opened(path)
            try:
                _try_lock(file)
                # Whoever held it may have removed the file in the meantime; then it guards nothing any more.
                if _is_at(file, path):
                    self._file = file
                    return
            except (BlockingIOError, PermissionError):
                pass  # the second is how Windows says it
            finally:
                if self._file is None:
                    file.close()
            if time.monotonic() > until:
                raise BlockingIOError(errno.EAGAIN, "held by another", str(path))
            time.sleep(_LOOK_AGAIN_S)

    @property
    def is_at_its_place(self) -> bool:
        """False once the file was deleted or replaced: others can hold "the" lock then as well."""
        return self._file is not None and _is_at(self._file, self.path)

    def release(self) -> None:
        """Let go; may be called any number of times."""
        file, self._file = self._file, None
        if file is not None:
            with file:
                _unlock(file)


def _opened(path: Path) -> IO[bytes]:
    """Return the lock file, made if it is missing; anything that is no plain file could hold us for ever, or lead elsewhere."""
    check_plain(path)
    # Whoever puts something else there in this instant.
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    return open(path, "ab", opener=lambda name, given: os.open(name, given | flags, 0o666))


def _is_at(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False

"""Folders for temporary files of worker processes; those that a killed process left are cleared by the next one."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX = "napari-pseudolabel-workers-"
_LOCK = ".lock"


class Scratch:
    """A folder of its own, locked as long as this process lives.

    Attributes
    ----------
    folder
        Below the folder for temporary files.
    """

    def __init__(self) -> None:
        _clear(Path(tempfile.gettempdir()))
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._lock = FileLock(self.folder / _LOCK)
        self._lock.acquire(timeout=0)

    def remove(self) -> None:
        """Remove the folder; may be called twice."""
        self._lock.release()
        shutil.rmtree(self.folder, ignore_errors=True)


def _clear(parent: Path) -> None:
    """Remove the folders whose processes are gone."""
    for folder in parent.glob(f"{PREFIX}*"):
        # One without a lock was made this moment, or is not ours.
        if folder.is_symlink() or not (folder / _LOCK).is_file():
            continue
        lock = FileLock(folder / _LOCK)
        try:
            lock.acquire(timeout=0)
        except (Timeout, OSError):  # in use, or somebody else's
            continue
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)

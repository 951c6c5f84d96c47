"""The sessions of a workspace."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.workspace.lock import Hold
from napari_pseudolabel.workspace.sessions import tables
from napari_pseudolabel.workspace.sessions.content import SessionContent
from napari_pseudolabel.workspace.sessions.file import SessionFile, hold, lock_path
from napari_pseudolabel.workspace.sessions.tables import SUFFIX, journal_path
from napari_pseudolabel.workspace.sessions.values import Summary


@dataclass(frozen=True)
class SessionInfo:
    """What a list tells about a session.

    Attributes
    ----------
    id, path
        Its name and its file.
    title
        Names of the images; empty if there are none.
    created, saved
        When it was begun, and when something was written last; in UTC.
    clean
        False for one that was not closed by the person: napari was killed, or still runs.
    in_use
        True for one that a process has open, this one included.
    share_corrected, share_confirmed
        Of the pixels, 0 to 1.
    edits, layers
        How many there are.
    bytes
        Size on disk.
    note
        A sentence about what is wrong with the file; empty if nothing is. Where `layers` are left, it can be opened.
    """

    id: str
    path: Path
    title: str
    created: datetime
    saved: datetime
    clean: bool
    in_use: bool
    share_corrected: float
    share_confirmed: float
    edits: int
    bytes: int
    layers: int = 0
    note: str = ""

    @property
    def state(self) -> Literal["closed", "not closed properly", "open in napari", "damaged"]:
        """In words, for a list."""
        if self.note:
            return "damaged"
        if self.in_use:
            return "open in napari"
        return "closed" if self.clean else "not closed properly"


class Sessions:
    """The sessions in a folder, each in a file of its own.

    Several programs may use the same folder; a session is open in one of them at a time, and can be read by all.

    Parameters
    ----------
    folder
        Made by the first `create`.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def create(self) -> SessionFile:
        """Begin a session, ``<date>-<n>``.

        Raises
        ------
        InputError
            When it cannot be made.
        """
        return SessionFile.create(self.folder)

    def open(self, id: str) -> SessionFile:
        """Go on with a session.

        Raises
        ------
        InputError
            When there is none of that name, another has it open, it is damaged, or it cannot be written to.
        """
        path = self._path(id)
        held = hold(path)
        try:
            with tables.explained_errors(path):
                return SessionFile(path, held)
        except BaseException:
            held.release()
            raise

    def read(self, id: str) -> SessionContent:
        """Look at a session, which another may have open and which may not be written to.

        Raises
        ------
        InputError
            When there is none of that name, or it cannot be read.
        """
        path = self._path(id)
        with tables.explained_errors(path):
            return SessionContent(path, tables.open_to_read(path))

    def list(self) -> tuple[SessionInfo, ...]:
        """All sessions, the one that was saved last first. A damaged one has a note, and comes behind the others.

        Raises
        ------
        InputError
            When the folder is there, but cannot be read.
        """
        try:
            paths = [one for one in self.folder.iterdir() if one.suffix == SUFFIX and one.name[0] != "."]
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise InputError(
                f"{self.folder} cannot be read ({error.strerror}); allow it, or choose another workspace."
            ) from error
        found = (_info(path) for path in paths)
        # A session may be removed while the others are read.
        present = (info for info in found if info)
        return tuple(sorted(present, key=lambda info: (not info.note, info.saved, info.id), reverse=True))

    def remove(self, id: str) -> None:
        """Delete a session, a damaged one as well.

        Raises
        ------
        InputError
            When there is none of that name, another has it open, or it cannot be deleted.
        """
        path = self._path(id)
        held = hold(path)
        try:
            for one in (journal_path(path), path, lock_path(path)):
                one.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(
                f"The session {id} cannot be deleted ({error.strerror}); allow it, or delete {path} yourself."
            ) from error
        finally:
            held.release()

    def clear(self) -> None:
        """Remove what killed processes have left: sessions that were never complete, and locks and journals of none."""
        sides = {
            ".lock": lock_path,
            f"{SUFFIX}-journal": journal_path,
            f"{SUFFIX}.tmp": tables.temporary_path,
        }
        with suppress(OSError, InputError):
            names = [one.name for one in self.folder.iterdir()]
            for suffix in sides:
                for name in names:
                    path = self.folder / f"{name.removesuffix(suffix).removeprefix('.')}{SUFFIX}"
                    if name.endswith(suffix) and sides[suffix](path).name == name:
                        _clear_beside(path)

    def _path(self, id: str) -> Path:
        path = self.folder / f"{id}{SUFFIX}"
        if Path(id).name != id or not path.is_file():
            raise InputError(f"There is no session {id} in {self.folder}; see the list of sessions.")
        return path


def _info(path: Path) -> SessionInfo | None:
    try:
        state = path.stat()
    except OSError:
        return None
    in_use, note = _in_use(path), ""
    try:
        facts, summary, edits, layers = _looked_at(path, tables.open_to_look)
    except InputError as error:
        note = str(error)
        try:  # What is left of it is worth a longer look.
            facts, summary, edits, layers = _looked_at(path, tables.open_to_read)
            note = f"{path.name} is damaged; open it to bring back what is left."
        except InputError:
            facts, summary, edits, layers = {}, Summary(), 0, 0
    created, saved = (_time(facts.get(name), state.st_mtime) for name in ("created", "saved"))
    return SessionInfo(
        path.stem,
        path,
        summary.title,
        created,
        saved,
        facts.get("clean") == "1",
        in_use,
        summary.share_corrected,
        summary.share_confirmed,
        edits,
        state.st_size,
        layers,
        note,
    )


def _looked_at(
    path: Path, opened: Callable[[Path], sqlite3.Connection]
) -> tuple[dict[str, str], Summary, int, int]:
    """Facts, summary, and how many edits and layers there are."""
    with tables.explained_errors(path), closing(SessionContent(path, opened(path))) as content:
        return content.facts(), content.summary(), content.count("edits"), content.count("layers")


def _clear_beside(path: Path) -> None:
    """Remove what lies beside the place of a session that nobody has open."""
    try:
        held = Hold(lock_path(path))
    except (OSError, InputError):
        return
    try:
        tables.temporary_path(path).unlink(missing_ok=True)
        if not os.path.lexists(path):
            for one in (journal_path(path), lock_path(path)):
                one.unlink(missing_ok=True)
    finally:
        held.release()


def _in_use(path: Path) -> bool:
    lock = lock_path(path)
    if not lock.exists():
        return False
    try:
        Hold(lock).release()
    except BlockingIOError:
        return True
    except (OSError, InputError):
        # Nobody can hold a lock in a folder that cannot be written to, or one that is no file.
        return False
    return False


def _time(text: str | None, otherwise: float) -> datetime:
    try:
        return datetime.fromtimestamp(float(text) if text else otherwise, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(otherwise, UTC)

"""The session that a viewer is recorded into, as the thread beside the window sees it."""

from __future__ import annotations

from pathlib import Path

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.viewer.recording.changed_tiles import Place
from napari_pseudolabel.viewer.recording.journal import Journal, Look
from napari_pseudolabel.workspace.sessions import Batch, GoneError, SessionFile, Sessions


class Writer:
    """Opens a session when there is something to write, and writes it; for one thread at a time.

    Parameters
    ----------
    sessions
        Where a new session is made.
    file
        A session to go on in, open already.
    wanted
        File of a session to go on in if nobody else has it open.

    Attributes
    ----------
    path
        Of the session; None before there is one.
    unwritten
        The last batch, if it could not be written and nobody has taken it back.
    """

    def __init__(
        self, sessions: Sessions, *, file: SessionFile | None = None, wanted: Path | None = None
    ) -> None:
        self.path = None if file is None else file.path
        self.unwritten: Batch | None = None
        self._sessions = sessions
        self._file = file
        self._wanted = wanted
        self._journal: Journal | None = None

    @property
    def bytes_written(self) -> int:
        """Size of all tiles that were written so far, compressed."""
        return 0 if self._journal is None else self._journal.bytes_written

    def write(self, batch: Batch) -> None:
        """Write a batch; what was left unwritten before is expected to be in it.

        Raises
        ------
        InputError
            When it cannot be written.
        GoneError
            When the session is gone; see `recreate`.
        """
        self.unwritten = batch
        self._opened().write(batch)
        self.unwritten = None

    def recreate(self) -> None:
        """Make a session anew that is gone; everything is to be written into it.

        Raises
        ------
        InputError
            When that is not possible; it can be tried again.
        """
        journal = self._opened()
        journal.file.recreate()
        journal.forget()
        self.path = journal.file.path

    def learn(self) -> bool:
        """Take note of a part of what was in the session before; False if there is nothing left to learn."""
        return self._journal is not None and self._journal.learn()

    def look(self, look: Look, seconds: float) -> list[Place]:
        """Go on with a look for a while; see `Journal.look`.

        Raises
        ------
        GoneError
            Also where nothing differs, but somebody has deleted the session.
        """
        if self.path is not None and not self.path.exists():
            raise GoneError(f"{self.path} was deleted; it is made anew, or choose another workspace.")
        return self._opened().look(look, seconds)

    def finish(self, last: Batch | None, *, anew: bool = False) -> None:
        """Write what is left, and close the session.

        Parameters
        ----------
        anew
            Whether `last` is everything, for a session that is gone.

        Raises
        ------
        InputError
            When something cannot be written; the session will be offered after the next start.
        GoneError
            When the session is gone; it can be tried `anew`.
        """
        try:
            if anew:
                self.recreate()
            elif self.unwritten is not None:
                self.write(self.unwritten)
            if last is not None or self._file is not None:
                # Also where nothing is left to write, somebody may have deleted the session.
                self.write(last or Batch())
        except GoneError:
            if not anew:
                raise
            self._close(finished=False)
            raise
        except InputError:
            self._close(finished=False)
            raise
        self._close(finished=True)

    def _close(self, *, finished: bool) -> None:
        if self._file is not None:
            self._file.close(finished=finished)

    def _opened(self) -> Journal:
        if self._file is None:
            self._file = self._open_wanted() or self._sessions.create()
            self.path = self._file.path
        if self._journal is None:
            self._journal = Journal(self._file)
        return self._journal

    def _open_wanted(self) -> SessionFile | None:
        wanted, self._wanted = self._wanted, None
        if wanted is None:
            return None
        try:
            return Sessions(wanted.parent).open(wanted.stem)
        except InputError:
            return None  # somebody else goes on in it, or it is gone: a new one then

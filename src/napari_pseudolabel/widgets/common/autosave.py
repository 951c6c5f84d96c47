"""Everything a person does in a viewer reaches the disk within two seconds, without their doing."""

from __future__ import annotations

from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.viewer.image_layers import unwrapped
from napari_pseudolabel.viewer.recording import SESSION_KEY, Restored, StoredSession, Writer, read, show
from napari_pseudolabel.widgets.common.job_runner import Failure
from napari_pseudolabel.widgets.common.saving import Saving, State
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor
from napari_pseudolabel.workspace.sessions import GoneError, SessionFile, SessionInfo, Sessions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.components import ViewerModel

    from napari_pseudolabel.workspace import Workspace

_PATIENCE_S = 2.0


class Autosave(QObject):
    """Records a viewer into a session of its workspace.

    There is no session before there is a Labels layer. What cannot be written stays to be written, and is
    tried again every few seconds.

    Parameters
    ----------
    viewer
        Whose layers are recorded, from `start` on.
    workspace
        Where its session is made.

    Attributes
    ----------
    state_changed
        Emitted with "saved", "saving" or "problem", and a sentence.
    offered
        Emitted when `offer` changes, or was declined.
    resumed
        Emitted with `viewer.recording.Restored` when a session was brought back.
    not_resumed
        Emitted with a sentence when `bring_back` failed.
    """

    state_changed = Signal(str, str)
    offered = Signal()
    resumed = Signal(object)
    not_resumed = Signal(str)

    def __init__(self, viewer: ViewerModel, workspace: Workspace) -> None:
        super().__init__()
        self._viewer = unwrapped(viewer)
        self._workspace = workspace
        self._executor: SerialExecutor | None = None
        self._saving: Saving | None = None
        # Must not be deleted in the thread, which may hold the last reference to one that has ended.
        self._past: dict[int, Saving] = {}
        self._offer: SessionInfo | None = None

    @property
    def state(self) -> State:
        """How it stands."""
        return "saved" if self._saving is None else self._saving.state

    @property
    def sentence(self) -> str:
        """What the state means."""
        return "Nothing is being saved yet." if self._saving is None else self._saving.sentence

    @property
    def path(self) -> Path | None:
        """File of the session that is recorded now; None if there is none yet."""
        return None if self._saving is None else self._saving.writer.path

    @property
    def bytes_written(self) -> int:
        """Size of all tiles that were written into the session so far, compressed."""
        return 0 if self._saving is None else self._saving.writer.bytes_written

    def start(self) -> None:
        """Begin to record, unless that was done before, and look for a session that was not closed properly."""
        if self._saving is not None:
            return
        workspace = self._workspace
        self._begin(Writer(workspace.sessions, wanted=_marked(self._viewer)))
        assert self._executor is not None
        self._executor.run(workspace.clear)
        self._executor.run(lambda: _not_closed(workspace.sessions), self._set_offer)

    def use(self, workspace: Workspace) -> None:
        """Go on in another workspace, with everything that is in the viewer."""
        if workspace.folder == self._workspace.folder:
            return
        self._workspace = workspace
        if self._saving is not None:
            self._end()
            self._begin(Writer(workspace.sessions))

    def resume(self, file: SessionFile, stored: StoredSession | None = None) -> Restored:
        """Bring a session back, and go on recording in it.

        Parameters
        ----------
        file
            The session; closed together with the autosave.
        stored
            What `viewer.recording.read` found in it, where that was done beside the window: it takes seconds
            for large images.

        Raises
        ------
        InputError
            When it cannot be read; everything is as before then.
        """
        stored = read(file) if stored is None else stored
        self._end()
        try:
            restored = show(self._viewer, stored)
        except BaseException:
            self._begin(Writer(self._workspace.sessions))
            raise
        self._begin(Writer(self._workspace.sessions, file=file), restored.ids)
        self._set_offer(None)
        self.resumed.emit(restored)
        return restored

    def bring_back(self, info: SessionInfo) -> None:
        """Open a session beside the window, and `resume` it."""
        if self._executor is None:
            return
        sessions = Sessions(info.path.parent)

        def opened() -> tuple[SessionFile, StoredSession]:
            file = sessions.open(info.id)
            try:
                return file, read(file)
            except BaseException:
                file.close(finished=False)
                raise

        self._executor.run(
            opened,
            lambda found: self._on_opened(*found),
            lambda failure: self.not_resumed.emit(failure.sentence),
        )

    def offer(self) -> SessionInfo | None:
        """Return the newest session that was not closed properly and that nobody has open; None if there is none."""
        return self._offer

    def decline(self) -> None:
        """Offer the session no more; it stays in the list of sessions."""
        info, self._offer = self._offer, None
        self.offered.emit()  # also where nothing is offered: what is said of one that was brought back goes everywhere
        if info is not None and self._executor is not None:
            sessions = Sessions(info.path.parent)
            self._executor.run(lambda: sessions.open(info.id).close())

    def flush(self) -> None:
        """Begin to save what there is, without waiting for it."""
        if self._saving is not None:
            self._saving.flush()

    def close(self, timeout: float = _PATIENCE_S) -> bool:
        """Save the last changes and end; may be called any number of times.

        Returns
        -------
        bool
            Whether everything is on disk. It is written beside the window, which waits `timeout` seconds for it.
        """
        saving, aside = self._saving, self._executor
        self._saving = self._executor = None
        if saving is None or aside is None:
            return True
        self._past[id(saving)] = saving
        last = saving.finish()
        if isinstance(_outcome(last, timeout), GoneError):
            last = saving.finish()
        error = _outcome(last, timeout)
        aside.shutdown(wait=False)
        return last.done() and error is None

    def _begin(self, writer: Writer, stored: Mapping[str, str] | None = None) -> None:
        if self._executor is None:
            self._executor = SerialExecutor("pseudolabel-autosave")
        self._saving = Saving(self._viewer, writer, self._executor, stored)
        self._saving.state_changed.connect(self.state_changed)
        self.state_changed.emit(self.state, self.sentence)
        self._saving.flush()

    def _end(self) -> None:
        """End the recording into a session, without waiting for it."""
        saving = self._saving
        if saving is not None and self._executor is not None:
            number = id(saving)
            self._past[number] = saving
            saving.finish()
            self._executor.run(lambda: None, lambda _: self._forget(number))

    def _forget(self, number: int) -> None:
        self._past.pop(number, None)

    def _on_opened(self, file: SessionFile, stored: StoredSession) -> None:
        if self._saving is None:
            file.close(finished=False)  # the window was closed meanwhile
            return
        try:
            self.resume(file, stored)
        except Exception as error:  # whatever napari raises at layers that it cannot show
            file.close(finished=False)
            self.not_resumed.emit(Failure.of(error).sentence)

    def _set_offer(self, info: SessionInfo | None) -> None:
        if info != self._offer:
            self._offer = info
            self.offered.emit()


def _not_closed(sessions: Sessions) -> SessionInfo | None:
    """Return the newest session that may hold something that nobody has seen since."""
    try:
        found = sessions.list()
    except InputError:
        return None  # whoever saves there is told
    return next((info for info in found if not (info.clean or info.in_use) and info.layers), None)


def _marked(viewer: ViewerModel) -> Path | None:
    """File of the session that layers of a viewer were read from by napari itself."""
    marks: list[JsonObject | None] = [layer.metadata.get(SESSION_KEY) for layer in viewer.layers]
    return next((Path(mark["path"]) for mark in marks if mark), None)


def _outcome(future: Future[None], timeout: float) -> BaseException | None:
    """Return the error of something that ends within `timeout` seconds."""
    wait_for([future], timeout)
    return future.exception() if future.done() else None

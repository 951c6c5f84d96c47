"""What the dock of sessions does; how it looks is in the view."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from qtpy.QtCore import QTimer, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QInputDialog, QMessageBox
from typing_extensions import override

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.viewer.recording import StoredSession, read
from napari_pseudolabel.widgets.common.autosave import Autosave
from napari_pseudolabel.widgets.common.dock_controller import DockController
from napari_pseudolabel.widgets.common.job_runner import Failure
from napari_pseudolabel.widgets.common.recent_choices import RecentChoices
from napari_pseudolabel.widgets.common.session import Session
from napari_pseudolabel.widgets.common.small_widgets import tip
from napari_pseudolabel.widgets.project import session_sentences
from napari_pseudolabel.widgets.project.view import ProjectView, SessionRow
from napari_pseudolabel.workspace import SessionFile, SessionInfo, Workspace

_REFRESH_MS = 10_000
_RECENT = "workspace"


class ProjectController(DockController):
    """Connects the view of the dock, and the workspace and the autosave of its viewer.

    Parameters
    ----------
    view
        The widgets.
    session
        What the docks of the viewer share.
    autosave
        Records the viewer.
    recent
        Where the workspaces used lately are kept.
    """

    view: ProjectView

    def __init__(
        self, view: ProjectView, *, session: Session, autosave: Autosave, recent: RecentChoices
    ) -> None:
        super().__init__(None, view)
        self._session = session
        self._autosave = autosave
        self._remembered = recent
        self._found: tuple[SessionInfo, ...] = ()
        self._opening = ""
        self._opened: str | None = None
        self._clock = QTimer(self)
        self._clock.setInterval(_REFRESH_MS)
        self._clock.timeout.connect(self.refresh)
        view.chosen.connect(self._show_hint)
        view.open_button.clicked.connect(lambda: self.open())
        view.remove_button.clicked.connect(self.remove)
        view.reveal_button.clicked.connect(self._reveal)
        view.new_button.clicked.connect(self._create)
        view.browse_pressed.connect(self._browse)
        view.workspace_chosen.connect(self.change)

    @override
    def start(self) -> None:
        super().start()
        self._clock.start()
        self.refresh()

    @override
    def closed(self) -> None:
        self._clock.stop()

    def refresh(self) -> None:
        """Read the name of the workspace and the list of its sessions."""
        workspace = self._session.workspace

        def read() -> tuple[str, tuple[SessionInfo, ...], list[tuple[str, str]]]:
            return session_sentences.workspace_name(workspace), workspace.sessions.list(), self._workspaces()

        def done(found: tuple[str, tuple[SessionInfo, ...], list[tuple[str, str]]]) -> None:
            name, self._found, known = found
            self.view.set_workspace(name, str(workspace.folder))
            self.view.set_workspaces(known)
            self._show_sessions()

        if self._active:
            self._executor.run(read, done, self.show_failure)

    def open(self, id: str | None = None) -> None:
        """Bring a session back, the chosen one unless another is named, and go on in it."""
        id = id or self.view.selected
        if id is None or self._opening or not self._active:
            return
        self._opening = id
        self.view.error.clear()
        self.view.set_status("Opening …")
        self._show_hint()
        sessions = self._session.workspace.sessions

        def work() -> tuple[SessionFile, StoredSession, str]:
            file = sessions.open(id)
            try:
                return file, read(file), file.summary().title
            except BaseException:
                file.close(finished=False)
                raise

        self._executor.run(work, self._on_opened, self._on_not_opened)

    def change(self, folder: str) -> None:
        """Work in another workspace."""

        def check() -> Workspace:
            workspace = Workspace.open(folder)
            if workspace.folder != Workspace.default().folder and not Workspace.is_workspace(folder):
                raise InputError(session_sentences.no_workspace(workspace.folder))
            return workspace

        self.view.error.clear()
        self._executor.run(check, self._use, self.show_failure)

    def remove(self) -> None:
        """Delete the chosen session, if the person says so."""
        info = self._chosen()
        if info is None:
            return
        question = session_sentences.remove_question(info, datetime.now(UTC))
        if QMessageBox.question(self.view, "Remove session", tip(question)) != QMessageBox.StandardButton.Yes:
            return
        sessions = self._session.workspace.sessions
        self.view.error.clear()

        def done(_: None) -> None:
            self.view.set_status(f"Removed {session_sentences.title(info)}.")
            self.refresh()

        self._executor.run(lambda: sessions.remove(info.id), done, self.show_failure)

    def _on_opened(self, opened: tuple[SessionFile, StoredSession, str]) -> None:
        file, stored, title = opened
        try:
            restored = self._autosave.resume(file, stored)
        except Exception as error:
            # It must not stay locked by a viewer that does not show it.
            file.close(finished=False)
            self._on_not_opened(Failure.of(error))
            return
        self._opening = ""
        self._opened = file.id
        self.view.set_status(session_sentences.opened(title or file.id, restored.missing))
        self.refresh()

    def _on_not_opened(self, failure: Failure) -> None:
        self._opening = ""
        self.view.set_status("")
        self.show_failure(failure)
        self.refresh()

    def _create(self) -> None:
        folder = QFileDialog.getExistingDirectory(self.view, "Folder of the new workspace")
        if not folder:
            return
        name, wanted = QInputDialog.getText(
            self.view, "New workspace", "What do you call this labelling effort?", text=Path(folder).name
        )
        if wanted:
            self.view.error.clear()
            self._executor.run(lambda: Workspace.create(folder, name), self._use, self.show_failure)

    def _browse(self) -> None:
        start = str(self._session.workspace.folder.parent)
        folder = QFileDialog.getExistingDirectory(self.view, "Folder of a workspace", start)
        if folder:
            self.change(folder)

    def _use(self, workspace: Workspace) -> None:
        self._session.workspace = workspace
        self._remembered.add_recent(_RECENT, str(workspace.folder))
        self.view.set_status("")
        self.refresh()

    def _reveal(self) -> None:
        folder = self._session.workspace.folder
        if folder.is_dir():
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
        else:
            self.view.set_status(f"{folder} is made with the first session.")

    def _workspaces(self) -> list[tuple[str, str]]:
        """Folders and names of the workspaces used lately, and of the default one."""
        default = Workspace.default()
        known = [(str(default.folder), "Default workspace")]
        for folder in self._remembered.recent(_RECENT):
            if folder != str(default.folder) and Workspace.is_workspace(folder):
                known.append((folder, session_sentences.workspace_name(Workspace(folder))))
        return known

    def _show_sessions(self) -> None:
        now = datetime.now(UTC)
        rows = [
            SessionRow(
                info.id,
                session_sentences.title(info),
                session_sentences.details(info, self._is_here(info), now),
                session_sentences.tooltip(info),
            )
            for info in self._found
        ]
        self.view.set_sessions(rows, self._opened)
        self._opened = None
        self._show_hint()

    def _show_hint(self) -> None:
        info = self._chosen()
        here = info is not None and self._is_here(info)
        hint = "Opening …" if self._opening else session_sentences.hint(info, here, len(self._found))
        self.view.set_hint(hint)
        self.view.remove_button.setEnabled(info is not None and not info.in_use and not self._opening)

    def _chosen(self) -> SessionInfo | None:
        return next((info for info in self._found if info.id == self.view.selected), None)

    def _is_here(self, info: SessionInfo) -> bool:
        return self._autosave.path == info.path

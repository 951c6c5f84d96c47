"""The dock of sessions as napari opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QWidget

from napari_pseudolabel.imports import imports_in_a_window

with imports_in_a_window():
    from napari_pseudolabel.widgets.common.dock import Dock
    from napari_pseudolabel.widgets.common.recent_choices import RecentChoices
    from napari_pseudolabel.widgets.project.controller import ProjectController
    from napari_pseudolabel.widgets.project.view import ProjectView
    from napari_pseudolabel.workspace import Workspace

if TYPE_CHECKING:
    import napari


class ProjectDock(Dock):
    """Open, list and remove labelling sessions, and change the workspace."""

    tab = "Sessions"
    view: ProjectView
    controller: ProjectController

    def __init__(self, napari_viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, ProjectView(), parent)
        autosave = self.session.autosave
        assert autosave is not None, "the session of a viewer records it"
        self.begin(
            ProjectController(self.view, session=self.session, autosave=autosave, recent=RecentChoices())
        )

    def open_session(self, workspace: Workspace, id: str) -> None:
        """Bring a session of a workspace back, and work in that workspace from now on."""
        if self.session.workspace.folder != workspace.folder:
            self.session.workspace = workspace
        self.controller.open(id)

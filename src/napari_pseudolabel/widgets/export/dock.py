"""The Export dock as napari opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QWidget

from napari_pseudolabel.imports import imports_in_a_window

with imports_in_a_window():
    from napari_pseudolabel.widgets.common.dock import Dock
    from napari_pseudolabel.widgets.common.job_runner import JobRunner
    from napari_pseudolabel.widgets.common.recent_choices import RecentChoices
    from napari_pseudolabel.widgets.export.controller import ExportController
    from napari_pseudolabel.widgets.export.view import ExportView

if TYPE_CHECKING:
    import napari


class ExportDock(Dock):
    """Write labels with their provenance to a file that other programs read."""

    tab = "Export"
    view: ExportView
    controller: ExportController

    def __init__(self, napari_viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, ExportView(), parent)
        background = JobRunner(self.session)
        self.begin(
            ExportController(
                napari_viewer,
                self.view,
                runner=background,
                recent=RecentChoices(),
                workspace=lambda: self.session.workspace,
            )
        )

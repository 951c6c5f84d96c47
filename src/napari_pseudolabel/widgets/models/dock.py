"""The Models dock as napari opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QWidget

from napari_pseudolabel.imports import imports_in_a_window

with imports_in_a_window():
    from napari_pseudolabel.widgets.common.dock import LongDock
    from napari_pseudolabel.widgets.common.job_runner import JobRunner
    from napari_pseudolabel.widgets.common.recent_choices import RecentChoices
    from napari_pseudolabel.widgets.models.controller import ModelsController
    from napari_pseudolabel.widgets.models.view import ModelsView

if TYPE_CHECKING:
    import napari


class ModelsDock(LongDock):
    """See which models there are, how good they are and where they came from; add and remove them."""

    tab = "Models"
    view: ModelsView
    controller: ModelsController

    def __init__(self, napari_viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, ModelsView(), parent)
        background, recent = JobRunner(self.session), RecentChoices()
        controller = ModelsController(
            napari_viewer, self.view, self.session, runner=background, recent=recent
        )
        self.session.models_added.connect(controller.refresh)
        self.begin(controller)

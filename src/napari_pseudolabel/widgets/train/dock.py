"""The Train dock as napari opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QWidget

from napari_pseudolabel.imports import imports_in_a_window

with imports_in_a_window():
    from napari_pseudolabel.widgets.common.dock import LongDock
    from napari_pseudolabel.widgets.common.job_runner import JobRunner
    from napari_pseudolabel.widgets.common.recent_choices import RecentChoices
    from napari_pseudolabel.widgets.train.controller import TrainController
    from napari_pseudolabel.widgets.train.view import TrainView

if TYPE_CHECKING:
    import napari


class TrainDock(LongDock):
    """Make a segmenter better from corrected labels, or a translator from unlabelled images."""

    tab = "Train"
    view: TrainView
    controller: TrainController

    def __init__(self, napari_viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, TrainView(), parent)
        self.begin(
            TrainController(
                napari_viewer,
                self.view,
                session=self.session,
                runner=JobRunner(self.session),
                recent=RecentChoices(),
                canvas_px=self.canvas_px,
            )
        )

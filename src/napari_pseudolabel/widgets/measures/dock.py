"""The Measure dock as napari opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QWidget
from typing_extensions import override

from napari_pseudolabel.imports import imports_in_a_window

with imports_in_a_window():
    from napari_pseudolabel.widgets.common.dock import LongDock
    from napari_pseudolabel.widgets.common.job_runner import JobRunner
    from napari_pseudolabel.widgets.measures.controller import MeasureController
    from napari_pseudolabel.widgets.measures.view import MeasureView

if TYPE_CHECKING:
    import napari


class MeasureDock(LongDock):
    """Measure objects, and see which of them are large, thick or round."""

    tab = "Measure"
    view: MeasureView
    controller: MeasureController

    def __init__(self, napari_viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, MeasureView(), parent)
        self.begin(
            MeasureController(
                napari_viewer,
                self.view,
                runner=JobRunner(self.session),
                canvas_px=self.canvas_px,
                make_overlay=self.make_overlay,
            )
        )

    @override
    def showEvent(self, event: QShowEvent | None) -> None:
        super().showEvent(event)
        self.controller.place()

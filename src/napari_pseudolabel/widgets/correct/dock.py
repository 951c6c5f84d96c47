"""The Correct dock as napari opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QWidget
from typing_extensions import override

from napari_pseudolabel.imports import imports_in_a_window

with imports_in_a_window():
    from napari_pseudolabel.widgets.common.dock import LongDock
    from napari_pseudolabel.widgets.common.job_runner import JobRunner
    from napari_pseudolabel.widgets.common.save_dot import SaveDot
    from napari_pseudolabel.widgets.correct.controller import CorrectController
    from napari_pseudolabel.widgets.correct.review import ReviewController
    from napari_pseudolabel.widgets.correct.spot_check.controller import SpotCheckController
    from napari_pseudolabel.widgets.correct.view import CorrectView

if TYPE_CHECKING:
    import napari


class CorrectDock(LongDock):
    """Turn pseudo labels into finished ones with little time."""

    tab = "Correct"
    view: CorrectView
    controller: CorrectController

    def __init__(self, napari_viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        self.view = CorrectView()
        super().__init__(napari_viewer, self.view, parent)
        self.controller = CorrectController(
            napari_viewer,
            self.view,
            session=self.session,
            runner=JobRunner(self.session),
            canvas_px=self.canvas_px,
            make_overlay=self.make_overlay,
        )
        autosave = self.session.autosave
        if autosave is not None:
            self.view.header.addWidget(SaveDot(autosave))
        self.review = ReviewController(self.controller.context, self.controller.focus)
        self.controller.add(self.review, self.review.keys())
        self.spot_check = SpotCheckController(self.controller.context)
        self.controller.add(self.spot_check)
        self.begin(self.controller)

    @override
    def showEvent(self, event: QShowEvent | None) -> None:
        super().showEvent(event)
        self.controller.place()

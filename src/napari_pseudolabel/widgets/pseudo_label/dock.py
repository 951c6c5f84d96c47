"""The Pseudo-label dock as napari opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QWidget

from napari_pseudolabel.imports import imports_in_a_window

with imports_in_a_window():
    from napari_pseudolabel.widgets.common.dock import Dock
    from napari_pseudolabel.widgets.common.job_runner import JobRunner
    from napari_pseudolabel.widgets.common.recent_choices import RecentChoices
    from napari_pseudolabel.widgets.pseudo_label.controller import PseudoLabelController
    from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView

if TYPE_CHECKING:
    import napari


class PseudoLabelDock(Dock):
    """Label an unlabelled image: translate and segment it, or train a segmenter on translated labelled images."""

    tab = "Label"
    view: PseudoLabelView
    controller: PseudoLabelController

    def __init__(self, napari_viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, PseudoLabelView(), parent)
        controller = PseudoLabelController(
            napari_viewer,
            self.view,
            runner=JobRunner(self.session),
            recent=RecentChoices(),
            canvas_px=self.canvas_px,
            make_overlay=self.make_overlay,
            workspace=lambda: self.session.workspace,
        )
        self.session.segmenter_changed.connect(controller.use_segmenter)
        self.session.models_added.connect(controller.list_models)
        self.view.workers.follow(self.session)
        self.begin(controller)

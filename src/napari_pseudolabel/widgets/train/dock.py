"""The Train dock as napari opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.utils.theme import get_theme
from qtpy.QtCore import QSize
from qtpy.QtWidgets import QStyle, QWidget

from napari_pseudolabel.widgets.common.background import Background
from napari_pseudolabel.widgets.common.dock import Dock
from napari_pseudolabel.widgets.common.remembered import Remembered
from napari_pseudolabel.widgets.common.session import Session
from napari_pseudolabel.widgets.train.controller import TrainController
from napari_pseudolabel.widgets.train.view import TrainView

if TYPE_CHECKING:
    import napari


_WIDTH = 304


class TrainDock(Dock):
    """Make a segmenter better from corrected labels, or a translator from unlabelled images."""

    def __init__(self, napari_viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        self.view = TrainView()
        super().__init__(napari_viewer, self.view, parent)
        # The dock holds on to the session; it is gone with the last dock of the viewer.
        self.session = Session.of(napari_viewer)
        self.controller = TrainController(
            napari_viewer,
            self.view,
            session=self.session,
            background=Background(self.session),
            remembered=Remembered(),
            canvas_px=self.canvas_px,
        )
        self.begin(self.controller)

    def sizeHint(self) -> QSize:
        return super().sizeHint().expandedTo(QSize(_WIDTH, 0))

    def minimumSizeHint(self) -> QSize:
        # The curves make the content longer than the window may be, and nothing shall lie behind the scroll bar.
        bar = self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
        hint = super().minimumSizeHint()
        return QSize(max(hint.width() + bar, _WIDTH), hint.height())

    def _restyle(self, event: Any = None) -> None:
        super()._restyle(event)
        colours = get_theme(self._viewer.theme)
        self.view.set_ink(str(colours.text.as_hex("long"))[:7])

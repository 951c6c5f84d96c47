"""A dot that shows whether the person's work is saved."""

from __future__ import annotations

from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from napari_pseudolabel.widgets.common.autosave import Autosave
from napari_pseudolabel.widgets.common.saving import State
from napari_pseudolabel.widgets.common.small_widgets import tip

_SIDE_PX = 14
# Told apart by all eyes, and by their shapes: a disc, a ring, a disc with a mark.
_COLOURS: dict[State, str] = {"saved": "#009e73", "saving": "#56b4e9", "problem": "#d55e00"}
_TITLES: dict[State, str] = {"saved": "Saved", "saving": "Saving", "problem": "Not saved"}


class SaveDot(QWidget):
    """Small enough for the corner of a dock; its tooltip says more.

    Parameters
    ----------
    autosave
        What it shows the state of.
    """

    def __init__(self, autosave: Autosave) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._state: State = "saved"
        self._autosave = autosave
        autosave.state_changed.connect(self._show)
        self._show()

    @property
    def state(self) -> State:
        """What it shows."""
        return self._state

    @override
    def sizeHint(self) -> QSize:
        return QSize(_SIDE_PX, _SIDE_PX)

    @override
    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = QColor(_COLOURS[self._state])
        disc = QRectF(2, 2, _SIDE_PX - 4, _SIDE_PX - 4)
        painter.setPen(QPen(colour, 2))
        if self._state != "saving":
            painter.setBrush(colour)
        painter.drawEllipse(disc)
        if self._state == "problem":
            painter.setPen(QColor("white"))
            painter.drawText(disc, Qt.AlignmentFlag.AlignCenter, "!")
        painter.end()

    def _show(self, *_: str) -> None:
        self._state = self._autosave.state
        self.setToolTip(tip(self._autosave.sentence))
        self.setAccessibleName(_TITLES[self._state])
        self.update()

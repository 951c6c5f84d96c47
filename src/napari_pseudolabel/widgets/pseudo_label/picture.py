"""The strategy as a small picture: your image, what becomes of it, the labels on your image."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from napari_pseudolabel.labels.classes import OKABE_ITO

# Centre x, centre y and radius of the fibres, in units of the side of a panel.
_FIBRES = ((0.27, 0.3, 0.2), (0.72, 0.27, 0.17), (0.34, 0.75, 0.18), (0.77, 0.71, 0.21))


class Picture(QWidget):
    """Three panels with arrows between them and captions under them."""

    _SIDE = 44

    def __init__(self) -> None:
        super().__init__()
        self._captions = ("", "", "")
        self._named = ("", "")
        self._translates = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_captions(self, captions: tuple[str, str, str], *, translates: bool) -> None:
        """Say what the panels are; with a translator its modalities stand there where they are known."""
        self._captions, self._translates = captions, translates
        self.update()

    def set_modalities(self, source: str, target: str) -> None:
        """Name the modalities of the chosen translator; empty where unknown."""
        self._named = (source, f"as {target}" if target else "")
        self.update()

    @property
    def captions(self) -> tuple[str, str, str]:
        """What stands under the panels."""
        if not self._translates:
            return self._captions
        first, second, third = self._captions
        return self._named[0] or first, self._named[1] or second, third

    @override
    def changeEvent(self, event: QEvent | None) -> None:
        # napari's style sheet, and with it the size of the captions, comes after the first layout.
        if event is not None and event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self.updateGeometry()
        super().changeEvent(event)

    @override
    def sizeHint(self) -> QSize:
        return QSize(240, self._SIDE + self.fontMetrics().height() + 3)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(200, self.sizeHint().height())

    @override
    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink = self.palette().windowText().color()
        step = self.width() / 3
        for number, caption in enumerate(self.captions):
            middle = step * (number + 0.5)
            panel = QRectF(middle - self._SIDE / 2, 0, self._SIDE, self._SIDE)
            self._panel(painter, panel, number)
            below = QRectF(middle - step / 2, self._SIDE + 2, step, self.fontMetrics().height() + 1)
            painter.setPen(ink)
            fitted = self.fontMetrics().elidedText(caption, Qt.TextElideMode.ElideRight, int(step))
            painter.drawText(below, Qt.AlignmentFlag.AlignCenter, fitted)
            if number:
                self._arrow(painter, middle - step / 2, ink)
        painter.end()

    def _panel(self, painter: QPainter, panel: QRectF, number: int) -> None:
        painter.save()
        painter.setClipRect(panel)
        # Back-scattered electrons show myelin bright, transmitted ones show it dark.
        ground, sheath, axon = [
            ("#606060", "#d8d8d8", "#484848"),
            ("#c4c4c4", "#303030", "#dedede"),
            ("#606060", OKABE_ITO[0], OKABE_ITO[1]),
        ][number]
        painter.fillRect(panel, QColor(ground))
        painter.setPen(Qt.PenStyle.NoPen)
        for x, y, radius in _FIBRES:
            centre = QPointF(panel.x() + x * panel.width(), panel.y() + y * panel.height())
            for share, colour in ((1.0, sheath), (0.66, axon)):
                painter.setBrush(QColor(colour))
                painter.drawEllipse(centre, radius * share * panel.width(), radius * share * panel.height())
        painter.restore()

    def _arrow(self, painter: QPainter, x: float, ink: QColor) -> None:
        y = self._SIDE / 2
        painter.setPen(QPen(ink, 1.5))
        painter.drawLine(QPointF(x - 8, y), QPointF(x + 8, y))
        painter.drawLine(QPointF(x + 3, y - 5), QPointF(x + 8, y))
        painter.drawLine(QPointF(x + 3, y + 5), QPointF(x + 8, y))

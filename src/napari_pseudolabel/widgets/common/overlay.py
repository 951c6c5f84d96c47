"""What is drawn over the canvas without a layer: lines under way, the object in focus, a word to the person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QObject, QPointF, QRectF, Qt
from qtpy.QtGui import (
    QBrush,
    QColor,
    QImage,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
    QTransform,
)
from qtpy.QtWidgets import QWidget
from typing_extensions import override

from napari_pseudolabel.widgets.common.debouncer import Debouncer

if TYPE_CHECKING:
    from napari.components import ViewerModel

_TOAST_MS = 2600
_LINE = QColor("#f0e442")
_FOCUS = QColor("#ffffff")
# What is drawn over images without labels, where white is easily lost.
_YELLOW = ("line", "size", "missed", "clicks", "proposal")
_SHADOW = QColor(0, 0, 0, 160)
_PLATE = QColor(20, 20, 24, 215)
_WARNING = QColor("#ffbe50")
_VEIL = QColor(20, 20, 24, 90)
_HATCHING = QColor(255, 255, 255, 150)

World = Sequence[tuple[float, float]]
"""Corners of a line: world coordinates of the two displayed axes."""


@dataclass(frozen=True)
class Mark:
    """A line over the canvas.

    Attributes
    ----------
    lines
        In world coordinates; they stay with the image when the camera moves.
    dashed
        For what is only pointed at.
    text
        Stands under the lines; empty for none.
    """

    lines: tuple[World, ...]
    dashed: bool = False
    text: str = ""


@dataclass(frozen=True, eq=False)
class Hatched:
    """A part of an image that is hatched.

    Attributes
    ----------
    mask
        (h, w) bool, in the pixels of the image or coarser ones.
    corners
        World coordinates of its first corner, of the end of its first row, and of the end of its first column.
    """

    mask: NDArray[np.bool_]
    corners: World


@dataclass(frozen=True, eq=False)
class Tinted:
    """Pixels of an image that are coloured.

    Attributes
    ----------
    colours
        (h, w) uint32, premultiplied ARGB, in the pixels of the image or coarser ones; 0 is nothing.
    corners
        As of `Hatched`.
    """

    colours: NDArray[np.uint32]
    corners: World


class Overlay(QWidget):
    """A transparent sheet on the canvas of a viewer; the mouse goes through it.

    A layer for the same would take napari a quarter of a second to add and again to remove.

    Parameters
    ----------
    viewer
        Whose camera the marks follow.
    canvas
        The widget that is drawn upon.
    """

    def __init__(self, viewer: ViewerModel, canvas: QWidget) -> None:
        super().__init__(canvas)
        self._viewer = viewer
        self._marks: dict[str, Mark] = {}
        self._hatched: Hatched | None = None
        self._tinted: Tinted | None = None
        self._toast, self._warns = "", False
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self._fall_silent = Debouncer(lambda: self.say(""), _TOAST_MS, self)
        canvas.installEventFilter(self)
        viewer.camera.events.connect(self._on_camera)
        self.setGeometry(canvas.rect())
        self.show()

    @property
    def marks(self) -> dict[str, Mark]:
        """What is drawn."""
        return dict(self._marks)

    @property
    def hatched(self) -> Hatched | None:
        """What is hatched."""
        return self._hatched

    def hatch(self, hatched: Hatched | None) -> None:
        """Hatch a part of the image instead of what was hatched before; None for nothing."""
        if hatched is not None or self._hatched is not None:
            self._hatched = hatched
            self.update()

    @property
    def tinted(self) -> Tinted | None:
        """What is coloured."""
        return self._tinted

    def tint(self, tinted: Tinted | None) -> None:
        """Colour pixels of the image instead of those before; None for none."""
        if tinted is not None or self._tinted is not None:
            self._tinted = tinted
            self.update()

    @property
    def toast(self) -> str:
        """What is said."""
        return self._toast

    def mark(self, name: str, mark: Mark | None) -> None:
        """Draw something under a name, or take it away."""
        if mark is None:
            self._marks.pop(name, None)
        else:
            self._marks[name] = mark
        self.update()

    def say(self, sentence: str, *, warns: bool = False) -> None:
        """Show a sentence for a moment."""
        self._toast, self._warns = sentence, warns
        if sentence:
            self._fall_silent()
        self.update()

    def end(self) -> None:
        """Take the sheet away."""
        self._viewer.camera.events.disconnect(self._on_camera)
        self.hide()
        self.deleteLater()

    @override
    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is not None and event.type() == QEvent.Type.Resize and isinstance(watched, QWidget):
            self.setGeometry(watched.rect())
        return super().eventFilter(watched, event)

    @override
    def paintEvent(self, event: QPaintEvent | None) -> None:
        if not self._marks and not self._toast and self._hatched is None and self._tinted is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        # Where the canvas shows several layers side by side, a place in the world has several on the canvas.
        if not self._viewer.grid.enabled and self._viewer.dims.ndisplay == 2:
            if self._hatched is not None:
                self._draw_hatched(painter, self._hatched)
            if self._tinted is not None:
                painter.save()
                self._draw_image(painter, self._tinted.colours, self._tinted.corners)
                painter.restore()
            for name, mark in self._marks.items():
                self._draw(painter, mark, _LINE if name in _YELLOW else _FOCUS)
        if self._toast:
            self._draw_toast(painter)
        painter.end()

    def _draw(self, painter: QPainter, mark: Mark, colour: QColor) -> None:
        for line in mark.lines:
            polygon = QPolygonF([QPointF(x, y) for y, x in self._on_canvas(line)])
            for ink, width in ((_SHADOW, 4.0), (colour, 1.8)):
                pen = QPen(ink, width)
                if mark.dashed:
                    pen.setDashPattern([3.0, 2.0])
                painter.setPen(pen)
                painter.drawPolyline(polygon)
        if mark.text and mark.lines:
            self._draw_text(painter, mark, colour)

    def _draw_text(self, painter: QPainter, mark: Mark, colour: QColor) -> None:
        """Write under the lines, or at the lower border where they reach beyond it."""
        places = np.concatenate([self._on_canvas(line) for line in mark.lines])
        margin, metrics = 4, painter.fontMetrics()
        width, height = metrics.horizontalAdvance(mark.text) + 2 * margin, metrics.height() + margin
        middle = float(places[:, 1].min() + places[:, 1].max()) / 2
        left = min(max(middle - width / 2, 0.0), max(self.width() - width, 0.0))
        top = min(float(places[:, 0].max()) + margin, float(self.height() - height))
        plate = QRectF(left, top, width, height)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(_SHADOW)
        painter.drawRoundedRect(plate, 3, 3)
        painter.setPen(colour)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawText(plate, int(Qt.AlignmentFlag.AlignCenter), mark.text)

    def _draw_hatched(self, painter: QPainter, hatched: Hatched) -> None:
        sheet = QPixmap(self.size())
        sheet.fill(Qt.GlobalColor.transparent)
        drawing = QPainter(sheet)
        inked = np.where(hatched.mask, np.uint32(0xFF000000), np.uint32(0))
        y, x = self._draw_image(drawing, inked, hatched.corners)
        drawing.resetTransform()
        # Only where something was drawn: a veil, so that lines are seen on bright images, and the lines.
        drawing.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
        drawing.fillRect(self.rect(), _VEIL)
        drawing.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceAtop)
        drawing.setBrushOrigin(QPointF(x, y))  # the lines move with the image
        drawing.fillRect(self.rect(), QBrush(_HATCHING, Qt.BrushStyle.BDiagPattern))
        drawing.end()
        painter.drawPixmap(0, 0, sheet)

    def _draw_image(
        self, painter: QPainter, colours: NDArray[np.uint32], corners: World
    ) -> tuple[float, float]:
        """Draw pixels where they lie, and return where the first one is on the canvas."""
        height, width = colours.shape
        first, along, down = self._on_canvas(corners)
        (y, x), right, below = first, (along - first) / width, (down - first) / height
        painter.setTransform(QTransform(right[1], right[0], below[1], below[0], x, y))
        form = QImage.Format.Format_ARGB32_Premultiplied
        painter.drawImage(0, 0, QImage(colours.tobytes(), width, height, 4 * width, form))
        return float(y), float(x)

    def _draw_toast(self, painter: QPainter) -> None:
        margin, most = 10, max(self.width() - 40, 40)
        flags = int(Qt.TextFlag.TextWordWrap)
        room = painter.fontMetrics().boundingRect(0, 0, most, self.height(), flags, self._toast)
        top = self.height() - room.height() - 3 * margin
        plate = QRectF(
            (self.width() - room.width()) / 2 - margin, top, room.width() + 2 * margin, room.height() + margin
        )
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(_PLATE)
        painter.drawRoundedRect(plate, 5, 5)
        painter.setPen(_WARNING if self._warns else QColor("white"))
        painter.drawText(plate, flags | int(Qt.AlignmentFlag.AlignCenter), self._toast)

    def _on_canvas(self, line: World) -> np.ndarray:
        """(N, 2) pixels of the canvas, down and right."""
        camera = self._viewer.camera
        away = (np.asarray(line, float) - np.asarray(camera.center[-2:], float)) * camera.zoom
        vertical, horizontal = camera.orientation2d
        signs = np.array([1 if str(vertical) == "down" else -1, 1 if str(horizontal) == "right" else -1])
        found: np.ndarray = away * signs + np.array([self.height(), self.width()]) / 2
        return found

    def _on_camera(self, event: object = None) -> None:
        if self._marks or self._hatched is not None or self._tinted is not None:
            self.update()

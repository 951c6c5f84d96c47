"""Small pictures side by side with a caption each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QImage, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from napari_pseudolabel.types import Array

_GAP = 4
_MOST_PX = 140


class PictureRows(QWidget):
    """Rows of pictures that share the width of the dock; the captions stand under the last row."""

    def __init__(self, tooltip: str) -> None:
        super().__init__()
        self._rows: list[list[QImage]] = []
        self._captions: tuple[str, ...] = ()
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setToolTip(tooltip)
        self.hide()

    @property
    def count(self) -> int:
        """Number of pictures shown."""
        return sum(len(row) for row in self._rows) if not self.isHidden() else 0

    def set_pictures(self, rows: Sequence[Sequence[NDArray[np.uint8]]], captions: Sequence[str]) -> None:
        """Show (H, W, 3) uint8 pictures, one list per row, with one caption per column."""
        self._rows = [[image_of(picture) for picture in row] for row in rows]
        self._captions = tuple(captions)
        self.setVisible(bool(rows))
        self.updateGeometry()
        self.update()

    def clear(self) -> None:
        """Show nothing and take no room."""
        self.set_pictures((), ())

    @override
    def sizeHint(self) -> QSize:
        return QSize(240, self.heightForWidth(self.width() or 280))

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(150, self.heightForWidth(150))

    @override
    def heightForWidth(self, width: int) -> int:
        side = self._side(width)
        return (side + _GAP) * len(self._rows) + self.fontMetrics().height() + 2

    def _side(self, width: int) -> int:
        columns = max(len(self._captions), 1)
        return max(min((width - _GAP * (columns - 1)) // columns, _MOST_PX), 1)

    @override
    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        side = self._side(self.width())
        left = (self.width() - (side + _GAP) * len(self._captions) + _GAP) // 2
        for number, row in enumerate(self._rows):
            for column, picture in enumerate(row):
                place = QRectF(left + column * (side + _GAP), number * (side + _GAP), side, side)
                painter.drawImage(_fitted(place, picture), picture)
        painter.setPen(self.palette().windowText().color())
        below = len(self._rows) * (side + _GAP) - _GAP + 2
        for column, caption in enumerate(self._captions):
            place = QRectF(left + column * (side + _GAP), below, side, self.fontMetrics().height() + 1)
            fitted = self.fontMetrics().elidedText(caption, Qt.TextElideMode.ElideRight, side)
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, fitted)
        painter.end()


def grey(values: Array, low: float = 0.0, high: float = 1.0) -> NDArray[np.uint8]:
    """(H, W) values as an (H, W, 3) picture; `low` is black and `high` white."""
    span = high - low or 1.0
    shades = np.clip((np.nan_to_num(np.asarray(values, np.float32)) - low) / span, 0, 1) * 255
    return np.repeat(shades.astype(np.uint8)[..., None], 3, axis=-1)


def image_of(picture: NDArray[np.uint8]) -> QImage:
    """Return an (H, W, 3) RGB picture as Qt draws it."""
    height, width = picture.shape[:2]
    pixels = np.ascontiguousarray(picture)
    # The copy owns its bytes; the array may go.
    return QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def _fitted(place: QRectF, picture: QImage) -> QRectF:
    """Return the part of a square in which a picture keeps its proportions."""
    scale = min(place.width() / picture.width(), place.height() / picture.height())
    width, height = picture.width() * scale, picture.height() * scale
    return QRectF(place.center().x() - width / 2, place.center().y() - height / 2, width, height)

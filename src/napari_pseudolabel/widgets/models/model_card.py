"""A model as a card with a picture: what it does to an image, how good it is, and where it came from."""

from __future__ import annotations

from qtpy.QtCore import QPointF, QSize, Qt
from qtpy.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen, QPolygonF, QRegion
from qtpy.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from napari_pseudolabel.labels.classes import OKABE_ITO
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.widgets.common.small_widgets import ElidedLabel, column, row
from napari_pseudolabel.widgets.models import model_sentences
from napari_pseudolabel.widgets.models.models_jobs import ListedModel

_SIDE = 52
_GROUND, _DARK, _BRIGHT = "#606060", "#303030", "#d8d8d8"
# Centre x, centre y and radius of the objects, in units of the side.
_OBJECTS = ((0.3, 0.33, 0.23), (0.74, 0.28, 0.15), (0.68, 0.72, 0.22), (0.25, 0.79, 0.13))


class ModelPicture(QWidget):
    """Objects on grey: labelled in the colours of the classes, or on one half as they are and on the other as they are made."""

    def __init__(self, card: Card | None) -> None:
        super().__init__()
        self._translates = card is not None and card.kind == "translator"
        shown = [one for one in card.classes if one.value] if card is not None else []
        self._colours = [one.color or OKABE_ITO[n % len(OKABE_ITO)] for n, one in enumerate(shown)]
        self.setFixedSize(QSize(_SIDE, _SIDE))

    @override
    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor(_GROUND))
        self._objects(painter, [_BRIGHT] if self._translates else self._colours or [_DARK])
        if self._translates:
            corners = (QPointF(_SIDE, 0), QPointF(_SIDE, _SIDE), QPointF(0, _SIDE))
            painter.save()
            painter.setClipRect(self.rect())
            painter.setPen(Qt.PenStyle.NoPen)
            half = QPolygonF(corners)
            painter.setBrush(QColor("#c4c4c4"))
            painter.drawPolygon(half)
            painter.setClipRegion(QRegion(half.toPolygon()))
            self._objects(painter, [_DARK])
            painter.restore()
            painter.setPen(QPen(QColor("white"), 1.5))
            painter.drawLine(QPointF(0, _SIDE), QPointF(_SIDE, 0))
        painter.end()

    def _objects(self, painter: QPainter, colours: list[str]) -> None:
        """Draw them; classes lie inside of each other, or side by side where there are many."""
        painter.setPen(Qt.PenStyle.NoPen)
        nested = colours[:2]
        for number, (x, y, radius) in enumerate(_OBJECTS):
            shades = nested if len(colours) < 3 else [colours[number % len(colours)]]
            for depth, colour in enumerate(shades):
                size = radius * _SIDE * (1 - 0.4 * depth)
                painter.setBrush(QColor(colour))
                painter.drawEllipse(QPointF(x * _SIDE, y * _SIDE), size, size)


class ModelCard(QWidget):
    """The picture with four lines beside it."""

    def __init__(self, model: ListedModel) -> None:
        super().__init__()
        self.ref = model.ref
        lines = []
        for text, name in (
            (model.title, "done"),
            (model_sentences.does(model), "done"),
            (model_sentences.quality(model), "done"),
            (model_sentences.origin(model), "muted"),
        ):
            line = ElidedLabel()
            line.setText(text)
            line.setObjectName(name)
            line.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            lines.append(line)
        bold = lines[0].font()
        bold.setBold(True)
        lines[0].setFont(bold)
        self.lines = tuple(lines)
        # Clicks are for the list.
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        row(ModelPicture(model.card), (column(*lines, spacing=0), 1), parent=self, spacing=8)

    @staticmethod
    def room(letters: QFontMetrics) -> QSize:
        """Return the least room for a card whose lines are written in such letters."""
        return QSize(200, max(_SIDE, 4 * letters.height()) + 12)

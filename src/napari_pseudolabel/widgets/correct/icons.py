"""Icons of the tools, drawn in the colour of the text so that they fit light and dark."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap

_SIZE = 24
# Drawn this much finer than shown, for screens with small pixels.
_FINER = 3
_FAINT = 0.35
_BLUE = "#56b4e9"
_ORANGE = "#e69f00"


class _Pen:
    """Lines and areas on a field of 24 by 24."""

    def __init__(self, painter: QPainter, ink: QColor) -> None:
        self._painter = painter
        self._ink = ink

    def line(self, *points: tuple[float, float], width: float = 1.8, colour: str | None = None) -> None:
        """A line through points."""
        path = QPainterPath(QPointF(*points[0]))
        for point in points[1:]:
            path.lineTo(QPointF(*point))
        self._stroke(path, width, colour)

    def circle(
        self,
        x: float,
        y: float,
        radius: float,
        *,
        fill: str | None = None,
        faint: bool = False,
        dashed: bool = False,
    ) -> None:
        """An outlined circle; filled with a colour, or faintly with the ink."""
        path = QPainterPath()
        path.addEllipse(QPointF(x, y), radius, radius)
        self._area(path, fill, faint)
        self._stroke(path, 1.8, None, dashed)

    def box(self, x: float, y: float, width: float, height: float, *, fill: str | None = None) -> None:
        """An outlined rectangle."""
        path = QPainterPath()
        path.addRoundedRect(QRectF(x, y, width, height), 1.5, 1.5)
        self._area(path, fill, False)
        self._stroke(path, 1.8, None)

    def dot(self, x: float, y: float, radius: float, colour: str | None = None) -> None:
        """A filled circle."""
        path = QPainterPath()
        path.addEllipse(QPointF(x, y), radius, radius)
        self._painter.fillPath(path, self._ink if colour is None else QColor(colour))

    def arc(self, x: float, y: float, radius: float, start: float, span: float) -> None:
        """Part of a circle, in degrees counter-clockwise from three o'clock."""
        box = QRectF(x - radius, y - radius, 2 * radius, 2 * radius)
        path = QPainterPath()
        path.arcMoveTo(box, start)
        path.arcTo(box, start, span)
        self._stroke(path, 1.8, None)

    def curve(self, *points: tuple[float, float]) -> None:
        """A curve: start, then two handles and an end for each piece."""
        path = QPainterPath(QPointF(*points[0]))
        for one, two, three in zip(points[1::3], points[2::3], points[3::3], strict=True):
            path.cubicTo(QPointF(*one), QPointF(*two), QPointF(*three))
        self._stroke(path, 1.8, None)

    def _stroke(self, path: QPainterPath, width: float, colour: str | None, dashed: bool = False) -> None:
        pen = QPen(self._ink if colour is None else QColor(colour), width)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        if dashed:
            pen.setDashPattern([1.6, 2.0])
        self._painter.strokePath(path, pen)

    def _area(self, path: QPainterPath, fill: str | None, faint: bool) -> None:
        if fill is not None:
            self._painter.fillPath(path, QColor(fill))
        elif faint:
            colour = QColor(self._ink)
            colour.setAlphaF(_FAINT)
            self._painter.fillPath(path, colour)


def _delete(pen: _Pen) -> None:
    pen.line((4, 6.5), (20, 6.5))
    pen.line((9, 6), (9.5, 3.5), (14.5, 3.5), (15, 6))
    pen.line((6, 7), (7, 20.5), (17, 20.5), (18, 7))
    pen.line((10, 10.5), (10.3, 17))
    pen.line((14, 10.5), (13.7, 17))


def _reassign(pen: _Pen) -> None:
    pen.circle(7.5, 12, 5, fill=_BLUE)
    pen.circle(16.5, 12, 5, fill=_ORANGE)
    pen.line((5, 3), (17.5, 3), width=1.5)
    pen.line((15, 1), (17.5, 3), (15, 5), width=1.5)


def _merge(pen: _Pen) -> None:
    pen.circle(7, 12, 5, faint=True)
    pen.circle(17, 12, 5, faint=True)
    pen.line((9, 12), (15, 12), width=3.5, colour=_BLUE)


def _split(pen: _Pen) -> None:
    pen.circle(12, 12, 8, faint=True)
    pen.line((5, 21), (19, 3), width=2.4, colour=_ORANGE)


def _fill_holes(pen: _Pen) -> None:
    pen.circle(12, 12, 8.5, faint=True)
    pen.circle(12, 12, 3.5, fill=_BLUE)


def _smooth(pen: _Pen) -> None:
    pen.line((2.5, 9), (5, 4), (8, 9), (11, 3.5), (14, 9), (17, 4.5), (21, 9), width=1.5)
    pen.curve((2.5, 19), (8, 12), (15.5, 12), (21.5, 19))


def _grow(pen: _Pen) -> None:
    pen.circle(12, 12, 9.5, dashed=True)
    pen.circle(12, 12, 5.5, faint=True)
    pen.line((12, 9.5), (12, 14.5))
    pen.line((9.5, 12), (14.5, 12))


def _shrink(pen: _Pen) -> None:
    pen.circle(12, 12, 9.5, faint=True)
    pen.circle(12, 12, 5.5, dashed=True)
    pen.line((9.5, 12), (14.5, 12))


def _remove_small(pen: _Pen) -> None:
    for x, y in ((6, 6), (13, 4.5), (5.5, 13.5)):
        pen.dot(x, y, 1.9)
    pen.circle(15.5, 14.5, 5.5, faint=True)
    pen.line((2, 17), (17, 2), width=1.8, colour=_ORANGE)


def _paste(pen: _Pen) -> None:
    pen.box(4.5, 4, 15, 17)
    pen.box(9, 2, 6, 4)
    pen.circle(12, 13.5, 4, fill=_BLUE)


def _smart_fill(pen: _Pen) -> None:
    pen.line((4, 20), (14, 10), width=2.6)
    for x, y, size in ((17, 6.5, 3.5), (8, 5, 2), (20, 15, 2)):
        pen.line((x - size, y), (x + size, y), width=1.5, colour=_ORANGE)
        pen.line((x, y - size), (x, y + size), width=1.5, colour=_ORANGE)


def _interpolate(pen: _Pen) -> None:
    for y, dashed in ((5.5, False), (12, True), (18.5, False)):
        if dashed:
            pen.line((6, y), (18, y), width=2.2, colour=_BLUE)
        else:
            pen.line((7, y - 2.5), (20, y - 2.5), (17, y + 2.5), (4, y + 2.5), (7, y - 2.5), width=1.6)


def _predict_again(pen: _Pen) -> None:
    pen.arc(12, 12.5, 8, 60, 290)
    pen.line((16.5, 1.5), (16.2, 6), (11.5, 5.5), width=1.8)


def _source_only(pen: _Pen) -> None:
    pen.box(3, 5, 18, 14)
    pen.circle(9, 12, 3, fill=_BLUE)
    pen.circle(16, 11, 2, fill=_BLUE)
    pen.line((3, 22), (21, 2), width=1.8, colour=_ORANGE)


def _focus(pen: _Pen) -> None:
    pen.dot(12, 12, 3, _BLUE)
    for x, y, dx, dy in ((4, 4, 1, 1), (20, 4, -1, 1), (4, 20, 1, -1), (20, 20, -1, -1)):
        pen.line((x + 4.5 * dx, y), (x, y), (x, y + 4.5 * dy))


def _confirm(pen: _Pen) -> None:
    pen.line((4, 13), (9.5, 18.5), (20, 6), width=2.4)


def _unconfirm(pen: _Pen) -> None:
    pen.arc(12.5, 13, 7, -90, 200)
    pen.line((9.5, 2.5), (5.5, 7.5), (11, 10), width=1.8)


_DRAWN: dict[str, Callable[[_Pen], None]] = {
    "delete": _delete,
    "reassign": _reassign,
    "merge": _merge,
    "split": _split,
    "fill_holes": _fill_holes,
    "smooth": _smooth,
    "grow": _grow,
    "shrink": _shrink,
    "remove_small": _remove_small,
    "paste": _paste,
    "smart_fill": _smart_fill,
    "interpolate": _interpolate,
    "predict_again": _predict_again,
    "source_only": _source_only,
    "focus": _focus,
    "confirm": _confirm,
    "unconfirm": _unconfirm,
}
NAMES: Sequence[str] = tuple(_DRAWN)


def icon(name: str, ink: str) -> QIcon:
    """An icon.

    Parameters
    ----------
    name
        One of `NAMES`.
    ink
        Colour of the lines, such as "#f0f1f2".
    """
    found = QIcon()
    for mode, alpha in ((QIcon.Mode.Normal, 1.0), (QIcon.Mode.Disabled, _FAINT)):
        pixmap = QPixmap(_SIZE * _FINER, _SIZE * _FINER)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setOpacity(alpha)
        painter.scale(_FINER, _FINER)
        _DRAWN[name](_Pen(painter, QColor(ink)))
        painter.end()
        found.addPixmap(pixmap, mode)
    return found


def swatch(colour: str) -> QIcon:
    """A square of one colour."""
    pixmap = QPixmap(_SIZE, _SIZE)
    pixmap.fill(QColor(colour))
    return QIcon(pixmap)

"""Icons of the tools, drawn in the colour of the text so that they fit light and dark."""

from __future__ import annotations

from importlib.resources import files

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap
from qtpy.QtSvg import QSvgRenderer

_SIZE = 24
# Drawn this much finer than shown, for screens with small pixels.
_FINER = 3
_FAINT = 0.35


def icon(name: str, ink: str) -> QIcon:
    """Draw an icon.

    Parameters
    ----------
    name
        Of a tool; ``NAME.svg`` lies beside this file.
    ink
        Colour of the lines, such as "#f0f1f2"; stands for ``currentColor``.
    """
    drawn = (files(__package__) / f"{name}.svg").read_text(encoding="utf-8").replace("currentColor", ink)
    picture = QSvgRenderer(drawn.encode())
    found = QIcon()
    for mode, alpha in ((QIcon.Mode.Normal, 1.0), (QIcon.Mode.Disabled, _FAINT)):
        pixmap = QPixmap(_SIZE * _FINER, _SIZE * _FINER)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setOpacity(alpha)
        picture.render(painter)
        painter.end()
        found.addPixmap(pixmap, mode)
    return found


def swatch(colour: str) -> QIcon:
    """Draw a square of one colour."""
    pixmap = QPixmap(_SIZE, _SIZE)
    pixmap.fill(QColor(colour))
    return QIcon(pixmap)

"""Lists to choose from and buttons that may be narrower than what they say."""

from __future__ import annotations

from html import escape

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QHelpEvent
from qtpy.QtWidgets import (
    QComboBox,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStyleOptionComboBox,
    QStylePainter,
    QToolTip,
)
from typing_extensions import override

_OPENS = QEvent.Type.MouseButtonPress, QEvent.Type.KeyPress
# What is beside an entry in an open list, and how wide such a list may be.
_BESIDE_PX, _WIDEST_PX = 24, 480
_RIM_PX = 4


def make_narrow(box: QComboBox, tooltip: str, cut: Qt.TextElideMode = Qt.TextElideMode.ElideRight) -> None:
    """Let a box never make its dock wider than it has to be: what it has no room for becomes an ellipsis, at the end or as `cut` says."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(6)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    box.setToolTip(tooltip)
    if (view := box.view()) is not None:
        view.setTextElideMode(cut)
    box.installEventFilter(_ElidedEntry(box))


def elided(box: QComboBox) -> str:
    """Return the entry of a box as it has room for it."""
    return _shown(box).currentText or ""


class ElidedButton(QPushButton):
    """A button whose title ends in an ellipsis where there is no room for it, as with large letters."""

    @override
    def initStyleOption(self, option: QStyleOptionButton | None) -> None:
        super().initStyleOption(option)
        if option is None or not option.text:
            return
        room = self.width() - _RIM_PX  # letters may lie upon what is left free around them
        if not option.icon.isNull():
            room -= option.iconSize.width() + 4
        option.text = self.fontMetrics().elidedText(option.text, Qt.TextElideMode.ElideRight, room)


class _ElidedEntry(QObject):
    """Draws the entry of a box, says it in the tooltip where it is cut, and opens a list as wide as its entries.

    Qt ends what it cuts in an ellipsis in lists, but in no closed box.
    """

    @override
    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if not isinstance(watched, QComboBox) or event is None:
            return False
        if event.type() == QEvent.Type.Paint:
            _paint(watched)
            return True
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            told = watched.toolTip()
            if elided(watched) == watched.currentText() or watched.currentText() in told:
                return False
            rich = told if told.startswith("<") else escape(told).replace("\n", "<br>")
            QToolTip.showText(
                event.globalPos(), f"<qt><b>{escape(watched.currentText())}</b><br>{rich}</qt>", watched
            )
            return True
        if event.type() in _OPENS and (view := watched.view()) is not None:
            view.setMinimumWidth(min(view.sizeHintForColumn(watched.modelColumn()) + _BESIDE_PX, _WIDEST_PX))
        return False


def _shown(box: QComboBox) -> QStyleOptionComboBox:
    """Return how a box is drawn."""
    drawn, style = QStyleOptionComboBox(), box.style()
    box.initStyleOption(drawn)
    if style is not None:
        part = QStyle.SubControl.SC_ComboBoxEditField
        room = style.subControlRect(QStyle.ComplexControl.CC_ComboBox, drawn, part, box).width()
        icon = 0 if drawn.currentIcon.isNull() else drawn.iconSize.width() + 4
        cut = Qt.TextElideMode.ElideRight if (view := box.view()) is None else view.textElideMode()
        text = box.fontMetrics().elidedText(drawn.currentText, cut, room - icon)
        drawn.currentText = text
    return drawn


def _paint(box: QComboBox) -> None:
    drawn, painter = _shown(box), QStylePainter(box)
    if box.currentIndex() < 0 and box.placeholderText():
        drawn.currentText = box.fontMetrics().elidedText(
            box.placeholderText(), Qt.TextElideMode.ElideRight, drawn.rect.width()
        )
    painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, drawn)
    painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, drawn)

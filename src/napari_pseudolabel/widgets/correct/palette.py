"""The classes of the labels: colour, name, key."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QFocusEvent, QKeyEvent, QMouseEvent
from qtpy.QtWidgets import (
    QButtonGroup,
    QColorDialog,
    QLabel,
    QLineEdit,
    QRadioButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QWidget,
)
from typing_extensions import override

from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.small_widgets import MessageLabel, button, column, row
from napari_pseudolabel.widgets.correct.icons import swatch

_MOST_ROWS = 6
_ROW_PX = 24
_SWATCH_PX = 16
_NO_CLASSES = "These labels have no classes yet: add one for every value that you use."


class ClassName(QLineEdit):
    """A name that is chosen by a click and changed after a double click."""

    chosen = Signal()
    renamed = Signal(str)

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._name = name
        self.setObjectName("name")
        self.setFrame(False)
        self.setToolTip("Click: paint and set this class. Double click: change the name")
        self._rest()
        self.editingFinished.connect(self._on_finished)

    def begin(self) -> None:
        """Let the person type another name."""
        self.setReadOnly(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.IBeamCursor)
        self.setFocus()
        self.selectAll()

    @override
    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        self.chosen.emit()
        if not self.isReadOnly():
            super().mousePressEvent(event)

    @override
    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        self.begin()

    @override
    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        if event is not None and event.key() == Qt.Key.Key_Escape:
            self.setText(self._name)
            self.clearFocus()
        else:
            super().keyPressEvent(event)

    @override
    def focusOutEvent(self, event: QFocusEvent | None) -> None:
        super().focusOutEvent(event)
        self._rest()

    def _rest(self) -> None:
        self.setReadOnly(True)
        # Otherwise a click would take the keys away from the canvas.
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.deselect()

    def _on_finished(self) -> None:
        name = self.text().strip()
        if name and name != self._name:
            self._name = name
            self.renamed.emit(name)
        else:
            self.setText(self._name)
        self.clearFocus()


class _Key(QLabel):
    """As wide as all of them, whatever the letters."""

    @override
    def sizeHint(self) -> QSize:
        return super().sizeHint().expandedTo(QSize(self.fontMetrics().horizontalAdvance("Ctrl+9") + 8, 0))

    @override
    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()


class Palette(QWidget):
    """The list of classes, of which one is chosen."""

    chosen = Signal(int)
    renamed = Signal(int, str)
    recoloured = Signal(int, str)

    def __init__(self) -> None:
        super().__init__()
        self._classes: tuple[LabelClass, ...] = ()
        self.names: dict[int, ClassName] = {}
        self.marks: dict[int, QRadioButton] = {}
        self.colours: dict[int, QToolButton] = {}
        self._group = QButtonGroup(self)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QScrollArea.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._none = MessageLabel(_NO_CLASSES)
        self.add = button(
            "+ class",
            "One more class, with the next free value; type its name",
            name="small",
            focus=Qt.FocusPolicy.TabFocus,
        )
        column(self._none, self._area, row(None, self.add), parent=self, spacing=2)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.set_classes(())

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """What is shown, without the background."""
        return self._classes

    def set_classes(self, classes: Sequence[LabelClass]) -> None:
        """Show classes; every one must have a colour."""
        shown = tuple(label_class for label_class in classes if label_class.value != 0)
        if shown == self._classes and self.names:
            return
        self._classes = shown
        self.names, self.marks, self.colours = {}, {}, {}
        self._group = QButtonGroup(self)
        content = QWidget()
        column(*(self._row(number, one) for number, one in enumerate(shown)), parent=content, spacing=0)
        # The row that the person has just renamed must live until it has told so.
        before = self._area.takeWidget()
        if before is not None:
            before.deleteLater()
        self._area.setWidget(content)
        self._area.setFixedHeight(_ROW_PX * min(len(shown), _MOST_ROWS))
        policy = Qt.ScrollBarPolicy
        self._area.setVerticalScrollBarPolicy(
            policy.ScrollBarAsNeeded if len(shown) > _MOST_ROWS else policy.ScrollBarAlwaysOff
        )
        self._area.setVisible(bool(shown))
        self._none.setVisible(not shown)

    def set_chosen(self, value: int) -> None:
        """Mark a class; none if the value has none."""
        self._group.setExclusive(False)
        for other, mark in self.marks.items():
            mark.setChecked(other == value)
        self._group.setExclusive(True)

    def begin_naming(self, value: int) -> None:
        """Let the person type the name of a class."""
        self.names[value].begin()

    def _row(self, number: int, one: LabelClass) -> QWidget:
        mark = QRadioButton()
        mark.setToolTip("Paint and set this class")
        mark.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        mark.clicked.connect(lambda: self.chosen.emit(one.value))
        self._group.addButton(mark)
        colour = QToolButton()
        colour.setIcon(swatch(one.color or "#999999"))
        colour.setIconSize(QSize(_SWATCH_PX, _SWATCH_PX))
        colour.setAutoRaise(True)
        colour.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        colour.setToolTip("Change the colour of this class")
        colour.clicked.connect(lambda: self._recolour(one))
        name = ClassName(one.name)
        name.chosen.connect(lambda: self.chosen.emit(one.value))
        name.renamed.connect(lambda new: self.renamed.emit(one.value, new))
        keys = shortcuts.CLASSES
        key = _Key(shortcuts.shown(keys[number]) if number < len(keys) else "")
        key.setObjectName("muted")
        key.setToolTip("The key that chooses this class")
        value = QLabel(str(one.value))
        value.setObjectName("muted")
        value.setToolTip("The value of this class in the labels")
        line = QWidget()
        line.setFixedHeight(_ROW_PX)
        row(mark, colour, (name, 1), value, key, parent=line, spacing=4)
        key.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.marks[one.value], self.names[one.value], self.colours[one.value] = mark, name, colour
        return line

    def _recolour(self, one: LabelClass) -> None:
        found = QColorDialog.getColor(QColor(one.color or "#999999"), self, f"Colour of {one.name}")
        if found.isValid():
            self.recoloured.emit(one.value, found.name())

"""Small widgets used by several docks."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, TypeAlias, TypeVar

from qtpy.QtCore import QSize, Qt, QTimer, Signal
from qtpy.QtGui import QGuiApplication, QIcon
from qtpy.QtWidgets import (
    QWIDGETSIZE_MAX,
    QBoxLayout,
    QButtonGroup,
    QComboBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible, QElidingLabel
from typing_extensions import override

from napari_pseudolabel.widgets.common.narrow_boxes import ElidedButton, make_narrow
from napari_pseudolabel.wording import shown

Item: TypeAlias = QWidget | QLayout | tuple[QWidget | QLayout | None, int] | None
_Box = TypeVar("_Box", bound=QBoxLayout)

LABEL_PX = 66
"""As wide as the titles of forms that stand below each other."""
_BROWSE_PX = 30
_SEGMENT_PX = 48
# Of a bar that does not know how far something is.
_STEP_MS, _STEPS = 700, 6
# What napari's style sheet leaves beside the text of a label, and Qt's measure of it does not know.
_INDENT_PX = 8


def combo(tooltip: str) -> QComboBox:
    """Return a combo box that never makes its dock wider than it has to be."""
    box = QComboBox()
    make_narrow(box, tooltip)
    return box


def fill_combo(box: QComboBox, entries: Sequence[tuple[object, str]], chosen: object) -> None:
    """Replace the (value, text) entries of a combo box and choose one, without telling anybody."""
    box.blockSignals(True)
    box.clear()
    for value, title in entries:
        box.addItem(title, value)
    box.setCurrentIndex(next((i for i, (value, _) in enumerate(entries) if value == chosen), -1))
    box.blockSignals(False)


def button(
    title: str,
    tooltip: str,
    *,
    name: str = "",
    width: int = 0,
    checkable: bool = False,
    focus: Qt.FocusPolicy = Qt.FocusPolicy.StrongFocus,
) -> QPushButton:
    """Return a button.

    Parameters
    ----------
    name
        One of those in `style`.
    width
        In pixels; 0 for what the title needs.
    focus
        `TabFocus` leaves the keys to the canvas after a click.
    """
    made = ElidedButton(title)
    made.setToolTip(tooltip)
    made.setObjectName(name)
    made.setCheckable(checkable)
    made.setFocusPolicy(focus)
    if width:
        made.setFixedWidth(width)
    return made


def browse_button(tooltip: str) -> QPushButton:
    """Return a small button that opens a dialog for files."""
    return button("…", tooltip, width=_BROWSE_PX)


def row(*items: Item, parent: QWidget | None = None, spacing: int = 6) -> QHBoxLayout:
    """Things side by side, None for room, each with its stretch if it has one."""
    return _filled(QHBoxLayout(parent), items, spacing)


def column(
    *items: Item,
    parent: QWidget | None = None,
    spacing: int = 4,
    margins: tuple[int, int, int, int] = (0, 0, 0, 0),
) -> QVBoxLayout:
    """Things one below the other, as in `row`; a parent that has a layout keeps it."""
    layout = parent.layout() if parent is not None else None
    return _filled(
        layout if isinstance(layout, QVBoxLayout) else QVBoxLayout(parent), items, spacing, margins
    )


def form(
    *rows: tuple[str | QWidget, QWidget | QLayout] | tuple[QWidget | QLayout],
    parent: QWidget | None = None,
    margins: tuple[int, int, int, int] = (0, 0, 0, 0),
    label_px: int = 0,
) -> QFormLayout:
    """Rows of a title and a field, or of one thing that takes all of the width; titles as wide as `label_px` at least."""
    layout = QFormLayout(parent)
    layout.setContentsMargins(*margins)
    layout.setHorizontalSpacing(6)
    layout.setVerticalSpacing(4)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    for one in rows:
        layout.addRow(*one)
        if label_px and (label := layout.labelForField(one[-1])) is not None:
            label.setMinimumWidth(label_px)
    return layout


def _filled(
    layout: _Box, items: Sequence[Item], spacing: int, margins: tuple[int, int, int, int] = (0, 0, 0, 0)
) -> _Box:
    layout.setContentsMargins(*margins)
    layout.setSpacing(spacing)
    for item in items:
        part, stretch = item if isinstance(item, tuple) else (item, 0)
        if part is None:
            layout.addStretch()
        elif isinstance(part, QWidget):
            layout.addWidget(part, stretch)
        else:
            layout.addLayout(part, stretch)
    return layout


def tab_through(before: QWidget, parts: QWidget) -> None:
    """Lead Tab from a widget through controls that were added later, which otherwise come last in the window."""
    first = before
    while not _takes_tab(before):  # Qt ignores what Tab does not reach
        before = before.previousInFocusChain() or first
        if before is first:
            return
    for part in parts.findChildren(QWidget):
        # The list of a combo box is a window of its own.
        if _takes_tab(part) and part.window() is before.window():
            QWidget.setTabOrder(before, part)
            before = part


def _takes_tab(widget: QWidget) -> bool:
    return bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)


class CalmBar(QProgressBar):
    """Says how far something is; where that is not known it takes a small step now and then.

    Qt's own moving bar draws itself, and beside a canvas that means the whole window, many times a second: a fifth of a core.
    """

    def __init__(self) -> None:
        super().__init__()
        self._timer = QTimer(self)
        self._timer.setInterval(_STEP_MS)
        # A method, which Qt lets go of together with the bar; a function would keep the bar in a circle, and be called after it.
        self._timer.timeout.connect(self._step)

    def show_progress(self, done: int, total: int) -> None:
        """Show how far something is; it is not known for a total below 2."""
        known = total > 1
        if not known and self._timer.isActive():
            return
        # Otherwise Qt draws at once, once per call.
        self.setUpdatesEnabled(False)
        self.setRange(0, total if known else _STEPS)
        self.setValue(done if known else 0)
        self.setUpdatesEnabled(True)
        if known:
            self._timer.stop()
        else:
            self._timer.start()

    def rest(self) -> None:
        """Move no more: nothing is done."""
        self._timer.stop()

    def _step(self) -> None:
        self.setValue((self.value() + 1) % (_STEPS + 1))


class PlainLabel(QLabel):
    """A label that shows text as it is: names come from files, and Qt would take ``<b>`` in them for a command."""

    def __init__(self, content: str = "") -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setText(content)

    @override
    def setText(self, content: str | None) -> None:
        super().setText(shown(content or "", keep="\n"))

    @override
    def setToolTip(self, content: str | None) -> None:
        super().setToolTip(tip(content or ""))

    @property
    def message(self) -> str:
        """What it says now; empty while it is hidden."""
        return "" if self.isHidden() else self.text()


def tip(content: str) -> str:
    """Return a tooltip that shows text as it is; see `PlainLabel`."""
    plain = shown(content, keep="\n")
    return f"<qt>{escape(plain)}</qt>".replace("\n", "<br>") if "<" in plain else plain


class MessageLabel(PlainLabel):
    """A label that wraps its lines, and is there only while it says something; `name` is one of those in `style`."""

    def __init__(self, content: str = "", name: str = "muted") -> None:
        super().__init__(content)
        self.setObjectName(name)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)

    @override
    def sizeHint(self) -> QSize:
        # What it needs follows from its width; Qt would guess one, and forms leave room for that.
        return QSize(0, self.fontMetrics().height())

    def show_message(self, sentence: str) -> None:
        """Say something else; nothing if it is empty."""
        self.setText(sentence)
        self.setVisible(bool(sentence))


class ElidedLabel(PlainLabel, QElidingLabel):
    """One line that ends in an ellipsis where the dock is too narrow; the tooltip says it all."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("muted")
        self.setEllipsesWidth(_INDENT_PX)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    @override
    def setText(self, content: str | None) -> None:
        super().setText(content)
        self.setToolTip(content)


class Collapsible(QCollapsible):
    """A heading that shows and hides what is under it."""

    def __init__(self, title: str, content: QWidget, tooltip: str = "") -> None:
        super().__init__(title, expandedIcon=QIcon(), collapsedIcon=QIcon())
        self._title = title
        heading = self.toggleButton()
        heading.setToolTip(tooltip)
        heading.setObjectName("fold")
        heading.setStyleSheet("")  # as `style` says
        self.setDuration(0)
        self.content().hide()
        self.setContent(content)
        column(parent=self, spacing=2)
        self.toggled.connect(self._on_toggled)
        self.set_open(False)

    def set_open(self, opened: bool) -> None:
        """Show or hide the content."""
        (self.expand if opened else self.collapse)(animate=False)

    def _on_toggled(self, opened: bool) -> None:
        self.setText(f"{'▾' if opened else '▸'}  {self._title}")
        # Hidden, so that Tab does not lead into it; without a limit, so that it may grow while it is open.
        self.content().setVisible(opened)
        self.content().setMaximumHeight(QWIDGETSIZE_MAX)


class Segments(QWidget):
    """Buttons side by side of which one is chosen.

    Attributes
    ----------
    changed
        Another one is chosen.
    """

    changed = Signal()

    def __init__(self, entries: Sequence[tuple[str, str, str]], chosen: str) -> None:
        """Make a button of every value, title and tooltip."""
        super().__init__()
        self._group = QButtonGroup(self)
        self.buttons: dict[str, QPushButton] = {}
        for value, title, tooltip in entries:
            made = self.buttons[value] = segment(title, tooltip)
            self._group.addButton(made)
            made.setChecked(value == chosen)
            made.toggled.connect(lambda on: self.changed.emit() if on else None)
        row(*((q_push_button, 1) for q_push_button in self.buttons.values()), parent=self, spacing=2)

    @property
    def value(self) -> Any:
        """What is chosen."""
        return next(value for value, q_push_button in self.buttons.items() if q_push_button.isChecked())

    def choose(self, value: str) -> None:
        """Choose a value."""
        self.buttons[value].setChecked(True)


def segment(title: str, tooltip: str) -> QPushButton:
    """Return a button that stays pressed, and leaves the keys to the canvas."""
    made = button(title, tooltip, name="segment", checkable=True, focus=Qt.FocusPolicy.TabFocus)
    made.setMinimumWidth(_SEGMENT_PX)  # three beside a title fit a narrow dock
    return made


class ErrorBox(QFrame):
    """A sentence about what went wrong, with a fold for the traceback and a button that copies both."""

    dismissed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("problem")
        self._sentence = MessageLabel(name="error-text")
        self._details = QPlainTextEdit()
        self._details.setReadOnly(True)
        self._details.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._details.setFixedHeight(120)
        self._fold = Collapsible("Details", self._details, "Show the traceback for a report")
        copy = button("Copy", "Copy the message and the details to the clipboard")
        copy.clicked.connect(self.copy)
        close = button("Dismiss", "Hide this message")
        close.clicked.connect(self.clear)
        column(self._sentence, self._fold, row(None, copy, close), parent=self, margins=(6, 6, 6, 6))
        self.hide()

    @property
    def sentence(self) -> str:
        """The message shown, empty if none."""
        return "" if self.isHidden() else self._sentence.text()

    def show_error(self, sentence: str, details: str) -> None:
        """Show a message; `details` may be empty."""
        self._sentence.setText(sentence)
        self._details.setPlainText(shown(details, keep="\n"))
        self._fold.setVisible(bool(details))
        self._fold.set_open(False)
        self.show()

    def clear(self) -> None:
        """Hide the message."""
        self.hide()
        self.dismissed.emit()

    def copy(self) -> None:
        """Put the message and the details on the clipboard."""
        if (clipboard := QGuiApplication.clipboard()) is not None:
            clipboard.setText(f"{self._sentence.text()}\n\n{self._details.toPlainText()}".strip())

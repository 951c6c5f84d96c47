"""Small widgets used by several docks."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_pseudolabel.wording import shown


def combo(tooltip: str) -> QComboBox:
    """A combo box that never makes its dock wider than it has to be."""
    box = QComboBox()
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(6)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    box.setToolTip(tooltip)
    return box


def fill(box: QComboBox, entries: Sequence[tuple[Any, str]], chosen: Any) -> None:
    """Replace the (value, text) entries of a combo box and choose one, without telling anybody."""
    box.blockSignals(True)
    box.clear()
    for value, title in entries:
        box.addItem(title, value)
    box.setCurrentIndex(next((i for i, (value, _) in enumerate(entries) if value == chosen), -1))
    box.blockSignals(False)


def show_progress(bar: QProgressBar, done: int, total: int) -> None:
    """How far something is; a moving bar where that is not known."""
    # Otherwise Qt draws at once, and beside a canvas that means the whole window, once per call.
    bar.setUpdatesEnabled(False)
    bar.setRange(0, total if total > 1 else 0)
    bar.setValue(done)
    bar.setUpdatesEnabled(True)


class PlainLabel(QLabel):
    """A label that shows text as it is: names come from files, and Qt would take ``<b>`` in them for a command."""

    def __init__(self, content: str = "") -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setText(content)

    def setText(self, content: str | None) -> None:
        super().setText(shown(content or "", keep="\n"))

    def setToolTip(self, content: str | None) -> None:
        super().setToolTip(tip(content or ""))


def tip(content: str) -> str:
    """A tooltip that shows text as it is; see `PlainLabel`."""
    plain = shown(content, keep="\n")
    return f"<qt>{escape(plain)}</qt>".replace("\n", "<br>") if "<" in plain else plain


class Sentence(PlainLabel):
    """A label that wraps its lines, and is there only while it says something; `name` is one of those in `style`."""

    def __init__(self, content: str = "", name: str = "muted") -> None:
        super().__init__(content)
        self.setObjectName(name)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)

    @property
    def said(self) -> str:
        """What it says now."""
        return "" if self.isHidden() else self.text()

    def say(self, sentence: str) -> None:
        """Say something else; nothing if it is empty."""
        self.setText(sentence)
        self.setVisible(bool(sentence))


class Elided(PlainLabel):
    """One line that ends in an ellipsis where the dock is too narrow; the tooltip says it all."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("muted")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._full = ""

    def set_full(self, content: str) -> None:
        """Set the text before it is cut."""
        self._full = content
        self.setToolTip(content)
        self._cut()

    def resizeEvent(self, event: object) -> None:
        self._cut()

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def _cut(self) -> None:
        room = max(self.width() - 4, 0)
        self.setText(self.fontMetrics().elidedText(self._full, Qt.TextElideMode.ElideRight, room))


class Fold(QWidget):
    """A heading that shows and hides what is under it.

    Attributes
    ----------
    opened
        The content is shown now.
    """

    opened = Signal()

    def __init__(self, title: str, content: QWidget, tooltip: str = "") -> None:
        super().__init__()
        self._button = QToolButton()
        self._button.setText(title)
        self._button.setCheckable(True)
        self._button.setToolTip(tooltip)
        self._button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._button.setAutoRaise(True)
        self._button.toggled.connect(self.set_open)
        self.content = content
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._button)
        layout.addWidget(content)
        self.set_open(False)

    def set_open(self, opened: bool) -> None:
        """Show or hide the content."""
        self._button.setChecked(opened)
        self._button.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)
        self.content.setVisible(opened)
        if opened:
            self.opened.emit()


class ErrorBox(QFrame):
    """A sentence about what went wrong, with a fold for the traceback and a button that copies both."""

    dismissed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("problem")
        self._sentence = Sentence(name="error-text")
        self._details = QPlainTextEdit()
        self._details.setReadOnly(True)
        self._details.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._details.setFixedHeight(120)
        self._fold = Fold("Details", self._details, "Show the traceback for a report")
        copy = QPushButton("Copy")
        copy.setToolTip("Copy the message and the details to the clipboard")
        copy.clicked.connect(self.copy)
        close = QPushButton("Dismiss")
        close.setToolTip("Hide this message")
        close.clicked.connect(self.clear)
        buttons = QHBoxLayout()
        buttons.addStretch()
        buttons.addWidget(copy)
        buttons.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.setSpacing(4)
        layout.addWidget(self._sentence)
        layout.addWidget(self._fold)
        layout.addLayout(buttons)
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

"""Widgets of a spot check under way; what they do is in the part."""

from __future__ import annotations

from typing import Literal

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QProgressBar, QPushButton, QWidget

from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.small_widgets import MessageLabel, button, column

SpotAction = Literal["right", "wrong", "not sure", "back", "pause"]
_BAR_PX = 4

# With the keys of the review queue, which rests meanwhile: they lie under the same fingers.
BUTTONS: tuple[tuple[SpotAction, str, str, str], ...] = (
    (
        "right",
        "Right",
        shortcuts.REVIEW_ACCEPT,
        "One object, and the label covers most of it and little else",
    ),
    ("wrong", "Wrong", shortcuts.REVIEW_FIX, "No object, a part of one, several in one, or another class"),
    ("not sure", "Not sure", shortcuts.REVIEW_SKIP, "It cannot be told; counts as neither, and is reported"),
    ("back", "Back", shortcuts.REVIEW_PREVIOUS, "To the question before, to answer it anew"),
    ("pause", "Pause", "", "Stop for now; what you answered is kept, and says something already"),
)


class SpotCard(QWidget):
    """One question: what is asked, how far it is, and the answers.

    Attributes
    ----------
    pressed
        Which button was pressed.
    """

    pressed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._title, self._text, self._progress = MessageLabel(name="done"), MessageLabel(), MessageLabel()
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(_BAR_PX)
        column(
            self._title,
            self._text,
            self._make_buttons(),
            self._bar,
            self._progress,
            parent=self,
            spacing=3,
            margins=(0, 2, 0, 2),
        )

    @property
    def title(self) -> str:
        """What is asked."""
        return self._title.text()

    @property
    def text(self) -> str:
        """What counts."""
        return self._text.text()

    @property
    def progress(self) -> str:
        """How far it is."""
        return self._progress.text()

    def set_question(self, title: str, text: str, *, box: bool) -> None:
        """Ask something: about an object, or about a box."""
        self._title.setText(title)
        self._text.setText(text)
        self.buttons["right"].setText("Done" if box else "Right")
        self.buttons["wrong"].setVisible(not box)

    def set_progress(self, sentence: str, done: int, total: int) -> None:
        """How far it is."""
        self._progress.setText(sentence)
        self._bar.setRange(0, max(total, 1))
        self._bar.setValue(done)

    def _make_buttons(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setSpacing(2)
        self.buttons: dict[str, QPushButton] = {}
        for number, (name, title, key, does) in enumerate(BUTTONS):
            tooltip = f"{does} ({shortcuts.shown(key)})" if key else does
            made = self.buttons[name] = button(title, tooltip, focus=Qt.FocusPolicy.TabFocus)
            made.clicked.connect(lambda _, name=name: self.pressed.emit(name))
            line, left, width = (0, 2 * number, 2) if number < 3 else (1, 3 * (number - 3), 3)
            grid.addWidget(made, line, left, 1, width)
        self.buttons["right"].setObjectName("main")
        return grid

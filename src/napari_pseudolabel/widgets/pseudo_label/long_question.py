"""The question before hours begin."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame

from napari_pseudolabel.widgets.common.small_widgets import MessageLabel, button, column, row


class LongQuestion(QFrame):
    """Shown in the dock until it is answered; nothing waits for it.

    Attributes
    ----------
    run_anyway, only_view
        What the person wants.
    """

    run_anyway = Signal()
    only_view = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("notice")
        self._line = MessageLabel(name="warning")
        self.run_button = button("Run", "Begin; it can be stopped at any time, and what was labelled stays")
        self.view_button = button("Only the view", "Label what is in the canvas now instead")
        self.cancel_button = button("Cancel", "Do nothing")
        for pressed, answer in (
            (self.run_button, self.run_anyway),
            (self.view_button, self.only_view),
            (self.cancel_button, None),
        ):
            pressed.clicked.connect(self.hide)
            if answer is not None:
                pressed.clicked.connect(answer)
        column(
            self._line,
            row((self.run_button, 1), (self.view_button, 2), (self.cancel_button, 1)),
            parent=self,
            margins=(6, 4, 6, 4),
        )
        self.hide()

    @property
    def sentence(self) -> str:
        """What it asks, empty if it is hidden."""
        return "" if self.isHidden() else self._line.text()

    def ask(self, sentence: str) -> None:
        """Ask."""
        self._line.setText(sentence)
        self.show()

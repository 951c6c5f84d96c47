"""Widgets before and after a spot check: how much is asked, and what came out."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QWidget

from napari_pseudolabel.labels.spot_check import SpotCheckOptions, answers_for, half_width
from napari_pseudolabel.widgets.common.option_form import OptionForm
from napari_pseudolabel.widgets.common.small_widgets import MessageLabel, button, column, row

_WIDTH = 0.05
# Of what is asked, until somebody knows better.
_EXPECTED = 0.9


class SpotForm(QWidget):
    """The fields of `SpotCheckOptions`, the button that begins, and the statement."""

    def __init__(self) -> None:
        super().__init__()
        self.options = OptionForm(SpotCheckOptions(), indent=8)
        self._precise, self._statement = MessageLabel(), MessageLabel(name="done")
        self.start = button(
            "Start the spot check",
            "The camera goes to one object after the other, then to the boxes; you can stop at any time and go on later",
            focus=Qt.FocusPolicy.TabFocus,
        )
        self.copy = button(
            "Copy",
            "Copy the statement, for a paper or a reviewer",
            name="small",
            focus=Qt.FocusPolicy.TabFocus,
        )
        self.copy.clicked.connect(self._copy)
        column(
            MessageLabel(
                "When you are done: judge random objects (precision) and look for what is missing in random boxes (recall)."
            ),
            self.options,
            self._precise,
            self.start,
            row((self._statement, 1), self.copy),
            parent=self,
        )
        self.options.changed.connect(self._say_width)
        self._say_width()
        self.set_statement("")

    @property
    def statement(self) -> str:
        """What the spot check has said; empty for nothing."""
        return self._statement.message

    def set_statement(self, sentence: str) -> None:
        """Say what came out; empty for nothing."""
        self._statement.show_message(sentence)
        self.copy.setVisible(bool(sentence))

    def set_under_way(self, answered: int, every: int, *, drawing: bool = False) -> None:
        """How much is answered of a check that can go on, nothing of none; or that a sample is being drawn."""
        again = f"Go on ({answered} of {every})" if answered < every else "Start the spot check"
        self.start.setText("Cancel" if drawing else again)

    def _say_width(self) -> None:
        number = self.options.value().objects
        if not number:
            self._precise.show_message("")
            return
        self._precise.show_message(
            f"{number} objects: within about ± {half_width(number, _EXPECTED):.0%} of the truth where 9 of 10 are right; "
            f"± {_WIDTH:.0%} takes {answers_for(_WIDTH, _EXPECTED)}."
        )

    def _copy(self) -> None:
        if (clipboard := QGuiApplication.clipboard()) is not None:
            clipboard.setText(self.statement)

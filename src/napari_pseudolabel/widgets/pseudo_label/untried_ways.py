"""Ways that a search did not try because they have to learn first: named beside those that were tried, one click begins."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QPushButton, QWidget

from napari_pseudolabel.strategies.choice.unjudged import asked
from napari_pseudolabel.strategies.strategy import Strategy
from napari_pseudolabel.widgets.common.small_widgets import MessageLabel, button, column

_INSET_PX = 12


class UntriedWays(QWidget):
    """A line for each: its name, which begins it, and what it asks for.

    Attributes
    ----------
    wanted
        A person wants the strategy of this name.
    """

    wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._column = column(
            MessageLabel("Not tried, because they have to learn first:"), parent=self, spacing=0
        )
        self._lines: dict[str, tuple[QPushButton, MessageLabel]] = {}
        self.hide()

    @property
    def texts(self) -> dict[str, tuple[str, str]]:
        """What is named, and what it asks for, by name of the strategy."""
        return {name: (begin.text(), told.text()) for name, (begin, told) in self._lines.items()}

    def show_ways(self, ways: Sequence[Strategy]) -> None:
        """Name them; nothing is shown for none."""
        for one in self._lines.values():
            for widget in one:
                self._column.removeWidget(widget)
                widget.deleteLater()
        self._lines = {one.name: self._line(one) for one in ways}
        self.setVisible(bool(ways))

    def click(self, name: str) -> None:
        """Want a way, as a person does."""
        self._lines[name][0].click()

    def _line(self, strategy: Strategy) -> tuple[QPushButton, MessageLabel]:
        alone = strategy.preparation is not None and strategy.preparation.sees_images
        does = (
            "Begins at once, and labels when it has learned"
            if alone
            else "Chooses it; it asks for what is missing"
        )
        begin = button(
            strategy.title.partition(" (")[0], f"{does}. Nobody can judge it but you, by eye", name="link"
        )
        begin.clicked.connect(partial(self.wanted.emit, strategy.name))
        # Below the name, not beside it: in a narrow dock nothing of it could be read there.
        told = MessageLabel(asked(strategy))
        told.setContentsMargins(_INSET_PX, 0, 0, 0)
        if not told.text():
            told.hide()
        self._column.addWidget(begin, 0, Qt.AlignmentFlag.AlignLeft)
        self._column.addWidget(told)
        return begin, told

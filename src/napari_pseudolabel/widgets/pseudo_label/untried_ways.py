"""Ways that a search did not try because they have to learn first: named beside those that were tried, one click begins."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLabel, QSizePolicy

from napari_pseudolabel.strategies.strategy import Strategy


class UntriedWays(QLabel):
    """Their names as links, and what each asks for.

    Attributes
    ----------
    wanted
        A person wants the strategy of this name.
    """

    wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("muted")
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setWordWrap(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.setToolTip(
            "What learns from your image alone begins at once, and labels it when it has learned; the others are chosen, and ask for "
            "what is missing. None of them is judged: compare what they make by eye"
        )
        self.linkActivated.connect(self.wanted)
        self.hide()

    def show_ways(self, ways: Sequence[Strategy]) -> None:
        """Name them; nothing is shown for none."""
        named = [
            f'<a href="{escape(one.name)}">{escape(one.title)}</a> ({escape(one.preparation.asks)})'
            for one in ways
            if one.preparation is not None
        ]
        self.setText(f"Not tried, because they have to learn first: {', '.join(named)}." if named else "")
        self.setVisible(bool(named))

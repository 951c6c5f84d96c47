"""What came out of a training, the preview of the new model, and the models there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QListWidget, QListWidgetItem, QSizePolicy, QWidget

from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.small_widgets import (
    Collapsible,
    MessageLabel,
    button,
    column,
    row,
    tip,
)

_MOST_ROWS = 5


class PreviewBar(QWidget):
    """Whether the newest model is shown while it trains, and what to do with what it shows."""

    def __init__(self) -> None:
        super().__init__()
        self.show_newest = QCheckBox("Preview the new model in the view")
        self.show_newest.setChecked(True)
        self.show_newest.setToolTip(
            "Whenever you pause and a better model has arrived, the middle of the view is predicted again, as a "
            "layer of its own; your labels stay as they are until you accept"
        )
        self._sentence = MessageLabel(name="done")
        self.accept = button(
            "Accept",
            "Take the prediction over into the labels, as one undo step; what you touched stays "
            f"({shortcuts.shown(shortcuts.ACCEPT)})",
        )
        self.discard = button("Discard", "Remove the preview; the labels stay as they are")
        column(self.show_newest, row((self._sentence, 1), self.accept, self.discard), parent=self, spacing=2)
        self.set_preview("", acceptable=False)

    @property
    def sentence(self) -> str:
        """What is said about the preview."""
        return self._sentence.text()

    def set_preview(self, sentence: str, *, acceptable: bool) -> None:
        """Say what the preview shows, and whether there is one to accept or discard."""
        self._sentence.show_message(sentence)
        for q_push_button in (self.accept, self.discard):
            q_push_button.setVisible(acceptable)


@dataclass(frozen=True)
class ModelRow:
    """A line of the history.

    Attributes
    ----------
    id
        Of the entry; None for the model the workspace began with.
    promoted
        Whether it was better than the one before it.
    """

    id: str | None
    title: str
    tooltip: str = ""
    promoted: bool = True


class ModelList(QWidget):
    """The models of the workspace, newest first; a click uses one of them."""

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._list = QListWidget()
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setToolTip("Click on a model to use it from now on")
        self._list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self._list.itemClicked.connect(self._on_clicked)
        self._ids: list[str | None] = []
        self._fold = Collapsible(
            "Models", self._list, "Models of this workspace with their scores; one click back to any"
        )
        column(self._fold, parent=self)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._list.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._known = False
        self.set_wanted(True)

    @property
    def titles(self) -> tuple[str, ...]:
        """The lines as they are shown."""
        items = (self._list.item(row) for row in range(self._list.count()))
        return tuple(item.text() for item in items if item is not None)

    def set_models(self, rows: Sequence[ModelRow], current: str | None) -> None:
        """List models; the `current` one, by its id, is marked."""
        self._list.clear()
        self._ids = [model_row.id for model_row in rows]
        for model_row in rows:
            used = model_row.id == current
            item = QListWidgetItem(f"{'●' if used else '○'}  {model_row.title}")
            item.setToolTip(tip(model_row.tooltip))
            font = item.font()
            font.setBold(used)
            font.setItalic(not model_row.promoted)
            item.setFont(font)
            self._list.addItem(item)
            if used:
                self._list.setCurrentItem(item)
        # A lone row is where everybody begins; there is nothing to go back to.
        if not self._known and len(rows) > 1:
            self._fold.set_open(True)
        self._known = len(rows) > 1
        self.set_wanted(self._wanted)
        height = max(self._list.sizeHintForRow(0), 0)
        self._list.setFixedHeight(height * min(len(rows), _MOST_ROWS) + 2 * self._list.frameWidth() + 2)

    def set_wanted(self, wanted: bool) -> None:
        """Whether this is the moment to choose a model; nothing is shown where there is no choice."""
        self._wanted = wanted
        self.setVisible(wanted and self._known)

    def click(self, row: int) -> None:
        """Do what a click on a line asks for."""
        self.chosen.emit(self._ids[row])

    def _on_clicked(self, item: QListWidgetItem) -> None:
        self.click(self._list.row(item))

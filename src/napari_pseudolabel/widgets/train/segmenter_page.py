"""The controls for training a segmenter; what they do is in the controller."""

from __future__ import annotations

from dataclasses import replace

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QWidget

from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.layer_box import LayerBox
from napari_pseudolabel.widgets.common.option_form import OptionForm
from napari_pseudolabel.widgets.common.small_widgets import (
    Collapsible,
    MessageLabel,
    button,
    column,
    form,
    row,
)
from napari_pseudolabel.widgets.train.folder_pairs import FolderPairs
from napari_pseudolabel.widgets.train.train_choice import SegmenterChoice


class SegmenterPage(QWidget):
    """Which layers, what is right in them, how much the rest is trusted."""

    changed = Signal()
    confirm_pressed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._editable = True
        self.pairs = FolderPairs()
        self.pairs.changed.connect(self.changed)
        self._more = Collapsible("More data", self.pairs, "Labelled images beside those that are open")
        self.advanced = OptionForm(SegmenterChoice(), group="advanced", indent=8)
        self._advanced = Collapsible(
            "Advanced", self.advanced, "When it ends, how fast it learns, where it runs"
        )
        column(self._make_form(), self._more, self._advanced, parent=self)

    def choice(self) -> SegmenterChoice:
        """All controls as they are now."""
        return replace(
            self.advanced.value(self.settings.value()),
            image=self.image.currentData(),
            labels=self.labels.currentData(),
            pairs=self.pairs.pairs(),
        )

    @property
    def learns_from(self) -> str:
        """The line that says what it will learn from."""
        return self._learns_from.text()

    def set_learns_from(self, sentence: str) -> None:
        """Say what it will learn from."""
        self._learns_from.setText(sentence)
        self._learns_from.setVisible(bool(sentence) and self._editable)

    def set_confirmed(self, sentence: str) -> None:
        """Say what was confirmed last, and offer to take it back; empty for nothing."""
        self._confirmed.show_message(sentence)
        self.take_back.setVisible(bool(sentence))

    def set_editable(self, on: bool) -> None:
        """While it trains its settings cannot be changed; confirming goes on."""
        for box in (self.image, self.labels):
            box.setEnabled(on)
        # The room is for the curves then.
        for widget in (self.settings, self._more, self._advanced):
            widget.setVisible(on)
        self._learns_from.setVisible(on and bool(self.learns_from))
        self._editable = on

    def _make_form(self) -> QFormLayout:
        self.image = LayerBox("Image layer the labels belong to; proposed is the active one")
        self.labels = LayerBox(
            "Labels layer with the corrections; proposed are the pseudo labels of the image", "none"
        )
        for box in (self.image, self.labels):
            box.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.confirm = {
            "view": button(
                "View",
                "Everything in the canvas is labelled rightly now: all of it is learned from, the background "
                f"too ({shortcuts.shown(shortcuts.CONFIRM)})",
                focus=Qt.FocusPolicy.TabFocus,
            ),
            "shape": button(
                "Shape",
                "Everything in the rectangle around the selected, or last, shape of a Shapes layer is "
                "labelled rightly now",
                focus=Qt.FocusPolicy.TabFocus,
            ),
        }
        for where, q_push_button in self.confirm.items():
            q_push_button.clicked.connect(lambda _=False, where=where: self.confirm_pressed.emit(where))
        title = QLabel("Confirm")
        title.setToolTip("Say that everything in a part of the image is labelled rightly now")
        self._confirmed, self._learns_from = MessageLabel(), MessageLabel()
        self.take_back = button(
            "Take back", "What was confirmed last counts as a prediction again", name="link"
        )
        self.settings = OptionForm(SegmenterChoice(), group="main")
        self.settings.changed.connect(self.changed)
        self.set_confirmed("")
        self.set_learns_from("")
        return form(
            ("Image", self.image),
            ("Labels", self.labels),
            (title, row(*((q_push_button, 1) for q_push_button in self.confirm.values()), spacing=2)),
            (row((self._confirmed, 1), self.take_back),),
            (self._learns_from,),
            (self.settings,),
        )

"""The controls for training a segmenter; what they do is in the controller."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.fields import advanced_form, decimal, device_box, number, refill
from napari_pseudolabel.widgets.common.parts import Fold, Sentence, combo, fill
from napari_pseudolabel.widgets.train.choice import SegmenterChoice
from napari_pseudolabel.widgets.train.folder_pairs import FolderPairs

_PROPOSED = SegmenterChoice()


class SegmenterPage(QWidget):
    """Which layers, what is right in them, how much the rest is trusted."""

    changed = Signal()
    confirm_pressed = Signal(str)
    take_back_pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._editable = True
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self._make_form())
        self.pairs = FolderPairs()
        self.pairs.changed.connect(self.changed)
        self._more = Fold("More data", self.pairs, "Labelled images beside those that are open")
        self._advanced = Fold(
            "Advanced", self._make_advanced(), "When it ends, how fast it learns, where it runs"
        )
        layout.addWidget(self._more)
        layout.addWidget(self._advanced)

    def choice(self) -> SegmenterChoice:
        """All controls as they are now."""
        return SegmenterChoice(
            image=self.image.currentData(),
            labels=self.labels.currentData(),
            trust=self.trust.value() / 100,
            pairs=self.pairs.pairs(),
            steps=self.steps.value(),
            minutes=self.minutes.value(),
            learning_rate=self.learning_rate.value(),
            patience=self.patience.value(),
            device=self.device.currentData() or "auto",
        )

    @property
    def known(self) -> str:
        """The line that says what it will learn from."""
        return self._known.text()

    def set_images(self, images: Sequence[tuple[str, str]], chosen: str | None) -> None:
        """Offer image layers as (unique id, name) pairs."""
        fill(self.image, images, chosen)

    def set_labels(self, labels: Sequence[tuple[str, str]], chosen: str | None) -> None:
        """Offer Labels layers as (unique id, name) pairs."""
        fill(self.labels, labels, chosen)

    def set_known(self, sentence: str) -> None:
        """Say what it will learn from."""
        self._known.setText(sentence)
        self._known.setVisible(bool(sentence) and self._editable)

    def set_confirmed(self, sentence: str) -> None:
        """Say what was confirmed last, and offer to take it back; empty for nothing."""
        self._confirmed.say(sentence)
        self._take_back.setVisible(bool(sentence))

    def set_confirmable(self, on: bool) -> None:
        """Whether there are labels to be confirmed."""
        for button in self.confirm.values():
            button.setEnabled(on)

    def set_devices(self, devices: Sequence[tuple[str, str]]) -> None:
        """Offer devices as (name, text) pairs."""
        refill(self.device, devices)

    def set_editable(self, on: bool) -> None:
        """While it trains its settings cannot be changed; confirming goes on."""
        for box in (self.image, self.labels):
            box.setEnabled(on)
        # The room is for the curves then.
        for widget in (self._settings, self._more, self._advanced):
            widget.setVisible(on)
        self._known.setVisible(on and bool(self.known))
        self._editable = on

    def _make_form(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        self.image = combo("Image layer the labels belong to; proposed is the active one")
        self.labels = combo("Labels layer with the corrections; proposed are the pseudo labels of the image")
        self.labels.setPlaceholderText("none")
        for row, (title, box) in enumerate((("Image", self.image), ("Labels", self.labels))):
            box.currentIndexChanged.connect(lambda _: self.changed.emit())
            grid.addWidget(QLabel(title), row, 0)
            grid.addWidget(box, row, 1)
        label = QLabel("Confirm")
        label.setToolTip("Say that everything in a part of the image is labelled rightly now")
        grid.addWidget(label, 2, 0)
        grid.addLayout(self._make_confirm(), 2, 1)
        self._confirmed = Sentence()
        self._take_back = QPushButton("Take back")
        self._take_back.setObjectName("link")
        self._take_back.setToolTip("What was confirmed last counts as a prediction again")
        self._take_back.clicked.connect(lambda: self.take_back_pressed.emit())
        said = QHBoxLayout()
        said.addWidget(self._confirmed, 1)
        said.addWidget(self._take_back)
        grid.addLayout(said, 3, 0, 1, 2)
        self._known = Sentence()
        grid.addWidget(self._known, 4, 0, 1, 2)
        self._settings = self._make_trust()
        grid.addWidget(self._settings, 5, 0, 1, 2)
        self.set_confirmed("")
        self.set_known("")
        return grid

    def _make_confirm(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(2)
        self.confirm: dict[str, QPushButton] = {}
        for where, title, hint in (
            (
                "view",
                "View",
                "Everything in the canvas is labelled rightly now: all of it is learned from, the background "
                f"too ({shortcuts.shown(shortcuts.CONFIRM)})",
            ),
            (
                "shape",
                "Shape",
                "Everything in the rectangle around the selected, or last, shape of a Shapes layer is "
                "labelled rightly now",
            ),
        ):
            button = QPushButton(title)
            button.setToolTip(hint)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda _=False, where=where: self.confirm_pressed.emit(where))
            self.confirm[where] = button
            row.addWidget(button, 1)
        return row

    def _make_trust(self) -> QWidget:
        content = QWidget()
        row = QHBoxLayout(content)
        row.setContentsMargins(0, 0, 0, 0)
        tooltip = (
            "How much labels that nobody has touched count, times the confidence of the model in them. "
            "At 0 % only what you painted or confirmed is learned; at 100 % a sure prediction counts like your work."
        )
        title = QLabel("Trust in untouched")
        title.setToolTip(tooltip)
        self.trust = QSlider(Qt.Orientation.Horizontal)
        self.trust.setRange(0, 100)
        self.trust.setSingleStep(5)
        self.trust.setPageStep(10)
        self.trust.setToolTip(tooltip)
        self._trust_value = QLabel()
        self._trust_value.setMinimumWidth(38)
        self._trust_value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.trust.valueChanged.connect(lambda value: self._trust_value.setText(f"{value} %"))
        self.trust.setValue(round(_PROPOSED.trust * 100))
        self.trust.valueChanged.connect(lambda _: self.changed.emit())
        row.addWidget(title)
        row.addWidget(self.trust, 1)
        row.addWidget(self._trust_value)
        return content

    def _make_advanced(self) -> QWidget:
        content = QWidget()
        form = advanced_form(content)
        self.steps = number(
            1, 1_000_000, _PROPOSED.steps, "Steps of the training at most; the best one is kept, not the last"
        )
        self.steps.setSingleStep(60)
        self.minutes = number(
            0,
            10_000,
            _PROPOSED.minutes,
            "Stop and keep after so many minutes of work; pauses do not count",
            "no limit",
        )
        self.minutes.setSuffix(" min")
        self.learning_rate = decimal(
            1e-6,
            1.0,
            _PROPOSED.learning_rate,
            "Size of the steps of the optimiser; less forgets less, more learns faster",
        )
        self.patience = number(
            1,
            1000,
            _PROPOSED.patience,
            "The training ends early after so many validations without a better one",
        )
        self.device = device_box()
        for title, field in (
            ("Steps", self.steps),
            ("Time limit", self.minutes),
            ("Learning rate", self.learning_rate),
            ("Patience", self.patience),
            ("Device", self.device),
        ):
            form.addRow(title, field)
        return content

"""The controls for training a translator; what they do is in the controller."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from napari_pseudolabel.widgets.common.fields import advanced_form, decimal, device_box, number, refill
from napari_pseudolabel.widgets.common.parts import Fold, combo, fill, text
from napari_pseudolabel.widgets.train.choice import TranslatorChoice, TranslatorPair

_PROPOSED = TranslatorChoice()
_NOTHING = "From nothing (takes many hours)"


class TranslatorPage(QWidget):
    """The images of the two modalities, and where the training starts."""

    changed = Signal()
    browse_pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._pairs: list[TranslatorPair] = []
        self._folder = ""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self._make_form())
        self._advanced = Fold("Advanced", self._make_advanced(), "Previews, learning rate and device")
        layout.addWidget(self._advanced)

    def choice(self) -> TranslatorChoice:
        """All controls as they are now."""
        layer = self.source.currentData()
        return TranslatorChoice(
            target=self.target.currentData(),
            source_layer=layer or None,
            source_folder="" if layer else self._folder,
            pair=self._pair(),
            names=(self.source_name.text().strip(), self.target_name.text().strip()),
            steps=self.steps.value(),
            preview_every=self.preview_every.value(),
            learning_rate=self.learning_rate.value(),
            device=self.device.currentData() or "auto",
        )

    def set_layers(
        self, layers: Sequence[tuple[str, str]], *, target: str | None, source: str | None
    ) -> None:
        """Offer image layers as (unique id, name) pairs, and the folder, for the two modalities."""
        fill(self.target, layers, target)
        # An image cannot be both; what is left of the list is the folder.
        others = [(uid, name) for uid, name in layers if uid != target]
        folder = self._folder.rpartition("/")[2] or "none chosen yet"
        fill(self.source, [*others, ("", f"Folder: {folder}")], source or "")

    def set_folder(self, folder: str) -> None:
        """Take the source images from a folder."""
        self._folder = folder
        layers = [(self.source.itemData(i), self.source.itemText(i)) for i in range(self.source.count() - 1)]
        fill(self.source, [*layers, ("", f"Folder: {folder.rpartition('/')[2] or folder}")], "")
        self.source.setToolTip(f"Images of the other modality: {folder}")
        self.changed.emit()

    def set_pairs(self, pairs: Sequence[TranslatorPair]) -> None:
        """Offer pairs of translators to start from; the one chosen stays, else the first is proposed."""
        now = self._pair()
        self._pairs = list(pairs)
        chosen = self._pairs.index(now) if now in self._pairs else (0 if self._pairs else -1)
        fill(self.start, [*((i, pair.title) for i, pair in enumerate(self._pairs)), (-1, _NOTHING)], chosen)
        self._show_names()

    def choose_pair(self, pair: TranslatorPair) -> None:
        """Propose a pair that is offered, without telling anybody."""
        self.start.blockSignals(True)
        self.start.setCurrentIndex(self._pairs.index(pair))
        self.start.blockSignals(False)
        self._show_names()

    def set_devices(self, devices: Sequence[tuple[str, str]]) -> None:
        """Offer devices as (name, text) pairs."""
        refill(self.device, devices)

    def set_editable(self, on: bool) -> None:
        """While it trains its settings cannot be changed, and the room is for the pictures."""
        self.setEnabled(on)
        for widget in (self._about, self._advanced):
            widget.setVisible(on)

    def _pair(self) -> TranslatorPair | None:
        index = self.start.currentData()
        return self._pairs[index] if index is not None and 0 <= index < len(self._pairs) else None

    def _make_form(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        self.target = combo(
            "Image layer whose modality the translator shall know better; proposed is the active one"
        )
        self.source = combo("Images of the other modality: a layer, or a folder")
        self.start = combo("The two translators, one per direction, that the training begins with")
        browse = QPushButton("…")
        browse.setFixedWidth(30)
        browse.setToolTip("Browse for a folder of images of the other modality")
        browse.clicked.connect(lambda: self.browse_pressed.emit())
        source = QHBoxLayout()
        source.addWidget(self.source, 1)
        source.addWidget(browse)
        self.steps = number(
            10, 10_000_000, _PROPOSED.steps, "Steps of the training; the best one is kept, not the last"
        )
        self.steps.setSingleStep(100)
        self.source_name, self.target_name = QLineEdit(), QLineEdit()
        for field, hint in ((self.source_name, "other modality"), (self.target_name, "this image")):
            field.setPlaceholderText(hint)
            field.setToolTip("Name of the modality, such as TEM")
            field.setMinimumWidth(60)
            field.textChanged.connect(lambda _: self.changed.emit())
        names = QHBoxLayout()
        names.addWidget(self.source_name, 1)
        names.addWidget(QLabel("⇄"))
        names.addWidget(self.target_name, 1)
        self._names_label = QLabel("Names")
        self._names = QWidget()
        names.setContentsMargins(0, 0, 0, 0)
        self._names.setLayout(names)
        rows = (("Image", self.target), ("Other", source), ("Start from", self.start), (None, self._names))
        for row, (title, field) in enumerate((*rows, ("Steps", self.steps))):
            grid.addWidget(QLabel(title) if title else self._names_label, row, 0)
            if isinstance(field, QWidget):
                grid.addWidget(field, row, 1)
            else:
                grid.addLayout(field, row, 1)
        for box in (self.target, self.source):
            box.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.start.currentIndexChanged.connect(lambda _: self._show_names())
        self.start.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.steps.valueChanged.connect(lambda _: self.changed.emit())
        self._about = text(
            "Learns from unpaired patches of both. The step that keeps most of the structures is kept, not the last."
        )
        grid.addWidget(self._about, len(rows) + 1, 0, 1, 2)
        self.set_pairs(())
        return grid

    def _make_advanced(self) -> QWidget:
        content = QWidget()
        form = advanced_form(content)
        self.preview_every = number(
            1,
            100_000,
            _PROPOSED.preview_every,
            "Steps between two previews of the same crops, and two measurements",
        )
        self.learning_rate = decimal(
            1e-7, 0.1, _PROPOSED.learning_rate, "Size of the steps of the optimisers"
        )
        self.device = device_box()
        form.addRow("Preview every", self.preview_every)
        form.addRow("Learning rate", self.learning_rate)
        form.addRow("Device", self.device)
        return content

    def _show_names(self) -> None:
        asked = self._pair() is None
        self._names.setVisible(asked)
        self._names_label.setVisible(asked)

"""The controls for training a translator; what they do is in the controller."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_pseudolabel.training.translator.grey_levels_fit import METHODS, Method
from napari_pseudolabel.widgets.common.fields import advanced_form, decimal, device_box, number, refill
from napari_pseudolabel.widgets.common.parts import Fold, Sentence, combo, fill, tip
from napari_pseudolabel.widgets.train.choice import TranslatorChoice, TranslatorPair

_PROPOSED = TranslatorChoice()
_NOTHING = "Nothing (takes many hours)"
_ABOUT = (
    "Learns from unpaired patches of both. The step that keeps most of the structures is kept, not the last."
)
_ABOUT_GREY = (
    "Takes seconds and no GPU. Only grey levels change: right where that is all that differs, blind to textures. "
    "Worth a try before any training."
)


class TranslatorPage(QWidget):
    """The images of the two modalities, and where the training starts."""

    changed = Signal()
    browse_pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._pairs: list[TranslatorPair] = []
        self._folder = ""
        self._proposed_name = ""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        self._advanced = Fold("Advanced", self._make_advanced(), "Previews, learning rate and device")
        layout.addLayout(self._make_form())
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
            grey_levels=self._grey_levels(),
            object_sizes=(self.source_objects.value() or None, self.target_objects.value() or None),
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
        self.source.setToolTip(tip(f"Images of the other modality: {folder}"))
        self.changed.emit()

    def set_pairs(self, pairs: Sequence[TranslatorPair]) -> None:
        """Offer pairs of translators to start from; what is chosen stays, else the first is proposed."""
        now, grey_levels = self._pair(), self._grey_levels()
        self._pairs = list(pairs)
        chosen = self._pairs.index(now) if now in self._pairs else (0 if self._pairs else -1)
        curves = [(method, f"Grey levels: {method.replace('-', ', ')}") for method in METHODS]
        offered = [*((i, pair.title) for i, pair in enumerate(self._pairs)), *curves, (-1, _NOTHING)]
        fill(self.start, offered, grey_levels or chosen)
        self._show_start()

    def choose_pair(self, pair: TranslatorPair) -> None:
        """Propose a pair that is offered, without telling anybody."""
        self.start.blockSignals(True)
        self.start.setCurrentIndex(self._pairs.index(pair))
        self.start.blockSignals(False)
        self._show_start()

    def propose_target_name(self, name: str) -> None:
        """Name the modality of the image, unless the person did; empty if it is not known."""
        if self.target_name.text() in ("", self._proposed_name):
            self.target_name.setText(name)
            self._proposed_name = name

    def set_devices(self, devices: Sequence[tuple[str, str]]) -> None:
        """Offer devices as (name, text) pairs."""
        refill(self.device, devices)

    def set_editable(self, on: bool) -> None:
        """While it trains its settings cannot be changed, and the room is for the pictures."""
        self.setEnabled(on)
        self._about.setVisible(on)
        self._advanced.setVisible(on and self._grey_levels() is None)

    def _pair(self) -> TranslatorPair | None:
        index = self.start.currentData()
        return self._pairs[index] if isinstance(index, int) and 0 <= index < len(self._pairs) else None

    def _grey_levels(self) -> Method | None:
        chosen = self.start.currentData()
        return chosen if chosen in METHODS else None

    def _make_form(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        self.target = combo(
            "Image layer whose modality the translator shall know better; proposed is the active one"
        )
        self.source = combo("Images of the other modality: a layer, or a folder")
        self.start = combo(
            "The two translators, one per direction, that the training begins with; or translators that only change grey levels"
        )
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
        self.source_objects, self.target_objects = _object_size(), _object_size()
        self._names = _both(self.source_name, self.target_name)
        self._objects = _both(self.source_objects, self.target_objects)
        self._labels = {title: QLabel(title) for title in ("Names", "Objects", "Steps")}
        rows: tuple[tuple[QLabel, QWidget | QHBoxLayout], ...] = (
            (QLabel("Image"), self.target),
            (QLabel("Other"), source),
            (QLabel("Start from"), self.start),
            (self._labels["Names"], self._names),
            (self._labels["Objects"], self._objects),
            (self._labels["Steps"], self.steps),
        )
        for row, (label, asked) in enumerate(rows):
            grid.addWidget(label, row, 0)
            if isinstance(asked, QWidget):
                grid.addWidget(asked, row, 1)
            else:
                grid.addLayout(asked, row, 1)
        for box in (self.target, self.source):
            box.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.start.currentIndexChanged.connect(lambda _: self._show_start())
        self.start.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.steps.valueChanged.connect(lambda _: self.changed.emit())
        self._about = Sentence(_ABOUT)
        grid.addWidget(self._about, len(rows), 0, 1, 2)
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

    def _show_start(self) -> None:
        """Ask for what the start does not say, and only for what it needs."""
        asked, trained = self._pair() is None, self._grey_levels() is None
        for widget, shown in (
            (self._names, asked),
            (self._labels["Names"], asked),
            (self._objects, not trained),
            (self._labels["Objects"], not trained),
            (self.steps, trained),
            (self._labels["Steps"], trained),
            (self._advanced, trained),
        ):
            widget.setVisible(shown)
        self._about.setText(_ABOUT if trained else _ABOUT_GREY)


def _both(source: QWidget, target: QWidget) -> QWidget:
    """Two fields, for the one modality and for the other."""
    pair = QWidget()
    row = QHBoxLayout(pair)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(source, 1)
    row.addWidget(QLabel("⇄"))
    row.addWidget(target, 1)
    return pair


def _object_size() -> QDoubleSpinBox:
    box = decimal(
        0,
        10_000,
        0,
        "Median diameter of the objects in pixels of the images. With both, objects count as equally large; "
        "otherwise the pixel sizes decide, which is right for the same tissue",
    )
    box.setSpecialValueText("by pixel size")
    box.setSuffix(" px")
    box.setSingleStep(1)
    box.setMinimumWidth(60)
    return box

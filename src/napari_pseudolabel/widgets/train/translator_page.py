"""The controls for training a translator; what they do is in the controller."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDoubleSpinBox, QFormLayout, QLabel, QLineEdit, QWidget

from napari_pseudolabel.training.translator.grey_levels_fit import METHODS, Method
from napari_pseudolabel.training.translator.tune_translator import TuneSettings
from napari_pseudolabel.widgets.common.form_fields import decimal
from napari_pseudolabel.widgets.common.layer_box import LayerBox
from napari_pseudolabel.widgets.common.option_form import OptionForm
from napari_pseudolabel.widgets.common.small_widgets import (
    Collapsible,
    MessageLabel,
    browse_button,
    column,
    combo,
    fill_combo,
    form,
    row,
    tip,
)
from napari_pseudolabel.widgets.train.train_choice import TranslatorChoice, TranslatorPair

_NOTHING = "Nothing (many hours)"
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

    def __init__(self) -> None:
        super().__init__()
        self._pairs: list[TranslatorPair] = []
        self._folder = ""
        self._proposed_name = ""
        self.settings = OptionForm(TuneSettings(), group="main")
        self.settings.changed.connect(self.changed)
        self.advanced = OptionForm(TuneSettings(), group="advanced", indent=8)
        self._advanced = Collapsible("Advanced", self.advanced, "Previews, learning rate and device")
        column(self._make_form(), self._advanced, parent=self)

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
            settings=self.advanced.value(self.settings.value()),
        )

    def set_folder(self, folder: str) -> None:
        """Take the source images from a folder."""
        self._folder = folder
        self.source.set_other(f"Folder: {folder.rpartition('/')[2] or folder}", chosen=True)
        self.source.setToolTip(tip(f"Images of the other modality: {folder}"))
        self.changed.emit()

    def set_pairs(self, pairs: Sequence[TranslatorPair]) -> None:
        """Offer pairs of translators to start from; what is chosen stays, else the first is proposed."""
        now, grey_levels = self._pair(), self._grey_levels()
        self._pairs = list(pairs)
        chosen = self._pairs.index(now) if now in self._pairs else (0 if self._pairs else -1)
        curves = [(method, f"Grey levels: {method.replace('-', ', ')}") for method in METHODS]
        offered = [*((i, pair.title) for i, pair in enumerate(self._pairs)), *curves, (-1, _NOTHING)]
        fill_combo(self.start, offered, grey_levels or chosen)
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

    def _make_form(self) -> QFormLayout:
        self.target = LayerBox(
            "Image layer whose modality the translator shall know better; proposed is the active one"
        )
        self.source = LayerBox("Images of the other modality: a layer, or a folder")
        self.source.set_other("Folder: none yet", chosen=True)
        self.start = combo(
            "The two translators, one per direction, that the training begins with; or translators that only change grey levels"
        )
        self.browse = browse_button("Browse for a folder of images of the other modality")
        self.source_name, self.target_name = QLineEdit(), QLineEdit()
        for field, hint in ((self.source_name, "other kind"), (self.target_name, "this image")):
            field.setPlaceholderText(hint)
            field.setToolTip("Name of the modality, such as TEM")
            field.setMinimumWidth(60)
            field.textChanged.connect(lambda _: self.changed.emit())
        self.source_objects, self.target_objects = _object_size(), _object_size()
        self._names = _both(self.source_name, self.target_name)
        self._objects = _both(self.source_objects, self.target_objects)
        for box in (self.target, self.source):
            box.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.start.currentIndexChanged.connect(lambda _: self._show_start())
        self.start.currentIndexChanged.connect(lambda _: self.changed.emit())
        self._about = MessageLabel(_ABOUT)
        self._form = form(
            ("Image", self.target),
            ("Other", row((self.source, 1), self.browse)),
            ("Start from", self.start),
            ("Names", self._names),
            ("Objects", self._objects),
            (self.settings,),
            (self._about,),
        )
        self.set_pairs(())
        return self._form

    def _show_start(self) -> None:
        """Ask for what the start does not say, and only for what it needs."""
        asked, trained = self._pair() is None, self._grey_levels() is None
        for field, shown in ((self._names, asked), (self._objects, not trained), (self.settings, trained)):
            self._form.setRowVisible(field, shown)
        self._advanced.setVisible(trained)
        self._about.setText(_ABOUT if trained else _ABOUT_GREY)


def _both(source: QWidget, target: QWidget) -> QWidget:
    """Two fields, for the one modality and for the other."""
    pair = QWidget()
    row((source, 1), QLabel("⇄"), (target, 1), parent=pair)
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

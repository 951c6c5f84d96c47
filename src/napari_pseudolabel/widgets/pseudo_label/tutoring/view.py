"""Widgets of a tutorship: the translator, the labelled set, the training, and what is seen of it."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QLineEdit, QWidget

from napari_pseudolabel.labels.overlaid import overlaid
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.strategies.tutorship import TUTORSHIP
from napari_pseudolabel.training.common.training_events import SyntheticPair
from napari_pseudolabel.training.tutor.tutor_task import TutorSettings
from napari_pseudolabel.widgets.common.form_fields import decimal
from napari_pseudolabel.widgets.common.layer_box import LayerBox
from napari_pseudolabel.widgets.common.option_form import OptionForm
from napari_pseudolabel.widgets.common.picture_rows import PictureRows, grey
from napari_pseudolabel.widgets.common.small_widgets import (
    LABEL_PX,
    Collapsible,
    ElidedLabel,
    MessageLabel,
    browse_button,
    column,
    combo,
    fill_combo,
    row,
)
from napari_pseudolabel.widgets.pseudo_label.tutoring.tutor_choice import SetKind, TutorChoice
from napari_pseudolabel.widgets.pseudo_label.tutoring.tutor_sentences import folder_text

_KINDS: tuple[tuple[SetKind, str], ...] = (
    ("folders", "Folders"),
    ("nnunet", "nnU-Net data set"),
    ("layer", "Open layers"),
)
_MOST_PAIRS = 3
_PICTURES_PX = 250
_FIELD_PX = 90


class TutoringView(QWidget):
    """What is asked for a tutorship, in the place of the models of the adaptation."""

    strategy = TUTORSHIP.name
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.seen = TutoringSeen()
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(6)
        form.setVerticalSpacing(3)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._form = form
        self._folders = {"images": "", "labels": "", "nnunet": "", "keep": ""}
        self.translator = combo(
            "Turns the labelled images into the modality of yours, so that the proxy learns it. "
            "Offered are those that make images like yours."
        )
        self.translator.setPlaceholderText("none fits")
        self.kind = combo("Where the labelled images are that the proxy learns from")
        for value, title in _KINDS:
            self.kind.addItem(title, value)
        self.browse_set = browse_button("")
        self.browse_translator = browse_button("Browse for the checkpoint file of a translator")
        self.set_name = ElidedLabel()
        self.image = LayerBox("The open labelled image", "none open")
        self.labels = LayerBox(
            "Its labels. Those that the plugin made count where you have corrected or confirmed them.",
            "none open",
        )
        self.classes = QLineEdit()
        self.classes.setToolTip(
            "Name and label value of each class, such as axon=1, myelin=2; 0 is background"
        )
        self.pixel_size = decimal(
            0, 1000, 0, "Side of a pixel of the labelled images in µm; without one, as the files say"
        )
        self.pixel_size.setSpecialValueText("as the images say")
        self.pixel_size.setSuffix(" µm")
        self.pixel_size.setSingleStep(0.01)
        self.object_size = decimal(
            0,
            1000,
            0,
            "Median diameter of the objects in pixels of the labelled images; without one they are used as they are",
        )
        self.object_size.setSpecialValueText("not given")
        self.object_size.setSuffix(" px")
        self.object_size.setSingleStep(1)
        for wide in (self.classes, self.pixel_size, self.object_size):
            wide.setMinimumWidth(_FIELD_PX)  # else the longest number would make the dock wider
        self.fold = Collapsible(
            "Training",
            self._make_training(),
            "How long, how many segmenters and translations, and what is kept",
        )
        self.summary = ElidedLabel()
        form.addRow(_label("Translator"), row((self.translator, 1), self.browse_translator))
        form.addRow(self.summary)
        form.addRow(_label("Learn from"), row((self.kind, 1), self.browse_set))
        form.addRow("", self.set_name)
        form.addRow(_label("Image"), self.image)
        form.addRow(_label("Labels"), self.labels)
        form.addRow(_label("Classes"), self.classes)
        form.addRow(_label("Pixel size"), self.pixel_size)
        form.addRow(_label("Object size"), self.object_size)
        form.addRow(self.fold)
        self.kind.currentIndexChanged.connect(self._on_kind)
        for box in (self.translator, self.kind, self.image, self.labels):
            box.currentIndexChanged.connect(lambda _: self.changed.emit())
        for field in (self.pixel_size, self.object_size):
            field.valueChanged.connect(lambda _: self.changed.emit())
        self.classes.textChanged.connect(lambda _: self.changed.emit())
        self.ask_object_size(False)
        self._on_kind()

    # What the part asks.

    def choice(self) -> TutorChoice:
        """All controls as they are now."""
        return TutorChoice(
            kind=self.kind.currentData(),
            translator=self.translator.currentData(),
            images=self._folders["images"],
            labels=self._folders["labels"],
            nnunet=self._folders["nnunet"],
            image_layer=self.image.currentData(),
            labels_layer=self.labels.currentData(),
            classes=self.classes.text(),
            pixel_size_um=None if self._by_objects else self.pixel_size.value() or None,
            object_size_px=(self.object_size.value() or None) if self._by_objects else None,
            settings=self.training.value(),
            keep=self._folders["keep"],
        )

    # What the part says.

    def set_folders(self, **folders: str) -> None:
        """Show chosen folders: any of images, labels, nnunet, keep."""
        self._folders |= folders
        self._show_folders()
        self.changed.emit()

    def set_translators(self, entries: Sequence[tuple[str, str]], chosen: str | None) -> None:
        """Offer translators as (reference, title) pairs."""
        fill_combo(self.translator, entries, chosen)

    def ask_object_size(self, wanted: bool) -> None:
        """Ask for the size of the objects instead of that of the pixels."""
        self._by_objects = wanted
        self._form.setRowVisible(self.object_size, wanted)
        self._form.setRowVisible(self.pixel_size, not wanted)

    def set_classes(self, content: str) -> None:
        """Fill in classes that are known."""
        self.classes.setText(content)

    # How it looks.

    def _make_training(self) -> QWidget:
        self.training = OptionForm(TutorSettings(), indent=8)
        self.training.changed.connect(self.changed)
        self.keep_name = ElidedLabel()
        self.browse_keep = browse_button(
            "Keep the translated images with their labels as a raw data set of nnU-Net; press again for none"
        )
        kept = QWidget()
        kept.setLayout(row((self.keep_name, 1), self.browse_keep))
        self.training.add_row("Keep set", kept)
        return self.training

    def _on_kind(self) -> None:
        kind = self.kind.currentData()
        layers = kind == "layer"
        for widget in (self.image, self.labels):
            self._form.setRowVisible(widget, layers)
        self._form.setRowVisible(self.set_name, not layers)
        self.browse_set.setVisible(not layers)
        self.browse_set.setToolTip(
            "Choose the folder of an nnU-Net raw data set, with dataset.json in it"
            if kind == "nnunet"
            else "Choose a folder of images, then the folder of their labels with the same names"
        )
        self.classes.setPlaceholderText(
            "as the data set names them" if kind == "nnunet" else "axon=1, myelin=2"
        )
        self._show_folders()

    def _show_folders(self) -> None:
        f = self._folders
        nnunet = self.kind.currentData() == "nnunet"
        shown = (f["nnunet"],) if nnunet else (f["images"], f["labels"])
        self.set_name.setText(folder_text(*shown))
        self.set_name.setToolTip("\n".join(filter(None, shown)))
        self.keep_name.setText(folder_text(f["keep"]) if f["keep"] else "not kept")
        self.keep_name.setToolTip(f["keep"])


class TutoringSeen(QWidget):
    """What is seen of a training: the newest synthetic pairs and the validation."""

    def __init__(self) -> None:
        super().__init__()
        self.score = MessageLabel()
        self.pictures = PictureRows("Labelled image, its translation, and the labels on the translation")
        self.pictures.setFixedWidth(_PICTURES_PX)
        policy = self.pictures.sizePolicy()
        policy.setHeightForWidth(False)
        self.pictures.setSizePolicy(policy)
        self._wanted = False
        self._pairs: list[SyntheticPair] = []
        column(self.score, self.pictures, parent=self, spacing=3)
        self.clear()

    @property
    def pairs(self) -> tuple[SyntheticPair, ...]:
        """The pairs that are shown, the newest first."""
        return tuple(self._pairs)

    def set_wanted(self, wanted: bool) -> None:
        """Whether to be seen at all, which another strategy does not want."""
        self._wanted = wanted
        self._show()

    def clear(self) -> None:
        """Show nothing."""
        self._pairs = []
        self.pictures.clear()
        self.set_score("")

    def set_score(self, sentence: str) -> None:
        """Say how the proxy does."""
        self.score.show_message(sentence)
        self._show()

    def add(self, pair: SyntheticPair, classes: Sequence[LabelClass]) -> None:
        """Show a synthetic pair; the oldest makes room."""
        self._pairs = [pair, *self._pairs][:_MOST_PAIRS]
        rows = []
        for one in self._pairs:
            source, translation = (grey(values, 0, 255) for values in (one.source, one.translation))
            rows.append([source, translation, overlaid(translation, one.labels, classes)])
        self.pictures.set_pictures(rows, ("labelled", "translation", "labels"))
        self._show()

    def _show(self) -> None:
        self.setVisible(self._wanted and bool(self._pairs or self.score.text()))


def _label(title: str) -> QLabel:
    label = QLabel(title)
    label.setMinimumWidth(LABEL_PX)
    return label

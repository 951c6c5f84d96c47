"""The short form for what a model does not say of itself: classes, intensities, what it is for, pixel size."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDoubleSpinBox, QLineEdit, QWidget

from napari_pseudolabel.models.inspection import Inspection
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.widgets.common.small_widgets import MessageLabel, button, column, combo, form, row

_INTENSITIES: tuple[tuple[str, JsonObject], ...] = (
    ("percentiles .5 and 99.5 to 0 and 1", {"kind": "percentile", "low": 0.5, "high": 99.5}),
    ("0 to 255 to 0 and 1 (8 bit)", {"kind": "range", "low": 0, "high": 255}),
    ("0 to 65535 to 0 and 1 (16 bit)", {"kind": "range", "low": 0, "high": 65535}),
    ("as they are", {"kind": "none"}),
)


class MissingForm(QWidget):
    """Asks for what is missing; hidden while nothing is.

    Attributes
    ----------
    answered
        Emitted when the person wants the model added with the answers.
    """

    answered = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.path = ""
        self._asked: tuple[str, ...] = ()
        self._sentence = MessageLabel(name="warning")
        self.classes = QLineEdit()
        self.classes.setPlaceholderText("background, nucleus")
        self.classes.setToolTip(
            "Names of the channels of its answer, in their order, with commas; the background too"
        )
        self.intensities = combo("Which raw values of an image become 0 and 1 before the network sees them")
        for title, value in _INTENSITIES:
            self.intensities.addItem(title, value)
        self.modality = QLineEdit()
        self.modality.setPlaceholderText("SEM")
        self.modality.setToolTip("What its images show, as other models call it")
        self.pixel = QDoubleSpinBox()
        self.pixel.setDecimals(4)
        self.pixel.setRange(0, 1000)
        self.pixel.setSuffix(" µm")
        self.pixel.setSpecialValueText("unknown")
        self.pixel.setToolTip("Side of a pixel of the images that it was trained on")
        self.add_button = button("Add with these answers", "Copy the model, with a card that says this")
        self.not_now = button("Not now", "Add nothing")
        self.add_button.clicked.connect(self.answered)
        self.not_now.clicked.connect(self.clear)
        column(
            self._sentence,
            form(
                ("Classes", self.classes),
                ("Intensities", self.intensities),
                ("Images", self.modality),
                ("Pixel", self.pixel),
            ),
            row(self.add_button, self.not_now, None),
            parent=self,
        )
        self.clear()

    def ask(self, found: Inspection) -> None:
        """Ask for what is missing of a file."""
        self.path, self._asked = found.path, found.missing
        unsaid = " and ".join(one for one in ("classes", "normalisation") if one in found.missing)
        self._sentence.show_message(
            f"{Path(found.path).name} does not say its {unsaid}; say here what you know."
        )
        self.classes.setEnabled("classes" in found.missing)
        self.intensities.setEnabled("normalisation" in found.missing)
        self.setVisible(True)

    def clear(self) -> None:
        """Ask for nothing."""
        self.path, self._asked = "", ()
        self.classes.clear()
        self.setVisible(False)

    def answers(self) -> JsonObject:
        """Return what the person said, as a card says it."""
        said: JsonObject = {}
        names = [name.strip() for name in self.classes.text().split(",") if name.strip()]
        if "classes" in self._asked and names:
            said["classes"] = names
        if "normalisation" in self._asked:
            said["normalisation"] = self.intensities.currentData()
        source: JsonObject = {}
        if name := self.modality.text().strip():
            source["name"] = name
        if self.pixel.value():
            source |= {"name": name, "pixel_size_um": self.pixel.value()}
        return {**said, **({"source": source} if source else {})}

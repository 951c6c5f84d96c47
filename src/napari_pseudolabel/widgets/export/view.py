"""Widgets of the Export dock; what they do is in the controller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from qtpy.QtCore import Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QCheckBox, QFormLayout, QLabel, QLineEdit
from typing_extensions import override

from napari_pseudolabel.exporting.companions import SUFFIXES
from napari_pseudolabel.formats import Format, format_named, formats
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.dock_view import DockView
from napari_pseudolabel.widgets.common.layer_box import LayerBox
from napari_pseudolabel.widgets.common.option_form import OptionForm
from napari_pseudolabel.widgets.common.small_widgets import (
    MessageLabel,
    Segments,
    browse_button,
    button,
    combo,
    form,
    row,
)

# What a person may want beside the labels.
EFFORT, MEASURES = "Effort per object", "Measures per object"


class ExportView(DockView):
    """Which labels, as what, where to, and what to know before."""

    changed = Signal()
    shown = Signal()

    def __init__(self) -> None:
        super().__init__(cancel="Stop; nothing is left of what was written")
        self._checks = MessageLabel()
        self._checks.hide()
        self._replaced = MessageLabel(name="warning")
        self._replaced.hide()
        self.export_button = self.main_button = button(
            "Export",
            f"Write all files, or none if something goes wrong ({shortcuts.shown(shortcuts.EXPORT)})",
            name="main",
        )
        self._form = self._make_form()
        self.set_many(0)
        self.place(self._form, self._checks, self._replaced, self.export_button, *self.messages)

    @property
    def format(self) -> Format:
        """The chosen format."""
        chosen = format_named(str(self._format.currentData()))
        own = self._options.get(chosen.name)
        return chosen if own is None else replace(chosen, options=own.value())

    @property
    def all_images(self) -> bool:
        """Whether the labels of all images of the list are to be written."""
        return bool(self.what.value == "all")

    def set_many(self, number: int) -> None:
        """Say how many images of the list have labels; without any, there is nothing to ask."""
        if not number:
            self.what.choose("layer")
        self.what.buttons["all"].setText(f"All {number} images")
        self._form.setRowVisible(self.what, number > 0)

    @override
    def showEvent(self, event: QShowEvent | None) -> None:
        super().showEvent(event)
        self.shown.emit()

    def set_path(self, path: str) -> None:
        """Propose a file."""
        self.path.setText(path)

    def set_confidence(self, there: bool) -> None:
        """Whether there is a confidence to write."""
        self.confidence.setEnabled(there)
        self.confidence.setText("Confidence" if there else "Confidence (there is none)")

    def set_tables(self, there: bool) -> None:
        """Whether tables of the objects can be written."""
        for box, title in ((self.effort, EFFORT), (self.measures, MEASURES)):
            box.setEnabled(there)
            box.setText(title if there else f"{title} (of regions only)")

    def set_checks(self, found: Sequence[str]) -> None:
        """Say what to know before."""
        self._checks.show_message("\n".join(f"•  {one}" for one in found))

    def set_replaced(self, sentence: str, *, adds: bool = False) -> None:
        """Say that a file will be replaced, or a folder added to, beside the button that does it; empty for none."""
        self._replaced.show_message(sentence)
        self.export_button.setText(("Add" if adds else "Replace") if sentence else "Export")

    @property
    def replaced(self) -> str:
        """What is said about a file that will be replaced."""
        return self._replaced.message

    def _make_form(self) -> QFormLayout:
        self.what = Segments(
            (
                ("layer", "This layer", "The labels of one layer, as they are in the viewer"),
                ("all", "All images", "The labels of every image of the list in the Label dock that has any"),
            ),
            "layer",
        )
        self.what.changed.connect(self._on_what)
        self.layer = LayerBox("Labels layer to be written; proposed is the active one")
        self._format = combo("File format")
        for file_format in formats():
            self._format.addItem(file_format.title, file_format.name)
        self._options = {one.name: OptionForm(one.options) for one in formats() if one.options is not None}
        for own in self._options.values():
            own.changed.connect(self.changed)
        self._about = MessageLabel()
        self._file, self.path, self._other_path = QLabel("File"), QLineEdit(), ""
        self.path.setPlaceholderText("File to write")
        self.path.setToolTip("File to write; the provenance goes beside it as NAME.provenance.json")
        self.browse = browse_button("Browse for a folder and a name")
        self.confidence = QCheckBox("Confidence")
        self.effort, self.measures = QCheckBox(EFFORT), QCheckBox(MEASURES)
        always = QCheckBox("Labels and provenance")
        always.setChecked(True)
        always.setEnabled(False)
        always.setToolTip(
            "Models with their SHA-256, seed, settings, versions, date and the share a person corrected"
        )
        self.layer.currentIndexChanged.connect(lambda _: self.changed.emit())
        self._format.currentIndexChanged.connect(self._on_format)
        self.path.textChanged.connect(lambda _: self.changed.emit())
        self._on_format()
        return form(
            ("What", self.what),
            ("Labels", self.layer),
            ("Format", self._format),
            ("", self._about),
            *((own,) for own in self._options.values()),
            (self._file, row((self.path, 1), self.browse)),
            ("Contents", always),
            ("", self.confidence),
            ("", self.effort),
            ("", self.measures),
        )

    def _on_what(self) -> None:
        several = self.all_images
        self._form.setRowVisible(self.layer, not several)
        self._form.setRowVisible(self.effort, not several)
        self._file.setText("Folder" if several else "File")
        self.path.blockSignals(True)
        text, self._other_path = self._other_path, self.path.text()
        self.path.setText(text)
        self.path.blockSignals(False)
        self.path.setPlaceholderText("Folder to write into" if several else "File to write")
        self.changed.emit()

    def _on_format(self) -> None:
        chosen = self.format
        self._about.setText(chosen.about)
        for name, own in self._options.items():
            own.setVisible(name == chosen.name)
        for part, box, what in (
            ("confidence", self.confidence, "how sure the models were, 0 to 1"),
            ("effort", self.effort, "who made each object, and the edits and seconds it took"),
            ("measures", self.measures, "size and shape of each object, of fibres g-ratio and myelin"),
        ):
            where = "into the same file" if part in chosen.holds else f"as NAME{SUFFIXES[part]}"
            box.setToolTip(f"Also write {what}, {where}")
        self.changed.emit()

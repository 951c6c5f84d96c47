"""Widgets of the Export dock; what they do is in the controller."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_pseudolabel.export.companions import SUFFIXES
from napari_pseudolabel.formats import Format, format_named, formats
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.parts import ErrorBox, Sentence, combo, fill


class ExportView(QWidget):
    """Which labels, as what, where to, and what to know before."""

    changed = Signal()
    browse_pressed = Signal()
    export_pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(6)
        layout.addLayout(self._make_form())
        self._checks = Sentence()
        self._hint, self._status = Sentence(name="warning"), Sentence(name="done")
        self.error = ErrorBox()
        self.export_button = QPushButton("Export")
        self.export_button.setObjectName("main")
        self.export_button.setToolTip(
            f"Write all files, or none if something goes wrong ({shortcuts.shown(shortcuts.EXPORT)})"
        )
        self.export_button.clicked.connect(lambda: self.export_pressed.emit())
        for widget in (self._checks, self.export_button, self._hint, self.error, self._status):
            layout.addWidget(widget)
        layout.addStretch()
        for widget in (self._hint, self._status):
            widget.hide()

    @property
    def format(self) -> Format:
        """The chosen format."""
        return format_named(str(self._format.currentData()))

    def set_layers(self, layers: Sequence[tuple[str, str]], chosen: str | None) -> None:
        """Offer Labels layers as (unique id, name) pairs."""
        fill(self.layer, layers, chosen)

    def set_path(self, path: str) -> None:
        """Propose a file."""
        self.path.setText(path)

    def set_confidence(self, there: bool) -> None:
        """Whether there is a confidence to write."""
        self.confidence.setEnabled(there)
        self.confidence.setText("Confidence" if there else "Confidence (there is none)")

    def set_checks(self, found: Sequence[str]) -> None:
        """What to know before."""
        self._checks.setText("\n".join(f"•  {one}" for one in found))
        self._checks.setVisible(bool(found))

    def set_hint(self, sentence: str) -> None:
        """Why the button cannot be pressed; empty if it can."""
        self._hint.say(sentence)
        self.export_button.setEnabled(not sentence)

    def set_status(self, sentence: str) -> None:
        """What was written."""
        self._status.say(sentence)

    def _make_form(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        self.layer = combo("Labels layer to be written; proposed is the active one")
        self._format = combo("File format")
        for one in formats():
            self._format.addItem(one.title, one.name)
        self._about = Sentence()
        self.path = QLineEdit()
        self.path.setPlaceholderText("File to write")
        self.path.setToolTip("File to write; the provenance goes beside it as NAME.provenance.json")
        browse = QPushButton("…")
        browse.setFixedWidth(30)
        browse.setToolTip("Browse for a folder and a name")
        browse.clicked.connect(lambda: self.browse_pressed.emit())
        self.confidence = QCheckBox("Confidence")
        self.effort = QCheckBox("Effort per object")
        always = QCheckBox("Labels and provenance")
        always.setChecked(True)
        always.setEnabled(False)
        always.setToolTip(
            "Models with their SHA-256, seed, settings, versions, date and the share a person corrected"
        )
        grid.addWidget(QLabel("Labels"), 0, 0)
        grid.addWidget(self.layer, 0, 1, 1, 2)
        grid.addWidget(QLabel("Format"), 1, 0)
        grid.addWidget(self._format, 1, 1, 1, 2)
        grid.addWidget(self._about, 2, 1, 1, 2)
        grid.addWidget(QLabel("File"), 3, 0)
        row = QHBoxLayout()
        row.addWidget(self.path, 1)
        row.addWidget(browse)
        grid.addLayout(row, 3, 1, 1, 2)
        grid.addWidget(QLabel("Contents"), 4, 0)
        grid.addWidget(always, 4, 1, 1, 2)
        grid.addWidget(self.confidence, 5, 1, 1, 2)
        grid.addWidget(self.effort, 6, 1, 1, 2)
        self.layer.currentIndexChanged.connect(lambda _: self.changed.emit())
        self._format.currentIndexChanged.connect(self._on_format)
        self.path.textChanged.connect(lambda _: self.changed.emit())
        self._on_format()
        return grid

    def _on_format(self) -> None:
        chosen = self.format
        self._about.setText(chosen.about)
        for part, box, what in (
            ("confidence", self.confidence, "how sure the models were, 0 to 1"),
            ("effort", self.effort, "who made each object, and the edits and seconds it took"),
        ):
            where = "into the same file" if part in chosen.holds else f"as NAME{SUFFIXES[part]}"
            box.setToolTip(f"Also write {what}, {where}")
        self.changed.emit()

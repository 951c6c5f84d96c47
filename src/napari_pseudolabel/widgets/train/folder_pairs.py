"""The list of further labelled images: folders of images with folders of labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QWidget

from napari_pseudolabel.widgets.common.small_widgets import (
    ElidedLabel,
    MessageLabel,
    button,
    column,
    combo,
    fill_combo,
    row,
)
from napari_pseudolabel.widgets.train.train_choice import FolderPair

_AS_THEY_ARE = ("", "as they are")


class FolderPairs(QWidget):
    """One row per pair, each with the translator that its images go through."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._translators: list[tuple[str, str]] = [_AS_THEY_ARE]
        self._rows: list[tuple[FolderPair, QComboBox, QWidget]] = []
        self.add_button = button(
            "Add images and labels …",
            "Choose a folder of images, then the folder of their labels with the same names",
        )
        self._layout = column(
            MessageLabel(
                "Folders of labelled images are learned from as well; images of another modality are translated."
            ),
            self.add_button,
            parent=self,
            margins=(8, 0, 0, 4),
        )

    def pairs(self) -> tuple[FolderPair, ...]:
        """Return what is listed."""
        return tuple(
            FolderPair(pair.images, pair.labels, box.currentData() or None) for pair, box, _ in self._rows
        )

    def set_translators(self, translators: Sequence[tuple[str, str]]) -> None:
        """Offer translators as (reference, title) pairs."""
        self._translators = [_AS_THEY_ARE, *translators]
        for _, box, _ in self._rows:
            fill_combo(box, self._translators, box.currentData())

    def add(self, pair: FolderPair) -> None:
        """List a pair."""
        name = ElidedLabel()
        images, labels = Path(pair.images), Path(pair.labels)
        name.setText(f"{images.parent.name}: {images.name} + {labels.name}")
        name.setToolTip(f"Images: {pair.images}\nLabels: {pair.labels}")
        box = combo("Translator that brings these images into the modality of the segmenter")
        fill_combo(box, self._translators, pair.translator or "")
        box.currentIndexChanged.connect(lambda _: self.changed.emit())
        remove = button("✕", "Do not learn from these", width=26)
        line = QWidget()
        row((name, 1), (box, 1), remove, parent=line, spacing=4)
        entry = (pair, box, line)
        remove.clicked.connect(lambda: self._remove(entry))
        self._rows.append(entry)
        self._layout.insertWidget(self._layout.count() - 1, line)
        self.changed.emit()

    def _remove(self, entry: tuple[FolderPair, QComboBox, QWidget]) -> None:
        self._rows.remove(entry)
        self._layout.removeWidget(entry[2])
        entry[2].hide()
        entry[2].deleteLater()
        self.changed.emit()

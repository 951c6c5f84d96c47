"""The job of the Export dock. Workers import this file, so it knows neither napari nor Qt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_pseudolabel.control import Control
from napari_pseudolabel.exporting import ExportContent
from napari_pseudolabel.formats import Format
from napari_pseudolabel.workspace.json_file import make_folder

if TYPE_CHECKING:
    from napari_pseudolabel.slides.slide_export import SlideContent

LABELS_FOLDER = "labels"
"""Proposed beside images, and made where it is missing."""


@dataclass(frozen=True, eq=False)
class ExportJob:
    """Write a snapshot of a Labels layer."""

    content: ExportContent
    path: str
    format: Format
    confidence: bool
    effort: bool = False
    measures: bool = False
    title: str = "Exporting"

    def run(self, control: Control, models: object) -> tuple[Path, ...]:
        """Write all files, and return their paths."""
        control.check()
        path = _made_ready(self.path)
        return self.content.write(
            path,
            self.format,
            confidence=self.confidence,
            effort=self.effort,
            measures=self.measures,
            control=control,
        )


@dataclass(frozen=True, eq=False)
class SlideExportJob:
    """Write the labels of a large image, which are on the disk of this machine."""

    content: SlideContent
    path: str
    format: Format
    confidence: bool
    title: str = "Exporting"

    def run(self, control: Control, models: object) -> tuple[Path, ...]:
        """Write all files, and return their paths."""
        path = _made_ready(self.path)
        return self.content.write(path, self.format, confidence=self.confidence, control=control)


def _made_ready(path: str) -> Path:
    """Return where to write; a folder for labels that was proposed is there then."""
    found = Path(path).expanduser()
    if found.parent.name == LABELS_FOLDER and found.parent.parent.is_dir():
        make_folder(found.parent)
    return found

"""The job of the Export dock. Workers import this file, so it knows neither napari nor Qt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_pseudolabel.control import Control
from napari_pseudolabel.export import ExportContent
from napari_pseudolabel.formats import Format
from napari_pseudolabel.workspace.json_file import make_folder

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
    title: str = "Exporting"

    def run(self, control: Control, models: object) -> tuple[Path, ...]:
        """Write all files, and return their paths."""
        control.check()
        path = Path(self.path).expanduser()
        if path.parent.name == LABELS_FOLDER and path.parent.parent.is_dir():
            make_folder(path.parent)
        return self.content.write(path, self.format, confidence=self.confidence, effort=self.effort)

"""Label images to files, with a sidecar that tells how they came about."""

from __future__ import annotations

from napari_pseudolabel.exporting.companions import companions, sidecar_path
from napari_pseudolabel.exporting.export_content import ExportContent, provenance_of_runs
from napari_pseudolabel.exporting.sidecar import (
    ModelRecord,
    Provenance,
    SourceRecord,
    not_labelled,
    read_sidecar,
)
from napari_pseudolabel.exporting.writing import export, export_image
from napari_pseudolabel.formats import FileContent, Format, formats

__all__ = [
    "ExportContent",
    "FileContent",
    "Format",
    "ModelRecord",
    "Provenance",
    "SourceRecord",
    "companions",
    "export",
    "export_image",
    "formats",
    "not_labelled",
    "provenance_of_runs",
    "read_sidecar",
    "sidecar_path",
]

"""Label images to files, with a sidecar that tells how they came about."""

from __future__ import annotations

from napari_pseudolabel.export.companions import companions, sidecar_path
from napari_pseudolabel.export.content import ExportContent
from napari_pseudolabel.export.registry import Format, export, export_image, formats
from napari_pseudolabel.export.sidecar import (
    ModelRecord,
    Provenance,
    SourceRecord,
    not_labelled,
    read_sidecar,
)

__all__ = [
    "ExportContent",
    "Format",
    "ModelRecord",
    "Provenance",
    "SourceRecord",
    "companions",
    "export",
    "export_image",
    "formats",
    "not_labelled",
    "read_sidecar",
    "sidecar_path",
]

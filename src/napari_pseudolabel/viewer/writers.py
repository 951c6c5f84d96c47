"""napari's own Save for Labels layers: the same files as the Export dock and the shell write."""

from __future__ import annotations

from typing import Any

from napari_pseudolabel.viewer.contributed import telling_why_not_saved
from napari_pseudolabel.viewer.exporting import content_from


def write_ome_tiff(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a Labels layer as OME-TIFF with a provenance file beside it."""
    return _write(path, data, attributes, "ome-tiff")


def write_png(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a Labels layer of one plane as PNG with a provenance file beside it."""
    return _write(path, data, attributes, "png")


def _write(path: str, data: Any, attributes: dict[str, Any], format: str) -> list[str]:
    with telling_why_not_saved():
        return [str(one) for one in content_from(data, attributes).write(path, format)]

"""Images and their spatial metadata: axes, placement, reading, normalisation, resampling.

Reading is in the room `napari_pseudolabel.imaging.reading` and resampling in `.resampling`; both are handed
out here on first use, so that importing the room stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from napari_pseudolabel.imaging.image import ArrayLike, Channel, Image, from_array
from napari_pseudolabel.imaging.normalisation import IntensityRange, intensity_range, normalise
from napari_pseudolabel.imaging.placement import Placement
from napari_pseudolabel.imaging.statistics import Box, Intensities, LayerStatistics, Need, measure

if TYPE_CHECKING:
    from napari_pseudolabel.imaging.reading.file_images import FileImage, images_at
    from napari_pseudolabel.imaging.reading.image_files import ReadOptions, read, read_labels
    from napari_pseudolabel.imaging.resampling import labels_to, resample, resample_part, resample_to

__all__ = [
    "ArrayLike",
    "Box",
    "Channel",
    "FileImage",
    "Image",
    "Intensities",
    "IntensityRange",
    "LayerStatistics",
    "Need",
    "Placement",
    "ReadOptions",
    "from_array",
    "images_at",
    "intensity_range",
    "labels_to",
    "measure",
    "normalise",
    "read",
    "read_labels",
    "resample",
    "resample_part",
    "resample_to",
]

_LATE = {
    "FileImage": "reading.file_images",
    "images_at": "reading.file_images",
    "ReadOptions": "reading.image_files",
    "read": "reading.image_files",
    "read_labels": "reading.image_files",
    "labels_to": "resampling",
    "resample": "resampling",
    "resample_part": "resampling",
    "resample_to": "resampling",
}


def __getattr__(name: str) -> object:
    if name in _LATE:
        return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

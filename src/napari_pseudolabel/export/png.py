"""Labels and images as PNG: one plane, no spatial metadata."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import imagecodecs
import numpy as np

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.placement import Placement
from napari_pseudolabel.models.cards import LabelClass


def write_labels(
    path: Path, labels: np.ndarray, name: str, placement: Placement, classes: Sequence[LabelClass]
) -> None:
    """Write a plane of labels as greyscale of 8 bit, or of 16 bit where values pass 255.

    Raises
    ------
    InputError
        When there is more than one plane, or a value passes 65535.
    """
    labels = _plane(labels)
    if labels.max() > np.iinfo(np.uint16).max:
        raise InputError(f"PNG holds labels up to 65535, but these reach {labels.max()}; export as OME-TIFF.")
    if labels.dtype == np.uint32:
        labels = labels.astype(np.uint16)
    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(labels)))


def write_image(path: Path, image: np.ndarray, name: str, placement: Placement) -> None:
    """Write a plane of values in [0, 1] as greyscale of 8 bit; values outside are clipped.

    Raises
    ------
    InputError
        When there is more than one plane.
    """
    image = _plane(image)
    grey = np.rint(np.clip(np.nan_to_num(image), 0, 1) * 255).astype(np.uint8)
    path.write_bytes(imagecodecs.png_encode(grey))


def _plane(array: np.ndarray) -> np.ndarray:
    """The only plane, whatever axes of length 1 there are before it."""
    if array.ndim < 2 or array.size != array.shape[-2] * array.shape[-1]:
        raise InputError(
            f"PNG holds one plane, but this is a stack of shape {array.shape}; export as OME-TIFF."
        )
    return array.reshape(array.shape[-2:])

"""Small pictures of labels over an image, as pages and docks show them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.overlaid import overlaid
from napari_pseudolabel.models.cards import LabelClass


def overlay(
    grey: NDArray[np.floating], labels: NDArray[np.uint8] | None, classes: Sequence[LabelClass], most_px: int
) -> NDArray[np.uint8]:
    """Colours of classes over an image.

    Parameters
    ----------
    grey
        (H, W) in [0, 1].
    labels
        (H, W) class values; None for the image alone.
    most_px
        Longest side of the picture; larger ones are thinned out.

    Returns
    -------
    ndarray
        (h, w, 3) uint8.
    """
    step = max(1, -(-max(grey.shape) // most_px))
    shades = np.rint(255 * np.clip(grey[::step, ::step], 0, 1)).astype(np.uint8)
    picture = np.repeat(shades[..., None], 3, axis=2)
    return picture if labels is None else overlaid(picture, labels[::step, ::step], classes)


def as_png(picture: NDArray[np.uint8]) -> bytes:
    """Content of a PNG file, from (H, W, 3) uint8."""
    import imagecodecs

    return bytes(imagecodecs.png_encode(np.ascontiguousarray(picture)))


def data_uri(picture: NDArray[np.uint8]) -> str:
    """Return a picture, (H, W, 3) uint8, as text that a page can hold."""
    return f"data:image/png;base64,{b64encode(as_png(picture)).decode('ascii')}"

"""Small pictures of labels over an image, as pages and docks show them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.classes import with_colours
from napari_pseudolabel.models.cards import LabelClass

_OPACITY = 0.45


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
    shown = np.repeat(np.clip(grey[::step, ::step], 0, 1)[..., None], 3, axis=2)
    if labels is not None:
        thin = labels[::step, ::step]
        for one in with_colours(classes):
            if one.value:
                there = thin == one.value
                shown[there] = (1 - _OPACITY) * shown[there] + _OPACITY * _rgb(one)
    return np.rint(255 * shown).astype(np.uint8)


def as_png(picture: NDArray[np.uint8]) -> bytes:
    """Content of a PNG file, from (H, W, 3) uint8."""
    import imagecodecs

    return bytes(imagecodecs.png_encode(np.ascontiguousarray(picture)))


def _rgb(one: LabelClass) -> NDArray[np.float64]:
    assert one.color is not None
    return np.array(list(bytes.fromhex(one.color.lstrip("#")[:6]))) / 255


def data_uri(picture: NDArray[np.uint8]) -> str:
    """Return a picture, (H, W, 3) uint8, as text that a page can hold."""
    return f"data:image/png;base64,{b64encode(as_png(picture)).decode('ascii')}"

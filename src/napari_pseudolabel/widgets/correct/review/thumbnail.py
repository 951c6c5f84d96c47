"""A small picture of a region: the image with the borders of the labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.imaging import Image, IntensityRange, normalise
from napari_pseudolabel.labels.classes import with_colours
from napari_pseudolabel.labels.review.uncertainty import edges
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.widgets.correct.review.measuring import ReviewScene
from napari_pseudolabel.widgets.correct.review.state import ReviewRegion

_GREY = 96
_UNNAMED = (255, 255, 255)


def thumbnail(scene: ReviewScene, image: Image | None, region: ReviewRegion, side: int) -> NDArray[np.uint8]:
    """Draw a region.

    Parameters
    ----------
    image
        What was labelled; None if it is not open.
    side
        Of the picture in pixels, along the longer side of the region.

    Returns
    -------
    NDArray
        (h, w, 3) uint8 RGB.
    """
    labels = np.asarray(scene.labels.data[(*region.plane, *region.window)])
    height, width = labels.shape
    factor = side / max(height, width)
    size = max(1, round(height * factor)), max(1, round(width * factor))
    rows, columns = (
        np.minimum(((np.arange(new) + 0.5) * old / new).astype(np.intp), old - 1)
        for new, old in zip(size, (height, width), strict=True)
    )
    drawn = labels[np.ix_(rows, columns)]
    picture = np.full((*size, 3), _GREY, np.uint8)
    if image is not None:
        picture[:] = _contrasted(image.plane(region.plane, window=region.window), rows, columns)[..., None]
    border = edges(drawn)
    for value, colour in _colours(scene.classes, np.unique(drawn[border]).tolist()):
        picture[border & (drawn == value)] = colour
    return picture


def _contrasted(
    values: NDArray[np.float32], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.uint8]:
    """Intensities from the darkest to the brightest of the region, on another grid."""
    known = np.nan_to_num(values)
    low, high = np.percentile(known, (1, 99))
    # A picture smaller than the region shows means, not single pixels.
    blur = [
        max(0.0, (old / len(new) - 1) / 2) for old, new in zip(values.shape, (rows, columns), strict=True)
    ]
    smooth = ndi.gaussian_filter(known, blur)[np.ix_(rows, columns)]
    return (255 * normalise(smooth, IntensityRange(float(low), float(high)))).astype(np.uint8)


def _colours(classes: Sequence[LabelClass], values: Sequence[int]) -> list[tuple[int, tuple[int, int, int]]]:
    named = {colour.value: colour.color for colour in with_colours(tuple(classes)) if colour.color}
    return [(value, _rgb(named[value]) if value in named else _UNNAMED) for value in values]


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return red, green, blue

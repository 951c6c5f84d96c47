"""Whether the texture of an image speaks against the pixel size of its file; no model looks at it."""

from __future__ import annotations

from itertools import product

import numpy as np

from napari_pseudolabel.imaging import Channel, Image
from napari_pseudolabel.imaging.scale import Texture
from napari_pseudolabel.imaging.scale.comparison import compare

_SIDE_PX = 512
_PLACES = (1 / 4, 3 / 4)
# The two estimates may differ by so many octaves.
_AGREE = 0.5


def texture_factor(image: Image, texture: Texture, channel: Channel | None) -> float | None:
    """Magnification at which an image has the texture of a training set; None where it is not clear about it.

    Reads four places of the middle plane.

    Raises
    ------
    InputError
        If the image cannot be read.
    """
    planes = list(image.planes())
    height, width = image.shape[-2:]
    starts = (
        sorted({int(np.clip(place * size - _SIDE_PX / 2, 0, max(size - _SIDE_PX, 0))) for place in _PLACES})
        for size in (height, width)
    )
    crops = [
        image.plane(planes[len(planes) // 2], channel, (slice(y, y + _SIDE_PX), slice(x, x + _SIDE_PX)))
        for y, x in product(*starts)
    ]
    found = compare(crops, texture)
    return found.middle if len(found.all) == 2 and found.octaves_apart <= _AGREE else None

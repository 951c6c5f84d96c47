"""Some places of a layer, always the same: enough to learn what the layer is like, however large it is."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.imaging.image import Channel, Image

MOST_PX = 2**21
_MOST_PLANES = 4
_SIDE = 512


def looked_at(
    image: Image, channel: Channel | None = None, most_px: int = MOST_PX
) -> Iterator[NDArray[np.float32]]:
    """Read places that are spread evenly over a layer: whole planes as far as they are small, of up to four planes.

    They follow from the layer alone, so a view of it and all of it are judged alike. Of an image that was cut out of another
    one, the places are those of that one.

    Parameters
    ----------
    channel
        As in `Image.plane`.
    most_px
        About so many pixels are read, together.

    Yields
    ------
    NDArray
        (h, w) float32 raw values.

    Raises
    ------
    InputError
        If the image cannot be read.
    """
    if (part := image.part_of) is not None:
        yield from looked_at(part.image, channel if part.channel is None else part.channel, most_px)
        return
    count = math.prod(image.shape[:-2])
    chosen = np.unique(np.linspace(0, count - 1, min(count, _MOST_PLANES)).round().astype(int))
    height, width = image.shape[-2:]
    for number in chosen:
        index = tuple(int(place) for place in np.unravel_index(number, image.shape[:-2]))
        if height * width * len(chosen) <= most_px:
            yield image.plane(index, channel)
            continue
        along = max(1, int(math.sqrt(most_px / len(chosen)) / _SIDE))
        for y in _starts(height, along):
            for x in _starts(width, along):
                yield image.plane(index, channel, (slice(y, y + _SIDE), slice(x, x + _SIDE)))


def _starts(length: int, number: int) -> list[int]:
    """First pixels of so many places along an axis, in the middle of equal shares of it."""
    middles = (np.arange(number) + 0.5) * length / number
    return sorted({int(min(max(middle - _SIDE / 2, 0), max(length - _SIDE, 0))) for middle in middles})

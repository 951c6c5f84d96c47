"""Whole planes, made small while they are read, so that planes of any size can be looked at as a whole."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging.image import Channel, Image

# So many pixels are read at once, about.
_AT_ONCE_PX = 2**24


def small_plane(
    image: Image, index: tuple[int, ...], channel: Channel | None, longest_px: int, control: Control
) -> NDArray[np.float32]:
    """Read a plane whose longer side has at most so many pixels, each the mean of a square of pixels of the image.

    Parameters
    ----------
    index, channel
        As of `Image.plane`.

    Returns
    -------
    NDArray
        (h, w) float32 raw values; NaN where none of the pixels has a value.

    Raises
    ------
    InputError
        If the image cannot be read.
    """
    height, width = image.shape[-2:]
    side = max(1, math.ceil(max(height, width) / longest_px))
    if side == 1:
        return image.plane(index, channel)
    rows = max(1, _AT_ONCE_PX // (width * side)) * side
    found = []
    for y in range(0, height, rows):
        control.check()
        read = image.plane(index, channel, (slice(y, min(y + rows, height)), slice(0, width)))
        known = np.isfinite(read)
        total, count = (
            np.add.reduceat(np.add.reduceat(one, _starts(one, side, 0), 0), _starts(one, side, 1), 1)
            for one in (np.where(known, read, 0), known.astype(np.float32))
        )
        found.append(np.divide(total, count, out=np.full_like(count, np.nan), where=count > 0))
    return np.concatenate(found)


def _starts(plane: NDArray[np.float32], side: int, axis: int) -> NDArray[np.intp]:
    return np.arange(0, plane.shape[axis], side)

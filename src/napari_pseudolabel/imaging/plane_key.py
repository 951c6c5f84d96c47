"""By what a plane of an image is known again."""

from __future__ import annotations

import hashlib
import itertools
import zlib

import numpy as np

from napari_pseudolabel.imaging.image import Image
from napari_pseudolabel.types import Array

# So many rows and columns tell two images apart, and reading them takes a few milliseconds.
_GRID = 1024
_PLACE = 32


def plane_key(image: Image, index: tuple[int, ...] = ()) -> str:
    """Fingerprint of a plane: the same after a restart, or for another file with the same pixels.

    Parameters
    ----------
    index
        Of the plane, over the axes before Y and X.

    Raises
    ------
    InputError
        When the image cannot be read.
    """
    height, width = image.shape[-2:]
    rows, columns = (slice(None, None, max(1, size // _GRID)) for size in (height, width))
    values = np.ascontiguousarray(image.plane(index, window=(rows, columns)), dtype="<f4")
    content = hashlib.sha256(f"{height}x{width}".encode())
    content.update(values.tobytes())
    return "-".join((content.hexdigest()[:32], *map(str, index)))


def pixels_key(image: Image) -> str:
    """Fingerprint of an image by which another one of the same shape is told: some pixels of its middle plane, whatever the file.

    Reads nine small places, in files that may be large.

    Raises
    ------
    InputError
        When the image cannot be read.
    """
    height, width = image.shape[-2:]
    index = tuple(size // 2 for size in image.shape[:-2])
    content = hashlib.sha256(repr(image.shape).encode())
    for y, x in itertools.product(*(_places(size) for size in (height, width))):
        values = image.plane(index, window=(y, x))
        content.update(np.ascontiguousarray(values, dtype="<f4").tobytes())
    return content.hexdigest()[:32]


def _places(size: int) -> list[slice]:
    starts = sorted({max(0, size * part // 6 - _PLACE // 2) for part in (1, 3, 5)})
    return [slice(start, min(start + _PLACE, size)) for start in starts]


def sum_of(values: Array) -> int:
    """Return a sum (CRC-32) over the values of an array, by which a change is noticed."""
    return zlib.crc32(np.ascontiguousarray(values).view(np.uint8).data)

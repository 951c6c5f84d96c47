"""Planes of an image as its file holds them, all channels, for programs that learn from it themselves."""

from __future__ import annotations

import math

import numpy as np

from napari_pseudolabel.budget import check_memory
from napari_pseudolabel.errors import InputError, PseudolabelError
from napari_pseudolabel.imaging.image import Image, Window
from napari_pseudolabel.types import Array


def raw_plane(image: Image, index: tuple[int, ...], window: Window | None = None) -> Array:
    """Read a plane with all its channels; values stay as they are.

    Parameters
    ----------
    image
        Of any axes.
    index
        Over the axes of its labels before Y and X.
    window
        Slices of Y and X; None for the whole plane.

    Returns
    -------
    (Y, X) or (Y, X, C) uint8, uint16 or float32
        Channels, or red, green and blue without alpha, come last. Other types of values become float32, bool 0 and 255.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    places = iter(index)
    rows, columns = window or (slice(None), slice(None))
    parts: dict[str, slice] = {"Y": rows, "X": columns, "C": slice(None), "S": slice(0, 3)}
    key = tuple(parts[letter] if letter in parts else next(places) for letter in image.axes)
    size = math.prod(
        len(range(*part.indices(length)))
        for part, length in zip(key, image.data.shape, strict=True)
        if isinstance(part, slice)
    )
    check_memory(size * np.dtype(image.data.dtype).itemsize, f"A plane of {image.name}")
    try:
        values = np.asarray(image.data[key])
    except (MemoryError, PseudolabelError):
        raise
    except Exception as error:  # decoders and stores raise whatever they like
        raise InputError(
            f"A plane of {image.name} cannot be read; the file may be damaged ({error})."
        ) from error
    kept = [letter for letter in image.axes if letter in parts]
    if "C" in kept:
        values = np.moveaxis(values, kept.index("C"), -1)
    if values.ndim == 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.dtype.kind == "b":
        return values.astype(np.uint8) * np.uint8(255)
    return values.astype(
        values.dtype.newbyteorder("=") if values.dtype.name in ("uint8", "uint16") else np.float32
    )

"""Stored values that are labels, and labels that belong to an image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.image import Image
from napari_pseudolabel.types import Array

_WIDEST = 8  # bytes


def as_labels(image: Image) -> Image:
    """Return the same with its values as unsigned integers in memory, one per pixel.

    Raises
    ------
    InputError
        When the values cannot be labels.
    """
    values = np.asarray(image.data)
    axes = image.axes
    if axes.endswith("S"):
        values, axes = values[..., :3], axes[:-1]
        if not (values == values[..., :1]).all():
            raise InputError(
                f"{image.path or image.name} holds colours; give a label image with one integer per pixel. If these are planes, say "
                "so with axes, such as ZYX."
            )
        values = values[..., 0]
    if "C" in axes:
        at = axes.index("C")
        if values.shape[at] > 1:
            raise InputError(
                f"{image.path or image.name} has {values.shape[at]} channels (axes {image.axes}); give a label image with one integer "
                "per pixel. If these are planes, say so with axes, such as ZYX."
            )
        values, axes = values.take(0, axis=at), axes.replace("C", "")
    whole = _integers(values, str(image.path or image.name))
    # Other programs and our own writers expect the byte order of the machine.
    return replace(image, data=whole.astype(whole.dtype.newbyteorder("="), copy=False), axes=axes)


def like(labels: Image, image: Image) -> NDArray[np.integer]:
    """Values of labels in the shape of the image that they belong to; axes of length 1 do not count.

    Raises
    ------
    InputError
        When they are of another size.
    """
    if _several(labels.shape) != _several(image.shape):
        raise InputError(
            f"{image.name} is {size(image.shape)} but its labels are {size(labels.shape)}; they must match."
        )
    return np.asarray(labels.data).reshape(image.shape)


def without_single_planes(labels: Image) -> NDArray[np.integer]:
    """Values of labels without axes of length 1 before Y and X."""
    return np.asarray(labels.data).reshape(_several(labels.shape))


def _several(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*(length for length in shape[:-2] if length != 1), *shape[-2:])


def size(shape: tuple[int, ...]) -> str:
    """Return a shape for people."""
    return " x ".join(map(str, shape))


def _integers(values: Array, where: str) -> Array:
    kind = values.dtype.kind
    if kind == "b":
        return values.astype(np.uint8)
    if kind == "f":
        with np.errstate(invalid="ignore"):
            if not np.isfinite(values).all() or not (values == np.rint(values)).all():
                raise InputError(
                    f"{where} holds {values.dtype} values that are no whole numbers; give a label image, whose values are "
                    "integers."
                )
    if kind in "if" and values.size and values.min() < 0:
        raise InputError(f"{where} holds negative values; labels are 0 (background) and above.")
    if kind == "f" and values.max() > (exact := 2.0 ** min(np.finfo(values.dtype.name).nmant + 1, 53)):
        raise InputError(
            f"{where} holds {values.dtype} values above {exact:.0f}, where neighbouring numbers are no longer told "
            "apart; save the labels as integers."
        )
    if kind == "i":
        values = values.astype(np.dtype(f"u{values.dtype.itemsize}"))
    if values.size and (kind == "f" or values.dtype.itemsize == _WIDEST):
        # What numpy makes of whole numbers by itself; hardly a file needs it.
        return values.astype(np.min_scalar_type(int(values.max())))
    return values

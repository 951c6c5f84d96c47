"""What is handed in from Python, as the rest of the package takes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import ArrayLike, Image, from_array, read, read_labels
from napari_pseudolabel.imaging.image import finest
from napari_pseudolabel.imaging.reading.label_values import as_labels, like

ImageInput = str | Path | Image | ArrayLike
LabelsInput = str | Path | Image | NDArray[np.integer]

_LARGEST_CLASS = 255


def opened(image: ImageInput, axes: str | None = None, modality: str = "") -> Image:
    """Return an image: read from a file, made of an array, or as it is.

    Parameters
    ----------
    axes
        Letters as in `imaging.Image`, for files and arrays of more than two axes.
    modality
        What it shows; empty to leave what is known.

    Raises
    ------
    InputError
        If it cannot be read, or its axes cannot be told.
    """
    if isinstance(image, Image):
        if axes is not None and axes != image.axes:
            raise InputError(f"{image.name} has the axes {image.axes}; leave out axes.")
        found = image
    elif isinstance(image, str | Path):
        found = read(image, axes=axes)
    elif hasattr(image, "shape") or isinstance(image, Sequence):
        found = from_array(image, axes)
    else:
        raise InputError(
            f"An image is a path, an array or imaging.Image, not {type(image).__name__}; correct it."
        )
    return replace(found, modality=modality) if modality else found


def told_planes(planes: Sequence[int | Sequence[int]], image: Image) -> tuple[tuple[int, ...], ...]:
    """Return planes by their indices over the axes before Y and X.

    Raises
    ------
    InputError
        If there is no such plane.
    """
    leading = image.shape[:-2]
    found = []
    for plane in planes:
        index = tuple(map(int, plane)) if isinstance(plane, Sequence | np.ndarray) else (int(plane),)
        if len(index) != len(leading) or not all(
            0 <= one < size for one, size in zip(index, leading, strict=True)
        ):
            has = (
                f"{' x '.join(map(str, leading))} planes"
                if leading
                else "a single plane, so leave out planes"
            )
            raise InputError(f"{image.name} has no plane {plane}; it has {has}.")
        found.append(index)
    return tuple(found)


def class_values(labels: LabelsInput, image: Image) -> NDArray[np.uint8]:
    """Return the class values of an image, of its shape.

    Raises
    ------
    InputError
        If they are of another shape, or are no classes.
    """
    if isinstance(labels, str | Path | Image):
        given = as_labels(labels) if isinstance(labels, Image) else read_labels(labels)
        values = np.asarray(like(given, image))
    else:
        values = np.asarray(finest(labels))
    if values.shape != image.shape:
        raise InputError(
            f"The labels are {values.shape}, but {image.name} is {image.shape}; they must match."
        )
    if values.dtype.kind not in "bui" or (
        values.size and not 0 <= values.min() <= values.max() <= _LARGEST_CLASS
    ):
        raise InputError(f"The labels of {image.name} are no classes: those are whole numbers from 0 to 255.")
    return values.astype(np.uint8)

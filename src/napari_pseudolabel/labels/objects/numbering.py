"""All objects of all planes, numbered on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.objects.instances import to_instances
from napari_pseudolabel.labels.objects.scheme import Scheme
from napari_pseudolabel.labels.objects.stitching import number_objects
from napari_pseudolabel.types import Array

# Distances and components of all pixels take some hundred bytes each; a larger plane is numbered by blocks, with the same objects.
_MOST_AT_ONCE = 2**24
_LARGEST_NUMBER = 2**32 - 1


def as_numbers(values: NDArray[np.integer]) -> NDArray[np.uint32]:
    """Return numbers of objects that somebody has told.

    Raises
    ------
    InputError
        If one is larger than such numbers can be: cut down to 32 bit it might be that of another object.
    """
    if (highest := int(values.max(initial=0))) > _LARGEST_NUMBER:
        raise InputError(
            f"Numbers of objects go up to {_LARGEST_NUMBER}, but these reach {highest}; renumber them first."
        )
    return values.astype(np.uint32)


def numbered(labels: Array, scheme: Scheme, labelled: NDArray[np.bool_] | None = None) -> NDArray[np.uint32]:
    """Return number the objects of all planes, on through all of them: nothing says which objects of two planes are the same.

    Parameters
    ----------
    labels
        (..., H, W) class values.
    labelled
        Same shape: where they mean anything; None: everywhere.
    """
    numbers = np.zeros(labels.shape, np.uint32)
    count = 0
    for plane in np.ndindex(*labels.shape[:-2]):
        classes = labels[plane] if labelled is None else np.where(labelled[plane], labels[plane], 0)
        if classes.size > _MOST_AT_ONCE:
            count = number_objects(classes, scheme, numbers[plane], first=count + 1) - 1
            continue
        found = to_instances(classes, scheme)
        numbers[plane] = np.where(found > 0, found + count, 0)
        count += int(found.max(initial=0))
    return numbers

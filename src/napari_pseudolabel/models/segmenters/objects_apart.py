"""Objects that a model told apart itself, as probabilities of one class from which the same objects follow."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

# No doubt may move the edge of an object, also not where it is resampled.
_LEAST_SURE = 0.55


def chances_of_objects(
    objects: NDArray[np.integer], sure: NDArray[np.floating], per_pixel: float = 1.0
) -> NDArray[np.float32]:
    """Return probabilities of background and object, with a line of background between objects that touch.

    Parameters
    ----------
    objects
        (H, W): 1 to n, 0 is background. Of two that touch the one with the higher number gives the line.
    sure
        (H, W) in [0, 1]: how sure the model is of an object there.
    per_pixel
        Pixels of that grid for one of the image, on which the line has to be seen.

    Returns
    -------
    NDArray
        (2, H, W) float32 in [0, 1]; above one half exactly in objects without these lines.
    """
    inside = objects > 0
    none = np.iinfo(np.int32).max
    lowest = ndi.minimum_filter(np.where(inside, objects, none), 2 * max(1, math.ceil(per_pixel)) + 1)
    chance = np.where(inside, np.maximum(sure, _LEAST_SURE), np.minimum(sure, 1 - _LEAST_SURE))
    chance[inside & (lowest < objects)] = 0
    return np.stack([1 - chance, chance]).astype(np.float32)


def large_objects(objects: NDArray[np.int32], min_size: int) -> NDArray[np.int32]:
    """Objects (H, W) of at least so many pixels, numbered anew in the same order."""
    return without_objects(objects, np.bincount(objects.ravel()) < min_size)


def without_objects(objects: NDArray[np.int32], leave_out: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Objects without some, by their number; the others are numbered anew in the same order."""
    keep = ~leave_out
    keep[0] = False
    numbers = np.where(keep, np.cumsum(keep), 0).astype(np.int32)
    return numbers[objects]

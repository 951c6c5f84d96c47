"""The connected component under a pixel, found without looking at the whole plane."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.labels.objects.object_mask import ObjectMask, Place, Plane, object_mask
from napari_pseudolabel.labels.windows import Window, box_of, open_sides, padded, rims, shape_of, window_of

_FIRST_PX = 48
"""Half the side of the window that is looked at first."""

SQUARE = np.ones((3, 3), bool)
"""A pixel and its 8 neighbours."""
CROSS = ndi.generate_binary_structure(2, 1)
"""A pixel and its 4 neighbours."""

T = TypeVar("T")


def component_at(plane: Plane, at: Place) -> ObjectMask | None:
    """Return the component of equal labels that a pixel belongs to, over corners as well.

    Parameters
    ----------
    plane
        (H, W) integers.
    at
        Row and column.

    Returns
    -------
    Target or None
        None on the background and outside of the plane.
    """
    value = value_at(plane, at)
    if not value:
        return None

    def look(window: Window) -> tuple[NDArray[np.bool_], ObjectMask]:
        parts, _ = ndi.label(np.asarray(plane[window]) == value, SQUARE)
        mask = parts == parts[at[0] - window[0].start, at[1] - window[1].start]
        return mask, object_mask(value, window, mask)

    return grown(plane.shape, at, look)


def value_at(plane: Plane, at: Place) -> int:
    """Return the label of a pixel, 0 outside of the plane."""
    if not all(0 <= place < size for place, size in zip(at, plane.shape, strict=True)):
        return 0
    return int(plane[at[0], at[1]])


def grown(shape: tuple[int, ...], at: Place, look: Callable[[Window], tuple[NDArray[np.bool_], T]]) -> T:
    """Return what is found in a window around a place that grows until it holds all that matters.

    Parameters
    ----------
    shape
        Of the plane.
    look
        Gets a window; gives the mask of what may not reach its border, and what was found.
    """
    window = padded(window_of((*at, *at)), _FIRST_PX, shape)
    while True:
        mask, found = look(window)
        sides = zip(open_sides(window, shape), rims(mask), strict=True)
        up, down, left, right = (bool(goes_on and rim.any()) for goes_on, rim in sides)
        if not (up or down or left or right):
            return found
        # Only to the sides where it goes on: an object may be long and thin.
        (tall, wide), (y0, x0, y1, x1) = shape_of(window), box_of(window)
        box = y0 - tall * up, x0 - wide * left, y1 + tall * down, x1 + wide * right
        window = padded(window_of(box), 0, shape)

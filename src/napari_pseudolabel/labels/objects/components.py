"""The connected component under a pixel, found without looking at the whole plane."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.labels.objects.values import Place, Plane, Target, Window, target_of

_FIRST_PX = 48
"""Half the side of the window that is looked at first."""

SQUARE = np.ones((3, 3), bool)
"""A pixel and its 8 neighbours."""
CROSS = ndi.generate_binary_structure(2, 1)
"""A pixel and its 4 neighbours."""

T = TypeVar("T")


def component_at(plane: Plane, at: Place) -> Target | None:
    """The component of equal labels that a pixel belongs to, over corners as well.

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

    def look(window: Window) -> tuple[NDArray[np.bool_], Target]:
        parts, _ = ndi.label(np.asarray(plane[window]) == value, SQUARE)
        mask = parts == parts[at[0] - window[0].start, at[1] - window[1].start]
        return mask, target_of(value, window, mask)

    return grown(plane.shape, at, look)


def value_at(plane: Plane, at: Place) -> int:
    """The label of a pixel, 0 outside of the plane."""
    if not all(0 <= place < size for place, size in zip(at, plane.shape, strict=True)):
        return 0
    return int(plane[at[0], at[1]])


def grown(shape: tuple[int, ...], at: Place, look: Callable[[Window], tuple[NDArray[np.bool_], T]]) -> T:
    """What is found in a window around a place that grows until it holds all that matters.

    Parameters
    ----------
    shape
        Of the plane.
    look
        Gets a window; gives the mask of what may not reach its border, and what was found.
    """
    height, width = int(shape[-2]), int(shape[-1])
    y0, x0 = max(at[0] - _FIRST_PX, 0), max(at[1] - _FIRST_PX, 0)
    y1, x1 = min(at[0] + _FIRST_PX, height), min(at[1] + _FIRST_PX, width)
    while True:
        mask, found = look((slice(y0, y1), slice(x0, x1)))
        top, bottom = mask[0].any() and y0 > 0, mask[-1].any() and y1 < height
        left, right = mask[:, 0].any() and x0 > 0, mask[:, -1].any() and x1 < width
        if not (top or bottom or left or right):
            return found
        # Only to the sides where it goes on: an object may be long and thin.
        tall, wide = y1 - y0, x1 - x0
        y0, y1 = y0 - tall * bool(top), y1 + tall * bool(bottom)
        x0, x1 = x0 - wide * bool(left), x1 + wide * bool(right)
        y0, x0, y1, x1 = max(y0, 0), max(x0, 0), min(y1, height), min(x1, width)

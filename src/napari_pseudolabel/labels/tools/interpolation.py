"""Labels of the slices between two that are labelled."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.objects.object_mask import ObjectMask, object_mask
from napari_pseudolabel.labels.tools.change import LOCKED, Change, tool_window
from napari_pseudolabel.labels.windows import around, padded, whole


def interpolate(
    stack: NDArray[np.integer],
    value: int,
    first: int,
    last: int,
    *,
    targets: Mapping[int, ObjectMask] | None = None,
    locked: NDArray[np.bool_] | None = None,
) -> dict[int, Change]:
    """Label the empty slices between labelled ones by interpolating distances to the border.

    Only background is taken.

    Parameters
    ----------
    stack
        (Z, H, W) integers.
    value
        Class to interpolate.
    first, last
        Slices between which it is done, both included.
    targets
        One object by its slices, `first` and `last` among them: only this object is interpolated, and its centre
        moves on a straight line. None: everything of the class, between the nearest slices that have some.
    locked
        (Z, H, W) bool: pixels that stay as they are.

    Returns
    -------
    dict
        The change of every slice that changes, by its number.

    Raises
    ------
    InputError
        When fewer than two slices are labelled, no slice is empty between them, or nothing can change.
    """
    if not 0 <= first < last < len(stack):
        raise InputError("Choose two different slices of the stack to interpolate between.")
    keys = (
        _of_class(stack, value, first, last) if targets is None else {z: targets[z] for z in sorted(targets)}
    )
    if len(keys) < 2:
        raise InputError("Label the object in two slices first; what lies between them is interpolated.")
    gaps = [(low, high) for low, high in pairwise(keys) if high - low > 1]
    if not gaps:
        raise InputError("There is no empty slice between the labelled ones.")
    changes: dict[int, Change] = {}
    blocked = False
    for low, high in gaps:
        follow = targets is not None
        for z, target in _between(keys[low], low, keys[high], high, stack.shape, follow=follow).items():
            held = None if locked is None else locked[z]
            part = tool_window(stack[z], target.window, held)
            fresh = target.mask & part.open()
            blocked |= bool((fresh & part.locked).any())
            fresh &= part.free()
            if fresh.any():
                after = np.where(fresh, part.before.dtype.type(value), part.before)
                changes[z] = part.change(after, "")
    if not changes:
        raise InputError(
            LOCKED if blocked else "The slices between are labelled already, or the objects do not overlap."
        )
    return changes


def _of_class(stack: NDArray[np.integer], value: int, first: int, last: int) -> dict[int, ObjectMask]:
    """Return the labelled slices, as far as they have the class."""
    found = {}
    for z in range(first, last + 1):
        mask = np.asarray(stack[z]) == value
        if mask.any():
            found[z] = object_mask(value, whole(stack.shape), mask)
    return found


def _between(
    low: ObjectMask, low_z: int, high: ObjectMask, high_z: int, shape: tuple[int, ...], *, follow: bool
) -> dict[int, ObjectMask]:
    """Return the objects of the slices between two; slices where nothing is left are not among them."""
    window = padded(around(low.window, high.window), 1, shape)
    masks = [low.within(window), high.within(window)]
    centres = [np.array(ndi.center_of_mass(mask)) for mask in masks]
    found = {}
    for z in range(low_z + 1, high_z):
        share = (z - low_z) / (high_z - low_z)
        middle = centres[0] * (1 - share) + centres[1] * share
        distances = []
        for mask, centre in zip(masks, centres, strict=True):
            shifted = (
                ndi.shift(_signed(mask), middle - centre, order=1, mode="nearest")
                if follow
                else _signed(mask)
            )
            distances.append(shifted)
        mask = distances[0] * (1 - share) + distances[1] * share > 0
        if mask.any():
            found[z] = object_mask(low.value, window, mask)
    return found


def _signed(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Distance to the border in pixels: positive inside, negative outside; never 0."""
    padded_mask = np.pad(mask, 1)
    inner = ndi.distance_transform_edt(padded_mask)
    outer = ndi.distance_transform_edt(~padded_mask)
    return np.asarray((inner - outer)[1:-1, 1:-1])

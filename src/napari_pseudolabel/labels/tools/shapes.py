"""Tools for one object: away with it, another class, its holes, its border."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.objects.components import CROSS, SQUARE
from napari_pseudolabel.labels.tools.change import (
    Change,
    Locked,
    ObjectMask,
    Plane,
    require_object,
    tool_window,
)
from napari_pseudolabel.labels.windows import Window, open_sides, rims

# Pieces that smoothing cuts off and that are smaller than this share of the object are its roughness.
_CRUMB = 0.05
_DOWN, _ACROSS = SQUARE & [[False, True, False]], SQUARE & [[False], [True], [False]]


def delete(plane: Plane, target: ObjectMask | None, *, locked: Locked | None = None) -> Change:
    """Make an object background.

    Parameters
    ----------
    plane
        (H, W) integers.
    target
        The object.
    locked
        (H, W) bool: pixels that stay as they are.

    Raises
    ------
    InputError
        When there is no object or all of it is locked.
    """
    target = require_object(target)
    part = tool_window(plane, target.window, locked)
    after = np.where(target.mask, part.before.dtype.type(0), part.before)
    return part.change(after, "There is nothing left to delete.", "Deleted the object.")


def reassign(plane: Plane, target: ObjectMask | None, value: int, *, locked: Locked | None = None) -> Change:
    """Give all of an object another class.

    Parameters
    ----------
    value
        The class; for what else see `delete`.

    Raises
    ------
    InputError
        When there is no object, all of it is locked, or it has the class already.
    """
    target = require_object(target)
    part = tool_window(plane, target.window, locked)
    after = np.where(target.mask, part.before.dtype.type(value), part.before)
    return part.change(after, "The object has this class already; choose another one.", "Changed the class.")


def fill_holes(
    plane: Plane, target: ObjectMask | None, *, locked: Locked | None = None, over: tuple[int, ...] = ()
) -> Change:
    """Fill what an object encloses; every pixel gets the class of the part of the object that is nearest.

    Parameters
    ----------
    over
        Classes that are filled besides background; for what else see `delete`.

    Raises
    ------
    InputError
        When there is no object, it has no hole, or what would change is locked.
    """
    target = require_object(target)
    part = tool_window(plane, target.window, locked)
    holes = ndi.binary_fill_holes(target.mask) & ~target.mask
    after = _spread(part.before, target.mask, holes & part.open(over))
    return part.change(after, "The object has no holes.", "Filled the holes.")


def grow(
    plane: Plane,
    target: ObjectMask | None,
    pixels: int,
    *,
    locked: Locked | None = None,
    over: tuple[int, ...] = (),
    aspect: float = 1.0,
) -> Change:
    """Move the border of an object outward.

    Only background is taken, and between objects of the same class a gap of one pixel stays. New pixels
    get the class of the part of the object that is nearest.

    Parameters
    ----------
    pixels
        By how much.
    over
        Classes that are taken besides background; for what else see `delete`.
    aspect
        Height of a pixel by its width. Where that is not 1, lengths are in longer sides of a pixel.

    Raises
    ------
    InputError
        When there is no object, or no room for it to grow.
    """
    target = require_object(target)
    part = tool_window(plane, target.window, locked, math.ceil(pixels * max(_sides(aspect))) + 1)
    mask = target.within(part.window)
    room = part.free(over) & ~near(part.others(mask))
    bigger = mask
    for step in range(pixels):
        bigger = _stepped(bigger, step, aspect, partial(ndi.binary_dilation, mask=room | mask), np.logical_or)
    after = _spread(part.before, mask, bigger & ~mask, aspect)
    return part.change(
        after,
        "The object has no room to grow: other objects or confirmed pixels are all around it.",
        "Grew the object.",
    )


def shrink(
    plane: Plane,
    target: ObjectMask | None,
    pixels: int,
    *,
    locked: Locked | None = None,
    under: int = 0,
    aspect: float = 1.0,
) -> Change:
    """Move the border of an object inward.

    Parameters
    ----------
    pixels
        By how much.
    under
        Class of the pixels that become free; for what else see `grow`.

    Raises
    ------
    InputError
        When there is no object, all that would change is locked, or nothing of the object would be left.
    """
    target = require_object(target)
    part = tool_window(plane, target.window, locked, 1)
    mask = smaller = target.within(part.window)
    for step in range(pixels):
        # What lies beyond the border of the image is unknown, so the object does not end there.
        smaller = _stepped(smaller, step, aspect, partial(ndi.binary_erosion, border_value=1), np.logical_and)
    if not smaller.any():
        raise InputError(
            f"The object is too thin to shrink by {pixels} px: nothing would be left. Delete it instead."
        )
    after = np.where(mask & ~smaller, part.before.dtype.type(under), part.before)
    return part.change(after, "Choose by how many pixels the object shrinks.", "Shrank the object.")


def smooth(
    plane: Plane,
    target: ObjectMask | None,
    radius: float,
    *,
    locked: Locked | None = None,
    over: tuple[int, ...] = (),
    under: int = 0,
    aspect: float = 1.0,
) -> Change:
    """Round the border of an object off; its area stays the same where there is room.

    Of a fibre first the outer border is rounded, then that between its parts.

    Parameters
    ----------
    radius
        Bumps and dents smaller than this go, in pixels.
    over, under
        Classes that are taken besides background, and the class of pixels that become free; for what else
        see `grow`.

    Raises
    ------
    InputError
        When there is no object, it would break in two, is smooth already, or what would change is locked.
    """
    target = require_object(target)
    blur = tuple(radius * side for side in _sides(aspect))
    part = tool_window(plane, target.window, locked, math.ceil(2 * max(blur)) + 1)
    mask = target.within(part.window)
    room = part.free(over) & ~near(part.others(mask))
    rounded = _rounded(mask, blur, room | mask)
    after = np.where(mask & ~rounded, part.before.dtype.type(under), part.before)
    after = _spread(after, mask & rounded, rounded & ~mask, aspect)
    inner = after == target.value
    inner &= rounded
    outer = rounded & ~inner
    if outer.any():
        rest = after[outer][0]
        core = _rounded(inner, blur, rounded)
        after[rounded] = np.where(core[rounded], after.dtype.type(target.value), rest)
    return part.change(after, "The border of the object is smooth already.", "Smoothed the object.")


def remove_small(
    plane: Plane,
    value: int,
    least_px: int,
    window: Window,
    *,
    locked: Locked | None = None,
) -> Change:
    """Remove the small components of a class in a window; those that reach out of it stay.

    Parameters
    ----------
    value
        The class.
    least_px
        Components with fewer pixels go, whatever their shape: pixels are areas. Those with a locked pixel stay.
    window
        Where to look, with explicit bounds.

    Raises
    ------
    InputError
        When there is no such component.
    """
    part = tool_window(plane, window, locked)
    components, count = ndi.label(part.before == value, SQUARE)
    small = np.bincount(components.ravel(), minlength=count + 1) < least_px
    small[0] = False
    small[components[part.locked]] = False
    for goes_on, rim in zip(open_sides(part.window, plane.shape), rims(components), strict=True):
        if goes_on:
            small[rim] = False
    gone = small[components]
    after = np.where(gone, part.before.dtype.type(0), part.before)
    number = int(np.count_nonzero(np.bincount(components[gone])))
    return part.change(
        after,
        f"No object of this class is smaller than {least_px} px here.",
        f"Removed {number} small {'object' if number == 1 else 'objects'}.",
    )


def near(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a mask and the 8 neighbours of its pixels."""
    grown: NDArray[np.bool_] = ndi.binary_dilation(mask, SQUARE)
    return grown


def _sides(aspect: float) -> tuple[float, float]:
    """Return how many pixels, down and across, are as long as the longer side of one."""
    return max(1 / aspect, 1.0), max(aspect, 1.0)


def _stepped(
    mask: NDArray[np.bool_],
    step: int,
    aspect: float,
    move: Callable[[NDArray[np.bool_], NDArray[np.bool_]], NDArray[np.bool_]],
    both: Callable[[NDArray[np.bool_], NDArray[np.bool_]], NDArray[np.bool_]],
) -> NDArray[np.bool_]:
    """Move the border of a mask by the longer side of a pixel.

    Parameters
    ----------
    step
        How many steps were done before.
    move
        Moves it by one pixel, in the directions of a structure.
    both
        Joins the masks that were moved down and across.
    """
    counts = [round(side * (step + 1)) - round(side * step) for side in _sides(aspect)]
    # Alternating neighbourhoods make an octagon, which is nearly round.
    if counts == [1, 1]:
        return move(mask, SQUARE if step % 2 else CROSS)
    moved: list[NDArray[np.bool_]] = []
    for line, count in zip((_DOWN, _ACROSS), counts, strict=True):
        one = moved[0] if moved and step % 2 else mask
        for _ in range(count):  # pixel by pixel: nothing is jumped over
            one = move(one, line)
        moved.append(one)
    return moved[1] if step % 2 else both(*moved)


def _spread(
    labels: NDArray[np.generic], origin: NDArray[np.bool_], to: NDArray[np.bool_], aspect: float = 1.0
) -> NDArray[np.generic]:
    """Labels with those of `origin` carried to the nearest pixels of `to`."""
    after = labels.copy()
    if to.any():
        rows, columns = ndi.distance_transform_edt(
            ~origin, sampling=(aspect, 1.0), return_distances=False, return_indices=True
        )
        after[to] = labels[rows[to], columns[to]]
    return after


def _rounded(mask: NDArray[np.bool_], blur: tuple[float, ...], room: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a mask of as many pixels without what is smaller than a radius, down and across."""
    blurred = ndi.gaussian_filter(mask.astype(np.float32), blur, truncate=2.0, mode="nearest")
    level = np.partition(blurred.ravel(), -np.count_nonzero(mask))[-np.count_nonzero(mask)]
    rounded = (blurred >= level) & room
    pieces, count = ndi.label(rounded, SQUARE)
    sizes = np.bincount(pieces.ravel())[1:]
    kept = np.flatnonzero(sizes > _CRUMB * sizes.max(initial=0)) + 1
    _, before = ndi.label(mask, SQUARE)
    if len(kept) > before:
        raise InputError(
            "Smoothing by this radius would break the object in two; choose a smaller radius, or split it first."
        )
    return np.isin(pieces, kept) if len(kept) < count else rounded

"""Dividing an object along a line that a person draws."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.objects.components import SQUARE
from napari_pseudolabel.labels.tools.change import (
    LOCKED,
    Change,
    Locked,
    ObjectMask,
    Plane,
    require_object,
    tool_window,
)
from napari_pseudolabel.labels.windows import Window, shape_of

Path = Sequence[tuple[float, float]]
"""Corners of a line, as row and column in pixels."""

NOT_CROSSED = "The line does not cross the object; draw it from one side of the object to the other."


def split(
    plane: Plane,
    target: ObjectMask | None,
    path: Path,
    *,
    locked: Locked | None = None,
    under: int = 0,
) -> Change:
    """Divide an object into parts that do not touch, not even over corners.

    Only pixels of the line are lost.

    Parameters
    ----------
    plane
        (H, W) integers.
    target
        The object.
    path
        Corners of the line, as row and column.
    locked
        (H, W) bool: pixels that stay as they are.
    under
        Class of the pixels of the line.

    Raises
    ------
    InputError
        When there is no object, the line does not go through it, or runs over locked pixels.
    """
    target = require_object(target)
    part = tool_window(plane, target.window, locked)
    line = drawn(stairs(path), part.window) & target.mask
    _, before = ndi.label(target.mask, SQUARE)
    _, count = ndi.label(target.mask & ~line, SQUARE)
    if count <= before:
        raise InputError(NOT_CROSSED)
    _, possible = ndi.label(target.mask & ~(line & ~part.locked), SQUARE)
    if possible <= before:
        raise InputError(LOCKED)
    after = np.where(line, part.before.dtype.type(under), part.before)
    return part.change(after, NOT_CROSSED, f"Split into {possible} objects.")


def stairs(path: Path) -> NDArray[np.intp]:
    """Return the pixels of a line without diagonal steps, so that it parts what is connected over corners.

    Parameters
    ----------
    path
        Corners, as row and column.

    Returns
    -------
    NDArray
        (N, 2) rows and columns.
    """
    places = line_through(path)
    steps = np.diff(places, axis=0)
    slanted = (steps != 0).all(axis=1)
    # The missing pixel of a diagonal step: the old row in the new column.
    corners = np.column_stack((places[:-1][slanted, 0], places[1:][slanted, 1]))
    return np.concatenate((places, corners))


def line_through(path: Path) -> NDArray[np.intp]:
    """Return the pixels of a line, each a neighbour of the one before.

    Parameters
    ----------
    path
        Corners, as row and column.

    Returns
    -------
    NDArray
        (N, 2) rows and columns, in the order of the path.

    Raises
    ------
    InputError
        When the path has no corner.
    """
    corners = np.rint(np.asarray(path, dtype=float).reshape(-1, 2)).astype(np.intp)
    if not len(corners):
        raise InputError("Draw a line first.")
    pieces = [corners[:1]]
    for start, stop in pairwise(corners):
        steps = int(np.abs(stop - start).max())
        if steps:
            shares = np.arange(1, steps + 1)[:, None] / steps
            pieces.append(np.rint(start + shares * (stop - start)).astype(np.intp))
    return np.concatenate(pieces)


def drawn(places: ArrayLike, window: Window) -> NDArray[np.bool_]:
    """(h, w) bool: pixels given as (N, 2) rows and columns of the plane, as a mask of a window."""
    mask = np.zeros(shape_of(window), bool)
    inside = np.asarray(places, dtype=np.intp).reshape(-1, 2) - [side.start for side in window]
    inside = inside[((inside >= 0) & (inside < mask.shape)).all(axis=1)]
    mask[tuple(inside.T)] = True
    return mask

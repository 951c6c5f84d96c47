"""What a tool changes in labels: one undo step, a correction of the person, nothing that is confirmed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.windows import Index, Window, key_of, padded
from napari_pseudolabel.viewer.corrections import Corrections
from napari_pseudolabel.viewer.effort import EffortLog
from napari_pseudolabel.viewer.image_layers import unwrapped
from napari_pseudolabel.viewer.undo_history import is_under_way

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_pseudolabel.labels.tools.change import Change

_NEAR_PX = 512


def apply(layer: Labels, plane: Index, change: Change | Mapping[int, Change], tool: str) -> int:
    """Write what a tool has made of labels, as one undo step.

    Only pixels that become another label are written; they count as corrected by the person. Confirmed pixels
    keep their label.

    Parameters
    ----------
    layer
        The labels; held in memory.
    plane
        Index of the plane over the axes before Y and X. For changes of several planes, its last axis is that
        of the keys of `change`.
    change
        Of that plane, or of planes by their number on the axis before Y and X.
    tool
        Name of the tool in the effort log.

    Returns
    -------
    int
        Number of pixels that changed.

    Raises
    ------
    InputError
        While a stroke is being painted, whose undo step would be torn apart.
    """
    plain = unwrapped(layer)
    require_no_stroke(plain)
    changes = (
        {(*plane[:-1], number): one for number, one in sorted(change.items())}
        if isinstance(change, Mapping)
        else {plane: change}
    )
    corrections = Corrections.of(plain)
    total = 0
    with EffortLog.of(plain).doing(tool), plain.block_history():
        for index, one in changes.items():
            corrections.sync_part(index, one.window)
            now = np.asarray(plain.data[key_of(index, one.window)])
            changed = (now != one.labels) & ~corrections.confirmed_in(key_of(index, one.window))
            rows, columns = np.nonzero(changed)
            if not rows.size:
                continue
            total += rows.size
            top, left = one.window[0].start, one.window[1].start
            places = (*(np.full(rows.size, axis) for axis in index), rows + top, columns + left)
            plain.data_setitem(places, one.labels[changed].astype(now.dtype))
    return total


def locked_plane(layer: Labels, plane: Index, near: Window) -> NDArray[np.bool_] | None:
    """Where tools must not change a plane, because a person confirmed it.

    Parameters
    ----------
    layer
        The labels.
    plane
        Index over the axes before Y and X.
    near
        What the tool works on, with bounds. Farther than 512 pixels from it nothing is looked up, so that this
        takes as long on large layers as on small ones; `apply` looks again at what really changes.

    Returns
    -------
    NDArray or None
        (H, W) bool; True where the labels are confirmed as they stand. None if they are nowhere.
    """
    shape = unwrapped(layer).data.shape[-2:]
    looked_at = padded(near, _NEAR_PX, shape)
    found = Corrections.of(layer).confirmed_in(key_of(plane, looked_at))
    if not found.any():
        return None
    locked = np.zeros(shape, bool)
    locked[looked_at] = found
    return locked


def require_no_stroke(layer: Labels) -> None:
    """Refuse while the mouse button is down on a stroke.

    Raises
    ------
    InputError
        If so.
    """
    if is_under_way(unwrapped(layer)):
        raise InputError("A stroke is being painted; release the mouse button first.")

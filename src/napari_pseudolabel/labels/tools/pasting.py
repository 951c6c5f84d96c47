"""Taking an object over from other labels of the same plane."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.objects.components import SQUARE, value_at
from napari_pseudolabel.labels.objects.lookup import object_at
from napari_pseudolabel.labels.objects.scheme import Scheme
from napari_pseudolabel.labels.tools.change import Change, Locked, ObjectMask, Place, Plane, tool_window
from napari_pseudolabel.labels.tools.shapes import near
from napari_pseudolabel.labels.windows import around

NO_CANDIDATE = 255
"""What candidates hold where nothing was predicted."""


def paste(
    plane: Plane,
    candidate: Plane,
    at: Place,
    scheme: Scheme,
    *,
    replacing: ObjectMask | None = None,
    locked: Locked | None = None,
    over: tuple[int, ...] = (),
) -> Change:
    """Put the object that another label image has at a place into a plane.

    Only background is overwritten, and between the pasted object and others of the same class a gap of one pixel
    stays.

    Parameters
    ----------
    plane
        (H, W) integers.
    candidate
        (H, W) integers: the other labels; 255 where there are none.
    at
        Row and column of a pixel of the object in `candidate`.
    scheme
        How classes make objects.
    replacing
        An object of the plane that is removed first.
    locked
        (H, W) bool: pixels that stay as they are.
    over
        Classes that are overwritten besides background.

    Raises
    ------
    InputError
        When the candidate has no object there, or nothing of it is left to paste.
    """
    value = value_at(candidate, at)
    if value == NO_CANDIDATE:
        raise InputError(
            "Nothing was predicted at this place; choose a place inside of the predicted region."
        )
    source = object_at(candidate, at, scheme) if value else None
    if source is None:
        raise InputError("The other labels have no object under the cursor; move it over one.")
    window = source.window if replacing is None else around(source.window, replacing.window)
    part = tool_window(plane, window, locked, 1)
    mask = source.within(part.window)
    after = part.before.copy()
    room = part.free(over)
    if replacing is not None:
        old = replacing.within(part.window) & ~part.locked
        after[old] = 0
        room |= old
    pasted = np.asarray(candidate[part.window]).astype(plane.dtype)
    for one in np.unique(pasted[mask]):
        here = mask & (pasted == one) & room
        # What the object covers of its own class already is the same object, not a neighbour.
        parts, _ = ndi.label(after == one, SQUARE)
        own = np.isin(parts, np.unique(parts[mask & (parts > 0)]))
        here &= ~near((after == one) & ~own)
        after[here] = one
    return part.change(
        after, "The object is there already, or other objects are in its place.", "Pasted the object."
    )

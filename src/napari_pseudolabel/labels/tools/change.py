"""What a correction tool does to a plane of labels: the part that it changes, and how."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.objects.object_mask import ObjectMask, Place, Plane
from napari_pseudolabel.labels.windows import Window, padded
from napari_pseudolabel.types import Array

Locked = NDArray[np.bool_]
"""(H, W) bool of the plane: True where a label must stay as it is, because somebody confirmed it."""

NO_OBJECT = "There is no object under the cursor; move it over one."
LOCKED = "What would change is confirmed; take the confirmation back first."

__all__ = ["Change", "Locked", "ObjectMask", "Place", "Plane", "Window"]


@dataclass(frozen=True, eq=False)
class Change:
    """A part of a plane as it should be afterwards.

    Attributes
    ----------
    window
        Part of the plane; outside of it nothing changes.
    labels
        (h, w) labels of the window afterwards, in the dtype of the plane.
    sentence
        What happened, for the person.
    """

    window: Window
    labels: Array
    sentence: str = ""


@dataclass(frozen=True, eq=False)
class ToolWindow:
    """A window of a plane while a tool works on it.

    Attributes
    ----------
    before
        (h, w) labels as they are.
    locked
        (h, w) bool: what must stay.
    """

    window: Window
    before: Array
    locked: NDArray[np.bool_]

    def open(self, over: tuple[int, ...] = ()) -> NDArray[np.bool_]:
        """(h, w) bool: background, or a class that may be overwritten."""
        return np.isin(self.before, (0, *over))

    def free(self, over: tuple[int, ...] = ()) -> NDArray[np.bool_]:
        """(h, w) bool: background, or a class that may be overwritten, and not locked."""
        return self.open(over) & ~self.locked

    def others(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(h, w) bool: labels of the classes that `mask` covers, but of other objects."""
        classes = np.unique(self.before[mask])
        return np.isin(self.before, classes[classes != 0]) & ~mask

    def change(self, after: Array, nothing: str, sentence: str = "") -> Change:
        """Return the change to `after`, locked pixels left out.

        Raises
        ------
        InputError
            With `nothing` if no pixel changes; if that is because of locked ones, it says so.
        """
        different = after != self.before
        if not different.any():
            raise InputError(nothing)
        if not (different & ~self.locked).any():
            raise InputError(LOCKED)
        return Change(self.window, np.where(self.locked, self.before, after), sentence)


def tool_window(plane: Plane, window: Window, locked: Locked | None, margin: int = 0) -> ToolWindow:
    """Return the part of a plane in a window and a margin around it."""
    window = padded(window, margin, plane.shape)
    before = np.asarray(plane[window])
    held = np.zeros(before.shape, bool) if locked is None else np.asarray(locked[window], bool)
    return ToolWindow(window, before, held)


def require_object(target: ObjectMask | None) -> ObjectMask:
    """Return the target; an InputError if there is none."""
    if target is None:
        raise InputError(NO_OBJECT)
    return target

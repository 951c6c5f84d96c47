"""An object in a plane of labels, or a part of one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.labels.windows import Window, common_part, holding, inside, moved, shape_of
from napari_pseudolabel.types import Array

Plane = Array
"""(H, W) integers: class values, 0 is background."""
Place = tuple[int, int]
"""Row and column of a pixel."""


@dataclass(frozen=True, eq=False)
class ObjectMask:
    """What a tool works on.

    Attributes
    ----------
    value
        Its class; of a fibre that of its inner part, or of its outer part if it has no other.
    window
        Smallest part of the plane that holds it.
    mask
        (h, w) bool of the window: its pixels.
    """

    value: int
    window: Window
    mask: NDArray[np.bool_]

    @property
    def pixels(self) -> int:
        """Number of its pixels."""
        return int(np.count_nonzero(self.mask))

    @property
    def place(self) -> Place:
        """A pixel of it, the first in reading order."""
        return self._highest(self.mask)

    @property
    def middle(self) -> Place:
        """The pixel of it that is farthest from its border, so that it stays inside while the object changes."""
        return self._highest(ndi.distance_transform_edt(np.pad(self.mask, 1))[1:-1, 1:-1])

    def _highest(self, values: Array) -> Place:
        row, column = np.unravel_index(int(values.argmax()), values.shape)
        return int(row) + self.window[0].start, int(column) + self.window[1].start

    def holds(self, at: Place) -> bool:
        """Whether a pixel is part of it."""
        row, column = (place - part.start for place, part in zip(at, self.window, strict=True))
        height, width = self.mask.shape
        return 0 <= row < height and 0 <= column < width and bool(self.mask[row, column])

    def within(self, window: Window) -> NDArray[np.bool_]:
        """Its pixels, as a mask of another window of the plane."""
        found = np.zeros(shape_of(window), bool)
        common = common_part(self.window, window)
        if common is not None:
            found[inside(common, window)] = self.mask[inside(common, self.window)]
        return found


def object_mask(value: int, window: Window, mask: NDArray[np.bool_]) -> ObjectMask:
    """Return a target whose window is the smallest around its pixels; `mask` is that of `window` and not empty."""
    part = holding(mask)
    return ObjectMask(int(value), moved(part, window), mask[part].copy())

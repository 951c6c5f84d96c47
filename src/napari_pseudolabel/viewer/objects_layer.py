"""Layers that only show something about labels for a while: their objects, or what a candidate says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from napari.layers import Labels
from numpy.typing import DTypeLike, NDArray

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.objects import ObjectMask, Scheme, objects_in
from napari_pseudolabel.labels.windows import Index, Window, around, key_of, padded, whole
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.types import Array
from napari_pseudolabel.viewer.candidates import NOTHING, Candidates
from napari_pseudolabel.viewer.image_layers import placement_of
from napari_pseudolabel.viewer.records import Role, find_layer
from napari_pseudolabel.viewer.result_layers import new_labels, show_classes

if TYPE_CHECKING:
    from napari.components import ViewerModel

_LARGEST = 65535


class Objects:
    """The objects of one plane of labels, numbered as far as they were looked at.

    An object keeps its number, and so its colour, as long as most of it stays where it was. Looking at a part
    takes as long as that part is large. One thread may look while another draws.

    Parameters
    ----------
    numbers
        (H, W) uint16 that is kept up to date: number of the object at every pixel, 0 for none.
    """

    def __init__(self, numbers: NDArray[np.uint16]) -> None:
        self.numbers = numbers
        self._boxes: dict[int, Window] = {}
        self._last = 0

    def update(self, values: Array, window: Window, scheme: Scheme) -> Window:
        """Return number the objects of a part whose labels are new, or have changed.

        Parameters
        ----------
        values
            (H, W) labels of the plane.
        window
            The part, with bounds.
        scheme
            How classes make objects.

        Returns
        -------
        Window
            Where numbers may have changed.
        """
        wide = padded(window, 1, values.shape)
        for number in self._known(wide):
            wide = around(wide, self._boxes[number])
        targets = sorted(objects_in(values, wide, scheme), key=lambda object_mask: -object_mask.pixels)
        numbers = self._assigned(targets)
        changed = wide
        for number in self._known(wide):
            box = self._boxes.pop(number)
            changed = around(changed, box)
            part = self.numbers[box]
            part[part == number] = 0
        for number, target in zip(numbers, targets, strict=True):
            self._boxes[number] = target.window
            changed = around(changed, target.window)
            self.numbers[target.window][target.mask] = number
        return changed

    def _known(self, window: Window) -> list[int]:
        """Numbers that occur in a part."""
        found = np.unique(self.numbers[window])
        return [int(one) for one in found if int(one) in self._boxes]

    def _assigned(self, targets: Sequence[ObjectMask]) -> list[int]:
        """Return a number for every object: the one that most of it had, unless a larger one takes it."""
        taken: set[int] = set()
        assigned = []
        for target in targets:
            counts = np.bincount(self.numbers[target.window][target.mask])
            counts[:1] = 0
            number = int(counts.argmax()) if counts.any() else 0
            if number == 0 or number in taken or number not in self._boxes:
                number = self._free(taken)
            taken.add(number)
            assigned.append(number)
        return assigned

    def _free(self, taken: set[int]) -> int:
        """Return a number that no object has; one that has been used long ago if there are more than 65535 objects."""
        for _ in range(_LARGEST):
            self._last = self._last % _LARGEST + 1
            if self._last not in self._boxes and self._last not in taken:
                return self._last
        raise InputError(f"There are more than {_LARGEST} objects in this plane; look at a part of it.")


def objects_layer(viewer: ViewerModel, labels: Labels) -> Labels:
    """Return the layer that shows the objects of labels: uint16 numbers that cannot be painted on; made if there is none."""
    return _helper(viewer, labels, "objects", None, np.uint16)


def redraw(layer: Labels, plane: Index, window: Window) -> None:
    """Draw a part of the plane on the screen after its numbers were changed in place.

    Drawing all of a large layer takes longer than a window may stand still; this is how napari draws a brush
    stroke. Numbers of 16 bit go to the graphics card as they are.
    """
    layer.events.labels_update(data=layer.data[key_of(plane, window)], offset=[part.start for part in window])


def show_candidate(
    viewer: ViewerModel,
    labels: Labels,
    plane: Index,
    candidates: Candidates,
    number: int,
    classes: Sequence[LabelClass],
) -> Labels:
    """Show what a candidate says about a plane, in the colours of the classes.

    Parameters
    ----------
    labels
        The layer whose candidates they are.
    plane
        Index over the axes before Y and X.
    number
        Place of the candidate in `candidates.names`.

    Returns
    -------
    Labels
        The layer of the candidate, which cannot be painted on.
    """
    layer = _helper(viewer, labels, "candidate", classes, np.uint8)
    values = candidates.part(number, plane, whole(labels.data.shape))
    layer.data[plane] = np.where(values == NOTHING, 0, values)
    show_classes(layer, classes)
    layer.name = f"{labels.name}: {candidates.names[number]}"
    return layer


def _helper(
    viewer: ViewerModel, labels: Labels, role: Role, classes: Sequence[LabelClass] | None, dtype: DTypeLike
) -> Labels:
    """Return the layer of a role for some labels; made if there is none."""
    found = find_layer(viewer, labels, role, labels.data.shape)
    if found is not None:
        return cast(Labels, found)
    return new_labels(viewer, labels, labels.data.shape, placement_of(labels), classes, role, dtype)

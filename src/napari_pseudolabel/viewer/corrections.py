"""What a person has changed in pseudo labels, so that no prediction ever overwrites it."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.viewer.images import unwrapped

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.utils.events import Event

CORRECTIONS_KEY = "napari_pseudolabel_corrections"
# napari keeps as many undo steps of its own.
_UNDO_STEPS = 100

Key = tuple[int | slice, ...]


@dataclass(frozen=True, eq=False)
class _Step:
    """A prediction that was filled in: a part of the labels, and what changed in it.

    `places` are flat indices into the part; `before` and `after` are the labels there.
    """

    key: Key
    places: NDArray[np.intp]
    before: NDArray[Any]
    after: NDArray[Any]


class Corrections:
    """The mask of what a person touched in a Labels layer, kept up to date while they work.

    Painting is noted as it happens. Undo, redo and writes by scripts or other plugins are found by
    comparing with what was last known. Undoing one of our predictions is no correction, which is
    told from the labels that the prediction found and left; a label that returns to the prediction
    when painting is undone is no correction any more.

    The object lives in the metadata of the layer because that is what napari hands to writers and
    copies with a layer; there its copies are taken from the mask, not from the layer.

    Attributes
    ----------
    mask
        bool, shape of the labels: True where a person or a script changed a label.
    """

    def __init__(self, layer: Labels) -> None:
        plain = unwrapped(layer)
        self._layer: Callable[[], Any] = weakref.ref(plain)
        self._known: NDArray[Any] = np.array(plain.data)
        self._predicted = self._known.copy()
        self.mask: NDArray[np.bool_] = np.zeros(self._known.shape, bool)
        self._steps: deque[_Step] = deque(maxlen=_UNDO_STEPS)
        self._writing = False
        plain.events.paint.connect(self._on_paint)
        plain.metadata[CORRECTIONS_KEY] = self

    @classmethod
    def of(cls, layer: Labels) -> Corrections:
        """The corrections of a layer; started now if the layer has none, or other data than before."""
        plain = unwrapped(layer)
        found = plain.metadata.get(CORRECTIONS_KEY)
        if isinstance(found, cls) and found._layer() is plain and found.mask.shape == plain.data.shape:
            return found
        fresh = cls(layer)
        if isinstance(found, cls) and found.mask.shape == fresh.mask.shape:
            fresh.mask |= found.mask  # a duplicate of a corrected layer
        return fresh

    def __deepcopy__(self, memo: dict[int, Any]) -> Corrections:
        copy = object.__new__(Corrections)
        copy._layer = lambda: None
        copy.mask = self.mask.copy()
        copy._known = copy._predicted = self._known[:0].copy()
        copy._steps = deque(maxlen=_UNDO_STEPS)
        copy._writing = False
        return copy

    def share(self) -> float:
        """Share of all pixels that a person changed, in [0, 1]."""
        self.sync()
        return float(self.mask.mean()) if self.mask.size else 0.0

    def sync(self) -> None:
        """Take changes into account that came without a paint event."""
        layer = self._layer()
        if layer is None or layer.data.shape != self.mask.shape:
            return
        for index in np.ndindex(*self.mask.shape[:-2]):
            plane = np.asarray(layer.data[index])
            changed = plane != self._known[index]
            if not changed.any():
                continue
            undone = changed & ~self.mask[index] & self._explained(index, plane)
            self._predicted[index] = np.where(undone, plane, self._predicted[index])
            back = plane == self._predicted[index]
            self.mask[index] = np.where(changed, ~back, self.mask[index])
            self._known[index] = plane

    def fill(
        self,
        planes: Sequence[tuple[int, ...]],
        window: tuple[slice, slice],
        labels: NDArray[np.uint8],
    ) -> int:
        """Write a prediction wherever no person has touched a label, as one undo step.

        Parameters
        ----------
        planes
            Index of each plane over the axes before Y and X.
        window
            Part of Y and X that is predicted.
        labels
            (P, H, W) predicted labels.

        Returns
        -------
        int
            Number of pixels that changed.
        """
        layer = self._layer()
        if layer is None:
            return 0
        self.sync()
        total = 0
        with self._quietly(), layer.block_history():
            for index, wanted in zip(planes, labels, strict=True):
                key: Key = (*index, *window)
                before = np.array(layer.data[key])
                changed = (before != wanted) & ~self.mask[key]
                rows, columns = np.nonzero(changed)
                if not rows.size:
                    continue
                total += rows.size
                values = wanted[changed].astype(before.dtype)
                place = (
                    *(np.full(rows.size, i) for i in index),
                    rows + window[0].start,
                    columns + window[1].start,
                )
                layer.data_setitem(place, values, refresh=False)
                self._known[key][changed] = values
                self._predicted[key][changed] = values
                self._steps.append(_Step(key, np.flatnonzero(changed), before[changed], values))
        if total:
            layer.refresh()
        return total

    def _on_paint(self, event: Event) -> None:
        if self._writing:
            return
        layer = self._layer()
        if layer is None or layer.data.shape != self.mask.shape:
            return
        for atom in event.value:
            change = _change(atom)
            if change is None:
                self.sync()
                continue
            # The event may come before the labels are written, so the new ones are taken from the atom.
            key, inside, label = change
            where = ... if inside is None else inside
            for array, value in ((self.mask, True), (self._known, label)):
                part = array[key]
                part[where] = value
                array[key] = part

    def _explained(self, index: tuple[int, ...], plane: NDArray[Any]) -> NDArray[np.bool_]:
        """Where untouched labels are what one of our predictions found or left: undo or redo of it."""
        explained = np.zeros(plane.shape, bool)
        for step in self._steps:
            if step.key[:-2] == index:
                window = step.key[-2:]
                now = plane[window].ravel()[step.places]
                part = explained[window].ravel()
                part[step.places] |= (now == step.before) | (now == step.after)
                explained[window] = part.reshape(explained[window].shape)
        return explained

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        self._writing = True
        try:
            yield
        finally:
            self._writing = False


def _change(atom: Any) -> tuple[Any, NDArray[np.bool_] | None, Any] | None:
    """What an undo atom of napari changed: key, mask inside of it, new labels; None if it cannot be told.

    Atoms are ``(indices, old, new)``, or since napari 0.7 for strokes objects with a `slice_key`, a
    `mask` (None: the whole box) and a `new_value`.
    """
    if hasattr(atom, "slice_key") and hasattr(atom, "mask") and hasattr(atom, "new_value"):
        return atom.slice_key, atom.mask, atom.new_value
    if isinstance(atom, tuple) and len(atom) == 3 and isinstance(atom[0], tuple):
        return atom[0], None, atom[2]
    return None

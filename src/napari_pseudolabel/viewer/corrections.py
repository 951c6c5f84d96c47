"""What a person has changed or confirmed in labels, so that no prediction ever overwrites it."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
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
# Rows compared at a time: fresh memory for arrays of the size of a large layer costs more than comparing.
_BAND_PX = 256

Index = tuple[int, ...]
"""Of a plane, over the axes before Y and X."""
Window = tuple[slice, slice]
"""Part of Y and X, with explicit bounds."""


@dataclass(frozen=True, eq=False)
class Step:
    """What one undo step of a prediction changed in one plane.

    Attributes
    ----------
    changed
        bool, shape of `window`.
    before, after
        Labels, shape of `window`, of use only where `changed`.
    """

    index: Index
    window: Window
    changed: NDArray[np.bool_]
    before: NDArray[Any]
    after: NDArray[Any]


class Corrections:
    """What a person touched in a Labels layer, kept up to date while they work.

    Painting is noted as it happens. Undo, redo and writes by scripts or other plugins are found by
    comparing with what was last known: in a part before a prediction is written there, everywhere
    when somebody asks. Undoing one of our predictions is no correction, which is told from the
    labels that the prediction found and left; a label that returns to the prediction when painting
    is undone is no correction any more.

    A confirmation holds for the labels that the person saw. Where undo or redo of a prediction puts
    another label, it rests until the label is back.

    The object lives in the metadata of the layer because that is what napari hands to writers and
    copies with a layer; there its copies are taken from the masks, not from the layer.

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
        self._confirmed: NDArray[np.bool_] = np.zeros(self._known.shape, bool)
        self._confirmed_as: NDArray[Any] = np.zeros_like(self._known)
        self._steps: deque[Step] = deque(maxlen=_UNDO_STEPS)
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
            # A duplicate of a layer that a person worked on.
            fresh.mask |= found.mask
            fresh._confirmed |= found.confirmed
            fresh._confirmed_as[...] = fresh._known
        return fresh

    def __deepcopy__(self, memo: dict[int, Any]) -> Corrections:
        copy = object.__new__(Corrections)
        copy._layer = lambda: None
        copy.mask = self.mask.copy()
        copy._confirmed = self.confirmed
        # Without a layer labels do not change, so every confirmation holds.
        copy._known = copy._predicted = copy._confirmed_as = np.broadcast_to(np.uint8(0), self.mask.shape)
        copy._steps = deque(maxlen=_UNDO_STEPS)
        copy._writing = False
        return copy

    @property
    def layer(self) -> Labels | None:
        """The layer, None if it is gone or holds data of another shape."""
        layer = self._layer()
        return layer if layer is not None and layer.data.shape == self.mask.shape else None

    @property
    def confirmed(self) -> NDArray[np.bool_]:
        """bool, shape of the labels: True where a person confirmed a region; a copy."""
        self.sync()
        return self._confirmed & (self.mask | (self._known == self._confirmed_as))

    @property
    def touched(self) -> NDArray[np.bool_]:
        """bool, shape of the labels: what a person corrected or confirmed; a copy."""
        self.sync()
        return self.touched_in((...,))

    def touched_in(self, key: tuple[Any, ...]) -> NDArray[np.bool_]:
        """`touched` of a part, as it was last known there."""
        return self.mask[key] | (self._confirmed[key] & (self._known[key] == self._confirmed_as[key]))

    def share(self) -> float:
        """Share of all pixels that a person changed, in [0, 1]."""
        self.sync()
        return np.count_nonzero(self.mask) / max(self.mask.size, 1)

    def share_confirmed(self) -> float:
        """Share of all pixels in regions that a person confirmed, in [0, 1]."""
        return np.count_nonzero(self.confirmed) / max(self.mask.size, 1)

    def confirm(self, index: Index, window: Window) -> None:
        """Note that the labels of a part are right as they stand, or were corrected there.

        Parameters
        ----------
        index
            Of the plane, over the axes before Y and X.
        window
            Part of Y and X.
        """
        self.sync_part(index, window)
        key = key_of(index, window)
        self._confirmed[key] = True
        self._confirmed_as[key] = self._known[key]

    def unconfirm(self, index: Index, window: Window) -> None:
        """Take a confirmation back; corrections stay corrections."""
        self._confirmed[key_of(index, window)] = False

    def sync(self) -> None:
        """Take changes into account that came without a paint event."""
        layer = self.layer
        if layer is None:
            return
        height = self.mask.shape[-2]
        for index in np.ndindex(*self.mask.shape[:-2]):
            labels, known = np.asarray(layer.data[index]), self._known[index]
            for top in range(0, height, _BAND_PX):
                rows = slice(top, min(top + _BAND_PX, height))
                columns = np.flatnonzero((labels[rows] != known[rows]).any(axis=0))
                if columns.size:
                    self.sync_part(index, (rows, slice(int(columns[0]), int(columns[-1]) + 1)))

    def sync_part(self, index: Index, window: Window) -> None:
        """As `sync`, for a part of one plane; takes as long as that part is large."""
        layer = self.layer
        if layer is None:
            return
        # A stroke that is under way is in the labels already, but is announced when the button goes up.
        self._note(getattr(layer, "_staged_history", ()))
        key = key_of(index, window)
        labels = np.asarray(layer.data[key])
        known, mask, predicted = self._known[key], self.mask[key], self._predicted[key]
        changed = labels != known
        if not changed.any():
            return
        undone = changed & ~mask
        undone &= self._explained(index, window, labels, undone)
        np.copyto(predicted, labels, where=undone)
        mask &= ~changed
        mask |= changed & (labels != predicted)
        known[...] = labels

    def fill(self, planes: Sequence[Index], window: Window, labels: NDArray[np.uint8]) -> int:
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
        from napari_pseudolabel.viewer.filling import Filling

        filling = Filling(self)
        filling.add(planes, window, labels)
        return filling.finish()

    def note_prediction(self, key: tuple[Any, ...], changed: NDArray[np.bool_], labels: NDArray[Any]) -> None:
        """Note that a prediction wrote `labels` into a part, where `changed`."""
        for array in (self._known, self._predicted):
            np.copyto(array[key], labels, where=changed, casting="unsafe")

    def note_step(self, step: Step) -> None:
        """Remember an undo step of a prediction, so that undoing it does not count as a correction."""
        self._steps.append(step)

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """Paint events inside of the block are our own."""
        self._writing = True
        try:
            yield
        finally:
            self._writing = False

    def _on_paint(self, event: Event) -> None:
        if self._writing or self.layer is None:
            return
        if not self._note(event.value):
            self.sync()

    def _note(self, atoms: Iterable[Any]) -> bool:
        """Note painted labels; False if one of the atoms could not be understood."""
        understood = True
        for atom in atoms:
            change = _change(atom)
            if change is None:
                understood = False
                continue
            # The event may come before the labels are written, so the new ones are taken from the atom.
            key, inside, label = change
            where = ... if inside is None else inside
            for array, value in ((self.mask, True), (self._known, label)):
                part = array[key]
                part[where] = value
                array[key] = part
        return understood

    def _explained(
        self, index: Index, window: Window, labels: NDArray[Any], wanted: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Where labels of a part are what a prediction found or left: undo or redo of it.

        The newest predictions are asked first, and older ones only as long as some of `wanted` is open.
        """
        explained = np.zeros(labels.shape, bool)
        for step in reversed(self._steps):
            if not (wanted & ~explained).any():
                break
            common = _common(step.window, window) if step.index == index else None
            if common is None:
                continue
            here, there = _inside(common, window), _inside(common, step.window)
            now = labels[here]
            explained[here] |= step.changed[there] & (
                (now == step.before[there]) | (now == step.after[there])
            )
        return explained


def key_of(index: Index, window: Window) -> Any:
    """What picks a part of a plane out of the labels."""
    return (*index, *window)


def _common(one: Window, other: Window) -> Window | None:
    """What two windows have in common, None if nothing."""
    rows, columns = (
        slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(one, other, strict=True)
    )
    return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None


def _inside(part: Window, window: Window) -> Window:
    """A part of a window, counted from the corner of the window."""
    rows, columns = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(part, window, strict=True))
    return rows, columns


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

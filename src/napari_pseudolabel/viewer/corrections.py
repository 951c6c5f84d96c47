"""The four states of a pixel of labels: not predicted, made by a model, changed by a person, confirmed."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.pixel_states import CONFIRMED, CORRECTED, REACHED
from napari_pseudolabel.labels.windows import Index, Window, key_of
from napari_pseudolabel.types import Array, ArrayKey
from napari_pseudolabel.viewer.image_layers import unwrapped
from napari_pseudolabel.viewer.records import evidence, own_record
from napari_pseudolabel.viewer.undo_history import AtomChange, Changes, Replay, UndoHistory

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.utils.events import Event

CORRECTIONS_KEY = "napari_pseudolabel_corrections"
# Rows compared at a time: fresh memory for arrays of the size of a large layer costs more than comparing.
_BAND_PX = 256


@dataclass(frozen=True, eq=False)
class PredictionStep:
    """What one undo step of a prediction changed in one plane.

    Attributes
    ----------
    changed
        bool, shape of `window`.
    fresh
        bool, shape of `window`: where no prediction had been before, whether the label changed or not.
    """

    index: Index
    window: Window
    changed: NDArray[np.bool_]
    fresh: NDArray[np.bool_]


class Corrections:
    """What a person touched in a Labels layer, kept up to date while they work.

    Painting, undo and redo are noted as they happen. Writes by scripts or other plugins are found by
    comparing with what was last known: in a part before a prediction is written there, everywhere
    when somebody asks. Undoing one of our predictions is no correction; a label that returns to the
    prediction when painting is undone is no correction any more.

    A confirmation holds for the labels that the person saw. Where undo or redo of a prediction puts
    another label, it rests until the label is back.

    Where no prediction has been and no person has decided, the label 0 means nothing at all, least of all
    background. A layer that the person brought along has no such pixels: all of it is their own.

    The object lives in the metadata of the layer because that is what napari hands to writers and
    copies with a layer; there its copies are taken from the masks, not from the layer.

    Attributes
    ----------
    mask
        bool, shape of the labels: True where a person or a script changed a label.
    own
        Whether the person brought the layer along, so that nothing of it waits for a prediction.
    writing
        Whether a paint event of the layer is that of a prediction.
    renewed
        Whether a session holds something else about the layer, because it was written before predictions were noted.
    listeners
        Called with the index of a plane and the window where something is known now that was not announced by
        a paint event: predictions, confirmations, direct writes.
    """

    def __init__(self, layer: Labels) -> None:
        plain = unwrapped(layer)
        self._layer: Callable[[], Labels | None] = weakref.ref(plain)
        self._known: Array = np.array(plain.data)
        self._predicted = self._known.copy()
        self.mask: NDArray[np.bool_] = np.zeros(self._known.shape, bool)
        self._confirmed: NDArray[np.bool_] = np.zeros(self._known.shape, bool)
        self._confirmed_as: Array = np.zeros_like(self._known)
        record = own_record(plain) or {}
        # Labels that no run has made are the person's, whoever made the layer.
        self.own = not record or (not record.get("runs") and bool(self._known.any()))
        self._reached = _everywhere(self._known.shape) if self.own else evidence(record, self._known)
        # What a person confirmed although nothing had been predicted there.
        self._claimed: NDArray[np.bool_] = np.zeros(self._known.shape, bool)
        self.renewed = False
        # Undo steps of predictions, with the atoms by which napari knows them.
        self._steps: list[tuple[object, tuple[PredictionStep, ...]]] = []
        self._history = UndoHistory(plain)
        self.writing = False
        self.listeners: list[Callable[[Index, Window], None]] = []
        plain.events.paint.connect(self._on_paint)
        plain.events.set_data.connect(self._on_drawn)
        # A long stroke is noted bit by bit, because noting all of it when the button goes up would be felt.
        plain.events.labels_update.connect(self._on_drawn)
        plain.metadata[CORRECTIONS_KEY] = self

    @classmethod
    def of(cls, layer: Labels) -> Corrections:
        """Return the corrections of a layer; started now if the layer has none, or other data than before."""
        plain = unwrapped(layer)
        found = plain.metadata.get(CORRECTIONS_KEY)
        if (
            isinstance(found, cls)
            and found._layer() is plain
            and found.mask.shape == plain.data.shape
            and found._known.dtype == plain.data.dtype
        ):
            return found
        fresh = cls(layer)
        if isinstance(found, cls) and found.mask.shape == fresh.mask.shape:
            # A duplicate of a layer that a person worked on, or one that was stored.
            fresh._take_over(found)
        return fresh

    @classmethod
    def detached(
        cls, predicted: Array, flags: NDArray[np.uint8], *, own: bool = False, renewed: bool = False
    ) -> Corrections:
        """Return what is known about a layer that is still to be made, for its metadata.

        Parameters
        ----------
        predicted
            Labels as the predictions had left them, shape and dtype of the layer.
        flags
            Shape of the layer; `CORRECTED`, `CONFIRMED` and `REACHED` are set where that is so.
        own
            Whether the person brought the layer along, so that nothing of it waits for a prediction.
        renewed
            See the attribute.
        """
        made = object.__new__(cls)
        made._layer = lambda: None
        made.mask = (flags & CORRECTED) > 0
        made._confirmed = (flags & CONFIRMED) > 0
        made._predicted = predicted
        made.own, made.renewed = own, renewed
        made._reached = _everywhere(flags.shape) if own else (flags & REACHED) > 0
        made._claimed = made._confirmed & ~(made._reached | made.mask)
        # Without a layer labels do not change, so every confirmation holds.
        made._known = made._confirmed_as = np.broadcast_to(np.uint8(0), flags.shape)
        made._steps = []
        made.writing = False
        made.listeners = []
        return made

    def __deepcopy__(self, memo: dict[int, object]) -> Corrections:
        self.sync()
        return self.detached(self._predicted.copy(), self.flags_in((...,)), own=self.own)

    def _take_over(self, other: Corrections) -> None:
        self._predicted[...] = other._predicted
        # A stroke that was under way when the labels were stored had not been noted yet.
        self.mask |= other.mask | (self._known != self._predicted)
        self._confirmed |= other.confirmed
        self._confirmed_as[...] = self._known
        self.own, self.renewed = other.own, other.renewed
        self._reached = other._reached if self.own else other._reached.copy()
        self._claimed = other._claimed.copy()

    @property
    def layer(self) -> Labels | None:
        """The layer, None if it is gone or holds data of another shape."""
        layer = self._layer()
        return layer if layer is not None and layer.data.shape == self.mask.shape else None

    @property
    def confirmed(self) -> NDArray[np.bool_]:
        """bool, shape of the labels: True where a person confirmed a region; a copy."""
        self.sync()
        return self.confirmed_in((...,))

    @property
    def touched(self) -> NDArray[np.bool_]:
        """bool, shape of the labels: what a person corrected or confirmed; a copy."""
        self.sync()
        return self.touched_in((...,))

    def touched_in(self, key: ArrayKey) -> NDArray[np.bool_]:
        """`touched` of a part, as it was last known there."""
        return self.mask[key] | (self._confirmed[key] & self._seen_in(key))

    def confirmed_in(self, key: ArrayKey) -> NDArray[np.bool_]:
        """Return `confirmed` of a part, as it was last known there."""
        return self._confirmed[key] & (self.mask[key] | self._seen_in(key))

    def _seen_in(self, key: ArrayKey) -> NDArray[np.bool_]:
        """Where the label stands as it was when it was last confirmed."""
        return (self._known[key] == self._confirmed_as[key]) & (self._reached[key] | self._claimed[key])

    def reached_in(self, key: ArrayKey) -> NDArray[np.bool_]:
        """bool: where a part was predicted, or was the person's own from the beginning; a copy."""
        return np.array(self._reached[key])

    def labelled_in(self, key: ArrayKey) -> NDArray[np.bool_]:
        """`labelled` of a part, as it was last known there."""
        return self._reached[key] | self.touched_in(key)

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """bool, shape of the labels: what was predicted, or decided by a person; the rest is not labelled."""
        self.sync()
        return self.labelled_in((...,))

    def predicted_in(self, key: ArrayKey) -> Array:
        """Labels of a part as the predictions have left them, dtype of the layer; a copy."""
        return np.array(self._predicted[key])

    def flags_in(self, key: ArrayKey) -> NDArray[np.uint8]:
        """uint8: `CORRECTED`, `CONFIRMED` and `REACHED` of a part, as it was last known there.

        Layers that the person brought along are `REACHED` nowhere, because that would say nothing; see `own`.
        """
        flags = self.mask[key].astype(np.uint8)
        if not self.own:
            flags |= self._reached[key].astype(np.uint8) * np.uint8(REACHED)
        if self._confirmed[key].any():
            flags |= self.confirmed_in(key).astype(np.uint8) * np.uint8(CONFIRMED)
        return flags

    def share(self) -> float:
        """Share of all pixels that a person changed, in [0, 1]."""
        self.sync()
        return np.count_nonzero(self.mask) / max(self.mask.size, 1)

    def share_confirmed(self) -> float:
        """Share of all pixels in regions that a person confirmed, in [0, 1]."""
        return np.count_nonzero(self.confirmed) / max(self.mask.size, 1)

    def confirm(self, index: Index, window: Window, *, unpredicted: bool = False) -> NDArray[np.bool_]:
        """Note that the labels of a part are right as they stand, or were corrected there.

        Parameters
        ----------
        index
            Of the plane, over the axes before Y and X.
        window
            Part of Y and X.
        unpredicted
            Also what was never predicted: the person was asked, and says that it is background.

        Returns
        -------
        NDArray
            bool, shape of the part: what is confirmed now.
        """
        self.sync_part(index, window)
        key = key_of(index, window)
        if unpredicted:
            self._claimed[key] |= ~(self._reached[key] | self.mask[key])
        taken = self.labelled_in(key) | self._claimed[key]
        self._confirmed[key] |= taken
        np.copyto(self._confirmed_as[key], self._known[key], where=taken)
        self._notify(index, window)
        return taken

    def unconfirm(self, index: Index, window: Window) -> None:
        """Take a confirmation back; corrections stay corrections."""
        self._confirmed[key_of(index, window)] = False
        self._claimed[key_of(index, window)] = False
        self._notify(index, window)

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
        self._catch_up(layer)
        key = key_of(index, window)
        labels = np.asarray(layer.data[key])
        known, mask = self._known[key], self.mask[key]
        changed = labels != known
        if not changed.any():
            return
        mask &= ~changed
        mask |= changed & (labels != self._predicted[key])
        known[...] = labels
        self._notify(index, window)

    def note_prediction(
        self,
        index: Index,
        window: Window,
        changed: NDArray[np.bool_],
        labels: Array,
        fresh: NDArray[np.bool_],
        *,
        undone: bool = False,
    ) -> None:
        """Note that a prediction wrote `labels` into a part, where `changed`.

        Parameters
        ----------
        fresh
            bool: where there had been none before.
        undone
            The prediction was taken back, and these are the labels from before.
        """
        key = key_of(index, window)
        for array in (self._known, self._predicted):
            np.copyto(array[key], labels, where=changed, casting="unsafe")
        if not self.own:
            self._reached[key] = self._reached[key] & ~fresh if undone else self._reached[key] | fresh
        self._notify(index, window)

    def note_steps(self, atoms: Sequence[object], steps: Sequence[PredictionStep]) -> None:
        """Remember an undo step of a prediction, so that undoing it does not count as a correction.

        Parameters
        ----------
        atoms
            What is put on the undo history of the layer for it.
        steps
            What they change together, also in planes where no label changed.
        """
        # napari forgets old steps.
        there = self._history.atoms()
        self._steps = [step for step in self._steps if id(step[0]) in there]
        self._steps += [(atom, () if number else tuple(steps)) for number, atom in enumerate(atoms)]

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """Paint events inside of the block are our own."""
        self.writing = True
        try:
            yield
        finally:
            self.writing = False

    def _on_paint(self, event: Event) -> None:
        if self.layer is None:
            return
        changes = self._history.painted(event.value)
        if not self.writing and not self._note(changes):
            self.sync()

    def _on_drawn(self, event: Event) -> None:
        if (layer := self.layer) is not None:
            self._catch_up(layer)

    def _catch_up(self, layer: Labels) -> None:
        """Note what napari does not announce: undo, redo, and the stroke that is under way."""
        understood = True
        for replay in self._history.news():
            understood &= self._replay(layer, replay)
        # It is in the labels already, but is announced when the button goes up.
        understood &= self._note(self._history.begun())
        if not understood:
            self.sync()

    def _note(self, changes: Changes) -> bool:
        """Note painted labels; False if some could not be understood."""
        for change in filter(None, changes):
            # The event may come before the labels are written, so the new ones are taken from the atom.
            _put(self.mask, change, True)
            _put(self._known, change, change.label)
        return None not in changes

    def _replay(self, layer: Labels, replay: Replay) -> bool:
        """Note an undone or redone step; False if some of it could not be understood."""
        ours = {id(atom): steps for atom, steps in self._steps}
        for change in filter(None, replay.changes):
            steps = ours.get(id(change.atom))
            if steps is not None:
                for step in steps:
                    self._replay_prediction(layer, step, undone=replay.undone)
            elif not replay.undone:
                self._note((change,))
            else:
                labels = np.asarray(layer.data[change.key])[change.where]
                _put(self.mask, change, labels != self._predicted[change.key][change.where])
                _put(self._known, change, labels)
        return None not in replay.changes

    def _replay_prediction(self, layer: Labels, step: PredictionStep, *, undone: bool) -> None:
        """Undone or redone, a prediction leaves labels that no person has touched."""
        key = key_of(step.index, step.window)
        labels = np.asarray(layer.data[key])
        np.copyto(self.mask[key], False, where=step.changed)
        self.note_prediction(step.index, step.window, step.changed, labels, step.fresh, undone=undone)

    def _notify(self, index: Index, window: Window) -> None:
        for listener in tuple(self.listeners):
            listener(index, window)


def _everywhere(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return whether it is without taking memory; not to be written into."""
    return np.broadcast_to(np.bool_(True), shape)


def _put(array: Array, change: AtomChange, value: Array | int) -> None:
    part = array[change.key]
    part[change.where] = value
    array[change.key] = part

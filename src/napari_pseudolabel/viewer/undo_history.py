"""napari's undo history of a Labels layer: what its steps reach, and which of them were undone or redone.

Nobody else knows the names under which napari keeps it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.types import Array

if TYPE_CHECKING:
    from napari.layers import Labels


@dataclass(frozen=True, eq=False)
class AtomChange:
    """What an atom, the smallest part of an undo step, changed.

    Attributes
    ----------
    atom
        As napari has it; the same object when it is undone or redone.
    key
        What picks the part out of the labels.
    inside
        Where in that part; None for all of it.
    label
        The new label, or one per changed pixel.
    pixels
        How many pixels changed.
    """

    atom: object
    key: tuple[Any, ...]
    inside: NDArray[np.bool_] | None
    label: Array | int
    pixels: int

    @property
    def where(self) -> EllipsisType | NDArray[np.bool_]:
        """`inside` as an index."""
        return ... if self.inside is None else self.inside

    def box(self, shape: Sequence[int]) -> tuple[slice, ...]:
        """Return a slice with bounds for every axis of labels of a shape; it may be larger than what changed."""
        found: list[slice] = []
        for part in self.key:
            size = shape[len(found)]
            if isinstance(part, slice):
                found.append(slice(*part.indices(size)[:2]))
            elif isinstance(part, np.ndarray) and part.dtype == bool:
                others = (tuple(set(range(part.ndim)) - {axis}) for axis in range(part.ndim))
                found.extend(_extent(np.flatnonzero(part.any(axis=axes))) for axes in others)
            else:
                found.append(_extent(np.asarray(part).ravel()))
        return (*found, *(slice(0, size) for size in shape[len(found) :]))


Atom = tuple[tuple[Any, ...], Array, Array]
"""Indices, old and new values, as the undo history of napari takes them."""
Changes = Sequence[AtomChange | None]
"""None stands for an atom that cannot be understood."""


@dataclass(frozen=True, eq=False)
class Replay:
    """A step that was undone, or else redone; in the order in which it was first applied."""

    changes: Changes
    undone: bool


class UndoHistory:
    """Tells what happened in the undo history since one last asked.

    There are no events for it: undo and redo only say that something is to be drawn again, and a stroke says
    nothing before the mouse button goes up. Where a future napari keeps its history elsewhere, nothing is told.
    """

    def __init__(self, layer: Labels) -> None:
        self._layer: Callable[[], Labels | None] = weakref.ref(layer)
        # Kept, so that a step is known by its identity.
        self._undo: list[Sequence[object]] = []
        self._redo: list[Sequence[object]] = []
        self._stroke: Sequence[object] | None = None
        self._begun = 0
        self._read()

    def painted(self, step: Sequence[object]) -> Changes:
        """Take note of a step that is announced by the layer, which makes it no news.

        Returns
        -------
        Changes
            Those of the step that `begun` has not handed out.
        """
        self._undo.append(step)
        if step is not self._stroke:
            return changes_of(step)
        rest = step[self._begun :]
        self._stroke, self._begun = None, 0
        return changes_of(rest)

    def begun(self) -> Changes:
        """Return what is new of the stroke that is under way."""
        staged = getattr(self._layer(), "_staged_history", None)
        if staged is not self._stroke:
            if self._begun:
                return ()  # one was given up, which is told first
            self._stroke = staged
        if not staged:
            return ()
        fresh = staged[self._begun :]
        self._begun = len(staged)
        return changes_of(fresh)

    def news(self) -> list[Replay]:
        """Return steps undone and redone, and strokes given up."""
        found: list[Replay] = []
        if self._begun and getattr(self._layer(), "_staged_history", None) is not self._stroke:
            found.append(Replay(changes_of(self._stroke or ()), undone=True))
            self._stroke, self._begun = None, 0
        undo_before, redo_before = self._undo, self._redo
        self._read()
        found += (Replay(changes_of(reversed(step)), undone=True) for step in _new(self._redo, redo_before))
        found += (Replay(changes_of(step), undone=False) for step in _new(self._undo, undo_before))
        return found

    def atoms(self) -> set[int]:
        """Identities of all atoms that can be undone or redone."""
        self._read()
        return {id(atom) for step in (*self._undo, *self._redo) for atom in step}

    def _read(self) -> None:
        self._undo, self._redo = (
            list(getattr(self._layer(), name, ())) for name in ("_undo_history", "_redo_history")
        )


def changes_of(step: Iterable[object]) -> Changes:
    """Return what the atoms of an undo step of napari changed.

    Atoms are ``(indices, old, new)``, or since napari 0.7 for strokes objects with a `slice_key`, a
    `mask` (None: the whole box), `old_values` and a `new_value`.
    """
    return [_change(atom) for atom in step]


def is_stroke(step: Iterable[object]) -> bool:
    """Return whether an undo step was painted, and not written by a program."""
    return all(hasattr(atom, "slice_key") for atom in step)


def is_under_way(layer: Labels) -> bool:
    """Return whether the mouse button is down on a stroke."""
    return bool(getattr(layer, "_staged_history", ()))


def newest(layer: Labels) -> object | None:
    """Return what tells the step that would be undone next from all others; None where there is none."""
    steps = getattr(layer, "_undo_history", ())
    return steps[-1][-1] if steps and steps[-1] else None


def was_undone(layer: Labels, step: object | None) -> bool:
    """Return whether a step that `newest` told of was undone, and could be redone."""
    redo = getattr(layer, "_redo_history", ())
    return step is not None and any(atom is step for one in redo for atom in one)


def put_on(layer: Labels, atoms: list[Atom]) -> None:
    """Put a change that is in the data already on the undo history of a layer, as one step.

    There is no public way. `block_history` would take in a stroke that the person is drawing right
    now, which becomes a step of its own, above this one, when the button goes up.
    """
    layer._redo_history.clear()
    layer._append_to_undo_history(atoms)


def _change(atom: Any) -> AtomChange | None:
    if all(hasattr(atom, name) for name in ("slice_key", "mask", "old_values", "new_value")):
        return AtomChange(atom, atom.slice_key, atom.mask, atom.new_value, np.size(atom.old_values))
    if isinstance(atom, tuple) and len(atom) == 3 and isinstance(atom[0], tuple):
        return AtomChange(atom, atom[0], None, atom[2], np.size(atom[1]))
    return None


def _new(steps: list[Sequence[object]], known: list[Sequence[object]]) -> list[Sequence[object]]:
    old = {id(step) for step in known}
    return [step for step in steps if id(step) not in old]


def _extent(places: Array) -> slice:
    return slice(int(places.min()), int(places.max()) + 1) if places.size else slice(0, 0)

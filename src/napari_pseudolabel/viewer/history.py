"""napari's undo history of a Labels layer: what its steps reach, and which of them were undone or redone."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari.layers import Labels


@dataclass(frozen=True, eq=False)
class Change:
    """What an atom, the smallest part of an undo step, changed.

    Attributes
    ----------
    key
        What picks the part out of the labels.
    inside
        Where in that part; None for all of it.
    label
        The new label, or one per changed pixel.
    pixels
        How many pixels changed.
    """

    key: tuple[Any, ...]
    inside: NDArray[np.bool_] | None
    label: Any
    pixels: int

    @property
    def where(self) -> Any:
        """`inside` as an index."""
        return ... if self.inside is None else self.inside

    def box(self, shape: Sequence[int]) -> tuple[slice, ...]:
        """A slice with bounds for every axis of labels of a shape; it may be larger than what changed."""
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


@dataclass(frozen=True, eq=False)
class Replay:
    """A step that was undone, or else redone; its atoms are in the order in which they were first applied."""

    atoms: tuple[Any, ...]
    undone: bool


class History:
    """Tells what happened in the undo history since one last asked.

    There are no events for it: undo and redo only say that something is to be drawn again, and a stroke says
    nothing before the mouse button goes up. Where a future napari keeps its history elsewhere, nothing is told.
    """

    def __init__(self, layer: Labels) -> None:
        self._layer: Callable[[], Any] = weakref.ref(layer)
        # Kept, so that a step is known by its identity.
        self._undo: list[Any] = []
        self._redo: list[Any] = []
        self._stroke: Any = None
        self._begun = 0
        self.news()

    def painted(self, step: Any) -> Sequence[Any]:
        """A step is announced by the layer, which makes it no news.

        Returns
        -------
        Sequence
            Its atoms without those that `begun` has handed out.
        """
        self._undo.append(step)
        if step is not self._stroke:
            return list(step)
        rest = step[self._begun :]
        self._stroke, self._begun = None, 0
        return list(rest)

    def begun(self) -> Sequence[Any]:
        """New atoms of the stroke that is under way."""
        staged = getattr(self._layer(), "_staged_history", None)
        if staged is not self._stroke:
            if self._begun:
                return ()  # one was given up, which is told first
            self._stroke = staged
        if not staged:
            return ()
        fresh = staged[self._begun :]
        self._begun = len(staged)
        return list(fresh)

    def news(self) -> list[Replay]:
        """Steps undone and redone, and strokes given up."""
        layer = self._layer()
        found: list[Replay] = []
        if self._begun and getattr(layer, "_staged_history", None) is not self._stroke:
            found.append(Replay(tuple(self._stroke), undone=True))
            self._stroke, self._begun = None, 0
        undo, redo = (list(getattr(layer, name, ())) for name in ("_undo_history", "_redo_history"))
        found += (Replay(tuple(reversed(step)), undone=True) for step in _new(redo, self._redo))
        found += (Replay(tuple(step), undone=False) for step in _new(undo, self._undo))
        self._undo, self._redo = undo, redo
        return found

    def atoms(self) -> set[int]:
        """Identities of all atoms that can be undone or redone."""
        self._undo, self._redo = (
            list(getattr(self._layer(), name, ())) for name in ("_undo_history", "_redo_history")
        )
        return {id(atom) for step in (*self._undo, *self._redo) for atom in step}


def change_of(atom: Any) -> Change | None:
    """What an undo atom of napari changed; None if it cannot be told.

    Atoms are ``(indices, old, new)``, or since napari 0.7 for strokes objects with a `slice_key`, a
    `mask` (None: the whole box), `old_values` and a `new_value`.
    """
    if all(hasattr(atom, name) for name in ("slice_key", "mask", "old_values", "new_value")):
        return Change(atom.slice_key, atom.mask, atom.new_value, np.size(atom.old_values))
    if isinstance(atom, tuple) and len(atom) == 3 and isinstance(atom[0], tuple):
        return Change(atom[0], None, atom[2], np.size(atom[1]))
    return None


def _new(steps: list[Any], known: list[Any]) -> list[Any]:
    old = {id(step) for step in known}
    return [step for step in steps if id(step) not in old]


def _extent(places: NDArray[Any]) -> slice:
    return slice(int(places.min()), int(places.max()) + 1) if places.size else slice(0, 0)

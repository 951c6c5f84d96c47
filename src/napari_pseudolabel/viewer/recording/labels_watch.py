"""What a person changes about labels: the tiles that changed are marked at once, and copied later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from napari_pseudolabel.types import Array, ArrayKey, JsonObject
from napari_pseudolabel.viewer.candidates import Candidates
from napari_pseudolabel.viewer.corrections import CORRECTIONS_KEY, Corrections, Index, Window
from napari_pseudolabel.viewer.effort import EffortLog
from napari_pseudolabel.viewer.recording.changed_tiles import (
    Place,
    all_places,
    places_in,
    places_of,
    window_of,
)
from napari_pseudolabel.viewer.recording.layer_watch import LayerWatch
from napari_pseudolabel.viewer.recording.plain import NAMES, STATES
from napari_pseudolabel.viewer.undo_history import Changes, UndoHistory
from napari_pseudolabel.workspace.sessions import ArrayState, Tile, TileKey

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.utils.events import Event

Pending = tuple[str, Place]
"""What waits to be copied: "labels" (with what was predicted and corrected) or "candidates", and the tile."""

# Comparing so many pixels takes about a millisecond.
_AT_ONCE_PX = 2**22


class LabelsWatch(LayerWatch):
    """Watches a Labels layer: marks the tiles that changed.

    Attributes
    ----------
    effort
        What the person did to the labels.
    """

    layer: Labels

    def __init__(self, layer: Labels, id: str, *, stored: bool = False) -> None:
        super().__init__(layer, "labels", id)
        self._stale: set[tuple[Index, int]] = set()
        self._waiting: dict[Pending, None] = {}
        # Tiles of a new session hold the fill until something else was copied; None where that is not known.
        self._written: set[tuple[str, Place]] | None = None if stored else set()
        self._history = UndoHistory(layer)
        self._corrections: Corrections | None = None
        self._known_candidates: Candidates | None = None
        self.effort = EffortLog.of(layer)
        self._shape, self._dtype = self._form()
        for emitter, callback in (
            (layer.events.paint, self._on_paint),
            (layer.events.labels_update, self._on_update),
        ):
            emitter.connect(callback)
            self._followed.append((emitter, callback))
        self._find_companions()
        if stored and not (self._corrections is not None and self._corrections.renewed):
            self._waiting.clear()
        else:
            self.mark_all()

    @property
    def dirty(self) -> bool:
        """Whether tiles are waiting to be copied."""
        return bool(self._waiting)

    @property
    def waiting(self) -> tuple[Pending, ...]:
        """The tiles that wait to be copied, those that have waited longest first."""
        return tuple(self._waiting)

    @override
    def close(self) -> None:
        super().close()
        if self._corrections is not None and self._on_corrected in self._corrections.listeners:
            self._corrections.listeners.remove(self._on_corrected)
        if self._known_candidates is not None and self._on_candidates in self._known_candidates.listeners:
            self._known_candidates.listeners.remove(self._on_candidates)

    def mark_all(self, *, anew: bool = False) -> None:
        """Everything is to be copied; `anew`: into a session that holds nothing yet."""
        if anew:
            self._written = set()
            self._changed = True
        self._mark(all_places(self._shape))
        if self._known_candidates is not None:
            self._mark_candidates(all_places(self._shape))

    def mark(self, key: TileKey) -> None:
        """Mark a tile to be copied again."""
        place = (key.plane, key.row, key.column)
        if key.array.startswith("candidate"):
            self._mark_candidates((place,))
        else:
            self._mark((place,))

    def found(self, places: Iterable[Place]) -> None:
        """Somebody found tiles that differ from what was copied."""
        self._mark(places)

    def take_stale(self) -> frozenset[tuple[Index, int]]:
        """Planes and rows of tiles in which something was marked since this was asked last."""
        stale, self._stale = frozenset(self._stale), set()
        return stale

    def settle(self) -> None:
        """Note what was not announced, before tiles are copied."""
        if self._form() != (self._shape, self._dtype):
            self._on_data(None)
        self._find_companions()
        self._catch_up()
        small = self.layer.data.size <= _AT_ONCE_PX
        if not self.looked_over and small and self._corrections is not None:
            self._corrections.sync()
            self.looked_over = True

    def copy(self, pending: Pending) -> list[Tile]:
        """Copy a tile, with everything that belongs to it; nothing if it does not wait any more."""
        if pending not in self._waiting:
            return []
        part, place = pending
        tiles = self._copy_labels(place) if part == "labels" else self._copy_candidates(place)
        # Only now: looking at it may have marked it again.
        self._waiting.pop(pending, None)
        return tiles

    @override
    def arrays(self) -> tuple[ArrayState, ...]:
        dtype = str(self._dtype)
        found = [ArrayState(name="labels", shape=self._shape, dtype=dtype)]
        if self._corrections is not None:
            found.append(ArrayState(name="predicted", shape=self._shape, dtype=dtype))
            found.append(ArrayState(name="flags", shape=self._shape, dtype="uint8"))
        for number in range(len(self._names())):
            found.append(ArrayState(name=f"candidate-{number}", shape=self._shape, dtype="uint8", fill=255))
        return tuple(found)

    @override
    def extra(self) -> JsonObject:
        whose = "" if self._corrections is None else "own" if self._corrections.own else "ours"
        return {NAMES: list(self._names()), **({STATES: whose} if whose else {})}

    def _form(self) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
        data = self.layer.data
        return tuple(data.shape), np.dtype(data.dtype)

    def _names(self) -> tuple[str, ...]:
        return () if self._known_candidates is None else self._known_candidates.names

    def _mark(self, places: Iterable[Place]) -> None:
        for place in places:
            self._waiting["labels", place] = None
            self._stale.add(place[:2])

    def _mark_candidates(self, places: Iterable[Place]) -> None:
        self._waiting.update(dict.fromkeys(("candidates", place) for place in places))

    def _find_companions(self) -> None:
        """Corrections and candidates come into the metadata when the first prediction does."""
        layer = self.layer
        if isinstance(layer.metadata.get(CORRECTIONS_KEY), Corrections):
            corrections = Corrections.of(layer)
            if corrections is not self._corrections:
                self._corrections = corrections
                corrections.listeners.append(self._on_corrected)
                self._changed = True
                self._mark(all_places(self._shape))
        candidates = Candidates.of(layer)
        if candidates is not None and candidates is not self._known_candidates:
            self._known_candidates = candidates
            candidates.listeners.append(self._on_candidates)
            self._changed = True
            self._mark_candidates(all_places(self._shape))

    def _copy_labels(self, place: Place) -> list[Tile]:
        window = window_of(place, self._shape)
        key: ArrayKey = (*place[0], *window)
        if self._corrections is not None:
            self._corrections.sync_part(place[0], window)
        labels = np.asarray(self.layer.data[key])
        tiles = self._tile("labels", place, labels)
        if self._corrections is not None:
            predicted = self._corrections.predicted_in(key).astype(self._dtype, copy=False)
            tiles += self._tile("predicted", place, predicted)
            tiles += self._tile("flags", place, self._corrections.flags_in(key))
        return tiles

    def _copy_candidates(self, place: Place) -> list[Tile]:
        known = self._known_candidates
        if known is None:
            return []
        window = window_of(place, self._shape)
        parts = (known.part(number, place[0], window) for number in range(len(known.names)))
        return [
            tile
            for number, part in enumerate(parts)
            for tile in self._tile(f"candidate-{number}", place, part, 255)
        ]

    def _tile(self, array: str, place: Place, values: Array, fill: int = 0) -> list[Tile]:
        """Return a copy of `values` as a tile; nothing where there never was anything but the fill."""
        if self._written is not None and (array, place) not in self._written:
            if not (values != fill).any() if fill else not values.any():
                return []
            self._written.add((array, place))
        return [Tile(TileKey(self.id, array, *place), np.array(values))]

    def _catch_up(self) -> bool:
        """Note what napari does not announce: undo, redo, and the stroke under way; True if there was some."""
        replays, begun = self._history.news(), self._history.begun()
        for replay in replays:
            self._note(replay.changes)
        self._note(begun)
        return bool(replays or begun)

    def _note(self, changes: Changes) -> None:
        for change in changes:
            if change is None:
                self.looked_over = False
            else:
                self._mark(places_of(change, self._shape))

    def _on_paint(self, event: Event) -> None:
        changes = self._history.painted(event.value)
        # What a prediction writes is told by the corrections, part by part.
        if self._corrections is None or not self._corrections.writing:
            self._note(changes)

    def _on_update(self, event: Event) -> None:
        self._note(self._history.begun())

    def _on_set_data(self, event: Event) -> None:
        if not self._catch_up():
            self.looked_over = False

    def _on_data(self, event: Event | None) -> None:
        """Look at pixels that were replaced, perhaps by others of another shape."""
        self._changed = True
        if self._form() == (self._shape, self._dtype):
            self.looked_over = False
            return
        self._shape, self._dtype = self._form()
        self._waiting.clear()
        self._corrections = self._known_candidates = None
        self._history = UndoHistory(self.layer)
        self.mark_all(anew=True)

    def _on_corrected(self, index: Index, window: Window) -> None:
        self._mark(_places(index, window))

    def _on_candidates(self, index: Index, window: Window) -> None:
        self._changed = True  # perhaps there is a new name
        self._mark_candidates(_places(index, window))


def _places(index: Index, window: Window) -> Iterator[Place]:
    return places_in((*(slice(int(at), int(at) + 1) for at in index), *window))

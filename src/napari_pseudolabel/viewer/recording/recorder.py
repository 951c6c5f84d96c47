"""Everything that a person does in a viewer, handed out in small batches for a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels

from napari_pseudolabel.viewer.image_layers import unwrapped
from napari_pseudolabel.viewer.recording.attributes import kind_of
from napari_pseudolabel.viewer.recording.changed_tiles import Place
from napari_pseudolabel.viewer.recording.journal import Look
from napari_pseudolabel.viewer.recording.labels_watch import LabelsWatch
from napari_pseudolabel.viewer.recording.layer_watch import ImageWatch, LayerWatch
from napari_pseudolabel.viewer.recording.passes import Passes
from napari_pseudolabel.viewer.recording.plain import REMOVED, SESSION_KEY
from napari_pseudolabel.viewer.recording.views import view_of
from napari_pseudolabel.viewer.records import is_helper, is_ours, is_slide
from napari_pseudolabel.workspace.sessions import (
    Batch,
    Edit,
    LayerState,
    SourceState,
    Summary,
    Tile,
    TileKey,
    ViewState,
)

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer
    from napari.utils.events import Event

# Of the review state in the metadata of labels.
_REVIEW_KEY = "napari_pseudolabel_review"
# What is copied at once; more is handed out in several batches.
_MOST_BYTES = 256_000_000


class Recorder:
    """Watches all layers of a viewer, those left out that only show something for a while.

    Labels of a large image are in a folder of their own; of their layer it is noted which, and how they are shown.

    While a person works it only notes which tiles changed. `gather` copies them a few at a time; what
    changes again before it is done is copied again, so that a batch holds the layers as they were at one moment;
    it is complete after `passes.most_rounds` calls, whatever is painted meanwhile.

    Parameters
    ----------
    viewer
        Its layers of kinds labels, image, shapes and points are watched, those that come later as well.
    stored
        Unique id of each layer that came from the session, with its id there; nothing of them is written
        before it changes.
    """

    def __init__(self, viewer: ViewerModel, stored: Mapping[str, str] | None = None) -> None:
        self._viewer = unwrapped(viewer)
        self._ids = dict(stored or {})
        self._stored = set(self._ids)
        self._watches: dict[str, LayerWatch] = {}
        self._leaving: dict[str, LayerWatch] = {}
        self._removed: set[str] = set()
        # Removed since the last batch: when a viewer is closed, napari takes all layers away first.
        self._going: list[LayerWatch] = []
        self._prints: dict[str, str] = {}
        self._positions: dict[str, int] = {}
        self._states: dict[str, LayerState] = {}
        self._copied: dict[TileKey, Tile] = {}
        self._passes = Passes()
        self._edits: list[Edit] = []
        self._view: ViewState | None = None
        self._title: Summary | None = None
        self._closing = False
        for layer in self._viewer.layers:
            self._add(layer)
        self._stored.clear()
        self._viewer.layers.events.inserted.connect(self._on_inserted)
        self._viewer.layers.events.removed.connect(self._on_removed)

    @property
    def has_labels(self) -> bool:
        """Whether there is anything that a person could lose."""
        watches = (*self._watches.values(), *self._going)
        return any(isinstance(watch, LabelsWatch) or is_slide(watch.layer) for watch in watches)

    @property
    def dirty(self) -> bool:
        """Whether tiles are waiting to be copied, or were copied and not handed out yet."""
        return bool(self._copied) or any(watch.dirty for watch in self._labels())

    def close(self) -> None:
        """Stop watching."""
        self._viewer.layers.events.inserted.disconnect(self._on_inserted)
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        for watch in (*self._watches.values(), *self._leaving.values(), *self._going):
            watch.close()

    def gather(self, budget_s: float, *, force: bool = False) -> Batch | None:
        """Copy what changed.

        Parameters
        ----------
        budget_s
            How long to copy at most, about.
        force
            Copy everything that is left, however long it takes.

        Returns
        -------
        Batch or None
            None if nothing changed, or if there is more to copy: see `dirty`.
        """
        self._let_go()
        watches = self._labels()
        for watch in watches:
            watch.settle()
        self._copied |= {tile.key: tile for tile in self._passes.copy(watches, budget_s, force=force)}
        full = sum(tile.values.nbytes for tile in self._copied.values()) > _MOST_BYTES
        if not full and any(watch.dirty for watch in watches):
            return None
        return self._batch()

    def gather_last(self) -> Batch | None:
        """As `gather`, before the viewer is closed; that its layers are gone by then is not noted."""
        if self._going and not self._viewer.layers:
            # They went from the top down, and come back bottom to top where no view was written.
            self._watches = {watch.id: watch for watch in reversed(self._going)}
            self._going = []
            self._closing = True
        return self.gather(0.0, force=True)

    def put_back(self, batch: Batch) -> None:
        """Mark all of a batch that could not be written, so that it is written again."""
        for tile in batch.tiles:
            watch = self._watches.get(tile.key.layer) or self._leaving.get(tile.key.layer)
            if isinstance(watch, LabelsWatch):
                watch.mark(tile.key)
        for layer in batch.layers:
            self._states.pop(layer.id, None)
            if watch := self._watches.get(layer.id) or self._leaving.get(layer.id):
                watch.change()
        self._removed |= set(batch.removed) - set(self._watches)
        self._edits = [*batch.edits, *self._edits]
        self._view = None if batch.view is not None else self._view
        self._title = None if batch.summary is not None else self._title

    def written(self) -> None:
        """Note that the last batch is on disk."""
        for id, watch in tuple(self._leaving.items()):
            state = self._states.get(id)
            if state is not None and REMOVED in state.attributes and not watch.dirty:
                watch.close()
                del self._leaving[id]

    def start_anew(self) -> None:
        """Whatever was written is gone: everything is to be written, the log of edits included."""
        self._states.clear()
        self._view = self._title = None
        self._copied.clear()
        self._passes.start_anew()
        self._removed.clear()
        self._edits = []
        for watch in (*self._watches.values(), *self._leaving.values()):
            watch.change()
            watch.looked_over = False
            if isinstance(watch, LabelsWatch):
                watch.mark_all(anew=True)
                watch.effort.take()
                self._edits += _named(watch.effort.edits(), watch.id)
        self._edits.sort(key=lambda edit: edit.at)

    def looks(self, *, all_layers: bool) -> list[Look]:
        """Arrays whose pixels may have changed without notice, to be compared with the session.

        Parameters
        ----------
        all_layers
            Also those of which nothing tells so.
        """
        found = []
        for watch in self._watches.values():
            if watch.looked_over and not all_layers:
                continue
            data = watch.layer.data if isinstance(watch, LabelsWatch) else None
            if isinstance(watch, ImageWatch):
                data = watch.data
            if isinstance(data, np.ndarray):
                watch.looked_over = True
                name = "data" if isinstance(watch, ImageWatch) else "labels"
                stale = watch.take_stale() if isinstance(watch, LabelsWatch) else frozenset()
                found.append(Look(watch.id, name, data, stale, write=isinstance(watch, ImageWatch)))
        return found

    def found(self, id: str, places: list[Place]) -> None:
        """Mark tiles that a look found to differ."""
        watch = self._watches.get(id)
        if isinstance(watch, LabelsWatch):
            watch.found(places)

    def look_again(self, id: str) -> None:
        """Look again, because a look could not be ended."""
        if watch := self._watches.get(id):
            watch.looked_over = False

    def unprinted(self) -> ImageWatch | None:
        """Return an image from a file of which the fingerprint is not known yet."""
        return next(
            (
                watch
                for watch in self._watches.values()
                if isinstance(watch, ImageWatch) and watch.source and watch.id not in self._prints
            ),
            None,
        )

    def printed(self, id: str, fingerprint: str) -> None:
        """Keep the fingerprint of an image."""
        self._prints[id] = fingerprint
        if watch := self._watches.get(id):
            watch.change()

    def _batch(self) -> Batch | None:
        layers = []
        for watch in (*self._watches.values(), *self._leaving.values()):
            state = watch.state(self._ids, self._source(watch))
            if state is not None and self._states.get(watch.id) != state:
                self._states[watch.id] = state
                layers.append(state)
        for watch in self._labels():
            self._edits += _named(watch.effort.take(), watch.id)
        tiles, self._copied = tuple(self._copied.values()), {}
        edits, self._edits = tuple(self._edits), []
        removed, self._removed = tuple(self._removed), set()
        view, summary = self._changed_view(), self._changed_title()
        if not (tiles or layers or removed or view or edits or summary):
            return None
        return Batch(tiles, layers, removed, view, edits, summary)

    def _changed_view(self) -> ViewState | None:
        view = view_of(self._viewer, {uid: id for uid, id in self._ids.items() if id in self._watches})
        if view == self._view or self._closing:
            return None
        self._view = view
        return view

    def _changed_title(self) -> Summary | None:
        images = [one for one in self._viewer.layers if not is_ours(one) and kind_of(one) == "image"]
        named = images or [watch.layer for watch in self._watches.values()]
        reviews = [watch.layer.metadata.get(_REVIEW_KEY, {}) for watch in self._labels()]
        reviewed = sum(len(review.get("done", ())) for review in reviews)
        title = Summary(title=", ".join(layer.name for layer in named), regions_reviewed=reviewed)
        if title == self._title or self._closing:
            return None
        self._title = title
        return title

    def _labels(self) -> list[LabelsWatch]:
        every = (*self._watches.values(), *self._leaving.values())
        return [watch for watch in every if isinstance(watch, LabelsWatch)]

    def _source(self, watch: LayerWatch) -> SourceState | None:
        if not isinstance(watch, ImageWatch) or watch.source is None:
            return None
        return watch.source.state(self._positions[watch.id], self._prints.get(watch.id, ""))

    def _add(self, layer: Layer) -> None:
        kind = kind_of(layer)
        slide = is_slide(layer)
        if kind is None or (is_helper(layer) and not slide):
            return
        uid = str(layer.unique_id)
        id = self._ids.setdefault(uid, self._id_for(layer))
        self._let_go()
        self._removed.discard(id)
        again = self._leaving.pop(id, None)
        if again is not None and again.layer is layer:
            again.removed = False
            again.change()
            self._watches[id] = again
        elif isinstance(layer, Labels) and not (layer.multiscale or slide):
            self._watches[id] = LabelsWatch(layer, id, stored=uid in self._stored)
        elif isinstance(layer, Image):
            watch = ImageWatch(layer, id)
            same = [one for one in self._watches.values() if getattr(one, "source", None) == watch.source]
            self._positions.setdefault(id, len(same))
            self._watches[id] = watch
        else:
            self._watches[id] = LayerWatch(layer, kind, id)

    def _id_for(self, layer: Layer) -> str:
        """Return the id of a new layer: that in the session which it was read from, unless another has it."""
        id = str(layer.metadata.get(SESSION_KEY, {}).get("layer", layer.unique_id))
        return str(layer.unique_id) if id in self._ids.values() else id

    def _on_inserted(self, event: Event) -> None:
        self._add(event.value)

    def _on_removed(self, event: Event) -> None:
        watch = self._watches.pop(self._ids.get(str(event.value.unique_id), ""), None)
        if watch is not None:
            self._going.append(watch)

    def _let_go(self) -> None:
        """Layers were removed by the person."""
        going, self._going = self._going, []
        for watch in going:
            if watch.kind == "image":
                # It can be opened or computed again, and takes much room.
                watch.close()
                self._states.pop(watch.id, None)
                self._removed.add(watch.id)
            else:
                # A person's work is kept, marked as removed.
                watch.remove()
                self._leaving[watch.id] = watch


def _named(edits: tuple[Edit, ...], id: str) -> list[Edit]:
    """Edits of a layer with its id in the session."""
    return [replace(edit, layer=id) for edit in edits]

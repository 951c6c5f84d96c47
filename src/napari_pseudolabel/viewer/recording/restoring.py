"""Layers out of a session: read beside the window, then shown in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.windows import whole
from napari_pseudolabel.types import Array, JsonObject
from napari_pseudolabel.viewer.candidates import CANDIDATES_KEY, Candidates
from napari_pseudolabel.viewer.corrections import CORRECTIONS_KEY, Corrections
from napari_pseudolabel.viewer.effort import EFFORT_KEY, EffortLog
from napari_pseudolabel.viewer.image_layers import unwrapped
from napari_pseudolabel.viewer.recording import attributes as layers
from napari_pseudolabel.viewer.recording.plain import NAMES, OURS, REMOVED, SESSION_KEY, renamed
from napari_pseudolabel.viewer.recording.sources import may_want_window, opened
from napari_pseudolabel.viewer.recording.states import recalled
from napari_pseudolabel.viewer.recording.views import choose, look_at
from napari_pseudolabel.viewer.records import record_in
from napari_pseudolabel.viewer.slide_labels import FOLDER_KEY, levels_of, metadata_of, reopened
from napari_pseudolabel.workspace.sessions import Edit, LayerState, SessionContent, ViewState

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_pseudolabel.slides.slide_store import SlideStore


@dataclass(frozen=True, eq=False)
class StoredLayer:
    """One layer of a session.

    Attributes
    ----------
    arrays
        By their names.
    opened
        The layer of its file, for images that are not stored themselves.
    waits
        Whether the file is still to be opened, in the thread of the window.
    slide
        What the layer shows, for labels of a large image.
    """

    state: LayerState
    arrays: dict[str, Array]
    edits: tuple[Edit, ...] = ()
    opened: Layer | None = None
    waits: bool = False
    slide: SlideStore | None = None

    @property
    def name(self) -> str:
        """Name of the layer."""
        return str(self.state.attributes.get("name", "a layer"))


@dataclass(frozen=True, eq=False)
class StoredSession:
    """What `read` found in a session.

    Attributes
    ----------
    layers
        Bottom to top.
    missing
        Sentences about what could not be read.
    removed
        Names of layers that the person had deleted; they are still in the session.
    """

    layers: tuple[StoredLayer, ...]
    view: ViewState | None
    missing: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Restored:
    """What is back in a viewer.

    Attributes
    ----------
    layers
        Bottom to top.
    missing
        Sentences about what is not as it was.
    removed
        Names of layers that the person had deleted, and that stay deleted.
    ids
        Unique id of each layer, with its id in the session.
    """

    layers: tuple[Layer, ...]
    missing: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    ids: dict[str, str] = field(default_factory=dict)


def read(content: SessionContent, *, removed: bool = False) -> StoredSession:
    """Read a session and the images it belongs to; may be called in any thread, and makes nothing of Qt.

    Images whose readers may make widgets are left to `show`.

    Parameters
    ----------
    removed
        Bring also those layers back that the person had deleted.

    Raises
    ------
    InputError
        When the session cannot be read. Damaged tiles and missing images are told in `StoredSession.missing` instead.
    """
    try:
        return _read(content, removed)
    except MemoryError as error:
        raise InputError(
            f"{content.path.name} does not fit into memory; close something, then open it again."
        ) from error


def _read(content: SessionContent, removed: bool) -> StoredSession:
    view = content.view()
    order = {id: place for place, id in enumerate(view.order)} if view else {}
    stored = content.layers()
    gone = [layer_state for layer_state in stored if layer_state.attributes.get(REMOVED)]
    # What the person had deleted comes on top.
    states = sorted(stored, key=lambda one: len(order) if one in gone else order.get(one.id, len(order)))
    edits: dict[str, list[Edit]] = {}
    for edit in content.edits():
        edits.setdefault(edit.layer, []).append(edit)
    missing = list(content.lost)
    found = [
        _layer(content, state, tuple(edits.get(state.id, ())), missing)
        for state in states
        if removed or state not in gone
    ]
    left = () if removed else tuple(str(one.attributes.get("name", "a layer")) for one in gone)
    return StoredSession(tuple(found), view, tuple(missing), left)


def show(viewer: ViewerModel, stored: StoredSession) -> Restored:
    """Put the layers of a session into a viewer.

    They come on top of those that are there. Camera and sliders are set only where there were none.
    """
    viewer = unwrapped(viewer)
    empty = not viewer.layers
    missing = list(stored.missing)
    found: dict[str, Layer] = {}
    for stored_layer in stored.layers:
        layer = _shown(_opened(stored_layer, missing), missing)
        if layer is not None:
            found[stored_layer.state.id] = layer
    now = {id: str(layer.unique_id) for id, layer in found.items()}
    moved = {
        one.state.attributes["metadata"][FOLDER_KEY]: str(one.slide.folder)
        for one in stored.layers
        if one.slide is not None
    }
    for layer in found.values():
        for key, value in layer.metadata.items():
            if isinstance(key, str) and key.startswith(OURS):
                layer.metadata[key] = renamed(value, {**now, **moved})
        viewer.layers.append(layer)
    if stored.view is not None:
        choose(viewer, stored.view, found)
        if empty:
            look_at(viewer, stored.view)
    ids = {uid: id for id, uid in now.items()}
    return Restored(tuple(found.values()), tuple(missing), stored.removed, ids)


def restore(viewer: ViewerModel, content: SessionContent, *, removed: bool = False) -> Restored:
    """Bring a session back into a viewer; see `read` and `show`.

    Raises
    ------
    InputError
        When the session cannot be read.
    """
    return show(viewer, read(content, removed=removed))


def layer_data(content: SessionContent) -> list[tuple[Any, JsonObject, str]]:
    """Return the layers of a session as napari wants them of a reader.

    The first recording of a viewer that opens them goes on in the session. Images from files that are missing
    are left out, without a word.

    Raises
    ------
    InputError
        When the session cannot be read.
    """
    found: list[tuple[Any, JsonObject, str]] = []
    for stored_layer in read(content).layers:
        one = _opened(stored_layer, [])
        source = one.state.source and one.state.source.model_dump()
        mark = {SESSION_KEY: {"path": str(content.path), "layer": one.state.id, "source": source}}
        stored, kind = one.state.attributes, one.state.kind
        data: Any = one.opened.data if one.opened is not None else _data(one)
        if data is None and kind in ("labels", "image"):
            continue
        metadata = {**_metadata(one), **mark}
        if kind == "labels" and one.slide is None:
            metadata |= _companions(one, data, [])
        found.append((data, {**layers.given(kind, stored), "metadata": metadata}, kind))
    return found


def _layer(
    content: SessionContent, state: LayerState, edits: tuple[Edit, ...], missing: list[str]
) -> StoredLayer:
    arrays: dict[str, Array] = {}
    name = str(state.attributes.get("name", "a layer"))
    for array in state.arrays:
        notes: list[str] = []
        try:
            arrays[array.name] = content.array(state.id, array.name, notes)
        except InputError as error:
            notes.append(str(error))
        missing += (f"{name}: {note}" for note in notes)
    waits = state.source is not None
    one = StoredLayer(state, arrays, edits, waits=waits, slide=_slide(content, state, name, missing))
    return one if state.source is None or may_want_window(state.source) else _opened(one, missing)


def _slide(content: SessionContent, state: LayerState, name: str, missing: list[str]) -> SlideStore | None:
    """Open what a layer showed, if it showed the labels of a large image."""
    metadata = state.attributes.get("metadata", {})
    record = record_in(metadata) or {}
    # A duplicate that napari made of such a layer shows nothing.
    if FOLDER_KEY not in metadata or (record.get("role"), record.get("uid")) != ("slide", state.id):
        return None
    try:
        return reopened(metadata[FOLDER_KEY], content.path.parent.parent)
    except InputError as error:
        missing.append(f"{name}: {error}")
        return None


def _opened(one: StoredLayer, missing: list[str]) -> StoredLayer:
    """Return a layer together with its file, if that waits to be opened."""
    if not one.waits or one.state.source is None:
        return one
    layer, sentence = opened(one.state.source, one.name)
    missing += [sentence] if sentence else []
    return replace(one, opened=layer, waits=False)


def _shown(one: StoredLayer, missing: list[str]) -> Any:
    """Return a layer out of what was stored; None if its pixels are missing."""
    kind, stored = one.state.kind, one.state.attributes
    if one.opened is not None:
        one.opened.metadata.update(_metadata(one))
        try:
            layers.adopt(one.opened, kind, stored)
        except Exception as error:  # whatever napari raises at what it cannot use
            missing.append(f"{one.name} looks other than before ({error}); set it by hand.")
        return one.opened
    data = _data(one)
    if data is None and kind in ("labels", "image"):
        told = FOLDER_KEY in _metadata(one)  # why it cannot be opened
        if one.state.source is None and not one.state.arrays and not told:
            missing.append(f"The pixels of {one.name} were in no file that could be noted; open it again.")
        return None
    try:
        layer = layers.made(kind, data, stored, _metadata(one))
    except Exception as error:  # as above
        missing.append(f"{one.name} looks other than before ({error}); set it by hand.")
        layer = layers.bare(kind, data, stored, _metadata(one))
    if isinstance(layer, Labels) and one.slide is None:
        layer.metadata.update(_companions(one, data, missing))
        if CORRECTIONS_KEY in layer.metadata:
            Corrections.of(layer)
        EffortLog.of(layer)
    return layer


def _data(one: StoredLayer) -> Any:
    if one.state.kind in ("shapes", "points"):
        return layers.items_of(one.state.kind, one.state.attributes)
    if one.slide is not None:
        return levels_of(one.slide)
    data = one.arrays.get("labels" if one.state.kind == "labels" else "data")
    return np.moveaxis(data, 0, -1) if data is not None and one.state.attributes.get("rgb") else data


def _metadata(one: StoredLayer) -> JsonObject:
    own = {} if one.slide is None else metadata_of(one.slide)
    return {**one.state.attributes.get("metadata", {}), **own}


def _companions(one: StoredLayer, labels: Array, missing: list[str]) -> JsonObject:
    """Return what lies beside labels in the metadata of their layer."""
    found: dict[str, Any] = {EFFORT_KEY: EffortLog(None, one.edits)}
    if "predicted" in one.arrays and "flags" in one.arrays:
        found[CORRECTIONS_KEY], note = recalled(
            one.state.attributes, one.arrays["predicted"], one.arrays["flags"].astype(np.uint8, copy=False)
        )
        missing += [f"{one.name}: {note}"] if note else []
    names: Sequence[str] = one.state.attributes.get(NAMES, ())
    candidates = Candidates(labels.shape)
    planes = list(np.ndindex(labels.shape[:-2]))
    for number, name in enumerate(names):
        array = one.arrays.get(f"candidate-{number}")
        if array is not None:
            said = array.astype(np.uint8, copy=False).reshape(len(planes), 1, *labels.shape[-2:])
            candidates.add(planes, whole(labels.shape), said, [name])
    if candidates.names:
        found[CANDIDATES_KEY] = candidates
    return found

"""The labels of a session as what the export room writes, without a viewer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from napari_pseudolabel.exporting import ExportContent
from napari_pseudolabel.types import Array, JsonObject
from napari_pseudolabel.viewer.corrections import CORRECTIONS_KEY
from napari_pseudolabel.viewer.effort import EFFORT_KEY, EffortLog
from napari_pseudolabel.viewer.exporting import content_from
from napari_pseudolabel.viewer.recording.plain import REMOVED
from napari_pseudolabel.viewer.recording.states import recalled
from napari_pseudolabel.viewer.records import record_in
from napari_pseudolabel.viewer.slide_labels import FOLDER_KEY
from napari_pseudolabel.workspace import SessionContent
from napari_pseudolabel.workspace.sessions import LayerState

SESSION_KEY = "session"


def labels_of(content: SessionContent, id: str) -> tuple[list[tuple[str, ExportContent]], tuple[str, ...]]:
    """Return what is to be written of every Labels layer of a session, with its name.

    Files of images are not opened. Layers that the person has deleted are left out. The provenance names the
    session, so that an export never replaces that of another one.

    Returns
    -------
    list, tuple of str
        Names and contents; sentences about what could not be read.

    Raises
    ------
    InputError
        When the session cannot be read.
    """
    layers = [state for state in content.layers() if not state.attributes.get(REMOVED)]
    edits = content.edits()
    notes = list(content.lost)
    found = []
    for layer in layers:
        if layer.kind != "labels":
            continue
        if FOLDER_KEY in layer.attributes.get("metadata", {}):
            notes.append(
                f"{name_of(layer)} are labels of a large image, which only a window exports: bring the session back, "
                "and use the dock Export."
            )
        else:
            own = EffortLog(None, [edit for edit in edits if edit.layer == layer.id])
            made = _content(content, layer, layers, own, notes)
            found.append((name_of(layer), replace(made, provenance={**made.provenance, SESSION_KEY: id})))
    return found, tuple(notes)


def name_of(layer: LayerState) -> str:
    """Name of a layer as napari showed it."""
    return str(layer.attributes.get("name") or layer.id)


def _content(
    content: SessionContent,
    layer: LayerState,
    layers: Sequence[LayerState],
    effort: EffortLog,
    notes: list[str],
) -> ExportContent:
    labels = _array(content, layer, "labels", notes)
    metadata = {**layer.attributes.get("metadata", {}), EFFORT_KEY: effort}
    if {"predicted", "flags"} <= {array.name for array in layer.arrays}:
        predicted, flags = (_array(content, layer, name, notes) for name in ("predicted", "flags"))
        metadata[CORRECTIONS_KEY], note = recalled(
            layer.attributes, predicted, flags.astype(np.uint8, copy=False)
        )
        notes += [f"{name_of(layer)}: {note}"] if note else []
    made = content_from(labels, {**layer.attributes, "metadata": metadata})
    confidence = _confidence_of(layer, layers)
    if confidence is None:
        return made
    values = _array(content, confidence, "data", notes)
    return replace(made, confidence=values) if values.shape == labels.shape else made


def _confidence_of(layer: LayerState, layers: Sequence[LayerState]) -> LayerState | None:
    """Return the layer that shows how sure the models were of labels; None if there is none."""
    source = _record(layer).get("source")
    for state in layers:
        record, held = _record(state), {array.name for array in state.arrays}
        same = source and record.get("source", {}).get("uid") == source["uid"]
        if same and record["role"] == "confidence" and "data" in held:
            return state
    return None


def _record(layer: LayerState) -> JsonObject:
    return record_in(layer.attributes.get("metadata", {})) or {}


def _array(content: SessionContent, layer: LayerState, name: str, notes: list[str]) -> Array:
    told: list[str] = []
    values = content.array(layer.id, name, told)
    notes += (f"{name_of(layer)}: {note}" for note in told)
    return np.asarray(values)

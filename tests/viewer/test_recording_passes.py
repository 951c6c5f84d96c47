"""A batch ends, whatever is painted meanwhile."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from recording_case import Recording, back
from recording_edits import everything, same

from napari_pseudolabel.viewer import Corrections, push
from napari_pseudolabel.viewer.recording.changed_tiles import all_places
from napari_pseudolabel.viewer.recording.passes import most_rounds


def diagonal(layer, value):
    """Somebody paints across the whole layer."""
    steps = np.arange(0, min(layer.data.shape), 10)
    layer.data_setitem((steps, steps), value)


def whole(layer, value):
    """Somebody paints in every tile, so that all are to be copied again."""
    layer.data_setitem(tuple(axis[::64, ::64].ravel() for axis in np.indices(layer.data.shape)), value)


@pytest.mark.parametrize("paint", [diagonal, whole])
@pytest.mark.parametrize("budget_s", [0.0, 0.0005])
def test_whoever_paints_on_is_saved_all_the_same(viewer, sessions, paint, budget_s):
    """What is painted while a large batch is gathered is in it completely or not at all, and the batch ends."""
    layers = [viewer.add_labels(np.ones((1000, 1000), np.uint8), name=f"labels {n}") for n in range(2)]
    for layer in layers:
        Corrections.of(layer)
    recording = Recording(viewer, sessions)
    tiles = sum(len(list(all_places(layer.data.shape))) for layer in layers)
    for rounds in range(1, most_rounds(tiles) + 1):
        batch = recording.recorder.gather(budget_s)
        if batch is not None:
            break
        paint(layers[rounds % 2], rounds % 200)
    assert batch is not None, f"nothing was written in {rounds} rounds"
    assert rounds > 3
    recording.journal.write(batch)
    seen, _ = back(sessions, recording.file.id)
    for found, layer in zip(seen.layers, layers, strict=True):
        same(everything(found), everything(layer))
    assert recording.recorder.gather(10.0) is None


def test_candidates_are_saved_while_labels_are_painted(viewer, sessions, result):
    source = viewer.add_image(np.zeros((600, 600)), name="sem")
    labels = np.ones((1, 600, 600), np.uint8)
    candidates = np.stack([labels, 2 * labels], axis=1)
    made = replace(result(labels), candidates=candidates, members=("sample 1", "sample 2"))
    layer = push(viewer, source, made).labels
    recording = Recording(viewer, sessions)
    for rounds in range(1, most_rounds(2 * 25) + 1):
        batch = recording.recorder.gather(0.0)
        if batch is not None:
            break
        whole(layer, rounds % 3)
    assert {tile.key.array for tile in batch.tiles} >= {"labels", "candidate-0", "candidate-1"}

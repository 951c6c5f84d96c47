"""Viewers with pseudo labels that a person corrected, and sessions of them."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel
from run_reports import SEGMENTER, run_report

from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.strategies import LabelSettings, PseudoLabel, Region
from napari_pseudolabel.viewer import push
from napari_pseudolabel.viewer.corrections import Corrections
from napari_pseudolabel.viewer.effort import EffortLog
from napari_pseudolabel.viewer.recording import Journal, Recorder
from napari_pseudolabel.workspace import Sessions

SHAPE = (150, 170)
CLASSES = (LabelClass(name="background", value=0), LabelClass(name="axon", value=1))


def corrected_viewer(name: str = "sem_12") -> ViewerModel:
    """An image of 0.2 um pixels, with pseudo labels: 20 pixels corrected, 100 confirmed."""
    viewer = ViewerModel()
    pixels = np.random.default_rng(0).random(SHAPE).astype(np.float32)
    image = viewer.add_image(pixels, name=name, scale=(0.2, 0.2), units=("um", "um"))
    predicted = np.zeros((1, *SHAPE), np.uint8)
    predicted[0, 20:60, 20:60] = 1
    report = run_report(
        source=name,
        models=(SEGMENTER,),
        settings=LabelSettings(seed=3),
        tile=64,
        overlap=16,
        batch=1,
        shift_px=(0.0, 0.0),
    )
    confidence = np.full(predicted.shape, 0.75, np.float32)
    result = PseudoLabel(
        predicted, confidence, confidence, None, CLASSES, Region(0, 0, *SHAPE), ((),), report
    )
    layer = push(viewer, image, result).labels
    effort = EffortLog.of(layer)
    with effort.doing("split"):
        layer.data_setitem((np.full(20, 100), np.arange(100, 120)), 1)
    Corrections.of(layer).confirm((), (slice(0, 10), slice(0, 10)))
    viewer.camera.zoom = 3.5
    return viewer


def record(viewer: ViewerModel, sessions: Sessions) -> str:
    """Write everything that is in a viewer into a new session that ends well; its id."""
    file = sessions.create()
    recorder, journal = Recorder(viewer), Journal(file)
    while (batch := recorder.gather(1.0, force=True)) is not None:
        journal.write(batch)
        recorder.written()
    for look in recorder.looks(all_layers=True):
        while not look.finished:
            journal.look(look, 1.0)
    recorder.close()
    file.close()
    return file.id

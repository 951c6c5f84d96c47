"""Labels of a strategy that is one line in the registry: predicted again, and trained on, as all others are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from correct_case import make_dock as correct_dock
from toy_strategy import LevelOptions, add
from train_case import SHAPE, begin, confirm, settle, truth
from train_case import make_dock as train_dock
from train_case import make_viewer as image_viewer
from train_fakes import pseudo_label

from napari_pseudolabel.strategies import Region
from napari_pseudolabel.viewer import push


@pytest.fixture
def viewer(monkeypatch):
    add(monkeypatch)
    viewer = image_viewer()
    made = pseudo_label(Region(0, 0, *SHAPE), truth())
    report = replace(made.report, strategy="threshold", models=(), options=LevelOptions(0.7))
    layer = push(viewer, viewer.layers["sem_12"], replace(made, report=report)).labels
    viewer.layers.selection.active = layer
    return viewer


def test_it_is_predicted_again_with_its_options(viewer, session, runner, qtbot):
    dock = correct_dock(qtbot, viewer, session, runner)
    for tool in ("source_only", "predict_again"):
        dock.use(tool)
        number, job, _ = runner.jobs[-1]
        assert (job.strategy_name, job.origin.options) == ("threshold", LevelOptions(0.7))
        runner.parted.emit(number, pseudo_label(job.region, np.zeros(job.region.shape)))
        runner.finished.emit(number, None)
    assert dock.shutdown()


def test_it_is_trained_on(viewer, session, runner, remembered, qtbot):
    dock = train_dock(qtbot, viewer, session, runner, remembered)
    settle(dock, qtbot)
    confirm(dock, qtbot)
    _, job = begin(dock, qtbot, runner)
    assert job.translator is None
    assert job.segmenter == ""  # a new one, because there is none to go on from
    assert dock.shutdown()

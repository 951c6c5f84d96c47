"""A viewer with an image and pseudo labels, and the Train dock beside it, without a window."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.components import ViewerModel
from train_fakes import ScriptedRunner, Used, pseudo_label

from napari_pseudolabel.strategies import Region
from napari_pseudolabel.viewer import push
from napari_pseudolabel.widgets.train.controller import TrainController
from napari_pseudolabel.widgets.train.view import TrainView

SHAPE = (64, 96)
LEFT_HALF = ((-0.5, -0.5), (63.5, -0.5), (63.5, 47.5), (-0.5, 47.5))


def truth() -> np.ndarray:
    """Axons with myelin around them, everywhere."""
    labels = np.zeros(SHAPE, np.uint8)
    for y in range(8, 64, 16):
        for x in range(8, 96, 16):
            labels[y - 6 : y + 6, x - 6 : x + 6] = 1
            labels[y - 3 : y + 3, x - 3 : x + 3] = 2
    return labels


def make_viewer() -> ViewerModel:
    """A viewer with an image."""
    viewer = ViewerModel()
    noise = np.random.default_rng(0).random(SHAPE)
    viewer.add_image(truth() * 100.0 + noise, name="sem_12", metadata={"modality": "SEM"})
    return viewer


def make_dock(
    qtbot: Any, viewer: ViewerModel, session: Used, runner: ScriptedRunner, remembered: Any
) -> TrainController:
    """A dock that has found its models; quick, where people need time."""
    view = TrainView()
    qtbot.addWidget(view)
    dock = TrainController(viewer, view, session=session, runner=runner, recent=remembered)
    dock.segmenter._look_later.setTimeout(1)
    dock.segmenter.live._predict_later.setTimeout(30)
    dock.start()
    runner.answer()
    return dock


def make_labels(viewer: ViewerModel, dock: TrainController, qtbot: Any) -> Any:
    """Pseudo labels of the whole image; the right half is empty, as if the model had missed it."""
    predicted = truth()
    predicted[:, 48:] = 0
    layer = push(viewer, viewer.layers["sem_12"], pseudo_label(Region(0, 0, *SHAPE), predicted)).labels
    settle(dock, qtbot)
    return layer


def settle(dock: TrainController, qtbot: Any) -> None:
    """Wait until nothing is looked at any more."""
    part = dock.segmenter
    qtbot.waitUntil(
        lambda: dock.settled and not part._look_later.pending and not part._checking, timeout=5000
    )


def confirm(dock: TrainController, qtbot: Any, corners: Any = LEFT_HALF) -> None:
    """Confirm a rectangle, by default the left half."""
    shapes = dock.viewer.add_shapes([np.array(corners)])
    dock.view.segmenter.confirm["shape"].click()
    dock.viewer.layers.remove(shapes)
    settle(dock, qtbot)


def begin(dock: TrainController, qtbot: Any, runner: ScriptedRunner) -> tuple[int, Any]:
    """Press Start and wait for the job; its number and the job."""
    known = len(runner.of("FineTuneJob"))
    dock.view.start_button.click()
    qtbot.waitUntil(lambda: len(runner.of("FineTuneJob")) > known, timeout=5000)
    number, job, lane = runner.of("FineTuneJob")[-1]
    assert lane == "train"
    return number, job


def finish(dock: TrainController, qtbot: Any, runner: ScriptedRunner, number: int, result: Any) -> None:
    """Let a training end well."""
    runner.finished.emit(number, result)
    settle(dock, qtbot)

"""A viewer with labels that are wrong in known places, and the Correct dock with its queue, without a window."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from napari.components import ViewerModel
from train_fakes import ScriptedRunner, pseudo_label

from napari_pseudolabel.sample_data.fields import AXON, MYELIN, axon_field
from napari_pseudolabel.strategies import Region
from napari_pseudolabel.viewer import push
from napari_pseudolabel.widgets.correct.controller import CorrectController
from napari_pseudolabel.widgets.correct.review import ReviewController
from napari_pseudolabel.widgets.correct.view import CorrectView

# Three by three regions.
SHAPE = (288, 300)
# Where the axons are missing from the labels: all in the region in the middle.
WRONG = (slice(110, 180), slice(115, 185))
CANVAS_PX = (500, 700)


@cache
def truth() -> np.ndarray:
    """Right labels; not to be written into."""
    labels = axon_field(SHAPE, seed=4)
    labels.setflags(write=False)
    return labels


def predicted() -> np.ndarray:
    labels = truth().copy()
    part = labels[WRONG]
    part[part == AXON] = MYELIN
    return labels


def result(labels: np.ndarray) -> Any:
    """A result whose second sample knows the truth."""
    made = pseudo_label(Region(0, 0, *SHAPE), labels)
    confidence = np.where(labels == truth(), 0.95, 0.6).astype(np.float32)[None]
    candidates = np.stack([labels, truth()])[None]
    return replace(made, confidence=confidence, candidates=candidates, members=("sample 1", "sample 2"))


def make_viewer() -> tuple[ViewerModel, Any]:
    """A viewer, and the pseudo labels in it."""
    viewer = ViewerModel()
    noise = np.random.default_rng(0).normal(0, 4, SHAPE)
    source = viewer.add_image(truth() * 60.0 + noise, name="sem_12", metadata={"modality": "SEM"})
    layer = push(viewer, source, result(predicted())).labels
    viewer.layers.selection.active = layer
    return viewer, layer


def make_dock(
    qtbot: Any, viewer: ViewerModel, session: Any, runner: ScriptedRunner
) -> tuple[CorrectController, ReviewController]:
    """The dock and its queue, with a canvas that nobody sees."""
    view = CorrectView()
    qtbot.addWidget(view)
    dock = CorrectController(
        viewer,
        view,
        session=session,
        runner=runner,  # type: ignore[arg-type]
        canvas_px=lambda: CANVAS_PX,
    )
    dock.objects._look_later.setTimeout(1)
    dock.confirming._count_later.setTimeout(1)
    review = ReviewController(dock.context, dock.focus)
    review.scoring._look_later.setTimeout(1)
    dock.add(review, review.keys())
    dock.start()
    return dock, review


def settle(dock: CorrectController, review: ReviewController, qtbot: Any) -> None:
    """Wait until nothing is computed any more."""
    qtbot.waitUntil(lambda: dock.settled and review.settled, timeout=20000)

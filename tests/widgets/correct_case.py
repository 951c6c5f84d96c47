"""A viewer with an image and pseudo labels, and the Correct dock beside it, without a window."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.components import ViewerModel
from train_fakes import ScriptedRunner, pseudo_label

from napari_pseudolabel.strategies import Region
from napari_pseudolabel.viewer import push
from napari_pseudolabel.widgets.correct.controller import CorrectController
from napari_pseudolabel.widgets.correct.view import CorrectView

SHAPE = (64, 96)
MYELIN, AXON = 1, 2
# Middles of the fibres.
FIRST, SECOND = (16, 16), (16, 48)


def fibres() -> np.ndarray:
    """Six fibres: axons of 8 by 8 with 4 pixels of myelin around them, 16 pixels apart."""
    labels = np.zeros(SHAPE, np.uint8)
    for y in (16, 48):
        for x in (16, 48, 80):
            labels[y - 8 : y + 8, x - 8 : x + 8] = MYELIN
            labels[y - 4 : y + 4, x - 4 : x + 4] = AXON
    return labels


def make_viewer(labels: np.ndarray | None = None) -> tuple[ViewerModel, Any]:
    """A viewer, and the pseudo labels in it."""
    viewer = ViewerModel()
    labels = fibres() if labels is None else labels
    noise = np.random.default_rng(0).normal(0, 2, SHAPE)
    source = viewer.add_image(labels * 60.0 + noise, name="sem_12", metadata={"modality": "SEM"})
    layer = push(viewer, source, pseudo_label(Region(0, 0, *SHAPE), labels)).labels
    viewer.layers.selection.active = layer
    return viewer, layer


def make_dock(qtbot: Any, viewer: ViewerModel, session: Any, runner: ScriptedRunner) -> CorrectController:
    """A dock on a viewer without a window, quick where people need time."""
    view = CorrectView()
    qtbot.addWidget(view)
    dock = CorrectController(viewer, view, session=session, runner=runner)  # type: ignore[arg-type]
    dock.objects._look_later.setTimeout(1)
    dock.confirming._count_later.setTimeout(1)
    dock.start()
    return dock


def point_at(viewer: ViewerModel, at: tuple[float, ...]) -> None:
    """Move the cursor over a pixel; the layers are where they are in the world."""
    viewer.cursor.position = tuple(float(one) for one in at)


def settle(dock: CorrectController, qtbot: Any) -> None:
    """Wait until nothing is computed any more."""
    qtbot.waitUntil(lambda: dock.settled, timeout=10000)

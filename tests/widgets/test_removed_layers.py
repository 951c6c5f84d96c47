"""Layers that are removed in the middle of a job: it is cancelled, and the dock says why."""

from __future__ import annotations

import numpy as np
import pytest
from correct_case import make_dock as correct_dock
from correct_case import make_viewer
from train_fakes import Used, pseudo_label

from napari_pseudolabel.strategies import Region
from napari_pseudolabel.viewer import find_layer
from napari_pseudolabel.widgets.common.job_runner import Failure
from napari_pseudolabel.widgets.common.removals import Removals
from napari_pseudolabel.workspace import Workspace

CANCELLED = Failure("Cancelled.", "", cancelled=True)


def under_way(dock, script, qtbot, *, part=False):
    """Begin a run that waits, after its first half if `part`."""
    script.gate.clear()
    script.halves = part
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: bool(script.jobs), timeout=10000)
    if part:
        qtbot.waitUntil(
            lambda: dock.labelling.running is not None and dock.labelling.running.parts == 1, timeout=10000
        )


def ended(dock, qtbot):
    """The gate stays closed, so only a cancel ends the job."""
    qtbot.waitUntil(lambda: not dock.busy, timeout=10000)


@pytest.mark.parametrize("part", [False, True])
def test_without_its_image_a_run_is_cancelled(dock, viewer, script, qtbot, part):
    under_way(dock, script, qtbot, part=part)
    viewer.layers.remove("sem_12")
    ended(dock, qtbot)
    assert dock.view.status == "Stopped, because the image “sem_12” was removed while it was being labelled."
    assert not dock.view.error.isVisible()


def test_without_its_labels_a_run_is_cancelled(dock, viewer, script, qtbot):
    under_way(dock, script, qtbot, part=True)
    labels = find_layer(viewer, viewer.layers["sem_12"], "labels")
    viewer.layers.remove(labels)
    ended(dock, qtbot)
    assert "Stopped, because the labels “sem_12: axon + myelin (pseudo)” were removed" in dock.view.status
    assert find_layer(viewer, viewer.layers["sem_12"], "labels") is None
    assert dock.view.run_button.isEnabled()


def test_other_layers_may_go(dock, viewer, script, qtbot):
    other = viewer.add_image(np.zeros((4, 5)), name="other")
    viewer.layers.selection.active = viewer.layers["sem_12"]
    under_way(dock, script, qtbot, part=True)
    viewer.layers.remove(other)
    viewer.layers.move(0, 2)
    viewer.layers.remove(find_layer(viewer, viewer.layers["sem_12"], "confidence") or viewer.add_points())
    script.gate.set()
    ended(dock, qtbot)
    assert "Labels ready" in dock.view.status


def test_without_its_image_a_preview_is_cancelled(dock, viewer, script, qtbot):
    script.gate.clear()
    dock.view.preview_button.setChecked(True)
    qtbot.waitUntil(lambda: bool(script.jobs), timeout=10000)
    viewer.layers.remove("sem_12")
    ended(dock, qtbot)
    assert "“sem_12” was removed" in dock.view.status
    assert not dock.view.preview_button.isChecked()


@pytest.mark.parametrize("removed", ["image", "labels"])
def test_predicting_again_is_cancelled(qtbot, tmp_path, runner, removed):
    viewer, labels = make_viewer()
    dock = correct_dock(qtbot, viewer, Used(Workspace(tmp_path / "workspace")), runner)
    runner.answer()
    dock.use("predict_again")
    number, job, _ = runner.jobs[-1]
    runner.parted.emit(number, pseudo_label(job.region, labels.data))
    viewer.layers.remove("sem_12" if removed == "image" else labels)
    assert runner.wishes == [("cancel", number)]
    layers = len(viewer.layers)
    runner.parted.emit(number, pseudo_label(Region(0, 0, 64, 96), np.zeros((64, 96))))
    assert len(viewer.layers) == layers
    runner.failed.emit(number, CANCELLED)
    name = "sem_12" if removed == "image" else labels.name
    assert f"“{name}” w" in dock.view.hint
    assert dock.doing == ""
    assert dock.shutdown()


def test_removals_tell_once_and_only_of_what_is_watched(viewer):
    told = []
    removals = Removals(viewer, told.append)
    one, two = (viewer.add_image(np.zeros((3, 4)), name=name) for name in ("one", "two"))
    removals.watch(one, None)
    viewer.layers.remove(two)
    assert told == []
    viewer.layers.remove(one)
    assert told == [one]
    viewer.layers.append(one)
    viewer.layers.remove(one)
    removals.watch(viewer.layers["sem_12"])
    removals.forget()
    removals.forget()
    viewer.layers.clear()
    assert told == [one]

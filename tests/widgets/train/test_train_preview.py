"""The Train dock without a window: what the newest model would change, and closing while it trains."""

from __future__ import annotations

import numpy as np
import pytest
from train_case import begin, confirm, finish, settle, truth
from train_fakes import pseudo_label, score, tuned

from napari_pseudolabel.strategies import Region
from napari_pseudolabel.training.common.training_events import Epoch
from napari_pseudolabel.viewer import find_layer
from napari_pseudolabel.widgets.common.job_runner import Failure
from napari_pseudolabel.widgets.train.live_preview import LivePreview


def previewed(dock, qtbot, runner, number=None):
    """Wait for a preview to be asked for."""
    known = len(runner.of("LabelJob")) if number is None else number
    qtbot.waitUntil(lambda: len(runner.of("LabelJob")) > known, timeout=5000)
    return runner.of("LabelJob")[-1]


@pytest.fixture
def running(dock, labels, viewer, runner, qtbot):
    confirm(dock, qtbot)
    number, job = begin(dock, qtbot, runner)
    runner.event_sent.emit(number, Epoch(1, score(20, 0.7), True, b"first"))
    return number, job


def answer(runner, entry):
    """The new model finds everything."""
    number, job, _ = entry
    region = job.region
    found = truth()[region.y0 : region.y1, region.x0 : region.x1]
    half = region.shape[0] // 2
    parts = ((region.y0, region.y0 + half, found[:half]), (region.y0 + half, region.y1, found[half:]))
    for y0, y1, labels in parts:
        runner.parted.emit(number, pseudo_label(Region(y0, region.x0, y1, region.x1), labels))
    runner.finished.emit(number, None)


def test_a_new_best_model_is_shown_and_accepted(running, dock, labels, viewer, runner, qtbot):
    labels.brush_size = 1
    labels.paint((8, 72), 1)  # a person disagrees with the new model here
    entry = previewed(dock, qtbot, runner, 0)
    assert entry[2] == "label"
    assert entry[1].segmenter == str(running[1].folder / "newest.safetensors")
    assert (running[1].folder / "newest.safetensors").read_bytes() == b"first"
    assert entry[1].translator == "sample:sem-to-tem"
    before = labels.data.copy()
    answer(runner, entry)
    source = viewer.layers["sem_12"]
    assert find_layer(viewer, source, "preview") is not None
    np.testing.assert_array_equal(labels.data, before)
    missed = int((truth()[:, 48:] > 0).sum()) - 1
    assert f"would change {missed:,}" in dock.view.preview.sentence
    dock.view.preview.accept.click()
    wanted = truth()
    wanted[8, 72] = 1
    np.testing.assert_array_equal(labels.data, wanted)
    assert find_layer(viewer, source, "preview") is None
    labels.undo()
    np.testing.assert_array_equal(labels.data, before)


def test_a_preview_is_discarded(running, dock, labels, viewer, runner, qtbot):
    entry = previewed(dock, qtbot, runner, 0)
    before = labels.data.copy()
    answer(runner, entry)
    dock.view.preview.discard.click()
    assert find_layer(viewer, viewer.layers["sem_12"], "preview") is None
    np.testing.assert_array_equal(labels.data, before)
    assert dock.view.preview.accept.isHidden()


def test_nothing_is_predicted_while_the_person_paints_or_twice(running, dock, labels, runner, qtbot):
    live: LivePreview = dock.segmenter.live
    live._predict_later.setTimeout(
        60_000
    )  # longer than any pause between strokes, however busy the machine is
    qtbot.waitUntil(lambda: live._model is not None, timeout=5000)
    for column in range(50, 62):
        labels.paint((40, column), 2)
        qtbot.wait(20)
    assert runner.of("LabelJob") == []
    live._predict_later.setTimeout(150)
    answer(runner, previewed(dock, qtbot, runner))
    labels.paint((40, 64), 2)
    qtbot.wait(250)
    assert len(runner.of("LabelJob")) == 1
    runner.event_sent.emit(running[0], Epoch(2, score(40, 0.75), True, b"second"))
    previewed(dock, qtbot, runner)


def test_the_preview_can_be_switched_off(running, dock, viewer, runner, qtbot):
    answer(runner, previewed(dock, qtbot, runner, 0))
    dock.view.preview.show_newest.setChecked(False)
    assert find_layer(viewer, viewer.layers["sem_12"], "preview") is None
    runner.event_sent.emit(running[0], Epoch(2, score(40, 0.75), True, b"second"))
    qtbot.wait(100)
    assert len(runner.of("LabelJob")) == 1


def test_a_preview_outlives_its_training(running, dock, labels, viewer, runner, qtbot):
    answer(runner, previewed(dock, qtbot, runner, 0))
    finish(dock, qtbot, runner, running[0], tuned(0.6, 0.7, promoted=True))
    dock.view.preview.accept.click()
    np.testing.assert_array_equal(labels.data, truth())


def test_layers_may_be_removed_while_it_trains(running, dock, labels, viewer, runner, qtbot):
    entry = previewed(dock, qtbot, runner, 0)
    viewer.layers.clear()
    answer(runner, entry)
    finish(dock, qtbot, runner, running[0], tuned(0.6, 0.7, promoted=True))
    assert not viewer.layers
    assert "old 0.60, new 0.70" in dock.view.status
    assert "Open an image" in dock.view.hint


def test_the_last_best_model_is_shown_after_the_training(running, dock, labels, viewer, runner, qtbot):
    answer(runner, previewed(dock, qtbot, runner, 0))
    runner.event_sent.emit(running[0], Epoch(2, score(40, 0.75), True, b"second"))
    finish(dock, qtbot, runner, running[0], tuned(0.6, 0.75, promoted=True))
    entry = previewed(dock, qtbot, runner, 1)
    answer(runner, entry)
    assert find_layer(viewer, viewer.layers["sem_12"], "preview") is not None
    labels.paint((40, 64), 2)
    qtbot.wait(100)
    assert len(runner.of("LabelJob")) == 2
    dock.view.preview.accept.click()
    assert (labels.data[:, 48:] > 0).any()


def test_a_failed_preview_is_said_beside_it_and_the_training_goes_on(running, dock, runner, qtbot):
    number, _, _ = previewed(dock, qtbot, runner, 0)
    runner.failed.emit(number, Failure("There is no memory left; close other programs.", ""))
    assert "no memory left" in dock.view.preview.sentence
    assert dock.view.error.sentence == ""
    assert dock.busy
    runner.event_sent.emit(running[0], Epoch(2, score(40, 0.75), True, b"second"))
    previewed(dock, qtbot, runner, 1)


# Closing.


def test_closing_the_dock_keeps_the_best_model_so_far(running, dock, runner, session, qtbot):
    number, _ = running
    assert dock.doing == "Training a segmenter"
    runner.event_sent.emit(number, Epoch(2, score(40, 0.75), True, b"second"))
    assert dock.shutdown()
    assert runner.ended == 1
    (entry,) = session.workspace.history.entries()
    assert entry.path.read_bytes() == b"second"
    assert not entry.promoted
    assert session.used == []
    # Whatever still arrives is nobody's business.
    runner.event_sent.emit(number, Epoch(3, score(60, 0.8), True, b"third"))
    runner.finished.emit(number, tuned(0.6, 0.8, promoted=True))
    assert len(session.workspace.history.entries()) == 1
    assert dock.doing == ""


def test_a_dock_that_was_closed_can_be_opened_again(running, dock, runner, session, qtbot):
    dock.segmenter._check()
    assert dock.shutdown()
    dock.start()
    runner.answer()
    settle(dock, qtbot)
    assert dock.view.start_button.isEnabled()
    assert not dock.view.start_button.isHidden()
    assert len(dock.view.models.titles) == 2
    begin(dock, qtbot, runner)

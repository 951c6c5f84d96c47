"""The review queue together with everything else: the camera, sessions, trainings, a real window."""

from __future__ import annotations

import numpy as np
import pytest
import train_case
from napari.components import ViewerModel
from qtpy.QtCore import Qt
from review_case import SHAPE, WRONG, make_dock, make_viewer, predicted, result, settle, truth
from train_fakes import ScriptedRunner

from napari_pseudolabel.viewer import Corrections, push
from napari_pseudolabel.viewer.recording import Journal, Recorder, restore
from napari_pseudolabel.widgets.common import camera, shortcuts
from napari_pseudolabel.widgets.common.session import Session
from napari_pseudolabel.widgets.correct import dock as module
from napari_pseudolabel.widgets.correct.review.measuring import learned
from napari_pseudolabel.widgets.correct.review.state import REVIEW_KEY, Reviewed, ReviewRegion, ReviewState
from napari_pseudolabel.workspace.sessions import Sessions

WORST = (96, 100, 192, 200)


def test_quality_and_time_are_learned_from_what_was_reviewed():
    done = tuple(
        Reviewed(
            box=(0, n, 9, n + 1), estimate=0.5 + n / 40, truth=0.3 + n / 40, path_px=10.0 * n, seconds=4.0 + n
        )
        for n in range(12)
    )
    calibration, pace = learned(ReviewState(done=done))
    assert calibration.apply(np.array(0.6)) == pytest.approx(0.4, abs=0.01)
    assert pace.seconds(100.0) == pytest.approx(14.0, rel=0.25)
    nothing, default = learned(ReviewState(done=done[:2]))
    assert not nothing.known
    assert default.seconds(0) > 0


def test_time_adds_up_and_the_first_estimate_counts_when_a_region_is_reviewed_twice():
    first = Reviewed(box=(0, 0, 9, 9), estimate=0.6, truth=0.7, seconds=5.0)
    again = Reviewed(box=(0, 0, 9, 9), estimate=1.0, truth=1.0, seconds=2.0)
    state = ReviewState().skip(ReviewRegion(box=(0, 0, 9, 9))).accepted(first, 96).accepted(again, 128)
    assert (state.side, state.skipped) == (96, ())
    (done,) = state.done
    assert (done.estimate, done.truth, done.seconds) == (0.6, 0.7, 7.0)


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_camera_finds_regions_of_scaled_and_moved_stacks(ndim):
    viewer = ViewerModel()
    shape = (4, 200, 300)[-ndim:]
    scale, translate = (2.0, 0.5, 0.25)[-ndim:], (7.0, 30.0, -20.0)[-ndim:]
    labels = viewer.add_labels(np.zeros(shape, np.uint8), scale=scale, translate=translate)
    region = ReviewRegion(plane=(2,) * (ndim - 2), box=(50, 100, 150, 300))
    camera.go_to(viewer, labels, region, (400, 400))
    if ndim == 3:
        assert labels.world_to_data(viewer.dims.point)[0] == pytest.approx(2)
    np.testing.assert_allclose(viewer.camera.center[-2:], (30 + 0.5 * 99.5, -20 + 0.25 * 199.5))
    assert viewer.camera.zoom == pytest.approx(0.7 * 400 / 50)
    assert camera.in_view(viewer, labels, region, (400, 400))
    viewer.camera.center = (*viewer.camera.center[:-1], viewer.camera.center[-1] + 45)
    assert not camera.in_view(viewer, labels, region, (400, 400))


def test_wrong_places_lie_where_the_case_says():
    different = truth() != predicted()
    assert different.any()
    inside = np.zeros(SHAPE, bool)
    inside[WRONG] = True
    assert not (different & ~inside).any()


def test_a_review_goes_on_in_a_session_that_was_brought_back(qtbot, runner, session, tmp_path):
    viewer, labels = make_viewer()
    dock, review = make_dock(qtbot, viewer, session, runner)
    settle(dock, review, qtbot)
    review.accept()
    review.accept()
    settle(dock, review, qtbot)
    review.skip()
    sessions = Sessions(tmp_path / "sessions")
    file = sessions.create()
    recorder, journal = Recorder(viewer), Journal(file)
    batch = recorder.gather(1.0, force=True)
    assert batch is not None
    journal.write(batch)
    recorder.close()
    file.close()
    fresh = ViewerModel()
    content = sessions.read(file.id)
    restore(fresh, content)
    content.close()
    again, queue = make_dock(qtbot, fresh, session, runner)
    fresh.layers.selection.active = next(layer for layer in fresh.layers if REVIEW_KEY in layer.metadata)
    settle(again, queue, qtbot)
    restored = fresh.layers.selection.active
    assert ReviewState.of(restored) == ReviewState.of(labels)
    assert queue.card.progress.startswith("1 of 9 regions, ")
    queue.accept()
    assert queue.current.box not in {WORST, *(one.box for one in ReviewState.of(labels).skipped)}
    assert again.shutdown()
    assert dock.shutdown()


def test_the_queue_is_worked_through_with_keys_in_a_window(
    make_napari_viewer_proxy, qtbot, runner, session, monkeypatch
):
    monkeypatch.setattr(module, "JobRunner", lambda holder: runner)
    monkeypatch.setattr(Session, "of", lambda viewer: session)
    viewer = make_napari_viewer_proxy(show=True)
    viewer.window.resize(1366, 768)
    image = viewer.add_image(truth() * 60.0, name="sem_12")
    labels = push(viewer, image, result(predicted())).labels
    viewer.layers.selection.active = labels
    _, widget = viewer.window.add_plugin_dock_widget("napari-pseudolabel", "Correct")
    dock, review = widget.controller, widget.review
    qtbot.waitUntil(lambda: dock.context.overlay is not None, timeout=5000)
    settle(dock, review, qtbot)
    canvas = dock.context.overlay.parentWidget()

    def press(key):
        qtbot.keyClick(canvas, getattr(Qt.Key, f"Key_{key}"))
        settle(dock, review, qtbot)

    press(shortcuts.REVIEW_ACCEPT)
    assert review.current.box == WORST
    frame = np.array(dock.context.overlay.marks["review"].lines[0])
    np.testing.assert_allclose(frame.min(axis=0), (95.5, 99.5))
    np.testing.assert_allclose(frame.max(axis=0), (191.5, 199.5))
    press(shortcuts.REVIEW_SUSPECT)
    assert "suspect" in dock.context.overlay.marks
    press(shortcuts.REVIEW_FIX)
    press(shortcuts.REVIEW_FIX)
    assert Corrections.of(labels).confirmed.sum() == 96 * 100
    skipped = review.current
    press(shortcuts.REVIEW_SKIP)
    press(shortcuts.REVIEW_PREVIOUS)
    assert review.current == skipped
    press(shortcuts.REVIEW_ACCEPT)
    assert Corrections.of(labels).confirmed[skipped.window].all()
    assert widget.sizeHint().width() <= 320
    dock.shutdown()
    assert shortcuts.REVIEW_ACCEPT not in {str(key) for key in viewer.keymap}


def test_the_train_dock_counts_what_was_accepted(qtbot, runner, session, remembered):
    viewer, _ = make_viewer()
    train = train_case.make_dock(qtbot, viewer, session, ScriptedRunner(), remembered)
    train_case.settle(train, qtbot)
    assert "Nothing is corrected or confirmed yet" in train.view.hint
    dock, review = make_dock(qtbot, viewer, session, runner)
    settle(dock, review, qtbot)
    review.accept()
    review.accept()
    settle(dock, review, qtbot)
    qtbot.waitUntil(lambda: "1 confirmed region of sem_12" in train.view.segmenter.learns_from, timeout=5000)
    assert train.view.hint == ""
    train_case.settle(train, qtbot)
    assert dock.shutdown()
    assert train.shutdown()

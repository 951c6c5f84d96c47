"""The review queue: what comes first, what accepting confirms, what survives, and that nothing is judged unseen."""

from __future__ import annotations

import json

import numpy as np
import pytest
from napari.components import ViewerModel
from review_case import CANVAS_PX, SHAPE, make_dock, make_viewer, result, settle, truth
from train_fakes import CLASSES, pseudo_label

from napari_pseudolabel.imaging.plane_key import plane_key
from napari_pseudolabel.sample_data.fields import AXON, MYELIN
from napari_pseudolabel.strategies import Region as LabelRegion
from napari_pseudolabel.viewer import Candidates, Corrections, Stream, annotated_planes, push
from napari_pseudolabel.viewer.effort import EffortLog
from napari_pseudolabel.viewer.image_layers import image_of
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.correct.review.review_sentences import NO_SUSPECT
from napari_pseudolabel.widgets.correct.review.state import REVIEW_KEY, Reviewed, ReviewRegion, ReviewState
from napari_pseudolabel.widgets.correct.review.suspects import suspects
from napari_pseudolabel.widgets.correct.review.thumbnail import thumbnail

WORST = (96, 100, 192, 200)


@pytest.fixture
def case(qtbot, runner, session):
    """The viewer, the labels, the dock, the queue; measured and with the first region on the canvas."""
    viewer, labels = make_viewer()
    dock, review = make_dock(qtbot, viewer, session, runner)
    settle(dock, review, qtbot)
    review.accept()
    settle(dock, review, qtbot)
    yield viewer, labels, dock, review
    assert dock.shutdown()


def window_of(box):
    return slice(box[0], box[2]), slice(box[1], box[3])


# What is offered.


def test_the_queue_says_what_lies_ahead_before_it_begins(qtbot, runner, session):
    viewer, labels = make_viewer()
    dock, review = make_dock(qtbot, viewer, session, runner)
    assert review.card.buttons["accept"].text() == "Start"
    settle(dock, review, qtbot)
    assert review.current is None
    assert "9 regions" in review.card.reason
    assert review.card.progress.startswith("0 of 9 regions, ")
    assert review.card.quality.startswith("Looks agree 0.")
    assert "known after 10 more regions" in review.card.quality
    assert Corrections.of(labels).share_confirmed() == 0
    assert dock.shutdown()


def test_labels_that_no_model_has_judged_are_not_said_to_be_agreed_on(qtbot, runner, session):
    viewer = ViewerModel()
    labels = viewer.add_labels(np.pad(np.ones((30, 30), np.uint8), 10), name="mine")
    viewer.layers.selection.active = labels
    dock, review = make_dock(qtbot, viewer, session, runner)
    settle(dock, review, qtbot)
    assert review.card.quality == "No model has judged these labels; quality known after 10 more regions"
    assert review.card.reason.startswith("One region to look at. Press ")
    assert review.card.progress.startswith("0 of 1 region, ")
    review.accept()
    settle(dock, review, qtbot)
    # What a person brought along was not predicted, so nobody asks whether it is right.
    assert review.current is not None
    assert review.card.title.startswith("Your own labels")
    assert dock.shutdown()


def test_the_region_with_most_wrong_pixels_comes_first_in_the_middle_of_the_canvas(case):
    viewer, labels, _, review = case
    assert review.current.box == WORST
    assert Corrections.of(labels).share_confirmed() == 0
    assert review.card.title == "Is this right?"
    assert review.card.reason.startswith("Looks disagree: ")
    np.testing.assert_allclose(viewer.camera.center[-2:], (143.5, 149.5))
    height, width = (WORST[2] - WORST[0], WORST[3] - WORST[1])
    filled = max(height * viewer.camera.zoom / CANVAS_PX[0], width * viewer.camera.zoom / CANVAS_PX[1])
    assert filled == pytest.approx(0.7)
    assert review.card._picture.pixmap().width() == 84


def test_without_labels_there_is_nothing_to_review(qtbot, runner, session):
    viewer = ViewerModel()
    dock, review = make_dock(qtbot, viewer, session, runner)
    assert review.card.isHidden()
    viewer.add_labels(np.zeros(SHAPE, np.uint8))
    settle(dock, review, qtbot)
    assert not review.card.isHidden()
    assert "Nothing is labelled yet" in review.card.reason
    assert not review.card.buttons["accept"].isEnabled()
    review.accept()
    assert review.current is None
    assert dock.shutdown()


def test_labels_of_single_objects_can_be_corrected_but_not_reviewed(qtbot, runner, session):
    viewer = ViewerModel()
    viewer.add_labels(np.arange(SHAPE[0] * SHAPE[1], dtype=np.int32).reshape(SHAPE))
    dock, review = make_dock(qtbot, viewer, session, runner)
    settle(dock, review, qtbot)
    assert "one value per class" in review.card.reason
    assert not review.card.buttons["accept"].isEnabled()
    assert dock.view.error.isHidden()
    assert dock.shutdown()


# Judging.


def test_accept_confirms_the_region_and_goes_on(case, qtbot, session):
    viewer, labels, dock, review = case
    review.accept()
    settle(dock, review, qtbot)
    confirmed = Corrections.of(labels).confirmed
    assert confirmed[window_of(WORST)].all()
    assert confirmed.sum() == 96 * 100
    assert review.current.box != WORST
    assert review.card.progress.startswith("1 of 9 regions, ")
    assert [edit.tool for edit in EffortLog.of(labels).edits()] == ["accept"]
    state = ReviewState.of(labels)
    assert [one.box for one in state.done] == [WORST]
    assert state.done[0].truth == 1.0
    assert 0 < state.done[0].estimate < 1
    image = image_of(viewer.layers[0])
    split = session.workspace.split
    assert split.assigned(plane_key(image), SHAPE)[window_of(WORST)].all()


def test_accepted_regions_are_what_a_training_learns_from(case, qtbot, session):
    viewer, labels, dock, review = case
    assert annotated_planes(viewer, labels, session.workspace.split) == ()
    review.accept()
    settle(dock, review, qtbot)
    (known,) = annotated_planes(viewer, labels, session.workspace.split)
    assert known.touched[window_of(WORST)].all()
    assert known.touched.sum() == 96 * 100
    validation = known.validation[window_of(WORST)]
    assert validation.mean() == pytest.approx(0.25, abs=0.02)
    np.testing.assert_array_equal(known.labels, labels.data)


def test_fix_waits_until_the_person_has_corrected_the_region(case, qtbot):
    viewer, labels, dock, review = case
    viewer.layers.selection.active = viewer.layers[0]
    review.fix()
    assert viewer.layers.selection.active is labels
    assert review.card.buttons["fix"].text() == "Done"
    assert review.current.box == WORST
    assert Corrections.of(labels).share_confirmed() == 0
    rows, columns = np.nonzero(truth() != labels.data)
    labels.data_setitem((rows, columns), truth()[rows, columns])
    review.fix()
    settle(dock, review, qtbot)
    assert Corrections.of(labels).confirmed[window_of(WORST)].all()
    done = ReviewState.of(labels).done[0]
    assert done.tool == "fix"
    assert done.truth < 0.95
    assert [edit.tool for edit in EffortLog.of(labels).edits()][-1] == "fix"
    assert review.card.buttons["fix"].text() == "Fix"


def test_what_was_corrected_and_accepted_no_prediction_changes(case, qtbot):
    viewer, labels, dock, review = case
    review.fix()
    rows, columns = np.nonzero(truth() != labels.data)
    labels.data_setitem((rows, columns), truth()[rows, columns])
    review.accept()
    settle(dock, review, qtbot)
    stream = Stream(viewer, viewer.layers[0])
    stream.add(result(np.zeros(SHAPE, np.uint8)))
    stream.finish()
    np.testing.assert_array_equal(labels.data[window_of(WORST)], truth()[window_of(WORST)])
    outside = labels.data.copy()
    outside[window_of(WORST)] = 0
    assert not outside.any()


def test_skipped_regions_come_again_in_the_end(case, qtbot):
    _, labels, dock, review = case
    review.skip()
    settle(dock, review, qtbot)
    seen = []
    while review.current is not None and review.current.box != WORST:
        seen.append(review.current.box)
        review.accept()
        settle(dock, review, qtbot)
    assert len(seen) == len(set(seen)) == 8
    assert review.current.box == WORST
    review.skip()
    assert "No other region is left" in dock.view.hint
    review.accept()
    settle(dock, review, qtbot)
    assert review.current is None
    assert Corrections.of(labels).confirmed.all()
    assert "Every region" in review.card.reason
    assert review.card.progress == "9 of 9 regions"
    assert review.card.quality == ""
    assert review.card.stop
    assert not review.card.buttons["accept"].isEnabled()


def test_previous_goes_back_and_skip_returns_without_marking(case, qtbot):
    _, labels, dock, review = case
    review.previous()
    assert "no region before" in dock.view.hint
    review.accept()
    settle(dock, review, qtbot)
    second = review.current
    review.previous()
    assert review.current.box == WORST
    assert review.card.title.startswith("Reviewed already")
    review.skip()
    settle(dock, review, qtbot)
    assert review.current == second
    assert ReviewState.of(labels).skipped == ()


def test_a_reviewed_region_can_be_fixed_again(case, qtbot):
    _, labels, dock, review = case
    review.accept()
    settle(dock, review, qtbot)
    review.previous()
    review.fix()
    assert Corrections.of(labels).share_confirmed() == 0
    review.fix()
    settle(dock, review, qtbot)
    assert Corrections.of(labels).confirmed[window_of(WORST)].all()
    assert len(ReviewState.of(labels).done) == 1


def test_a_confirmation_that_is_taken_back_brings_the_region_back(case, qtbot):
    _, labels, dock, review = case
    review.accept()
    settle(dock, review, qtbot)
    Corrections.of(labels).unconfirm((), window_of(WORST))
    settle(dock, review, qtbot)
    assert review.card.progress.startswith("0 of 9")
    review.skip()
    settle(dock, review, qtbot)
    assert review.current.box == WORST


def test_a_region_out_of_view_is_shown_again_before_it_is_judged(case, qtbot):
    viewer, labels, dock, review = case
    viewer.camera.center = (20, 20)
    review.accept()
    assert Corrections.of(labels).share_confirmed() == 0
    assert "out of view" in dock.view.hint
    np.testing.assert_allclose(viewer.camera.center[-2:], (143.5, 149.5))
    viewer.camera.zoom *= 8  # looking closely at a part of the region
    review.accept()
    settle(dock, review, qtbot)
    assert Corrections.of(labels).confirmed[window_of(WORST)].all()


def test_nothing_is_judged_in_the_middle_of_a_stroke_or_in_3d(case):
    viewer, labels, dock, review = case
    with_stroke = labels.block_history()
    with with_stroke:
        labels.data_setitem((np.array([120]), np.array([120])), AXON)
        review.accept()
    assert "stroke" in dock.view.hint
    viewer.dims.ndisplay = 3
    review.accept()
    assert "3D" in dock.view.hint
    assert Corrections.of(labels).share_confirmed() == 0


def test_views_that_were_confirmed_need_no_review(case, qtbot):
    _, labels, dock, review = case
    Corrections.of(labels).confirm((), (slice(0, 192), slice(0, SHAPE[1])))
    settle(dock, review, qtbot)
    assert review.card.progress.startswith("6 of 9")


# Suspects.


@pytest.mark.parametrize("mode", ["classes", "objects"])
def test_suspects_are_the_places_where_samples_differ_one_after_the_other(case, mode):
    _, labels, dock, review = case
    scene = review.scoring.scene
    found = suspects(scene, (), window_of(WORST), dock.context.scheme)
    wrong = np.zeros(SHAPE, bool)
    wrong[window_of(WORST)] = (labels.data != truth())[window_of(WORST)]
    assert len(found) >= 2
    assert [one.path_px for one in found] == sorted((one.path_px for one in found), reverse=True)
    covered = np.zeros(SHAPE, bool)
    for one in found:
        covered |= one.area.within((slice(0, SHAPE[0]), slice(0, SHAPE[1])))
    assert (covered & ~wrong).sum() == 0
    assert (covered & wrong).sum() > 0.9 * wrong.sum()
    dock.view.set_mode(mode)
    shown = []
    for _ in found:
        review.next_suspect()
        held = dock.focus.held
        # Myelin without end is nothing to hold on to, but a fibre is.
        assert held is not None or mode == "classes"
        assert held is None or labels.data[held.at] == AXON or mode == "objects"
        shown.append(review._suspects[-1].area.place)
    assert len(set(shown)) == len(found)
    review.next_suspect()
    assert review._suspects[-1].area.place == shown[0]


def test_what_was_mended_is_no_suspect(case):
    _, labels, dock, review = case
    rows, columns = np.nonzero(truth() != labels.data)
    labels.data_setitem((rows, columns), truth()[rows, columns])
    review.next_suspect()
    assert NO_SUSPECT in dock.view.hint


def test_a_missing_object_is_pointed_at_without_a_focus(qtbot, runner, session):
    viewer, labels = make_viewer()
    alone = np.zeros(SHAPE, np.uint8)
    alone[20:40, 20:40] = AXON
    empty = alone.copy()
    empty[60:64, 60:64] = AXON
    empty[20:40, 20:40] = 0
    stream = Stream(viewer, viewer.layers[0])
    stream.add(result(empty))
    stream.finish()
    Candidates.of(labels).add(
        ((),),
        (slice(0, SHAPE[0]), slice(0, SHAPE[1])),
        np.stack([empty, alone])[None],
        ("sample 1", "sample 2"),
    )
    dock, review = make_dock(qtbot, viewer, session, runner)
    settle(dock, review, qtbot)
    review.accept()
    review.next_suspect()
    assert dock.focus.held is None
    assert "missing" in dock.view.status
    assert dock.shutdown()


def test_regions_where_nothing_was_found_come_last_because_something_may_be_missing(qtbot, runner, session):
    viewer = ViewerModel()
    source = viewer.add_image(truth() * 60.0, name="sem_12")
    labels = np.zeros(SHAPE, np.uint8)
    labels[20:40, 20:40] = AXON
    push(viewer, source, pseudo_label(LabelRegion(0, 0, *SHAPE), labels))
    dock, review = make_dock(qtbot, viewer, session, runner)
    settle(dock, review, qtbot)
    review.accept()
    side = review.current.box[2]
    assert review.current.box == (0, 0, side, review.current.box[3])
    review.accept()
    settle(dock, review, qtbot)
    assert "Every region" in review.card.stop
    assert review.current is not None
    assert "Nothing was found here" in review.card.reason
    assert dock.shutdown()


# What survives, and what is learned.


def test_the_state_is_json_in_the_metadata_and_goes_on_after_a_restart(case, qtbot, runner, session):
    viewer, labels, dock, review = case
    review.accept()
    settle(dock, review, qtbot)
    review.skip()
    review.card.target.setValue(0.95)
    settle(dock, review, qtbot)
    stored = json.loads(json.dumps(labels.metadata[REVIEW_KEY]))
    assert dock.shutdown()
    labels.metadata[REVIEW_KEY] = stored
    again, fresh = make_dock(qtbot, viewer, session, runner)
    settle(again, fresh, qtbot)
    assert fresh.card.progress.startswith("1 of 9")
    assert fresh.card.target.value() == 0.95
    assert ReviewState.of(labels).skipped
    fresh.accept()
    assert fresh.current.place not in {one.place for one in ReviewState.of(labels).skipped}
    assert again.shutdown()


def test_metadata_that_cannot_be_read_is_a_fresh_review(case):
    _, labels, _, _ = case
    labels.metadata[REVIEW_KEY] = {"version": 7, "done": "yes"}
    assert ReviewState.of(labels) == ReviewState()


def test_regions_stay_regions_when_the_labels_change(case, qtbot):
    viewer, _labels, dock, review = case
    review.accept()
    settle(dock, review, qtbot)
    boxes = set(review.scoring.scored.scores)
    stream = Stream(viewer, viewer.layers[0])
    huge = np.zeros(SHAPE, np.uint8)
    huge[:, :] = MYELIN
    stream.add(result(huge))
    stream.finish()
    settle(dock, review, qtbot)
    assert set(review.scoring.scored.scores) == boxes
    assert review.card.progress.startswith("1 of 9")


def test_a_new_prediction_is_measured_and_an_edit_is_not(case, qtbot):
    viewer, labels, dock, review = case
    before = review.scoring.scored
    labels.data_setitem((np.array([5]), np.array([5])), AXON)
    review.scoring.update()
    settle(dock, review, qtbot)
    assert review.scoring.scored is before
    stream = Stream(viewer, viewer.layers[0])
    stream.add(result(truth()))
    stream.finish()
    settle(dock, review, qtbot)
    assert review.scoring.scored is not before


def test_only_what_corrections_have_shown_says_that_it_is_enough(case, qtbot):
    _, _, dock, review = case
    for _ in range(5):
        review.accept()
        settle(dock, review, qtbot)
    review.card.target.setValue(0.5)
    settle(dock, review, qtbot)
    assert review.card.stop == ""
    assert "Looks agree" in review.card.quality


def test_the_target_decides_when_it_is_enough(qtbot, runner, session):
    viewer, labels = make_viewer()
    earlier = [
        Reviewed(plane=(9,), box=(0, 0, 1, number + 1), estimate=0.5 + number / 25, truth=0.6 + number / 50)
        for number in range(12)
    ]
    ReviewState(done=tuple(earlier)).keep(labels)
    dock, review = make_dock(qtbot, viewer, session, runner)
    settle(dock, review, qtbot)
    review.card.target.setValue(0.5)
    settle(dock, review, qtbot)
    assert "good enough" in review.card.stop
    # What was estimated at more than .9 was .8 so far.
    assert "Quality about 0.8" in review.card.quality
    review.card.target.setValue(1.0)
    settle(dock, review, qtbot)
    assert review.card.stop == ""
    assert dock.shutdown()


# Camera, picture, keys.


def test_the_picture_shows_the_image_and_the_borders_of_the_classes(case):
    _, labels, _, review = case
    image = image_of(case[0].layers[0])
    region = ReviewRegion(box=(0, 0, 96, 100))
    picture = thumbnail(review.scoring.scene, image, region, 200)
    assert picture.shape == (192, 200, 3)
    grey = (picture[..., 0] == picture[..., 1]) & (picture[..., 1] == picture[..., 2])
    assert 0.5 < grey.mean() < 0.98
    assert len(np.unique(picture[~grey].reshape(-1, 3), axis=0)) == 2
    large = np.kron(labels.data[window_of(region.box)], np.ones((2, 2), np.uint8))
    bright = picture[..., 0][grey & (large == AXON)].mean()
    dark = picture[..., 0][grey & (large == 0)].mean()
    assert bright > dark + 100
    bare = thumbnail(review.scoring.scene, None, region, 50)
    assert bare.shape == (48, 50, 3)


def test_every_button_has_a_key_that_is_bound(case):
    viewer, _, _, review = case
    keys = dict(review.keys())
    assert len(keys) == len(review.card.buttons) == 5
    bound = {str(key).replace("+", "-") for key in viewer.keymap}
    assert set(keys) <= bound
    tips = " ".join(button.toolTip() for button in review.card.buttons.values())
    assert all(f"({shortcuts.shown(key)})" in tips for key in keys)


def test_classes_are_named_in_the_reason(case):
    _, _, _, review = case
    assert any(one.name in review.card.reason for one in CLASSES if one.value)

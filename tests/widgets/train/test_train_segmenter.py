"""The Train dock without a window: a segmenter learns from open layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from skimage.io import imsave
from train_case import SHAPE, begin, confirm, finish, settle, truth
from train_fakes import CLASSES, MODELS, play, pseudo_label, score, tuned

from napari_pseudolabel.collection.image_list import ImageList
from napari_pseudolabel.collection.kept_labels import KeptLabels
from napari_pseudolabel.control import Progress
from napari_pseudolabel.imaging import Placement, read
from napari_pseudolabel.imaging.plane_key import plane_key
from napari_pseudolabel.labels.pixel_states import CONFIRMED, REACHED
from napari_pseudolabel.strategies import Region
from napari_pseudolabel.training.common.training_events import Epoch, TrainStart
from napari_pseudolabel.viewer import Corrections, Stream, find_layer, source_of
from napari_pseudolabel.viewer.image_layers import image_of
from napari_pseudolabel.widgets.common.job_runner import Failure
from napari_pseudolabel.widgets.train.train_choice import FolderPair

# What is missing.


def test_without_an_image_and_without_labels_the_line_says_what_to_do(dock, viewer, qtbot):
    settle(dock, qtbot)
    assert "Make labels first" in dock.view.hint
    assert not dock.view.segmenter.confirm["view"].isEnabled()
    viewer.layers.clear()
    assert "Open an image" in dock.view.hint
    assert not dock.view.start_button.isEnabled()


def test_labels_nobody_has_looked_at_cannot_be_learned_from(dock, labels):
    assert "Nothing is corrected or confirmed yet" in dock.view.hint
    assert not dock.view.start_button.isEnabled()
    assert "Starts from tem-axons" in dock.view.segmenter.learns_from


def test_confirming_a_region_makes_it_possible(dock, labels, viewer, qtbot):
    confirm(dock, qtbot)
    assert dock.view.hint == ""
    assert dock.view.start_button.isEnabled()
    assert "1 confirmed region of sem_12, 50 % of its pixels" in dock.view.segmenter.learns_from
    assert Corrections.of(labels).confirmed[:, :48].all()
    assert not Corrections.of(labels).confirmed[:, 48:].any()


def test_what_was_decided_in_other_images_of_the_list_is_learned_too(
    dock, labels, viewer, session, qtbot, runner, tmp_path
):
    imsave(tmp_path / "other.png", (truth() * 90).astype(np.uint8), check_contrast=False)
    images = ImageList.of(session.workspace)
    (one,) = images.add([tmp_path / "other.png"])
    flags = np.full(SHAPE, REACHED | CONFIRMED, np.uint8)
    run = labels.metadata["napari_pseudolabel"]["runs"][-1]
    place = Placement((1, 1), (0, 0))
    kept = KeptLabels(truth(), truth(), flags, tuple(CLASSES), tuple(CLASSES), (run,), place)
    kept.write(images.kept_path(one), before=())
    session.workspace.split.assign(plane_key(read(one.path)), (0, 0, *SHAPE))
    confirm(dock, qtbot)
    assert "2 confirmed regions of sem_12 and 1 more image of the list" in dock.view.segmenter.learns_from
    _, job = begin(dock, qtbot, runner)
    assert [plane.name for plane in job.planes] == ["sem_12", "other"]
    assert job.planes[1].held_out.sum() == SHAPE[0] * SHAPE[1] // 4
    assert session.workspace.split.assigned(plane_key(read(one.path)), SHAPE).all()


def test_a_class_that_occurs_nowhere_is_named(dock, labels, viewer, qtbot):
    labels.data[labels.data == 2] = 0
    confirm(dock, qtbot)
    assert "axon" in dock.view.hint


def test_a_confirmation_can_be_taken_back(dock, labels, viewer, qtbot):
    confirm(dock, qtbot)
    dock.view.segmenter.take_back.click()
    settle(dock, qtbot)
    assert not Corrections.of(labels).confirmed.any()
    assert "Nothing is corrected or confirmed yet" in dock.view.hint


def test_confirming_a_shape_needs_one(dock, labels):
    dock.view.segmenter.confirm["shape"].click()
    assert "draw a shape" in dock.view.error.sentence


def test_confirming_the_view_takes_what_is_seen(dock, labels, qtbot):
    dock.view.segmenter.confirm["view"].click()
    settle(dock, qtbot)
    assert Corrections.of(labels).confirmed.all()  # nothing was drawn yet, so everything counts as seen


def test_painting_is_noticed(dock, labels, qtbot):
    labels.brush_size = 8
    labels.paint((20, 70), 2)
    settle(dock, qtbot)
    assert "corrected; no region is confirmed yet" in dock.view.segmenter.learns_from


def test_labels_of_another_shape_are_not_offered(dock, labels, viewer):
    viewer.add_labels(np.zeros((5, 6), np.uint8), name="foreign")
    own = viewer.add_labels(np.zeros(SHAPE, np.uint8), name="mine")
    box = dock.view.segmenter.labels
    assert [box.itemText(i) for i in range(box.count())] == [labels.name, "mine"]
    viewer.layers.selection.active = own
    assert box.currentText() == "mine"


def test_labels_that_were_made_on_another_image_are_not_offered(dock, labels, viewer, qtbot):
    """All images of a microscope have the same shape."""
    confirm(dock, qtbot)
    copied = viewer.add_labels(labels.data.copy(), name="copy", metadata=dict(labels.metadata))
    own = viewer.add_labels(np.zeros(SHAPE, np.uint8), name="mine")
    other = viewer.add_image(np.random.default_rng(1).random(SHAPE), name="sem_13")
    box = dock.view.segmenter.labels
    assert dock.view.segmenter.image.currentText() == "sem_13"
    assert [box.itemText(i) for i in range(box.count())] == ["mine"]
    viewer.layers.remove(own)
    settle(dock, qtbot)
    assert box.count() == 0
    assert not dock.view.start_button.isEnabled()
    viewer.layers.remove("sem_12")  # and not either where its own image is gone
    settle(dock, qtbot)
    assert box.count() == 0
    assert source_of(viewer, labels) is None
    assert source_of(viewer, copied) is None
    viewer.layers.remove(other)
    again = viewer.add_image(np.random.default_rng(0).random(SHAPE), name="sem_12")
    assert [box.itemText(i) for i in range(box.count())] == [labels.name, "copy"]
    assert source_of(viewer, copied) is again


# Starting.


def test_start_hands_over_what_is_known(dock, labels, viewer, runner, session, qtbot):
    confirm(dock, qtbot)
    page = dock.view.segmenter
    for form, name, value in (
        (page.settings, "trust", 0.3), (page.advanced, "steps", 77), (page.advanced, "lr", 0.002)
    ):  # fmt: skip
        form.edits[name].value = value
    _, job = begin(dock, qtbot, runner)
    assert (job.segmenter, job.translator) == ("sample:tem-axons", "sample:sem-to-tem")
    assert (job.settings.trust, job.settings.steps, job.settings.lr) == (0.3, 77, 0.002)
    assert [one.name for one in job.classes] == [one.name for one in CLASSES]
    (plane,) = job.planes
    assert plane.intensities.values.size == plane.image.size
    assert plane.touched[:, :48].all()
    assert not plane.touched[:, 48:].any()
    assert plane.validation.sum() == 64 * 48 / 4
    assert not (plane.validation & ~plane.touched).any()
    np.testing.assert_array_equal(plane.labels, labels.data)
    assert job.folder.is_dir()
    assert job.folder.is_relative_to(session.workspace.folder)


def test_what_was_learned_from_never_becomes_validation(dock, labels, viewer, runner, session, qtbot):
    labels.brush_size = 6
    labels.paint((20, 70), 2)
    confirm(dock, qtbot)
    _, job = begin(dock, qtbot, runner)
    painted = job.planes[0].touched.copy()
    painted[:, :48] = False
    assert painted.any()
    key = plane_key(image_of(viewer.layers["sem_12"]))
    session.workspace.split.assign(key, (0, 48, 64, 96))
    assert not (session.workspace.split.validation(key, SHAPE) & painted).any()


def test_folders_go_into_the_job(dock, labels, viewer, runner, qtbot):
    dock.view.segmenter.pairs.add(FolderPair("/data/tem/images", "/data/tem/labels", "sample:tem-to-sem"))
    confirm(dock, qtbot)
    assert "1 folder is added" in dock.view.segmenter.learns_from
    _, job = begin(dock, qtbot, runner)
    (one,) = job.sets
    assert (str(one.images), str(one.labels)) == ("/data/tem/images", "/data/tem/labels")
    assert one.translator == "sample:tem-to-sem"


def test_labels_drawn_by_hand_begin_from_nothing(dock, viewer, runner, qtbot):
    own = viewer.add_labels(np.zeros(SHAPE, np.uint8), name="mine")
    settle(dock, qtbot)
    own.data_setitem(np.nonzero(truth() == 1), 1)
    confirm(dock, qtbot)
    _, job = begin(dock, qtbot, runner)
    assert (job.segmenter, job.translator) == ("", None)
    assert [one.value for one in job.classes] == [0, 1]


# While it trains.


def test_events_are_drawn(dock, labels, viewer, runner, qtbot):
    confirm(dock, qtbot)
    number, _ = begin(dock, qtbot, runner)
    play(runner, number)
    view = dock.view
    assert view.losses.names == ("dice", "cross_entropy")
    assert view.scores.names == ("myelin", "axon")
    steps, values = view.scores.points("axon")
    assert steps == list(range(20, 241, 20))
    assert 0.5 < values[0] < values[5] < 0.8
    for curves in (view.losses, view.scores):
        curves.draw()
    assert "axon" in view.scores.headline
    assert "dashed" in view.scores.headline
    assert "taken from the layer" in view.notes
    assert "Training the segmenter" in view.stage


def test_a_resumed_training_draws_over_what_it_repeats(dock, labels, viewer, runner, qtbot):
    confirm(dock, qtbot)
    number, _ = begin(dock, qtbot, runner)
    for step in (20, 40, 60, 40, 60):
        runner.event_sent.emit(number, Epoch(1, score(step, 0.5 + step / 1000), False))
    assert dock.view.scores.points("axon")[0] == [20, 40, 60]


def test_buttons_say_and_do_what_is_possible(dock, labels, viewer, runner, qtbot):
    confirm(dock, qtbot)
    number, _ = begin(dock, qtbot, runner)
    view = dock.view
    assert view.start_button.isHidden()
    assert not view.segmenter.labels.isEnabled()
    assert not view.subjects.buttons["translator"].isEnabled()
    runner.progressed.emit(number, Progress("Training", 10, 240, 100))
    view.pause_button.click()
    assert view.pause_button.text() == "Resume"
    assert "Paused" in view.stage
    view.pause_button.click()
    assert view.pause_button.text() == "Pause"
    view.finish_button.click()
    assert not view.finish_button.isEnabled()
    assert not view.pause_button.isEnabled()
    assert runner.wishes == [("pause", number), ("resume", number), ("finish", number)]
    runner.progressed.emit(number, Progress("Training", 11, 240, 100))
    assert "Stopping" in view.stage


def test_what_is_not_begun_yet_can_be_cancelled(dock, labels, viewer, runner, qtbot):
    confirm(dock, qtbot)
    dock.view.start_button.click()
    assert not dock.view.pause_button.isEnabled()
    dock.view.cancel_button.click()
    settle(dock, qtbot)
    assert runner.of("FineTuneJob") == []
    assert not dock.busy
    begin(dock, qtbot, runner)
    assert dock.view.pause_button.isEnabled()


def test_a_workspace_that_cannot_be_written_is_said(dock, labels, viewer, runner, session, qtbot):
    confirm(dock, qtbot)
    (session.workspace.folder / "runs").write_text("a file where a folder should be")
    dock.view.start_button.click()
    qtbot.waitUntil(lambda: not dock.busy, timeout=5000)
    assert "cannot be made" in dock.view.error.sentence
    assert dock.view.start_button.isEnabled()


def test_another_layer_of_ours_does_not_change_what_is_chosen(dock, labels, viewer):
    own = viewer.add_labels(np.zeros(SHAPE, np.uint8), name="mine")
    assert dock.view.segmenter.labels.currentText() == "mine"
    viewer.layers.selection.active = find_layer(viewer, viewer.layers["sem_12"], "confidence")
    assert dock.view.segmenter.labels.currentText() == "mine"
    viewer.layers.remove(own)
    assert dock.view.segmenter.labels.currentText() == labels.name


def test_a_time_limit_stops_and_keeps(dock, labels, viewer, runner, qtbot):
    dock.view.segmenter.advanced.edits["minutes"].value = 1
    confirm(dock, qtbot)
    number, _ = begin(dock, qtbot, runner)
    for _ in range(59):
        dock._on_tick()
    assert runner.wishes == []
    dock._on_tick()
    assert runner.wishes == [("finish", number)]


def test_cancel_leaves_everything_as_it_was(dock, labels, viewer, runner, session, qtbot):
    confirm(dock, qtbot)
    number, _ = begin(dock, qtbot, runner)
    play(runner, number)
    dock.view.cancel_button.click()
    assert runner.wishes[-1] == ("cancel", number)
    runner.failed.emit(number, Failure("The work was cancelled.", "", cancelled=True))
    settle(dock, qtbot)
    assert "cancelled" in dock.view.status
    assert dock.view.error.sentence == ""
    assert dock.view.start_button.isEnabled()
    assert session.workspace.history.entries() == ()
    assert session.used == []


def test_a_model_that_cannot_learn_here_is_refused_before(dock, labels, qtbot):
    confirm(dock, qtbot)
    assert dock.view.start_button.isEnabled()
    page = dock.segmenter
    start = page._starts.get(page._start())
    foreign = replace(start, card=start.card.model_copy(update={"family": "cellpose"}))
    page.set_models((foreign,))
    assert "(cellpose) cannot be trained further here" in dock.view.hint
    assert not dock.view.start_button.isEnabled()


@pytest.mark.parametrize("why", ["cellpose", "gone"])
def test_so_is_one_that_was_opened_from_a_file(dock, labels, qtbot, runner, why):
    confirm(dock, qtbot)
    page = dock.segmenter
    start = page._starts.get(page._start())
    page.set_models([one for one in MODELS if one.ref != start.ref])
    assert not runner.of("InspectModel")[1:], "it is looked into once"
    ((number, job, lane),) = runner.of("InspectModel")
    assert (job.path, job.kind, lane) == (start.ref, "segmenter", "local")
    foreign = replace(start, card=start.card.model_copy(update={"family": "cellpose"}))
    gone = replace(start, card=None, problem="It is not there any more; choose another model.")
    runner.finished.emit(number, foreign if why == "cellpose" else gone)
    settle(dock, qtbot)
    said = "(cellpose) cannot be trained further here" if why == "cellpose" else gone.problem
    assert said in dock.view.hint
    assert not dock.view.start_button.isEnabled()


def test_a_failure_is_a_sentence_and_start_works_again(dock, labels, viewer, runner, qtbot):
    confirm(dock, qtbot)
    number, _ = begin(dock, qtbot, runner)
    runner.failed.emit(number, Failure("The segmenter cannot be trained further; choose another.", "Trace"))
    settle(dock, qtbot)
    assert "cannot be trained further" in dock.view.error.sentence
    assert not dock.view.start_button.isHidden()
    assert dock.view.start_button.isEnabled()
    begin(dock, qtbot, runner)
    assert dock.view.error.sentence == ""


def test_a_worker_that_died_is_told(dock, labels, viewer, runner, qtbot):
    confirm(dock, qtbot)
    number, _ = begin(dock, qtbot, runner)
    runner.noticed.emit(
        number, "The worker ended unexpectedly; the training goes on from its last checkpoint."
    )
    assert "goes on from its last checkpoint" in dock.view.notes
    runner.event_sent.emit(number, TrainStart(20, score(0, 0.6)))
    assert "goes on from its last checkpoint" in dock.view.notes


# What came out.


def test_a_better_model_is_used_and_both_numbers_are_shown(dock, labels, viewer, runner, session, qtbot):
    confirm(dock, qtbot)
    number, job = begin(dock, qtbot, runner)
    finish(dock, qtbot, runner, number, tuned(0.71, 0.78, promoted=True))
    assert "old 0.71, new 0.78 on 1 validation region" in dock.view.status
    (entry,) = session.workspace.history.entries()
    assert entry.path.read_bytes() == b"weights"
    assert (entry.parent, entry.promoted, entry.score.mean) == (job.segmenter, True, 0.78)
    assert session.used == [str(entry.path)]
    assert dock.view.start_button.isEnabled()
    assert "0.71→0.78" in dock.view.models.titles[0]
    assert dock.view.models.titles[0].startswith("●")


def test_a_model_that_is_no_better_is_kept_aside(dock, labels, viewer, runner, session, qtbot):
    confirm(dock, qtbot)
    number, _ = begin(dock, qtbot, runner)
    finish(dock, qtbot, runner, number, tuned(0.7812, 0.7809, promoted=False))
    assert "old 0.7812, new 0.7809" in dock.view.status
    assert "The old model stays in use" in dock.view.status
    assert session.used == []
    assert len(session.workspace.history.entries()) == 1
    assert session.workspace.history.current() is None
    assert dock.view.models.titles[-1].startswith("●")


def test_the_next_training_goes_on_from_the_promoted_model(dock, labels, viewer, runner, session, qtbot):
    confirm(dock, qtbot)
    number, _ = begin(dock, qtbot, runner)
    finish(dock, qtbot, runner, number, tuned(0.7, 0.8, promoted=True))
    (entry,) = session.workspace.history.entries()
    assert "Starts from tem-axons, round 1" in dock.view.segmenter.learns_from
    number, job = begin(dock, qtbot, runner)
    assert job.segmenter == str(entry.path)
    finish(dock, qtbot, runner, number, tuned(0.8, 0.85, promoted=True))
    assert session.workspace.history.entries()[-1].name == "tem-axons, round 2"


def test_one_click_leads_back_to_any_model(dock, labels, viewer, runner, session, qtbot):
    confirm(dock, qtbot)
    for before, after in ((0.7, 0.8), (0.8, 0.85)):
        number, _ = begin(dock, qtbot, runner)
        finish(dock, qtbot, runner, number, tuned(before, after, promoted=True))
    first, second = session.workspace.history.entries()
    assert session.workspace.history.current() == str(second.path)
    dock.view.models.click(1)
    settle(dock, qtbot)
    assert session.workspace.history.current() == str(first.path)
    assert dock.view.models.titles[1].startswith("●")
    dock.view.models.click(2)
    settle(dock, qtbot)
    assert session.workspace.history.current() is None
    assert session.used[-2:] == [str(first.path), "sample:tem-axons"]
    assert begin(dock, qtbot, runner)[1].segmenter == "sample:tem-axons"


def test_labels_of_another_model_do_not_go_on_from_this_workspace(
    dock, labels, viewer, runner, session, qtbot
):
    session.workspace.history.add(b"other", name="other", parent="sample:nuclei", promoted=True)
    dock.segmenter.models.refresh()
    settle(dock, qtbot)
    confirm(dock, qtbot)
    assert begin(dock, qtbot, runner)[1].segmenter == "sample:tem-axons"


def test_what_was_never_predicted_is_not_confirmed_here_either(dock, qtbot, viewer):
    source = viewer.layers["sem_12"]
    stream = Stream(viewer, source)
    stream.add(pseudo_label(Region(0, 0, SHAPE[0], 24), truth()[:, :24]))
    labels = stream.finish().labels
    settle(dock, qtbot)
    confirm(dock, qtbot)
    expected = np.zeros(SHAPE, bool)
    expected[:, :24] = True
    np.testing.assert_array_equal(Corrections.of(labels).confirmed, expected)
    said = dock.view.segmenter._confirmed.text()
    assert said.startswith("Confirmed what is labelled in ")
    assert "50 % of it was never predicted and stays out." in said
    assert "25 % of its pixels" in dock.view.segmenter.learns_from

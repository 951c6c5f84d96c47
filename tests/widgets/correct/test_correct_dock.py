"""The Correct dock around its tools: which labels, which classes, predicting again, opening and closing."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from correct_case import AXON, FIRST, MYELIN, SHAPE, fibres, make_dock, make_viewer, point_at, settle
from napari.components import ViewerModel
from qtpy.QtCore import Qt
from scripted_engine import segmenter, translator
from train_fakes import CLASSES, MODELS, pseudo_label

from napari_pseudolabel.control import Progress
from napari_pseudolabel.imaging.plane_key import plane_key
from napari_pseudolabel.strategies import LabelJob, Region
from napari_pseudolabel.viewer import Candidates, Corrections, how_made, image_of, push
from napari_pseudolabel.viewer.records import classes_of
from napari_pseudolabel.widgets.common.job_runner import Failure
from napari_pseudolabel.widgets.pseudo_label.label_choice import ModelEntry

# Which labels.


def test_an_empty_viewer_says_what_to_do(qtbot, session, runner):
    dock = make_dock(qtbot, ViewerModel(), session, runner)
    assert "Pseudo-label dock" in dock.view.hint
    assert not dock.view.tools.isEnabled()
    dock.use("delete")
    dock.view.mode_toggled.emit("objects")
    dock.viewer.add_labels(np.zeros((8, 9), np.uint8))
    assert dock.view.hint == ""
    assert dock.view.tools.isEnabled()
    assert dock.shutdown()


def test_the_labels_of_the_active_layer_are_proposed_and_helpers_never(case, qtbot):
    viewer, labels, dock = case
    other = viewer.add_labels(np.zeros(SHAPE, np.int32), name="other")
    assert dock.layers.labels is other
    viewer.layers.selection.active = viewer.layers["sem_12"]
    assert dock.layers.labels is labels
    dock.view.set_mode("objects")
    settle(dock, qtbot)
    names = [dock.view.labels.itemText(i) for i in range(dock.view.labels.count())]
    assert names == ["sem_12: myelin + axon (pseudo)", "other"]
    viewer.layers.remove(labels)
    assert dock.layers.labels is other
    assert dock.layers.source.name == "sem_12"


def test_labels_that_lie_elsewhere_in_the_world_are_hit_where_they_are(qtbot, session, runner):
    viewer = ViewerModel()
    viewer.add_image(np.zeros(SHAPE), scale=(0.5, 0.5), translate=(100, 200))
    labels = viewer.add_labels(fibres(), scale=(0.5, 0.5), translate=(100, 200))
    dock = make_dock(qtbot, viewer, session, runner)
    point_at(viewer, (100 + 0.5 * FIRST[0], 200 + 0.5 * FIRST[1]))
    dock.use("delete")
    assert labels.data[FIRST] == 0
    assert dock.shutdown()


# Classes.


def test_the_palette_chooses_what_is_painted(case):
    _, labels, dock = case
    palette = dock.view.palette_
    assert [one.name for one in palette.classes] == ["myelin", "axon"]
    palette.marks[AXON].click()
    assert labels.selected_label == AXON
    labels.selected_label = MYELIN
    assert palette.marks[MYELIN].isChecked()
    dock.classes.choose_at(1)
    assert labels.selected_label == AXON
    dock.classes.choose_at(5)
    assert "no class 6" in dock.view.hint
    labels.selected_label = 77
    assert not any(mark.isChecked() for mark in palette.marks.values())


def test_a_class_is_added_named_and_recoloured(case, qtbot):
    _, labels, dock = case
    palette = dock.view.palette_
    palette.add.click()
    assert labels.selected_label == 3
    name = palette.names[3]
    assert not name.isReadOnly()
    name.selectAll()
    qtbot.keyClicks(name, "capillary")
    qtbot.keyClick(name, Qt.Key.Key_Return)
    palette.recoloured.emit(3, "#123456")
    found = {one.value: one for one in classes_of(labels)}
    assert (found[3].name, found[3].color) == ("capillary", "#123456")
    np.testing.assert_allclose(labels.get_color(3)[:3], np.array([0x12, 0x34, 0x56]) / 255, atol=1e-6)
    assert "capillary" in list(labels.features["class"])


def test_two_classes_cannot_have_one_name(case, qtbot):
    _, labels, dock = case
    palette = dock.view.palette_
    palette.renamed.emit(AXON, "myelin")
    assert "already" in dock.view.hint
    assert palette.names[AXON].text() == "axon"
    assert [one.name for one in classes_of(labels)] == ["background", "myelin", "axon"]


def test_escape_leaves_the_name_as_it_was(case, qtbot):
    _, _, dock = case
    name = dock.view.palette_.names[AXON]
    name.begin()
    qtbot.keyClicks(name, "something")
    qtbot.keyClick(name, Qt.Key.Key_Escape)
    assert name.text() == "axon"


def test_labels_of_others_get_classes_in_the_colours_they_have(qtbot, session, runner):
    viewer = ViewerModel()
    values = np.zeros(SHAPE, np.uint8)
    values[:10], values[20:30] = 4, 9
    labels = viewer.add_labels(values)
    colour = labels.get_color(9)
    dock = make_dock(qtbot, viewer, session, runner)
    settle(dock, qtbot)
    assert [one.value for one in dock.view.palette_.classes] == [4, 9]
    np.testing.assert_allclose(labels.get_color(9), colour)
    dock.view.palette_.renamed.emit(9, "vessel")
    assert {one.value: one.name for one in classes_of(labels)}[9] == "vessel"
    np.testing.assert_allclose(labels.get_color(9), colour, atol=1 / 255)
    assert dock.shutdown()


def test_labels_with_many_numbers_have_no_classes(qtbot, session, runner):
    viewer = ViewerModel()
    viewer.add_labels(np.arange(64 * 96, dtype=np.int32).reshape(SHAPE))
    dock = make_dock(qtbot, viewer, session, runner)
    settle(dock, qtbot)
    assert dock.view.palette_.classes == ()
    point_at(viewer, (3, 3))
    dock.use("delete")
    assert dock.view.status
    assert dock.shutdown()


# Predicting again.


def answer(job, labels):
    region = job.region
    return pseudo_label(region, labels[region.y0 : region.y1, region.x0 : region.x1])


def test_the_view_is_predicted_again_with_the_models_of_the_last_run(case, runner):
    viewer, labels, dock = case
    point_at(viewer, FIRST)
    dock.use("delete")
    dock.view.again.options.edits["zoom"].native.setValue(1.5)
    dock.use("predict_again")
    ((number, job, lane),) = runner.jobs
    assert isinstance(job, LabelJob)
    assert lane == "label"
    assert (job.translator, job.segmenter) == ("sample:sem-to-tem", "sample:tem-axons")
    assert (job.settings.seed, job.settings.scale.factor, job.planes) == (1, 1.5, ((),))
    assert job.settings.smallest_object == 0.05  # as in the run before
    assert not dock.view.tools.buttons["predict_again"].isEnabled()
    dock.use("predict_again")
    assert len(runner.jobs) == 1
    runner.progressed.emit(number, Progress("Translating", 1, 4))
    assert "Translating" in dock.view.stage
    assert dock.doing

    before = labels.data.copy()
    wanted = np.full(SHAPE, AXON, np.uint8)
    runner.parted.emit(number, answer(job, wanted))
    runner.finished.emit(number, answer(job, wanted).report)
    assert (labels.data[12:20, 12:20] == 0).all()
    assert (labels.data == AXON).sum() == labels.data.size - 64
    assert "stayed as it was" in dock.view.status
    assert dock.doing == ""
    labels.undo()
    np.testing.assert_array_equal(labels.data, before)


def test_another_segmenter_can_be_chosen(case, runner):
    _, _, dock = case
    dock.view.again_fold.set_open(True)
    runner.answer()
    box = dock.view.again.options.edits["segmenter"].native
    assert [box.itemText(i) for i in range(box.count())] == ["As before", MODELS[2].title]
    box.setCurrentIndex(1)
    dock.view.again.options.edits["new_seed"].native.setChecked(False)
    dock.view.again.button.click()
    ((_, job, _),) = runner.jobs
    assert (job.segmenter, job.settings.seed) == (MODELS[2].ref, 0)


def test_a_segmenter_that_does_not_fit_is_said_at_the_choice(case, runner):
    _, labels, dock = case
    dock.view.again_fold.set_open(True)
    name = how_made(labels).translator.name
    made = ModelEntry("t", name, "translator", translator("t", "SEM", "TEM").card)
    dock.predicting._on_found([made, segmenter("user:fits", "TEM"), segmenter("user:not", "SEM")])
    box = dock.view.again.options.edits["segmenter"].native
    for title, said in (
        ("not", "“not” was trained on SEM, but the translator makes TEM images"),
        ("fits", ""),
        ("As before", ""),
    ):
        box.setCurrentText(title)
        assert dock.view.again.misfit.startswith(said)
        assert bool(dock.view.again.misfit) == bool(said)


def test_without_the_translator_becomes_a_candidate_to_paste_from(case, runner):
    viewer, labels, dock = case
    dock.use("source_only")
    ((number, job, _),) = runner.jobs
    assert isinstance(job, LabelJob)
    assert job.translator is None
    before = labels.data.copy()
    moved = np.roll(fibres(), 40, axis=0)
    runner.parted.emit(number, answer(job, moved))
    runner.finished.emit(number, answer(job, moved).report)
    np.testing.assert_array_equal(labels.data, before)
    assert Candidates.of(labels).names == ("without translator",)
    assert dock.visibility.shown == 0
    point_at(viewer, (0, 30))
    dock.use("paste")
    assert "no object" in dock.view.hint


def test_a_prediction_that_fails_or_is_cancelled_leaves_the_dock_alive(case, runner):
    _, labels, dock = case
    before = labels.data.copy()
    dock.use("predict_again")
    number = runner.jobs[-1][0]
    dock.view.cancel_button.click()
    assert runner.wishes == [("cancel", number)]
    runner.failed.emit(number, Failure("Cancelled.", "", cancelled=True))
    assert "Cancelled" in dock.view.status
    dock.use("predict_again")
    runner.failed.emit(runner.jobs[-1][0], Failure("The disk is full.", "traceback"))
    assert dock.view.error.sentence == "The disk is full."
    dock.context.say("Something went well.")
    assert dock.view.error.sentence == ""
    assert dock.view.tools.buttons["predict_again"].isEnabled()
    np.testing.assert_array_equal(labels.data, before)


def test_a_run_that_left_nothing_out_is_not_repeated_with_a_limit(case, runner):
    """Older versions knew no smallest object."""
    _, labels, dock = case
    del labels.metadata["napari_pseudolabel"]["runs"][-1]["parameters"]["smallest_object"]
    dock.use("predict_again")
    assert runner.jobs[-1][1].settings.smallest_object == 0


def test_labels_of_unknown_models_are_not_predicted_again(qtbot, session, runner):
    viewer = ViewerModel()
    viewer.add_image(np.zeros(SHAPE))
    viewer.add_labels(fibres())
    dock = make_dock(qtbot, viewer, session, runner)
    dock.use("predict_again")
    assert "not known which models" in dock.view.hint
    assert not runner.jobs
    assert dock.shutdown()


# Life.


def test_confirming_feeds_the_split_of_the_workspace(case, session, qtbot):
    _, labels, dock = case
    dock.view.confirm.click()
    settle(dock, qtbot)
    share = session.workspace.split.validation(plane_key(dock.layers.image), SHAPE).mean()
    assert 0.15 < share < 0.35
    assert Corrections.of(labels).share_confirmed() == 1


def test_keys_go_with_the_dock_and_come_back(case, runner):
    viewer, _, dock = case
    count = len(viewer.keymap)
    assert count >= 30
    dock.shutdown()
    assert not viewer.keymap
    dock.start()
    assert len(viewer.keymap) == count


def test_a_closed_dock_hears_nothing(case, runner):
    viewer, labels, dock = case
    dock.use("predict_again")
    number, job, _ = runner.jobs[-1]
    dock.shutdown()
    said = dock.view.hint, dock.view.status
    runner.parted.emit(number, answer(job, fibres()))
    runner.finished.emit(number, None)
    assert Candidates.of(labels) is None
    viewer.add_labels(np.zeros((4, 4), np.uint8))
    viewer.layers.remove(labels)
    viewer.dims.ndisplay = 3
    assert (dock.view.hint, dock.view.status) == said


def test_what_a_part_does_at_its_end_wakes_up_no_other(case):
    # The hatching would be drawn a moment later, on widgets that are gone.
    _, labels, dock = case

    def show():
        labels.visible = not labels.visible

    dock.add(SimpleNamespace(follow=lambda labels: None, stop=show))
    dock.shutdown()
    assert not dock.gaps._refresh_later.pending


def test_a_part_that_is_added_follows_the_labels_and_has_its_keys(qtbot, session, runner):
    from napari_pseudolabel.widgets.common import shortcuts
    from napari_pseudolabel.widgets.correct.controller import CorrectController
    from napari_pseudolabel.widgets.correct.view import CorrectView

    class Review:
        def __init__(self) -> None:
            self.followed, self.stopped, self.accepted = [], 0, 0

        def follow(self, labels):
            self.followed.append(labels)

        def stop(self):
            self.stopped += 1

        def accept(self):
            self.accepted += 1

    viewer, labels = make_viewer()
    view = CorrectView()
    qtbot.addWidget(view)
    dock = CorrectController(viewer, view, session=session, runner=runner)
    part = Review()
    dock.add(part, [(shortcuts.REVIEW_ACCEPT, part.accept)])
    dock.start()
    assert part.followed[-1] is labels
    (run,) = [function for key, function in viewer.keymap.items() if str(key) == "G"]
    run(viewer)
    assert part.accepted == 1
    assert dock.shutdown()
    assert part.stopped == 1


def test_a_run_that_brings_other_classes_is_seen_in_the_palette(case):
    viewer, _, dock = case
    from dataclasses import replace

    classes = (*CLASSES, CLASSES[1].model_copy(update={"name": "vessel", "value": 5}))
    result = replace(pseudo_label(Region(0, 0, *SHAPE), fibres()), classes=classes)
    push(viewer, viewer.layers["sem_12"], result)
    assert [one.name for one in dock.view.palette_.classes] == ["myelin", "axon", "vessel"]


def test_the_image_of_labels_that_fit_several_is_shown_and_can_be_chosen(qtbot, session, runner):
    viewer = ViewerModel()
    lower = viewer.add_image(np.zeros(SHAPE, np.float32), name="lower")
    mine = viewer.add_labels(fibres(), name="mine")
    dock = make_dock(qtbot, viewer, session, runner)
    assert (dock.view.image_row.isHidden(), dock.layers.source) == (True, lower)

    upper = viewer.add_image(np.ones(SHAPE, np.float32), name="upper")
    assert not dock.view.image_row.isHidden()
    assert dock.view.image.currentText() == "lower", "an image that comes later takes no labels over"
    assert dock.layers.source is lower

    dock.view.image.setCurrentIndex(dock.view.image.findText("upper"))
    assert dock.layers.source is upper
    assert dock.layers.image.name == "upper"
    dock.confirming.confirm()
    settle(dock, qtbot)
    split = session.workspace.split
    assert split.validation(plane_key(image_of(upper)), SHAPE).any()
    assert not split.validation(plane_key(image_of(lower)), SHAPE).any()

    viewer.layers.move(viewer.layers.index(upper), 0)
    viewer.layers.selection.active = mine
    assert dock.layers.source is upper
    viewer.layers.remove(upper)
    assert (dock.view.image_row.isHidden(), dock.layers.source) == (True, lower)
    dock.shutdown()


def test_labels_that_a_script_replaces_begin_anew_and_it_is_said(case, qtbot):
    _, labels, dock = case
    dock.confirming.confirm()
    settle(dock, qtbot)
    assert "100.0 %" in dock.view.share
    labels.data = labels.data.copy()
    settle(dock, qtbot)
    assert (dock.view.hint, "100.0 %" in dock.view.share) == ("", True)
    labels.data = np.ones((40, 50), np.uint8)
    settle(dock, qtbot)
    assert "another shape" in dock.view.hint
    assert "100.0 %" not in dock.view.share
    assert dock.layers.labels is labels
    assert dock.layers.image is None
    dock.confirming.confirm()
    settle(dock, qtbot)
    dock.shutdown()
    labels.data = np.ones((20, 20), np.uint8)
    assert not [one for one in labels.events.data.callbacks if "widgets.correct" in str(one)]

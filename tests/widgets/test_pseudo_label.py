"""The Pseudo-label dock, without a window."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.viewer import find_layer, is_ours
from napari_pseudolabel.widgets.pseudo_label import label_jobs
from napari_pseudolabel.widgets.pseudo_label.label_choice import ModelEntry


def finish(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.busy, timeout=10000)


def hint(dock):
    return dock.view._hint.text() if not dock.view._hint.isHidden() else ""


def status(dock):
    return dock.view._status.text()


def labels(viewer):
    return find_layer(viewer, viewer.layers["sem_12"], "labels")


def test_a_person_who_only_presses_the_main_button_gets_labels(dock, viewer, script, qtbot):
    assert dock.view.choice().translator == "sample:sem-to-tem"
    assert dock.view.choice().segmenter == "sample:tem-axons"
    assert hint(dock) == ""
    dock.view.run_button.click()
    finish(qtbot, dock)
    assert (labels(viewer).data[20:] == 1).all()
    assert viewer.layers.selection.active is labels(viewer)
    qtbot.waitUntil(lambda: "Labels ready. 1 axon" in status(dock), timeout=10000)
    assert "Mean confidence 0.75" in status(dock)
    (job,) = script.jobs
    assert job.region is None
    assert job.planes is None
    assert dock.view.run_button.isEnabled()


def test_what_was_said_of_a_run_goes_when_it_is_undone(dock, viewer, script, qtbot):
    dock.view.run_button.click()
    finish(qtbot, dock)
    assert dock.view.status.startswith("Labels ready")
    labels = find_layer(viewer, viewer.layers["sem_12"], "labels")
    labels.paint((1, 1), 2)
    labels.undo()
    dock._look()
    assert dock.view.status
    labels.undo()
    qtbot.waitUntil(lambda: not dock.view.status, timeout=5000)


def test_without_an_image_the_line_says_what_to_do(dock, viewer):
    viewer.layers.clear()
    assert "Open an image" in hint(dock)
    assert not dock.view.run_button.isEnabled()
    viewer.add_image(np.zeros((8, 9)))
    assert hint(dock) == ""
    assert dock.view.run_button.isEnabled()


def test_a_segmenter_of_the_wrong_modality_is_explained(dock, qtbot):
    box = dock.view.models["translator"]
    box.setCurrentIndex(box.findData("sample:tem-to-sem"))
    assert "so one trained on SEM" in hint(dock)
    segmenters = dock.view.models["segmenter"]
    segmenters.setCurrentIndex(segmenters.findData("sample:tem-axons"))
    assert "was trained on TEM, but the translator makes SEM" in dock.view.misfits["segmenter"]
    assert not dock.view.run_button.isEnabled()
    box.setCurrentIndex(box.findData("sample:sem-to-tem"))
    assert hint(dock) == ""


def test_the_direction_follows_the_modality_of_the_image(dock, viewer):
    viewer.add_image(np.zeros((8, 9)), name="tem", metadata={"modality": "TEM"})
    # A segmenter takes it as it is, so nothing has to be translated.
    assert (dock.view.choice().strategy, dock.view.choice().segmenter) == ("segmentation", "sample:tem-axons")
    viewer.layers.selection.active = viewer.layers["sem_12"]
    assert dock.view.choice().strategy == "adaptation"
    assert dock.view.choice().translator == "sample:sem-to-tem"
    assert dock.view.choice().segmenter == "sample:tem-axons"


def test_a_shape_has_to_be_drawn_first(dock, viewer, script, qtbot):
    dock.view.regions.buttons["shape"].setChecked(True)
    assert "draw a shape" in hint(dock)
    viewer.add_shapes([[[9.5, 19.5], [9.5, 29.5], [19.5, 29.5], [19.5, 19.5]]])
    assert hint(dock) == ""
    dock.view.run_button.click()
    finish(qtbot, dock)
    region = script.jobs[-1].region
    assert (region.y0, region.x0, region.y1, region.x1) == (10, 20, 20, 30)
    assert labels(viewer).data.sum() == 50
    part = round(100 * 100 / labels(viewer).data.size)
    assert status(dock).startswith(f"Labels ready. {part} % of the image is labelled. ")


def test_controls_go_into_the_job(dock, script, qtbot):
    rows = dock.view.settings.edits
    for name, value in (("samples", 3), ("seed", 11), ("tile", 64), ("overlap", 0)):
        rows[name].native.setValue(value)
    scale = dock.view.settings.answers["scale"]
    scale.which.setCurrentText("Pixel size")
    scale.edits[("scale", "pixel_size_um")].native.setValue(0.22)
    qtbot.waitUntil(
        lambda: rows["device"].native.findText("CPU") >= 0, timeout=10000
    )  # devices are asked for
    rows["device"].native.setCurrentText("CPU")
    dock.view.run_button.click()
    finish(qtbot, dock)
    settings = script.jobs[-1].settings
    assert (settings.samples, settings.seed) == (3, 11)
    assert (settings.tiles.tile, settings.tiles.overlap, settings.tiles.device) == (64, 0, "cpu")
    assert settings.scale.pixel_size_um == 0.22
    assert settings.scale.factor is None


def test_automatic_settings_leave_the_choice_to_the_model(dock, script, qtbot):
    dock.view.run_button.click()
    finish(qtbot, dock)
    settings = script.jobs[-1].settings
    assert settings.tiles.tile is None
    assert settings.tiles.overlap is None
    assert settings.channel is None


def test_cancel_changes_nothing_and_the_dock_can_be_used_again(dock, viewer, script, qtbot):
    script.gate.clear()
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: bool(script.jobs), timeout=5000)
    qtbot.waitUntil(lambda: "Translating" in dock.view._stage.text(), timeout=5000)
    assert not dock.view.run_button.isEnabled()
    dock.view.cancel_button.click()
    finish(qtbot, dock)
    assert "Cancelled" in status(dock)
    assert labels(viewer) is None
    assert dock.view.error.sentence == ""
    script.gate.set()
    dock.view.run_button.click()
    finish(qtbot, dock)
    assert labels(viewer) is not None


def test_parts_appear_as_they_come_and_a_cancel_keeps_them_as_one_undo_step(dock, viewer, script, qtbot):
    script.halves = True
    script.gate.clear()
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: labels(viewer) is not None, timeout=5000)
    assert dock.busy
    dock.view.cancel_button.click()
    finish(qtbot, dock)
    assert "Stopped" in status(dock)
    assert "50 % of the image is labelled." in status(dock)
    confidence = find_layer(viewer, viewer.layers["sem_12"], "confidence").data
    assert np.isfinite(confidence[:20]).all()
    assert np.isnan(confidence[20:]).all()
    assert dock.view.run_button.isEnabled()
    script.gate.set()
    dock.view.run_button.click()
    finish(qtbot, dock)
    assert (labels(viewer).data[20:] == 1).all()
    assert "of the image is labelled" not in status(dock)
    labels(viewer).undo()
    assert not labels(viewer).data.any()


def test_the_engine_hears_where_the_person_looks(dock, viewer, script, session, qtbot):
    script.gate.clear()
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: bool(session._engine.focus), timeout=5000)
    assert (session._engine.focus[-1].y, session._engine.focus[-1].x) == (20, 30)
    script.gate.set()
    finish(qtbot, dock)


def test_a_notice_of_the_engine_is_shown(dock, script, qtbot):
    script.gate.clear()
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: bool(script.jobs), timeout=5000)
    dock._runner.noticed.emit(dock.labelling.running.number, "A worker process ended unexpectedly.")
    assert "ended unexpectedly" in status(dock)
    script.gate.set()
    finish(qtbot, dock)


def test_a_better_segmenter_of_another_dock_is_used(dock, tmp_path, monkeypatch, qtbot):
    entry = dock.models.chosen("segmenter")
    better = tmp_path / "better.safetensors"
    better.write_bytes(b"weights")
    found = ModelEntry(str(better), "better", "segmenter", entry.card)
    monkeypatch.setattr(label_jobs.InspectModel, "run", lambda self, control, models: found)
    dock.use_segmenter(str(better))
    qtbot.waitUntil(lambda: dock.models.chosen("segmenter") == found, timeout=5000)
    assert dock.view.choice().segmenter == str(better)


def test_an_error_is_a_sentence_and_no_button_is_dead_afterwards(dock, script, qtbot):
    script.error = CheckpointError("The file is no translator; choose another one.")
    dock.view.run_button.click()
    finish(qtbot, dock)
    assert dock.view.error.sentence == "The file is no translator; choose another one."
    assert dock.view.run_button.isEnabled()
    script.error = ZeroDivisionError("oops")
    dock.view.run_button.click()
    finish(qtbot, dock)
    assert "something unexpected" in dock.view.error.sentence.lower()
    dock.view.error.copy()
    from qtpy.QtGui import QGuiApplication

    assert "Traceback" in QGuiApplication.clipboard().text()
    script.error = None
    dock.view.run_button.click()
    finish(qtbot, dock)
    assert dock.view.error.sentence == ""


def test_notes_of_the_run_are_shown(dock, script, qtbot):
    script.notes = ("The translation is shifted by +2.0 px (down) and +0.0 px (right) against the image.",)
    dock.view.run_button.click()
    finish(qtbot, dock)
    assert "shifted by +2.0 px" in dock.view._notes.text()


def test_preview_acts_on_the_view_and_again_when_a_control_changes(dock, viewer, script, qtbot):
    dock.view.preview_button.click()
    finish(qtbot, dock)
    assert len(script.jobs) == 1
    assert script.jobs[0].region is not None
    assert viewer.layers.selection.active is viewer.layers["sem_12"]
    script.label = 2
    for seed in range(1, 6):
        dock.view.settings.edits["seed"].native.setValue(seed)
    qtbot.waitUntil(lambda: len(script.jobs) == 2 and not dock.busy, timeout=5000)
    assert script.jobs[1].settings.seed == 5
    assert labels(viewer).data.max() == 2
    dock.view.preview_button.click()
    dock.view.settings.edits["seed"].native.setValue(9)
    qtbot.wait(500)
    assert len(script.jobs) == 2


def test_results_that_were_overtaken_are_dropped(dock, viewer, script, qtbot):
    script.gate.clear()
    dock.view.preview_button.click()
    qtbot.waitUntil(lambda: len(script.jobs) == 1, timeout=5000)
    dock.view.settings.edits["seed"].native.setValue(7)
    qtbot.waitUntil(lambda: len(script.jobs) == 2, timeout=5000)
    script.gate.set()
    finish(qtbot, dock)
    assert [run["seed"] for run in labels(viewer).metadata["napari_pseudolabel"]["runs"]] == [7]


def test_run_replaces_a_preview_under_way(dock, viewer, script, qtbot):
    script.gate.clear()
    dock.view.preview_button.click()
    qtbot.waitUntil(lambda: len(script.jobs) == 1, timeout=5000)
    dock.view.run_button.click()
    assert not dock.view.preview_button.isChecked()
    qtbot.waitUntil(lambda: len(script.jobs) == 2, timeout=5000)
    script.gate.set()
    finish(qtbot, dock)
    assert script.jobs[1].region is None
    assert "Labels ready" in status(dock)


def test_painting_survives_the_next_run(dock, viewer, script, qtbot):
    dock.view.run_button.click()
    finish(qtbot, dock)
    layer = labels(viewer)
    layer.brush_size = 1
    layer.paint((30, 30), 2)
    dock.view.run_button.click()
    finish(qtbot, dock)
    assert labels(viewer) is layer
    assert layer.data[30, 30] == 2


def test_a_run_takes_away_the_preview_of_a_new_model(dock, viewer, qtbot):
    from napari_pseudolabel.viewer import placement_of
    from napari_pseudolabel.viewer.result_layers import new_labels

    source = viewer.layers["sem_12"]
    new_labels(viewer, source, source.data.shape, placement_of(source), (), "preview")
    assert find_layer(viewer, source, "preview") is not None
    dock.view.run_button.click()
    finish(qtbot, dock)
    assert find_layer(viewer, source, "preview") is None


def test_our_own_layers_are_not_offered_and_the_image_stays_chosen(dock, viewer, qtbot):
    dock.view.run_button.click()
    finish(qtbot, dock)
    box = dock.view.image
    assert [box.itemText(i) for i in range(box.count())] == ["sem_12"]
    viewer.layers.selection.active = find_layer(viewer, viewer.layers["sem_12"], "confidence")
    assert box.currentText() == "sem_12"


def test_the_image_is_removed_during_a_run(dock, viewer, script, qtbot):
    script.gate.clear()
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: bool(script.jobs), timeout=5000)
    viewer.layers.clear()
    script.gate.set()
    finish(qtbot, dock)
    assert not viewer.layers
    assert "removed" in status(dock)


def test_a_stack_asks_for_planes_and_channels_only_where_there_are_any(dock, viewer, script, qtbot):
    dock.view.regions.choose("all")
    assert dock.view.planes.isHidden()
    viewer.add_image(
        np.zeros((5, 40, 60)), name="stack", axis_labels=("z", "y", "x"), metadata={"modality": "SEM"}
    )
    assert not dock.view.planes.isHidden()
    assert dock.view.planes.itemText(1) == "All 5 planes"
    dock.view.planes.setCurrentIndex(0)
    viewer.dims.set_point(0, 3)
    dock.view.run_button.click()
    finish(qtbot, dock)
    assert script.jobs[-1].planes == ((3,),)
    layer = find_layer(viewer, viewer.layers["stack"], "labels")
    assert [bool(plane.any()) for plane in layer.data] == [False, False, False, True, False]
    dock.view.planes.setCurrentIndex(1)
    dock.view.run_button.click()
    finish(qtbot, dock)
    assert script.jobs[-1].planes is None
    assert all(plane.any() for plane in layer.data)


def test_the_first_axis_of_a_short_stack_may_hold_channels(dock, viewer, script, qtbot):
    viewer.add_image(np.zeros((3, 40, 60)), name="unnamed")
    assert not dock.view.first_axis.isHidden()
    dock.view.first_axis.setCurrentIndex(1)
    assert dock.view.planes.isHidden()
    channel = dock.view.settings.edits["channel"].native
    assert channel.count() == 5
    assert dock.view.choice().settings.channel is None  # so that a run says which it took
    channel.setCurrentIndex(3)
    dock.view.run_button.click()
    finish(qtbot, dock)
    assert script.jobs[-1].image.axes == "CYX"
    assert script.jobs[-1].settings.channel == 2
    assert find_layer(viewer, viewer.layers["unnamed"], "labels").data.shape == (40, 60)


def test_rgb_offers_luminance_first(dock, viewer, script, qtbot):
    viewer.add_image(np.zeros((40, 60, 3), np.uint8), name="rgb", rgb=True, metadata={"modality": "SEM"})
    dock.view.run_button.click()
    finish(qtbot, dock)
    assert script.jobs[-1].settings.channel == "luminance"


def test_layers_can_be_shown_and_hidden_from_the_dock(dock, viewer, qtbot):
    dock.view.run_button.click()
    finish(qtbot, dock)
    button = dock.view._shown["confidence"]
    assert not button.isHidden()
    assert not button.isChecked()
    button.click()
    assert find_layer(viewer, viewer.layers["sem_12"], "confidence").visible
    find_layer(viewer, viewer.layers["sem_12"], "confidence").visible = False
    assert not button.isChecked()


def test_a_file_is_looked_into_and_chosen(dock, tmp_path, monkeypatch, qtbot):
    path = tmp_path / "mine.safetensors"
    path.write_bytes(b"weights")
    entry = dock.models.chosen("translator")
    good = ModelEntry(str(path), "mine", "translator", entry.card)
    monkeypatch.setattr(label_jobs.InspectModel, "run", lambda self, control, models: good)
    dock.models.open("translator", str(path))
    qtbot.waitUntil(lambda: dock.models.chosen("translator") == good, timeout=5000)
    assert dock.view.choice().translator == str(path)
    assert hint(dock) == ""


@pytest.mark.usefixtures("one_process")
def test_a_file_that_is_no_model_says_so_and_blocks_the_run(dock, tmp_path, qtbot):
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    dock.models.open("translator", str(path))
    qtbot.waitUntil(lambda: "notes.txt" in hint(dock), timeout=60000)
    assert not dock.view.run_button.isEnabled()


def test_models_used_last_are_proposed(dock, viewer, script, remembered, qtbot):
    dock.view.run_button.click()
    finish(qtbot, dock)
    assert remembered.last("translator") == "sample:sem-to-tem"
    assert remembered.last("segmenter") == "sample:tem-axons"


def test_shutdown_in_the_middle_of_a_run_and_start_again(dock, viewer, script, qtbot):
    script.gate.clear()
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: bool(script.jobs), timeout=5000)
    assert dock.shutdown()
    assert dock.shutdown()
    assert not viewer.keymap
    script.gate.set()
    dock.start()
    qtbot.waitUntil(lambda: not dock.models.loading, timeout=10000)
    dock.view.run_button.click()
    finish(qtbot, dock)
    assert labels(viewer) is not None


def test_shortcuts_do_not_take_those_of_napari(dock, viewer):
    from napari.utils.shortcuts import default_shortcuts

    theirs = {str(key) for keys in default_shortcuts.values() for key in keys}
    ours = {str(key) for key in viewer.keymap}
    assert len(ours) == 4
    assert not ours & theirs


def test_every_control_says_what_it_does(dock):
    from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QPushButton, QToolButton

    from napari_pseudolabel.widgets.common.option_form import OptionForm

    forms = dock.view.findChildren(OptionForm)
    assert sum(len(one.edits) for one in forms) > 25  # rows are made when they are seen, or asked for
    controls = [
        w for kind in (QComboBox, QPushButton, QAbstractSpinBox) for w in dock.view.findChildren(kind)
    ]
    assert len(controls) > 40
    assert [w for w in controls if not w.toolTip() and not isinstance(w.parent(), QToolButton)] == []


def test_pushed_layers_are_ours_from_the_moment_they_are_heard_of(dock, viewer, qtbot):
    heard = []
    viewer.layers.events.inserted.connect(lambda event: heard.append(is_ours(event.value)))
    dock.view.run_button.click()
    finish(qtbot, dock)
    assert heard == [True, True, True]


@pytest.mark.parametrize("times", [1, 3])
def test_starting_twice_does_not_bind_keys_twice(dock, viewer, times):
    for _ in range(times):
        dock.start()
    assert len(viewer.keymap) == 4


def test_the_workers_can_be_released(qtbot):
    from napari_pseudolabel.widgets.pseudo_label.workers import WorkersRow

    class Workers:
        taken = 1_500_000_000

        def memory_bytes(self):
            return self.taken

        def release(self):
            self.taken = 0

    row = WorkersRow()
    qtbot.addWidget(row)
    assert not row.button.isEnabled()
    row.follow(Workers())
    assert row.memory.text() == "1.5 GB"
    row.button.click()
    qtbot.waitUntil(lambda: row.memory.text() == "not running", timeout=5000)
    assert not row.button.isEnabled()

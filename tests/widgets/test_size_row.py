"""The size question under the image: what is known, found, drawn or set, and that it is of this image."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from size_case import SIZED, SURE, UNSURE, scripted_search

from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.imaging.scale import Scale, Texture
from napari_pseudolabel.imaging.scale.comparison import TextureEstimates
from napari_pseudolabel.imaging.scale.texture import BANDS
from napari_pseudolabel.models.cards import Modality
from napari_pseudolabel.strategies import FoundScale
from napari_pseudolabel.viewer.known_size import SIZE_KEY, known_size
from napari_pseudolabel.viewer.recording.plain import plain_metadata
from napari_pseudolabel.widgets.pseudo_label import label_jobs, size_controller


@pytest.fixture(autouse=True)
def models(script, monkeypatch):
    monkeypatch.setattr(label_jobs.FindModels, "run", lambda self, control, models: SIZED)


@pytest.fixture
def search(monkeypatch):
    """What the search finds, and the jobs that did it; it waits for the gate."""
    return scripted_search(monkeypatch)


@pytest.fixture
def row(dock):
    """The row on an image without a size, labelled by a segmenter alone."""
    box = dock.view.strategy
    box.setCurrentIndex(box.findData("segmentation"))
    choose(dock, "sample:one")
    return dock.view.size_row


def choose(dock, ref):
    box = dock.view.models["segmenter"]
    box.setCurrentIndex(box.findData(ref))


def sized(viewer, um=0.12, **given):
    data = np.random.default_rng(1).random((30, 40))
    given = {"name": "sem_sized", "metadata": {"modality": "SEM"}} | given
    return viewer.add_image(data, scale=(um, um), units=("um", "um"), **given)


def go_to(viewer, name):
    viewer.layers.selection.active = viewer.layers[name]


def slide(row, factor):
    row.slider.setValue(round(np.log2(factor) * 40))


def find(dock, qtbot):
    dock.view.size_row.find_button.click()
    qtbot.waitUntil(lambda: dock.size._search is None, timeout=10000)


def scale(dock):
    return dock.view.choice().settings.scale


def type_factor(dock, factor):
    answers = dock.view.settings.answers["scale"]
    answers.which.setCurrentText("Magnification")
    answers.edits[("scale", "factor")].native.setValue(factor)


def draw(dock, length):
    """Drag a line on the chosen image as napari tells of it."""
    layer = dock.images.layer()
    (drag,) = [one for one in layer.mouse_drag_callbacks if one.__name__ == "_drag"]
    event = SimpleNamespace(button=1, type="mouse_press", position=layer.data_to_world((5, 5)))
    steps = drag(layer, event)
    next(steps)
    for part in (0.5, 1):
        event.type, event.position = "mouse_move", layer.data_to_world((5, 5 + part * length))
        next(steps)
    event.type = "mouse_release"
    with pytest.raises(StopIteration):
        next(steps)


def test_without_a_size_it_is_asked_in_amber_before_run(row, dock):
    assert row.line == "unknown: found when you press Run"
    assert row.warns
    assert row.title.text() == "Size?"
    assert dock.view.run_button.isEnabled()


def test_what_the_file_says_is_said_with_what_follows(row, viewer):
    sized(viewer)
    assert row.line == "0.12 µm per pixel (from the file) → magnified 1.2 times"
    assert not row.warns


def test_a_search_is_shown_used_by_the_run_and_not_done_again(row, dock, search, script, qtbot):
    find(dock, qtbot)
    assert row.line == "magnified 0.44 times (found; looks agree 0.95)"
    assert not row.warns
    assert (search.jobs[0].segmenter, search.jobs[0].translator) == ("sample:one", None)
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: not dock.busy, timeout=10000)
    assert script.jobs[-1].found == SURE
    assert script.jobs[-1].settings.scale == Scale()


def test_what_other_models_found_is_not_used(row, dock, search, qtbot):
    find(dock, qtbot)
    choose(dock, "sample:two")
    assert dock.view.choice().found is None
    assert row.line.startswith("unknown")
    choose(dock, "sample:one")
    assert dock.view.choice().found == SURE


def test_what_is_not_sure_is_proposed_and_not_applied(row, dock, search, qtbot):
    search.answer = UNSURE
    find(dock, qtbot)
    assert row.line == "proposed, not applied: 0.6 times"
    assert row.warns
    assert "the looks of the models agree nowhere" in row._line.toolTip()
    assert dock.size.mark.diameter_px == pytest.approx(20 / 0.6)
    assert scale(dock) == Scale()
    assert row.action_button.text() == "Apply"
    row.action_button.click()
    assert scale(dock) == Scale(factor=0.6)
    assert row.action_button.isHidden()
    row.reset_button.click()
    assert row.line.startswith("proposed, not applied")
    assert scale(dock) == Scale()


def test_a_search_can_be_stopped_and_its_failure_is_a_sentence(row, dock, search, qtbot):
    search.gate.clear()
    row.find_button.click()
    qtbot.waitUntil(lambda: bool(search.jobs), timeout=5000)
    assert row.find_button.text() == "Stop"
    row.find_button.click()
    qtbot.waitUntil(lambda: dock.size._search is None, timeout=5000)
    assert (row.find_button.text(), row.line) == ("Find", "unknown: found when you press Run")
    assert dock.view.error.sentence == ""
    search.gate.set()
    search.answer = InputError("The image cannot be read.")
    find(dock, qtbot)
    assert dock.view.error.sentence == "The image cannot be read."
    search.answer = Cancelled()
    find(dock, qtbot)
    assert dock.view.error.sentence == ""


def test_what_is_found_for_an_image_that_is_left_is_dropped(row, dock, viewer, search, qtbot):
    search.gate.clear()
    row.find_button.click()
    qtbot.waitUntil(lambda: bool(search.jobs), timeout=5000)
    sized(viewer)
    search.gate.set()
    qtbot.wait(50)
    assert row.line.startswith("0.12 µm")
    assert dock.view.choice().found is None


def test_the_slider_and_advanced_are_one_thing(row, dock, qtbot):
    slide(row, 0.5)
    assert scale(dock) == Scale(factor=0.5)
    assert row.line == "magnified 0.5 times (set by you)"
    type_factor(dock, 2)
    assert row.line == "magnified 2.0 times (set by you)"
    assert row.slider.value() == 40
    row.reset_button.click()
    assert scale(dock) == Scale()
    assert dock.view.settings.answers["scale"].which.currentData() is None


def test_what_changes_nothing_is_not_asked(row, dock, qtbot):
    view, box = dock.view, dock.view.strategy
    view.fold.expand(animate=False)
    view.show()
    shown = {
        name: lambda edit=edit: edit.native.isVisibleTo(view.settings)
        for name, edit in view.settings.edits.items()
    }
    scale = view.settings.answers["scale"]
    slide(row, 0.5)
    for strategy, asked, sized in (
        ("adaptation", {"samples", "flips", "smallest_object", "evaluations"}, True),
        ("segmentation", {"flips", "smallest_object"}, True),
        ("otsu", {"smallest_object"}, True),
        ("slic-regions", set(), False),
    ):
        box.setCurrentIndex(box.findData(strategy))
        found = {name for name in ("samples", "flips", "smallest_object", "evaluations") if shown[name]()}
        assert (strategy, found) == (strategy, asked)
        assert scale.isVisibleTo(view.settings) == row.slider.isEnabled() == sized
    assert row.line == "not needed: it is looked at as a whole"


def test_the_preview_follows_the_slider(row, dock, script, qtbot):
    dock.view.preview_button.click()
    qtbot.waitUntil(lambda: len(script.jobs) == 1 and not dock.busy, timeout=10000)
    slide(row, 0.5)
    qtbot.waitUntil(lambda: len(script.jobs) == 2 and not dock.busy, timeout=10000)
    assert script.jobs[-1].settings.scale == Scale(factor=0.5)


@pytest.mark.parametrize("tell", ["slide", "type", "draw", "object size"])
def test_no_image_gets_the_size_of_another_and_each_gets_its_own_back(row, dock, viewer, tell):
    if tell == "slide":
        slide(row, 0.5)
    elif tell == "type":
        type_factor(dock, 0.5)
    elif tell == "draw":
        row.draw_button.click()
        draw(dock, 12.5)
    else:
        answers = dock.view.settings.answers["scale"]
        answers.which.setCurrentText("Object size")
        answers.edits[("scale", "object_size_px")].native.setValue(22)
    told = scale(dock)
    assert told != Scale()
    sized(viewer)
    assert scale(dock) == Scale()
    go_to(viewer, "sem_12")
    assert scale(dock) == told
    viewer.add_image(np.zeros((9, 9)), name="sem_3", metadata={"modality": "SEM"})
    assert scale(dock) == Scale()
    assert row.line.startswith("unknown")


def test_the_object_size_of_a_sample_is_that_of_the_sample(row, dock, viewer):
    sized(viewer, metadata={"modality": "SEM", "object_size_px": 25})
    assert scale(dock) == Scale(object_size_px=25)
    assert row.line == "objects of 25 px (said by the image) → magnified 0.8 times"
    slide(row, 0.5)
    row.reset_button.click()
    assert scale(dock) == Scale(object_size_px=25)
    go_to(viewer, "sem_12")
    assert scale(dock) == Scale()


def test_what_is_told_comes_back_with_the_layer(row, dock, viewer, search, qtbot):
    find(dock, qtbot)
    slide(row, 0.5)
    layer = viewer.layers["sem_12"]
    known = known_size(layer)
    assert (known.scale, known.how) == (Scale(factor=0.5), "set")
    assert list(known.found.values()) == [SURE]
    layer.metadata[SIZE_KEY] = {"from": "another version"}
    assert known_size(layer).scale == Scale()


def test_one_object_is_drawn_across_and_everything_is_as_before(row, dock, viewer):
    labels = viewer.add_labels(np.zeros((40, 60), int))
    labels.mode = "paint"
    layer = viewer.layers["sem_12"]
    slide(row, 0.5)
    row.draw_button.click()
    assert dock.size.mark.diameter_px is None
    assert viewer.layers.selection.active is layer
    assert not layer.mouse_pan
    draw(dock, 12.5)
    assert scale(dock) == Scale(object_size_px=12.5)
    assert row.line == "objects of 12.5 px (drawn by you) → magnified 1.6 times"
    assert not row.draw_button.isChecked()
    assert layer.mouse_pan
    assert viewer.layers.selection.active is labels
    assert labels.mode == "paint"
    assert dock.view.image.layer is layer


def test_escape_and_a_click_leave_the_size_as_it_was(row, dock, viewer):
    layer = viewer.layers["sem_12"]
    row.draw_button.click()
    (escape,) = [action for key, action in layer.keymap.items() if str(key) == "Escape"]
    escape(layer)
    assert not row.draw_button.isChecked()
    row.draw_button.click()
    draw(dock, 0.5)
    assert scale(dock) == Scale()
    assert [one.name for one in viewer.layers] == ["sem_12"]


def test_drawing_tells_nothing_to_a_model_without_an_object_size(row, dock, viewer):
    row.draw_button.click()
    draw(dock, 12.5)
    choose(dock, "sample:mute")
    assert not row.draw_button.isEnabled()
    assert "does not say how large its own are" in row.line
    assert row.warns


def test_a_magnification_follows_the_pixels_of_the_model(row, dock):
    slide(row, 0.5)
    choose(dock, "sample:two")
    assert scale(dock).factor == pytest.approx(1.0)
    choose(dock, "sample:nuclei")
    assert scale(dock).factor == pytest.approx(0.75)
    choose(dock, "sample:mute")
    assert row.warns
    assert "was set for another model" in row.line
    choose(dock, "sample:one")
    assert scale(dock).factor == pytest.approx(0.5)


def test_a_typical_object_is_drawn_until_nobody_looks(row, dock, viewer, search, script, qtbot):
    mark = dock.size.mark
    assert mark.diameter_px is None
    slide(row, 0.5)
    assert mark.diameter_px == pytest.approx(40)
    choose(dock, "sample:two")
    assert mark.diameter_px == pytest.approx(40)
    row.show_button.click()
    assert mark.diameter_px is None
    row.show_button.click()
    assert mark.diameter_px == pytest.approx(40)
    sized(viewer)
    assert mark.diameter_px is None
    row.show_button.click()
    dock.view.run_button.click()
    assert mark.diameter_px is None
    qtbot.waitUntil(lambda: not dock.busy, timeout=10000)
    go_to(viewer, "sem_12")
    row.reset_button.click()
    find(dock, qtbot)
    assert mark.diameter_px is not None
    assert {type(one).__name__ for one in viewer.layers} == {"Image", "Labels"}


def test_a_wrong_size_in_the_file_is_named_and_replaced_by_a_press(row, dock, viewer, search, qtbot):
    sized(viewer, um=0.13)
    search.answer = FoundScale(0.7, True, agreement=0.9, spread=0.3)
    find(dock, qtbot)
    assert row.line == "the file says 0.13 µm; 0.07 would fit better"
    assert row.warns
    assert row.action_button.text() == "Use 0.07"
    row.action_button.click()
    assert scale(dock) == Scale(pixel_size_um=0.07)
    assert row.line == "0.07 µm per pixel (set by you) → magnified 0.7 times"


def test_a_size_that_is_confirmed_or_not_found_stays(row, dock, viewer, search, qtbot):
    sized(viewer, um=0.13)
    for search.answer in (FoundScale(1.2, True, agreement=0.9), FoundScale(0.3, False, "why", agreement=0.4)):
        find(dock, qtbot)
        assert row.line == "0.13 µm per pixel (from the file) → magnified 1.3 times"


def test_what_a_run_finds_is_said_in_the_row(row, dock, script, monkeypatch, qtbot):
    answer = script.answer

    def found(job):
        from dataclasses import replace

        made = answer(job)
        return replace(made, report=replace(made.report, found=SURE))

    monkeypatch.setattr(script, "answer", found)
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: not dock.busy, timeout=10000)
    assert row.line == "magnified 0.44 times (found; looks agree 0.95)"
    assert dock.view.choice().found == SURE


def test_without_a_model_nothing_is_said_of_one(row, dock, viewer):
    sized(viewer)
    dock.view.set_models("segmenter", SIZED, None)
    dock.view.changed.emit()
    assert dock.models.chosen("segmenter") is None
    assert (row.line, row.warns) == ("0.12 µm per pixel (from the file)", False)
    assert "model" not in row.draw_button.toolTip()
    row.draw_button.click()
    draw(dock, 12.5)
    assert row.line == "objects of 12.5 px (drawn by you)"
    choose(dock, "sample:one")
    assert row.line == "objects of 12.5 px (drawn by you) → magnified 1.6 times"


def test_pixels_that_are_not_square_are_named_here(row, dock, viewer):
    sized(viewer).scale = (0.1, 0.2)
    dock.view.changed.emit()
    assert "not square" in row.line
    slide(row, 0.5)
    assert row.line == "magnified 0.5 times (set by you)"


def test_nothing_stays_in_the_view_of_a_dock_that_is_hidden(row, dock):
    slide(row, 0.5)
    assert dock.size.mark.diameter_px is not None
    dock.view.show()
    dock.view.hide()
    assert dock.size.mark.diameter_px is None
    assert not row.show_button.isChecked()


def test_what_is_known_goes_into_sessions(row, dock, viewer, search, qtbot):
    find(dock, qtbot)
    layer = viewer.layers["sem_12"]
    kept = plain_metadata(layer.metadata, ours=True)
    layer.metadata = json.loads(json.dumps(kept))
    assert list(known_size(layer).found.values()) == [SURE]


def test_a_file_that_the_texture_contradicts_is_doubted_without_a_search(
    row, dock, viewer, monkeypatch, qtbot
):
    texture = Texture(correlation_px=4.0, spectrum=(1.0, *(0.0,) * (BANDS - 1)))
    textured = Modality(name="SEM", pixel_size_um=0.1, object_size_px=20, texture=texture)
    asked = []

    def doubt(image, channel, given, factor):
        asked.append((image.shape, given, factor))
        return TextureEstimates(0.3, 0.3) if factor > 1 else None

    monkeypatch.setattr(size_controller, "contradiction", doubt)
    monkeypatch.setattr(dock.size, "_modality", lambda: textured)
    layer = sized(viewer, um=0.13)
    qtbot.waitUntil(lambda: row.warns, timeout=5000)
    assert row.line == "the file says 0.13 µm; 0.03 would fit better"
    assert asked == [((30, 40), texture, pytest.approx(1.3))]
    layer.scale = (0.03, 0.03)
    dock.view.changed.emit()
    qtbot.waitUntil(lambda: len(asked) == 2, timeout=5000)
    assert row.line == "0.03 µm per pixel (from the file) → magnified 0.3 times"

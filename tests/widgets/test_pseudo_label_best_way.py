"""Find the best way: ways side by side, the best labels at once, one click takes another, provenance says who chose."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import Qt
from skimage.io import imsave

from napari_pseudolabel.strategies.choice.find_way import FindWayJob
from napari_pseudolabel.viewer import find_layer
from napari_pseudolabel.widgets.common.small_widgets import MessageLabel
from napari_pseudolabel.widgets.pseudo_label.catalogue import Way
from napari_pseudolabel.widgets.pseudo_label.label_choice import ShownModality


@pytest.fixture
def asked(dock):
    box = dock.view.strategy
    box.setCurrentIndex(box.findData("auto"))
    return dock


def press(dock, qtbot):
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: not dock.busy and dock.comparing.settled, timeout=10000)


def test_the_best_labels_at_once_and_one_click_takes_another(asked, searches, script, viewer, qtbot):
    view = asked.view
    view.show()
    assert view.run_button.text() == "Find and run"
    assert not view.preview_button.isVisible()
    assert view.hint == ""
    press(asked, qtbot)
    (search,) = searches
    assert [way.group for way in search.ways] == ["turned around", "as it is", "as it is", "without labels"]
    (job,) = script.jobs
    assert (job.translator, job.segmenter) == ("inverted:sample:sem-to-tem", "sample:tem-axons")
    assert job.region == search.region
    assert job.origin.choice["best"] == job.origin.choice["tried"][0]["way"]
    # The controls show what was chosen, the pictures what else there is.
    choice = view.choice()
    assert (choice.strategy, choice.translator, choice.segmenter) == (
        "adaptation",
        "inverted:sample:sem-to-tem",
        "sample:tem-axons",
    )
    beside = view.ways.texts[3]
    assert beside.startswith("Bright")
    assert beside.endswith("\nnot judged")
    assert {number: text for number, text in view.ways.texts.items() if number != 3} == {
        0: "Inverted\n.95 cheapest",
        1: "Matched\n.94 as good",
        2: "As it is\n.50 doubtful",
    }
    assert "The cheapest of 2 that are as good was taken" in view._explanation.text()
    assert view._explanation.objectName() == "muted"
    view.ways.click(2)
    assert view._explanation.text().endswith("Its labels are probably not usable: strange.")
    assert view._explanation.objectName() == "warning"
    view.ways.click(1)
    assert view.choice().translator == "sample:sem-to-tem"
    assert view._explanation.text().startswith("You chose: Grey levels matched by")
    assert view._explanation.objectName() == "muted"
    press(asked, qtbot)
    assert len(searches) == 1
    view.ways.click(3)
    assert (view.choice().strategy, view.choice().segmenter) == ("otsu", "sample:tem-axons")
    view.ways.click(1)
    assert script.jobs[1].translator == "sample:sem-to-tem"
    assert script.jobs[1].origin.choice["reason"] == "A person chose it instead of the best."
    # Another image has another best way.
    viewer.add_image(np.random.default_rng(1).random((40, 60)), name="other", metadata={"modality": "SEM"})
    viewer.layers.selection.active = viewer.layers["other"]
    qtbot.waitUntil(lambda: view.ways.count == 0)
    assert view.ways.isHidden()


def test_what_has_to_learn_first_is_named_and_begins_with_one_click(asked, searches, viewer, qtbot):
    view, begun = asked.view, []
    view.show()
    assert view.untried.isHidden()
    press(asked, qtbot)
    assert view.untried.texts["rendered"] == ("Learn from drawn objects", "about a minute")
    assert view.untried.texts["tutorship"][1] == "minutes to hours; needs labelled images of another kind"
    # All of it can be read in a narrow dock.
    view.setFixedWidth(310)
    view.resize(310, 1600)
    lines = view.untried.findChildren(MessageLabel)
    assert len(lines) > len(view.untried.texts)
    for told in lines:
        qtbot.waitUntil(lambda told=told: told.height() >= told.heightForWidth(told.width()) > 0)
    for name in ("rendered", "tutorship"):
        asked.preparing[name].begin = lambda job, name=name: begun.append((name, job.image.name))
    view.untried.click("tutorship")  # it asks for images first
    assert (view.choice().strategy, begun) == ("tutorship", [])
    view.untried.click("rendered")
    assert (view.choice().strategy, begun) == ("rendered", [("rendered", "sem_12")])
    # They are those of a search on this image.
    viewer.add_image(np.zeros((40, 60)), name="other", metadata={"modality": "SEM"})
    viewer.layers.selection.active = viewer.layers["other"]
    qtbot.waitUntil(lambda: view.untried.isHidden())


def test_the_list_is_labelled_by_what_the_search_finds(asked, searches, script, tmp_path, qtbot, monkeypatch):
    monkeypatch.setattr(
        "napari_pseudolabel.strategies.finished_images.FinishedImages._sum", lambda self, ref: str(ref)
    )
    image = np.random.default_rng(2).integers(0, 255, (60, 80)).astype(np.uint8)
    imsave(tmp_path / "listed.png", image, check_contrast=False)
    asked.many.add([tmp_path / "listed.png"])
    qtbot.waitUntil(lambda: asked.many.settled, timeout=10000)
    asked.view.many.label_all.click()
    assert not asked.view.many.label_all.isEnabled()
    qtbot.waitUntil(lambda: asked.many.run.done.labelled == 1 and not asked.busy, timeout=10000)
    (search,), (job,) = searches, script.jobs
    assert (job.image.name, job.region, job.translator) == ("listed", None, "inverted:sample:sem-to-tem")
    assert search.images[0].name != "listed"
    assert asked.view.choice().strategy == "adaptation"
    qtbot.waitUntil(lambda: asked.many.settled, timeout=10000)


def test_a_search_that_cannot_begin_is_stopped_or_fails_is_said(asked, searches, viewer, qtbot, monkeypatch):
    view = asked.view
    monkeypatch.setattr(asked.models, "candidates", list)
    asked._refresh()
    assert view.hint == "No model takes SEM images; choose a segmenter whose classes are wanted."
    assert not view.run_button.isEnabled()
    monkeypatch.undo()
    asked._refresh()
    assert view.run_button.isEnabled()


def test_a_search_can_be_stopped(asked, qtbot, monkeypatch):
    def run(self, control, models):
        while True:
            control.check()

    monkeypatch.setattr(FindWayJob, "run", run)
    monkeypatch.delattr(FindWayJob, "answer")
    asked.view.run_button.click()
    qtbot.waitUntil(lambda: asked.ways._number is not None, timeout=10000)
    asked.view.cancel_button.click()
    qtbot.waitUntil(lambda: not asked.busy, timeout=10000)
    assert asked.view.status == "Stopped; nothing was chosen."
    assert asked.view.run_button.isEnabled()


def test_first_labels_are_there_while_the_other_ways_are_tried(asked, searches, viewer, qtbot, monkeypatch):
    whole, may = FindWayJob.run, threading.Event()

    def run(self, control, models):
        found = whole(self, control, models)
        for count in (1, 2):
            control.emit(replace(found, tried=found.tried[:count], best=count - 1, ties=(count - 1,)))
        while not may.wait(0.01):
            control.check()
        return found

    monkeypatch.setattr(FindWayJob, "run", run)
    view, image = asked.view, viewer.layers["sem_12"]
    view.run_button.click()
    qtbot.waitUntil(lambda: view.ways.count == 2, timeout=10000)
    assert list(view.ways.texts.values()) == [
        "Matched\n.94",
        "Inverted\n.95",
    ]  # which is best nobody knows yet
    qtbot.mouseClick(view.ways.childAt(view.ways.rect().center()) or view.ways, Qt.MouseButton.LeftButton)
    assert view.choice().strategy == "auto"
    draft = find_layer(viewer, image, "draft")
    assert draft.data[:20, :30].any()
    assert not draft.data[20:].any()
    view.cancel_button.click()
    qtbot.waitUntil(lambda: not asked.busy, timeout=10000)
    assert find_layer(viewer, image, "draft") is None
    assert view.ways.isHidden()
    # Until the labels are there, and no longer.
    view.run_button.click()
    qtbot.waitUntil(lambda: find_layer(viewer, image, "draft") is not None, timeout=10000)
    may.set()
    qtbot.waitUntil(lambda: not asked.busy and asked.comparing.settled, timeout=10000)
    assert find_layer(viewer, image, "draft") is None
    assert find_layer(viewer, image, "labels") is not None
    view.ways.click(1)
    assert view._explanation.text().startswith("You chose")


def test_after_a_way_without_models_a_segmenter_is_still_proposed(dock):
    shown = ShownModality("TEM")
    dock.models._shown = lambda: shown
    dock.models._catalogue.note_used("TEM", Way("otsu", None, None))
    assert dock.models._take_way(shown)
    assert dock.view.choice().strategy == "otsu"
    dock.view.choose_strategy("segmentation")
    assert dock.view.choice().segmenter == "sample:tem-axons"

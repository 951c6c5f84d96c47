"""What is seen before the labels are there, and that nothing of it is kept."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pseudolabel.viewer import Corrections, Stream, find_layer
from napari_pseudolabel.viewer.records import is_helper


def finish(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.busy, timeout=10000)


def made(viewer, role):
    return find_layer(viewer, viewer.layers["sem_12"], role)


@pytest.fixture
def drafting(dock, viewer, script, qtbot):
    """A run that shows a draft, and waits."""
    script.drafts, script.halves = True, True
    script.gate.clear()
    return script


def test_a_draft_is_shown_until_the_labels_are_there(dock, viewer, drafting, qtbot):
    drafting.halves = False
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: made(viewer, "draft") is not None, timeout=10000)
    layer = made(viewer, "draft")
    assert (layer.data == 2).all()
    assert is_helper(layer)
    assert not layer.editable
    assert "draft" in layer.name
    assert made(viewer, "labels") is None
    drafting.gate.set()
    finish(qtbot, dock)
    assert made(viewer, "draft") is None
    labels = made(viewer, "labels")
    assert set(np.unique(labels.data)) == {0, 1}


def test_a_part_takes_its_place_from_the_draft(dock, viewer, drafting, qtbot):
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: made(viewer, "labels") is not None, timeout=10000)
    draft = made(viewer, "draft")
    assert not draft.data[:20].any()
    assert (draft.data[20:] == 2).all()
    # What is only a draft counts as not predicted.
    assert not Corrections.of(made(viewer, "labels")).labelled_in((slice(20, 40), slice(0, 60))).any()
    drafting.gate.set()
    finish(qtbot, dock)
    assert made(viewer, "draft") is None


@pytest.mark.parametrize("ending", ["cancel", "error"])
def test_nothing_of_a_draft_is_kept_when_the_run_does_not_end(dock, viewer, drafting, qtbot, ending):
    drafting.halves = False
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: made(viewer, "draft") is not None, timeout=10000)
    if ending == "cancel":
        dock.cancel()
    else:
        drafting.error = RuntimeError("no memory")
        drafting.gate.set()
    finish(qtbot, dock)
    assert [layer.name for layer in viewer.layers] == ["sem_12"]


def test_a_draft_that_the_person_removes_is_no_error(dock, viewer, drafting, qtbot):
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: made(viewer, "draft") is not None, timeout=10000)
    viewer.layers.remove(made(viewer, "draft"))
    drafting.gate.set()
    finish(qtbot, dock)
    assert made(viewer, "labels").data.any()
    assert not dock.view.error.sentence


def test_the_translation_is_seen_while_it_grows(dock, viewer, script, qtbot):
    source = viewer.layers["sem_12"]
    dock.view.run_button.click()
    finish(qtbot, dock)
    answer = script.answer(script.jobs[0])
    for layer in list(viewer.layers)[1:]:
        viewer.layers.remove(layer)
    stream = Stream(viewer, source)
    stream.add(answer)
    stream.show_late()
    growing = made(viewer, "translation")
    assert growing.visible
    assert tuple(growing.contrast_limits) == (0, 1)
    stream.finish()
    assert not growing.visible


def test_a_view_that_holds_the_whole_image_is_the_whole_image(dock, viewer, script, qtbot):
    assert dock.view.choice().where == "view"
    dock.view.run_button.click()
    finish(qtbot, dock)
    assert script.jobs[-1].region is None


def test_in_a_stack_the_view_is_the_plane_on_the_screen(dock, viewer, script, qtbot):
    viewer.add_image(np.zeros((5, 30, 40)), name="stack", metadata={"modality": "SEM"})
    assert dock.view.planes.isHidden()
    viewer.dims.set_current_step(0, 3)
    dock.view.run_button.click()
    finish(qtbot, dock)
    assert script.jobs[-1].planes == ((3,),)
    dock.view.regions.choose("all")
    assert not dock.view.planes.isHidden()

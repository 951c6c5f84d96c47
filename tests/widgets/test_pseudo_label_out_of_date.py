"""What was said about another choice goes when the choice changes."""

from __future__ import annotations

import numpy as np
import pytest


def finish(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.busy, timeout=10000)


def choose(box, value):
    box.setCurrentIndex(box.findData(value))


CHANGES = {
    "image": lambda dock, viewer: viewer.add_image(np.ones((9, 9)), metadata={"modality": "SEM"}),
    "strategy": lambda dock, viewer: choose(dock.view.strategy, "segmentation"),
    "translator": lambda dock, viewer: choose(dock.view.models["translator"], "sample:tem-to-sem"),
    "segmenter": lambda dock, viewer: dock.view.models["segmenter"].setCurrentIndex(-1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_done_last_is_about_the_choice_before(dock, viewer, qtbot, change):
    dock.view.run_button.click()
    finish(qtbot, dock)
    qtbot.waitUntil(lambda: "axon" in dock.view.status, timeout=10000)
    CHANGES[change](dock, viewer)
    assert dock.view.status == ""
    assert dock.view.notes == ""


@pytest.mark.parametrize("change", CHANGES)
def test_an_error_is_about_the_choice_before(dock, viewer, script, qtbot, change):
    script.error = RuntimeError("no memory")
    dock.view.run_button.click()
    finish(qtbot, dock)
    assert dock.view.error.sentence
    CHANGES[change](dock, viewer)
    assert not dock.view.error.sentence


def test_a_count_that_comes_late_says_nothing_about_another_choice(dock, viewer, qtbot):
    dock.view.run_button.click()
    finish(qtbot, dock)
    choose(dock.view.strategy, "segmentation")
    qtbot.wait(300)
    assert dock.view.status == ""


def test_another_region_leaves_the_result_and_takes_the_error(dock, viewer, script, qtbot):
    dock.view.run_button.click()
    finish(qtbot, dock)
    dock.view.regions.choose("all")
    assert dock.view.status
    dock.view.regions.choose("shape")
    dock.view.error.show_error("Draw a shape around what shall be labelled first.", "")
    dock.view.regions.choose("view")
    assert not dock.view.error.sentence


def test_a_change_while_it_runs_does_not_swallow_how_it_ends(dock, viewer, script, qtbot):
    script.gate.clear()
    script.error = RuntimeError("no memory")
    dock.view.run_button.click()
    choose(dock.view.strategy, "segmentation")
    script.gate.set()
    finish(qtbot, dock)
    assert dock.view.error.sentence

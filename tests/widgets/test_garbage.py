"""A window does not stand still for a look through all objects while labels come."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from napari_pseudolabel.widgets.common.garbage import GarbageLater


@pytest.fixture(autouse=True)
def nothing_left():
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_what_was_there_before_a_run_is_left_alone_until_it_ends(dock, script, qtbot):
    script.gate.clear()
    dock.view.run_button.click()
    assert gc.get_freeze_count() > 0
    script.gate.set()
    qtbot.waitUntil(lambda: not dock.busy, timeout=10000)
    assert gc.get_freeze_count() == 0


def test_the_pixels_of_a_layer_that_is_removed_meanwhile_are_freed(dock, viewer, script, qtbot):
    other = viewer.add_image(np.zeros((5, 5)), name="other")
    script.gate.clear()
    dock.view.image.setCurrentIndex(dock.view.image.findText("sem_12"))
    dock.view.run_button.click()
    viewer.layers.remove(other)
    assert gc.get_freeze_count() == 0
    script.gate.set()
    qtbot.waitUntil(lambda: not dock.busy, timeout=10000)


def test_layers_that_came_meanwhile_go_without_a_search_of_all(viewer):
    ours, others = GarbageLater(viewer), GarbageLater(viewer)
    old = viewer.add_image(np.zeros((5, 5)), name="old")
    ours.begin()
    others.begin()
    viewer.layers.remove(viewer.add_image(np.zeros((5, 5)), name="new"))
    others.end()
    assert gc.get_freeze_count() > 0, "the other goes on"
    viewer.layers.remove(old)
    assert gc.get_freeze_count() == 0
    ours.end()


def test_docks_follow_no_selection_that_is_taken_back(viewer):
    from napari_pseudolabel.viewer.result_layers import selection_kept

    active = viewer.layers["sem_12"]
    viewer.layers.selection.active = active
    heard = []
    viewer.layers.selection.events.active.connect(lambda event: heard.append(event.value))
    with selection_kept(viewer):
        viewer.add_labels(np.zeros((5, 5), np.uint8))
    assert heard == []
    assert viewer.layers.selection.active is active
    with selection_kept(viewer):
        viewer.add_labels(np.zeros((5, 5), np.uint8))
        viewer.layers.remove(active)
    assert heard[-1] is viewer.layers.selection.active, "where it cannot be, that is told"

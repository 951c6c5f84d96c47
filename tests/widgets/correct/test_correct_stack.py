"""Stacks: tools work on the slice that is shown, and slices between two are filled."""

from __future__ import annotations

import numpy as np
import pytest
from correct_case import make_dock, point_at, settle
from napari.components import ViewerModel
from train_fakes import CLASSES

from napari_pseudolabel.viewer import Corrections, find_layer
from napari_pseudolabel.viewer.records import write_record

AXON = 2


@pytest.fixture
def case(qtbot, session, runner):
    """A stack of 7 slices at half scale in Y and X, with a disc in slices 1 and 5."""
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((7, 40, 50)), name="stack", scale=(1, 0.5, 0.5))
    values = np.zeros((7, 40, 50), np.uint8)
    y, x = np.mgrid[:40, :50]
    values[1][(y - 20) ** 2 + (x - 15) ** 2 < 64] = AXON
    values[5][(y - 20) ** 2 + (x - 25) ** 2 < 64] = AXON
    labels = viewer.add_labels(values, name="mine", scale=(1, 0.5, 0.5))
    write_record(labels, "labels", image, CLASSES)
    dock = make_dock(qtbot, viewer, session, runner)
    yield viewer, labels, dock
    assert dock.shutdown()


def go(viewer, z, y, x):
    viewer.dims.set_point(0, z)
    point_at(viewer, (z, y * 0.5, x * 0.5))


def test_a_tool_works_on_the_slice_that_is_shown(case):
    viewer, labels, dock = case
    go(viewer, 5, 20, 25)
    dock.use("delete")
    assert labels.data[1].any()
    assert not labels.data[5].any()
    go(viewer, 2, 20, 15)
    dock.use("delete")
    assert "no object" in dock.view.hint


def test_slices_between_are_filled_in_one_undo_step(case):
    viewer, labels, dock = case
    before = labels.data.copy()
    go(viewer, 1, 20, 15)
    dock.use("interpolate")
    assert "another slice" in dock.view.status
    dock.use("interpolate")
    assert "same slice" in dock.view.hint
    go(viewer, 5, 20, 25)
    dock.use("interpolate")
    assert dock.view.status == "Filled 3 slices between 1 and 5."
    middle = np.argwhere(labels.data[3] == AXON).mean(axis=0)
    np.testing.assert_allclose(middle, (20, 20), atol=1)
    np.testing.assert_array_equal(labels.data[[0, 1, 5, 6]], before[[0, 1, 5, 6]])
    labels.undo()
    np.testing.assert_array_equal(labels.data, before)


def test_confirmed_slices_are_not_filled(case):
    viewer, labels, dock = case
    Corrections.of(labels).confirm((3,), (slice(0, 40), slice(0, 50)))
    go(viewer, 1, 20, 15)
    dock.use("interpolate")
    go(viewer, 5, 20, 25)
    dock.use("interpolate")
    assert not labels.data[3].any()
    assert labels.data[2].any()
    assert labels.data[4].any()


def test_a_plane_has_no_slices_between(qtbot, session, runner):
    viewer = ViewerModel()
    viewer.add_labels(np.ones((8, 9), np.uint8))
    dock = make_dock(qtbot, viewer, session, runner)
    point_at(viewer, (2, 2))
    dock.use("interpolate")
    assert "no slices" in dock.view.hint
    assert dock.shutdown()


def test_objects_are_shown_for_the_slice_on_the_screen(case, qtbot):
    viewer, labels, dock = case
    go(viewer, 1, 20, 15)
    dock.view.set_mode("objects")
    settle(dock, qtbot)
    layer = find_layer(viewer, labels, "objects")
    assert layer.visible
    assert not layer.editable
    np.testing.assert_array_equal(layer.data[1] > 0, labels.data[1] > 0)
    assert not layer.data[5].any()
    go(viewer, 5, 20, 25)
    settle(dock, qtbot)
    np.testing.assert_array_equal(layer.data[5] > 0, labels.data[5] > 0)
    dock.use("delete")
    settle(dock, qtbot)
    assert not layer.data[5].any()
    labels.undo()
    settle(dock, qtbot)
    np.testing.assert_array_equal(layer.data[5] > 0, labels.data[5] > 0)
    assert viewer.layers.selection.active is labels
    dock.view.set_mode("classes")
    assert not layer.visible


def test_confirming_and_taking_back_hold_for_the_slice(case, qtbot):
    viewer, labels, dock = case
    go(viewer, 1, 20, 15)
    dock.view.confirm.click()
    corrections = Corrections.of(labels)
    assert corrections.confirmed_in((1, ...)).all()
    assert not corrections.confirmed_in((2, ...)).any()
    settle(dock, qtbot)
    assert dock.view._share.text() == "14.3 % confirmed"
    dock.view.take_back.click()
    assert not corrections.confirmed_in((1, ...)).any()
    dock.view.take_back.click()
    assert "Nothing in the view" in dock.view.hint

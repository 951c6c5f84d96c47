"""The log of what a person did to labels."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from filled import fill
from napari.layers import Labels

from napari_pseudolabel.viewer import Corrections, effort
from napari_pseudolabel.viewer.effort import EffortLog


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass, set by the test."""
    now = [100.0]
    monkeypatch.setattr(effort.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def layer(clock):
    one = Labels(np.zeros((40, 30), np.uint8))
    EffortLog.of(one)
    return one


def edits(layer):
    return EffortLog.of(layer).edits()


def test_a_stroke_is_one_edit_with_its_tool_place_and_time(layer, clock):
    layer.mode, layer.brush_size = "paint", 1
    clock[0] += 4
    with layer.block_history():
        layer.paint((3, 4), 1)
        layer.paint((9, 7), 1)
    (edit,) = edits(layer)
    assert (edit.tool, edit.plane, edit.box, edit.pixels, edit.seconds) == (
        "paint",
        (),
        (3, 4, 10, 8),
        2,
        4.0,
    )
    assert edit.layer == str(layer.unique_id)


def test_whoever_rests_is_not_counted(layer, clock):
    clock[0] += 600
    layer.paint((3, 4), 1)
    layer.paint((20, 20), 1)
    assert [edit.seconds for edit in edits(layer)] == [15, 0]


@pytest.mark.parametrize("mode", ["erase", "fill", "polygon"])
def test_the_mode_of_the_layer_is_the_tool(layer, mode):
    layer.mode = mode
    layer.fill((0, 0), 2)
    (edit,) = edits(layer)
    assert (edit.tool, edit.box, edit.pixels) == (mode, (0, 0, 40, 30), 1200)


def test_tools_name_themselves_and_things_without_an_event_are_noted(layer, clock):
    with EffortLog.of(layer).doing("split"):
        layer.data_setitem((np.array([3, 5]), np.array([7, 2])), 1)
    clock[0] += 2
    EffortLog.of(layer).note("confirm", (), (slice(0, 9), slice(1, 8)))
    split, confirm = edits(layer)
    assert (split.tool, split.box, split.pixels) == ("split", (3, 2, 6, 8), 2)
    assert (confirm.tool, confirm.box, confirm.pixels, confirm.seconds) == ("confirm", (0, 1, 9, 8), 0, 2)


def test_the_plane_of_a_stack_is_told():
    layer = Labels(np.zeros((3, 40, 30), np.uint8))
    log = EffortLog.of(layer)
    layer.paint((2, 5, 5), 1)
    layer.data_setitem((np.array([1, 1]), np.array([3, 4]), np.array([5, 5])), 2)
    assert [edit.plane for edit in log.edits()] == [(2,), (1,)]


def test_predictions_and_undo_are_no_edits(layer):
    fill(Corrections.of(layer), [()], (slice(0, 9), slice(0, 9)), np.ones((1, 9, 9), np.uint8))
    layer.undo()
    layer.redo()
    assert edits(layer) == ()


def test_edits_are_taken_once(layer):
    log = EffortLog.of(layer)
    layer.paint((3, 4), 1)
    assert len(log.take()) == 1
    assert log.take() == ()
    layer.paint((30, 4), 1)
    assert len(log.take()) == 1
    assert len(log.edits()) == 2


def test_a_duplicate_goes_on_with_a_log_of_its_own(layer):
    layer.paint((3, 4), 1)
    data, attributes, _ = copy.deepcopy(layer.as_layer_data_tuple())
    other = Labels(data, **attributes)
    log = EffortLog.of(other)
    assert log is not EffortLog.of(layer)
    assert log.edits() == edits(layer)
    assert log.take() == ()
    other.paint((20, 20), 2)
    assert (len(log.edits()), len(edits(layer))) == (2, 1)

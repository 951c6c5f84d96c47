"""A person's painting survives everything a model does."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from filled import fill
from hypothesis import given
from hypothesis import strategies as st
from napari.layers import Labels

from napari_pseudolabel.viewer.corrections import CORRECTIONS_KEY, Corrections

WHOLE = (slice(0, 12), slice(0, 12))


def tracked(shape=(12, 12), value=0):
    layer = Labels(np.full(shape, value, np.uint8))
    return layer, Corrections.of(layer)


def paint(layer, at, label):
    layer.brush_size = 1
    layer.paint(at, label)


def predict(corrections, value):
    return fill(corrections, [()], WHOLE, np.full((1, 12, 12), value, np.uint8))


def test_a_prediction_fills_all_but_what_was_painted():
    layer, corrections = tracked()
    paint(layer, (3, 4), 2)
    assert corrections.mask.sum() == 1
    assert predict(corrections, 1) == 143
    assert layer.data[3, 4] == 2
    assert (layer.data == 1).sum() == 143


def test_painting_what_the_next_model_would_say_is_still_a_correction():
    layer, corrections = tracked()
    paint(layer, (3, 4), 2)
    predict(corrections, 2)
    predict(corrections, 1)
    assert layer.data[3, 4] == 2


def test_a_prediction_is_one_undo_step_and_its_undo_no_correction():
    layer, corrections = tracked()
    predict(corrections, 1)
    before = layer.data.copy()
    fill(corrections, [()], WHOLE, np.eye(12, dtype=np.uint8)[None] * 2)
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)
    layer.redo()
    layer.undo()
    layer.undo()
    assert not layer.data.any()
    assert corrections.share() == 0
    assert predict(corrections, 2) == 144


def test_undone_painting_is_no_correction_and_redone_painting_is():
    layer, corrections = tracked()
    predict(corrections, 1)
    paint(layer, (5, 5), 2)
    layer.undo()
    assert corrections.share() == 0
    layer.redo()
    assert corrections.share() == pytest.approx(1 / 144)
    predict(corrections, 3)
    assert layer.data[5, 5] == 2


def test_fill_polygon_and_data_setitem_count():
    layer, corrections = tracked((20, 20), 1)
    layer.fill((0, 0), 2)
    assert corrections.mask.all()
    layer, corrections = tracked((20, 20), 1)
    layer.paint_polygon([(2, 2), (2, 8), (8, 8), (8, 2)], 3)
    np.testing.assert_array_equal(corrections.mask, layer.data == 3)
    layer.data_setitem((np.array([0]), np.array([1])), 5)
    assert corrections.mask[0, 1]


def test_direct_writes_of_scripts_and_replaced_data_count():
    layer, corrections = tracked()
    layer.data[2:4, 2:4] = 7
    layer.refresh()
    assert corrections.share() == pytest.approx(4 / 144)
    changed = layer.data.copy()
    changed[9, 9] = 1
    layer.data = changed
    assert corrections.share() == pytest.approx(5 / 144)


def test_unknown_undo_atoms_are_found_by_comparison():
    layer, corrections = tracked()
    layer.data[1, 1] = 4
    layer.events.paint(value=["an atom of a future napari"])
    assert corrections.mask[1, 1]
    assert corrections.mask.sum() == 1


def test_only_the_planes_and_the_window_of_a_stack_are_filled():
    layer, corrections = tracked((3, 12, 12))
    labels = np.ones((2, 4, 5), np.uint8)
    fill(corrections, [(0,), (2,)], (slice(2, 6), slice(3, 8)), labels)
    expected = np.zeros((3, 12, 12), np.uint8)
    expected[[0, 2], 2:6, 3:8] = 1
    np.testing.assert_array_equal(layer.data, expected)
    layer.undo()
    assert not layer.data.any()


def test_the_corrections_of_a_layer_are_found_again_and_copied_with_it():
    layer, corrections = tracked()
    assert Corrections.of(layer) is corrections
    paint(layer, (3, 4), 2)
    data, attributes, _ = copy.deepcopy(layer.as_layer_data_tuple())
    duplicate = Labels(data, **attributes)
    assert attributes["metadata"][CORRECTIONS_KEY].share() == pytest.approx(1 / 144)
    other = Corrections.of(duplicate)
    assert other is not corrections
    assert other.mask[3, 4]
    paint(duplicate, (8, 8), 2)
    assert not corrections.mask[8, 8]


def test_what_is_confirmed_is_touched_and_not_filled():
    layer, corrections = tracked()
    predict(corrections, 1)
    corrections.confirm((), (slice(2, 5), slice(3, 7)))
    assert corrections.share_confirmed() == pytest.approx(12 / 144)
    assert corrections.share() == 0
    np.testing.assert_array_equal(corrections.touched, corrections.confirmed)
    assert predict(corrections, 2) == 132
    assert (layer.data[2:5, 3:7] == 1).all()
    corrections.unconfirm((), (slice(2, 5), slice(3, 7)))
    assert not corrections.touched.any()
    assert predict(corrections, 2) == 12


def test_painting_in_a_confirmed_region_leaves_it_confirmed():
    layer, corrections = tracked()
    corrections.confirm((), WHOLE)
    paint(layer, (3, 4), 2)
    assert corrections.confirmed.all()
    layer.undo()
    assert corrections.confirmed.all()
    corrections.unconfirm((), WHOLE)
    layer.redo()
    np.testing.assert_array_equal(corrections.touched, corrections.mask)
    assert corrections.mask.sum() == 1


def test_a_confirmation_rests_while_an_undo_shows_other_labels():
    layer, corrections = tracked()
    predict(corrections, 1)
    corrections.confirm((), (slice(0, 2), slice(0, 12)))
    layer.undo()
    assert not corrections.confirmed.any()
    assert not corrections.touched.any()
    assert corrections.share() == 0
    layer.redo()
    assert corrections.confirmed.sum() == 24


def test_confirmation_is_for_one_plane_of_a_stack_and_travels_with_copies():
    layer, corrections = tracked((3, 12, 12))
    corrections.confirm((1,), (slice(0, 4), slice(0, 4)))
    assert [plane.sum() for plane in corrections.confirmed] == [0, 16, 0]
    data, attributes, _ = copy.deepcopy(layer.as_layer_data_tuple())
    copied = attributes["metadata"][CORRECTIONS_KEY]
    assert copied.share_confirmed() == pytest.approx(16 / 432)
    duplicate = Corrections.of(Labels(data, **attributes))
    np.testing.assert_array_equal(duplicate.confirmed, corrections.confirmed)


def test_a_change_without_event_is_found_where_a_prediction_comes():
    layer, corrections = tracked()
    layer.data[2, 2] = 7
    layer.data[10, 10] = 7
    fill(corrections, [()], (slice(0, 5), slice(0, 5)), np.ones((1, 5, 5), np.uint8))
    assert layer.data[2, 2] == 7
    assert corrections.touched[10, 10]


def test_undo_of_the_older_of_two_predictions_is_no_correction():
    layer, corrections = tracked((300, 20))
    fill(corrections, [()], (slice(0, 300), slice(0, 20)), np.ones((1, 300, 20), np.uint8))
    fill(corrections, [()], (slice(250, 290), slice(5, 15)), np.full((1, 40, 10), 2, np.uint8))
    layer.undo()
    layer.undo()
    assert not layer.data.any()
    assert corrections.share() == 0
    layer.data[280, 2] = 2  # one of the predictions said so, but not here
    assert corrections.touched[280, 2]
    assert corrections.touched.sum() == 1


def test_new_data_of_another_shape_starts_afresh():
    layer, _ = tracked()
    paint(layer, (3, 4), 2)
    layer.data = np.zeros((5, 6), np.uint8)
    fresh = Corrections.of(layer)
    assert fresh.mask.shape == (5, 6)
    assert not fresh.mask.any()


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("paint"), st.integers(0, 11), st.integers(0, 11), st.integers(0, 3)),
            st.tuples(st.just("predict"), st.integers(0, 3)),
            st.tuples(st.just("undo")),
            st.tuples(st.just("redo")),
        ),
        max_size=15,
    )
)
def test_whatever_happens_a_prediction_never_changes_a_touched_pixel(actions):
    layer, corrections = tracked()
    for action, *arguments in actions:
        if action == "paint":
            row, column, label = arguments
            paint(layer, (row, column), label)
        elif action == "predict":
            corrections.sync()
            touched, before = corrections.mask.copy(), layer.data.copy()
            predict(corrections, arguments[0])
            np.testing.assert_array_equal(layer.data[touched], before[touched])
            assert (layer.data[~touched] == arguments[0]).all()
        else:
            getattr(layer, action)()


def test_the_record_of_the_plugin_stays_json(viewer, result):
    from napari_pseudolabel.viewer import KEY, push

    source = viewer.add_image(np.zeros((12, 12)))
    layers = push(viewer, source, result(np.ones((1, 12, 12))))
    for layer in (layers.labels, layers.confidence, layers.translation):
        assert json.loads(json.dumps(layer.metadata[KEY])) == layer.metadata[KEY]

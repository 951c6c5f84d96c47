"""Not predicted, made by a model, changed by a person, confirmed: what was never predicted is never background."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from filled import fill as fill_planes
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.layers import Image, Labels
from viewer_results import CLASSES

from napari_pseudolabel.labels.pixel_states import REACHED
from napari_pseudolabel.strategies import Region
from napari_pseudolabel.viewer import Stream, annotated_planes
from napari_pseudolabel.viewer.corrections import Corrections
from napari_pseudolabel.viewer.filling import Filling
from napari_pseudolabel.viewer.records import evidence, write_record
from napari_pseudolabel.workspace import Workspace

SHAPE = (2, 8, 8)
LEFT = (slice(0, 8), slice(0, 4))
WHOLE = (slice(0, 8), slice(0, 8))


def ours(shape=SHAPE):
    """Labels as the plugin makes them for a run, before the first part arrives."""
    layer = Labels(np.zeros(shape, np.uint8))
    write_record(layer, "labels", Image(np.zeros(shape)), CLASSES)
    return layer, Corrections.of(layer)


def paint(layer, at, label):
    layer.brush_size = 1
    layer.paint(at, label)


def fill(corrections, window, value, planes=((0,),)):
    shape = tuple(part.stop - part.start for part in window)
    return fill_planes(corrections, planes, window, np.full((len(planes), *shape), value, np.uint8))


def test_only_what_a_run_reached_is_labelled():
    layer, corrections = ours()
    assert not corrections.labelled.any()
    fill(corrections, LEFT, 0)
    assert layer.data.any() == 0
    expected = np.zeros(SHAPE, bool)
    expected[0, :, :4] = True
    np.testing.assert_array_equal(corrections.labelled, expected)
    assert corrections.labelled.mean() == 0.25
    assert not corrections.touched.any()


def test_confirming_leaves_out_what_was_never_predicted_unless_the_person_says_so():
    _, corrections = ours()
    fill(corrections, LEFT, 1)
    taken = corrections.confirm((0,), WHOLE)
    np.testing.assert_array_equal(taken, corrections.labelled[0])
    np.testing.assert_array_equal(corrections.confirmed, corrections.labelled)
    assert corrections.confirm((0,), WHOLE, unpredicted=True).all()
    assert corrections.confirmed[0].all()
    corrections.unconfirm((0,), WHOLE)
    assert not corrections.touched.any()
    assert corrections.labelled.mean() == 0.25


def test_what_a_person_paints_is_theirs_until_it_is_undone():
    layer, corrections = ours()
    paint(layer, (0, 2, 6), 1)
    assert corrections.labelled.sum() == 1
    corrections.confirm((0,), WHOLE)
    assert corrections.confirmed.sum() == 1
    # A prediction does not write there, so it says nothing there either.
    fill(corrections, WHOLE, 2)
    assert layer.data[0, 2, 6] == 1
    layer.undo()
    layer.undo()
    assert not corrections.labelled.any()
    assert not corrections.touched.any()


def test_undo_and_redo_of_a_run_take_all_its_planes_along_also_where_no_label_changed():
    layer, corrections = ours()
    labels = np.stack([np.ones((8, 4)), np.zeros((8, 4))]).astype(np.uint8)
    fill_planes(corrections, [(0,), (1,)], LEFT, labels)
    corrections.confirm((1,), WHOLE)
    assert corrections.labelled.mean() == 0.5
    layer.undo()
    assert corrections.labelled.mean() == 0
    assert not corrections.touched.any()
    layer.redo()
    assert corrections.labelled.mean() == 0.5
    assert corrections.confirmed[1, :, :4].all()


def test_undo_of_a_second_run_leaves_what_the_first_one_reached():
    layer, corrections = ours()
    fill(corrections, LEFT, 1)
    fill(corrections, WHOLE, 2)
    layer.undo()
    assert corrections.labelled.mean() == 0.25
    assert (layer.data[0, :, :4] == 1).all()


def test_what_was_confirmed_while_a_run_went_on_stays_after_its_undo():
    layer, corrections = ours()
    filling = Filling(corrections)
    filling.add([(0,)], LEFT, np.ones((1, 8, 4), np.uint8))
    corrections.confirm((0,), (slice(0, 2), slice(0, 8)))
    filling.finish()
    layer.undo()
    assert corrections.labelled.sum() == corrections.confirmed.sum() == 8


def test_a_layer_that_a_person_brought_along_is_theirs_everywhere():
    layer = Labels(np.zeros(SHAPE, np.uint8))
    corrections = Corrections.of(layer)
    assert corrections.own
    assert corrections.labelled.mean() == 1
    fill(corrections, LEFT, 1)
    layer.undo()
    assert corrections.labelled.all()
    assert not (corrections.flags_in((...,)) & REACHED).any()
    assert corrections.confirm((1,), WHOLE).all()


def test_labels_that_no_run_made_are_the_persons_also_in_a_layer_of_ours():
    layer = Labels(np.eye(8, dtype=np.uint8))
    write_record(layer, "labels", Image(np.zeros((8, 8))), CLASSES)
    assert Corrections.of(layer).own


def test_a_duplicate_knows_what_its_original_knew():
    layer, corrections = ours()
    fill(corrections, LEFT, 1)
    corrections.confirm((1,), (slice(0, 2), slice(0, 2)), unpredicted=True)
    data, attributes, _ = copy.deepcopy(layer.as_layer_data_tuple())
    other = Corrections.of(Labels(data, **attributes))
    assert not other.own
    np.testing.assert_array_equal(other.labelled, corrections.labelled)
    np.testing.assert_array_equal(other.confirmed, corrections.confirmed)
    other.unconfirm((1,), WHOLE)
    assert other.labelled.mean() == 0.25


def test_a_run_that_was_cancelled_labels_the_parts_that_arrived(viewer, result):
    source = viewer.add_image(np.zeros((20, 40)))
    stream = Stream(viewer, source)
    stream.add(result(np.ones((1, 10, 10)), Region(0, 0, 10, 10)))
    layer = stream.add(result(np.zeros((1, 10, 10)), Region(10, 10, 20, 20))).labels
    assert layer is not None
    stream.finish()
    corrections = Corrections.of(layer)
    expected = np.zeros((20, 40), bool)
    expected[:10, :10] = expected[10:, 10:20] = True
    np.testing.assert_array_equal(corrections.labelled, expected)
    layer.undo()
    assert not corrections.labelled.any()


def test_a_training_sees_nothing_that_was_not_predicted(viewer, result, tmp_path):
    source = viewer.add_image(np.random.default_rng(0).random((20, 40)))
    stream = Stream(viewer, source)
    stream.add(result(np.ones((1, 20, 10)), Region(0, 0, 20, 10)))
    stream.finish()
    layer = stream.add(result(np.ones((1, 20, 10)), Region(0, 30, 20, 40))).labels
    assert layer is not None
    stream.finish()
    layer.undo()  # the confidence of the second run is still shown
    corrections = Corrections.of(layer)
    corrections.confirm((), (slice(0, 10), slice(0, 40)))
    (plane,) = annotated_planes(viewer, layer, Workspace.open(tmp_path).split)
    assert not plane.touched[:, 10:].any()
    weights = plane.weights(trust=1.0)
    assert (weights[:, :10] > 0).all()
    assert not weights[:, 10:].any()


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([], [[1, 0, 0], [0, 0, 0]]),
        ([{"region": [0, 0, 1, 2], "planes": [[]]}], [[1, 1, 0], [0, 0, 0]]),
        ([{"region": [0, 0, 2, 3], "planes": [[]], "complete": False}], [[1, 0, 0], [0, 0, 0]]),
        ([{"region": [1, 0, 2, 3], "planes": [[]]}], [[1, 0, 0], [0, 0, 0]]),
    ],
    ids=["labels alone", "a run", "one that was cancelled", "one that was undone"],
)
def test_labels_and_runs_tell_where_predictions_were(runs, expected):
    labels = np.array([[1, 0, 0], [0, 0, 0]], np.uint8)
    np.testing.assert_array_equal(evidence({"runs": runs}, labels), np.array(expected, bool))


boxes = st.builds(
    lambda y, x, h, w: (slice(y, min(y + h, 8)), slice(x, min(x + w, 8))),
    *(st.integers(0, 6), st.integers(0, 6), st.integers(1, 8), st.integers(1, 8)),
)
planes = st.sampled_from([(0,), (1,)])
acts = st.lists(
    st.one_of(
        st.tuples(st.just("run"), boxes, st.booleans(), st.integers(0, 2)),
        st.tuples(st.just("finish")),
        st.tuples(st.just("paint"), planes, boxes, st.integers(0, 3)),
        st.tuples(st.just("write"), planes, boxes, st.integers(0, 3)),
        st.tuples(st.just("confirm"), planes, boxes, st.booleans()),
        st.tuples(st.just("unconfirm"), planes, boxes),
        st.tuples(st.just("undo")),
        st.tuples(st.just("redo")),
        st.tuples(st.just("store")),
    ),
    max_size=14,
)


@given(acts=acts)
@settings(max_examples=2 * settings.default.max_examples, deadline=None)
def test_whatever_happens_only_what_was_predicted_or_decided_is_confirmed_or_learned(acts):
    layer, corrections = ours()
    running: Filling | None = None
    claimed = np.zeros(SHAPE, bool)
    ever, painted = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    for name, *given_ in acts:
        if name == "run":
            window, both, value = given_
            running = running or Filling(corrections)
            on = [(0,), (1,)] if both else [(0,)]
            shape = tuple(part.stop - part.start for part in window)
            running.add(on, window, np.full((len(on), *shape), value, np.uint8))
            for index in on:
                ever[(*index, *window)] = True
        elif name == "finish" and running is not None:
            running.finish()
            running = None
        elif name == "paint":
            index, window, value = given_
            places = np.indices(SHAPE)[(slice(None), *index, *window)].reshape(3, -1)
            layer.data_setitem(tuple(places), value)
            painted[(*index, *window)] = True
        elif name == "write":
            index, window, value = given_
            layer.data[(*index, *window)] = value
            layer.refresh()
            painted[(*index, *window)] = True
        elif name == "confirm":
            index, window, asked = given_
            corrections.confirm(index, window, unpredicted=asked)
            claimed[(*index, *window)] |= asked
        elif name == "unconfirm":
            index, window = given_
            corrections.unconfirm(index, window)
            claimed[(*index, *window)] = False
        elif name == "store" and running is None:
            data, attributes, _ = copy.deepcopy(layer.as_layer_data_tuple())
            layer = Labels(data, **attributes)
            again = Corrections.of(layer)
            for key in ("labelled", "confirmed", "touched", "mask"):
                np.testing.assert_array_equal(getattr(again, key), getattr(corrections, key))
            corrections = again
        elif name in ("undo", "redo"):
            getattr(layer, name)()
        labelled, reached = corrections.labelled, corrections.reached_in((...,))
        human = corrections.mask
        assert not (reached & ~ever).any()
        assert not (human & ~painted).any()
        assert not (corrections.confirmed & ~(reached | human | claimed)).any()
        assert not (corrections.touched & ~(reached | human | claimed)).any()
        assert not (corrections.touched & ~labelled).any()
        # Nothing is lost either: a label says that somebody put it there.
        assert not (np.asarray(layer.data)[~labelled]).any()

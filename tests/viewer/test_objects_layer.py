"""Layers that show objects and candidates: numbers that stay, colours of the classes, nothing of the person's touched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from viewer_results import CLASSES, make_result

from napari_pseudolabel.labels.objects import Fibre, Scheme, to_instances
from napari_pseudolabel.viewer import Candidates, find_layer, push, record_of
from napari_pseudolabel.viewer.objects_layer import Objects, objects_layer, redraw, show_candidate
from napari_pseudolabel.viewer.records import is_helper

SIDE = 20
WHOLE = (slice(0, SIDE), slice(0, SIDE))
FIBRES = Scheme(fibres=(Fibre(inner=2, outer=1),))
SCHEMES = st.sampled_from([Scheme(), FIBRES])


@st.composite
def planes(draw):
    """Blobs of two classes, some of them inside of each other."""
    labels = np.zeros((SIDE, SIDE), np.uint8)
    for _ in range(draw(st.integers(0, 6))):
        y, x, size = draw(st.integers(0, 17)), draw(st.integers(0, 17)), draw(st.integers(1, 7))
        labels[y : y + size, x : x + size] = draw(st.integers(0, 2))
    return labels


def blocks(side):
    return [
        (slice(y, min(y + side, SIDE)), slice(x, min(x + side, SIDE)))
        for y in range(0, SIDE, side)
        for x in range(0, SIDE, side)
    ]


def looked(plane, scheme, windows=(WHOLE,)):
    objects = Objects(np.zeros((SIDE, SIDE), np.uint16))
    for window in windows:
        objects.update(plane, window, scheme)
    return objects


def assert_same_objects(numbers, expected):
    pairs = np.unique(np.stack([numbers.ravel(), expected.ravel()]).astype(int), axis=1)
    assert len(np.unique(pairs[0])) == pairs.shape[1] == len(np.unique(pairs[1]))
    np.testing.assert_array_equal(numbers > 0, expected > 0)


@given(planes(), SCHEMES, st.integers(5, 12), st.randoms())
def test_looking_part_by_part_finds_the_objects_of_the_whole(plane, scheme, side, random):
    windows = blocks(side)
    random.shuffle(windows)
    assert_same_objects(looked(plane, scheme, windows).numbers, to_instances(plane, scheme))


@given(planes(), SCHEMES, st.integers(0, 17), st.integers(0, 17), st.integers(1, 6), st.integers(0, 2))
def test_after_an_edit_looking_there_is_enough(plane, scheme, y, x, size, value):
    objects = looked(plane, scheme)
    before = objects.numbers.copy()
    edited = plane.copy()
    window = slice(y, min(y + size, SIDE)), slice(x, min(x + size, SIDE))
    edited[window] = value
    changed = objects.update(edited, window, scheme)
    assert_same_objects(objects.numbers, to_instances(edited, scheme))
    outside = np.ones((SIDE, SIDE), bool)
    outside[changed] = False
    np.testing.assert_array_equal(objects.numbers[outside], before[outside])


@given(planes(), SCHEMES)
def test_what_did_not_change_keeps_its_number(plane, scheme):
    objects = looked(plane, scheme)
    before = objects.numbers.copy()
    objects.update(plane, (slice(4, 9), slice(2, 11)), scheme)
    np.testing.assert_array_equal(objects.numbers, before)


def test_the_larger_half_keeps_the_number():
    plane = np.zeros((SIDE, SIDE), np.uint8)
    plane[5, 2:15] = 1
    objects = looked(plane, Scheme())
    number = objects.numbers[5, 2]
    plane[5, 6] = 0
    objects.update(plane, (slice(5, 6), slice(6, 7)), Scheme())
    assert (objects.numbers[5, 7:15] == number).all()
    assert objects.numbers[5, 2] not in (0, number)


@pytest.fixture
def labels(viewer):
    source = viewer.add_image(np.zeros((SIDE, SIDE)), name="sem", scale=(2, 2), translate=(5, 1))
    values = np.zeros((1, SIDE, SIDE))
    values[0, 2:5, 2:5] = 1
    layer = push(viewer, source, make_result(values)).labels
    viewer.layers.selection.active = layer
    return layer


def test_objects_lie_on_their_labels_and_are_not_editable(viewer, labels):
    layer = objects_layer(viewer, labels)
    assert layer.data.dtype == np.uint16
    assert viewer.layers.index(layer) > viewer.layers.index(labels)
    np.testing.assert_allclose(layer.scale, labels.scale)
    np.testing.assert_allclose(layer.translate, labels.translate)
    assert not layer.editable
    assert is_helper(layer)
    assert not is_helper(labels)
    assert viewer.layers.selection.active is labels
    assert objects_layer(viewer, labels) is layer
    assert find_layer(viewer, labels, "objects") is layer
    assert record_of(layer)["source"]["uid"] == str(labels.unique_id)


def test_only_the_part_that_changed_is_drawn(viewer, labels):
    layer = objects_layer(viewer, labels)
    drawn = []
    layer.events.labels_update.connect(lambda event: drawn.append((event.offset, event.data.shape)))
    redraw(layer, (), (slice(2, 5), slice(3, 9)))
    assert drawn == [([2, 3], (3, 6))]


def test_a_candidate_has_the_colours_of_the_classes_and_nothing_where_it_said_nothing(viewer, labels):
    candidates = Candidates.made_for(labels)
    candidates.add([()], (slice(0, 4), slice(0, 4)), np.full((1, 1, 4, 4), 2, np.uint8), ("sample 1",))
    layer = show_candidate(viewer, labels, (), candidates, 0, CLASSES)
    assert (layer.data[:4, :4] == 2).all()
    assert layer.data.sum() == 32
    np.testing.assert_allclose(layer.get_color(2), labels.get_color(2))
    assert "sample 1" in layer.name
    assert is_helper(layer)
    assert viewer.layers.selection.active is labels

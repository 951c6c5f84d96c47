"""Scores of label images: bounds, symmetry, and hand-counted cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.metrics import evaluate, instance_f1

CLASSES = {"myelin": 1, "axon": 2}
planes = arrays(np.uint8, (7, 9), elements=st.integers(0, 2))
SCORES = ("dice", "iou", "instance_f1")


@settings(deadline=None)
@given(planes, planes)
def test_scores_are_bounded_symmetric_and_consistent(a, b):
    one, two = evaluate(a, b, CLASSES), evaluate(b, a, CLASSES)
    for score in SCORES:
        assert getattr(one, score) == pytest.approx(getattr(two, score))
        assert all(0 <= value <= 1 for value in getattr(one, score).values())
    for name in CLASSES:
        assert one.dice[name] == pytest.approx(2 * one.iou[name] / (1 + one.iou[name]))


@settings(deadline=None)
@given(planes)
def test_an_image_agrees_with_itself(a):
    same = evaluate(a, a, CLASSES)
    assert all(value == 1 for score in SCORES for value in getattr(same, score).values())


@settings(deadline=None)
@given(planes, planes)
def test_flips_and_renumbered_classes_change_nothing(a, b):
    plain = evaluate(a, b, CLASSES)
    assert evaluate(a[:, ::-1], b[:, ::-1], CLASSES) == plain
    renumber = np.array([0, 5, 3], np.uint8)
    assert evaluate(renumber[a], renumber[b], {"myelin": 5, "axon": 3}) == plain


def test_hand_counted_overlap():
    a, b = np.zeros((2, 4, 6), np.uint8)
    a[1, 0:4], b[1, 1:5] = 1, 1
    scores = evaluate(a, b, {"x": 1})
    assert scores.dice["x"] == pytest.approx(6 / 8)
    assert scores.iou["x"] == pytest.approx(3 / 5)
    assert scores.instance_f1["x"] == 1


def test_an_absent_class_scores_one_and_a_one_sided_class_zero():
    empty, full = np.zeros((4, 4), np.uint8), np.ones((4, 4), np.uint8)
    assert evaluate(empty, empty, {"x": 1}).dice["x"] == 1
    for pair in ((empty, full), (full, empty)):
        scores = evaluate(*pair, {"x": 1})
        assert [getattr(scores, score)["x"] for score in SCORES] == [0, 0, 0]


def test_one_object_cannot_match_twice():
    reference = np.zeros((4, 20), bool)
    reference[1:3, 0:8] = True
    split = reference.copy()
    split[:, 3] = False  # 3 and 4 columns of 8: IoU 3/8 and 4/8
    assert instance_f1(split, reference) == pytest.approx(2 * 1 / (2 + 1))


def test_merged_neighbours_cost_more_in_objects_than_in_pixels():
    reference = np.zeros((6, 21), np.uint8)
    reference[1:5, 1:10] = reference[1:5, 11:20] = 2
    merged = reference.copy()
    merged[3, 10] = 2
    scores = evaluate(merged, reference, CLASSES)
    assert scores.dice["axon"] > 0.98
    assert scores.instance_f1["axon"] < 0.7


def test_planes_of_a_stack_are_not_joined():
    stack = np.zeros((2, 4, 4), bool)
    stack[:, 1:3, 1:3] = True
    assert instance_f1(stack, stack) == 1
    half = stack.copy()
    half[1] = False
    assert instance_f1(half, stack) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("shape", "classes", "words"), [((3, 5), CLASSES, "must match"), ((3, 4), {}, "at least one class")]
)
def test_bad_input_is_one_sentence(shape, classes, words):
    with pytest.raises(InputError, match=words):
        evaluate(np.zeros(shape, int), np.zeros((3, 4), int), classes)

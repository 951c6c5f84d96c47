"""Scores of label images: bounds, symmetry, and hand-counted cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.matching import Detection, detection, matches
from napari_pseudolabel.labels.metrics import evaluate

CLASSES = {"myelin": 1, "axon": 2}
planes = arrays(np.uint8, (7, 9), elements=st.integers(0, 2))
numbered = arrays(np.int32, (6, 7), elements=st.integers(0, 5))
PIXELS = ("dice", "iou")
OBJECTS = ("f1", "precision", "recall", "sq", "pq")


def counts(found):
    """Matched, predicted and real objects, of one class or of each."""
    if isinstance(found, dict):
        return {name: counts(one) for name, one in found.items()}
    return tuple(found.counts.values())


def f1(prediction, reference, name="x"):
    return evaluate(prediction.astype(np.uint8), reference.astype(np.uint8), {name: 1}).objects[name].f1


@settings(deadline=None)
@given(planes, planes)
def test_scores_are_bounded_symmetric_and_consistent(a, b):
    one, two = evaluate(a, b, CLASSES), evaluate(b, a, CLASSES)
    for score in PIXELS:
        assert getattr(one, score) == pytest.approx(getattr(two, score))
        assert all(0 <= value <= 1 for value in getattr(one, score).values())
    assert list(one.objects) == ["myelin", "axon", "fibre"]
    for name, found in one.objects.items():
        other = two.objects[name]
        assert (found.precision, found.recall, found.f1) == (other.recall, other.precision, other.f1)
        assert all(0 <= getattr(found, measure) <= 1 for measure in OBJECTS)
    for name in CLASSES:
        assert one.dice[name] == pytest.approx(2 * one.iou[name] / (1 + one.iou[name]))


@settings(deadline=None)
@given(planes)
def test_an_image_agrees_with_itself(a):
    same = evaluate(a, a, CLASSES)
    assert all(value == 1 for score in PIXELS for value in getattr(same, score).values())
    assert all(getattr(found, measure) == 1 for found in same.objects.values() for measure in OBJECTS)


@settings(deadline=None)
@given(planes, planes)
def test_flips_and_renumbered_classes_change_nothing(a, b):
    plain = evaluate(a, b, CLASSES)
    flipped = evaluate(a[:, ::-1], b[:, ::-1], CLASSES)
    # Myelin that is as near to one axon as to another goes to the first one, and which that is a flip changes.
    assert (flipped.dice, flipped.iou, counts(flipped.objects["axon"])) == (
        plain.dice,
        plain.iou,
        counts(plain.objects["axon"]),
    )
    renumber = np.array([0, 5, 3], np.uint8)
    assert evaluate(renumber[a], renumber[b], {"myelin": 5, "axon": 3}) == plain


def test_hand_counted_overlap():
    a, b = np.zeros((2, 4, 6), np.uint8)
    a[1, 0:4], b[1, 1:5] = 1, 1
    scores = evaluate(a, b, {"x": 1})
    assert scores.dice["x"] == pytest.approx(6 / 8)
    assert scores.iou["x"] == pytest.approx(3 / 5)
    assert counts(scores.objects["x"]) == (1, 1, 1)


def test_an_absent_class_scores_one_and_a_one_sided_class_zero():
    empty, full = np.zeros((4, 4), np.uint8), np.ones((4, 4), np.uint8)
    assert evaluate(empty, empty, {"x": 1}).dice["x"] == 1
    for pair in ((empty, full), (full, empty)):
        scores = evaluate(*pair, {"x": 1})
        assert [getattr(scores, score)["x"] for score in PIXELS] == [0, 0]
        assert [getattr(scores.objects["x"], measure) for measure in OBJECTS] == [0] * 5


def test_one_object_cannot_match_twice():
    reference = np.zeros((4, 20), bool)
    reference[1:3, 0:8] = True
    split = reference.copy()
    split[:, 3] = False  # 3 and 4 columns of 8: IoU 3/8 and 4/8
    assert f1(split, reference) == pytest.approx(2 * 1 / (2 + 1))


def test_merged_neighbours_cost_more_in_objects_than_in_pixels():
    reference = np.zeros((6, 21), np.uint8)
    reference[1:5, 1:10] = reference[1:5, 11:20] = 2
    merged = reference.copy()
    merged[3, 10] = 2
    scores = evaluate(merged, reference, CLASSES)
    assert scores.dice["axon"] > 0.98
    assert scores.objects["axon"].f1 < 0.7


def test_planes_of_a_stack_are_not_joined():
    stack = np.zeros((2, 4, 4), bool)
    stack[:, 1:3, 1:3] = True
    assert f1(stack, stack) == 1
    half = stack.copy()
    half[1] = False
    assert f1(half, stack) == pytest.approx(2 / 3)


def two_fibres():
    """Two axons of 4 x 4 in sheaths that touch, and a sheath that has lost its axon."""
    plane = np.zeros((14, 40), np.uint8)
    plane[3:11, 2:18] = 1
    for left in (4, 12):
        plane[5:9, left : left + 4] = 2
    plane[3:11, 25:33] = 1
    return plane


def test_sheaths_that_touch_are_one_for_every_axon_and_fibres_have_an_axon():
    plane = two_fibres()
    same = evaluate(plane, plane, CLASSES).objects
    assert counts(same) == {"myelin": (3, 3, 3), "axon": (2, 2, 2), "fibre": (2, 2, 2)}
    without = plane.copy()
    without[5:9, 4:8] = 1
    found = evaluate(without, plane, CLASSES).objects
    # What is left is one fibre of both sheaths, of which the real one is exactly half.
    assert counts(found["axon"]) == (1, 1, 2)
    assert counts(found["fibre"]) == (1, 1, 2)
    without[4, 2] = without[4, 1] = 1
    assert counts(evaluate(without, plane, CLASSES).objects["fibre"]) == (0, 1, 2)
    assert (found["axon"].precision, found["axon"].recall, found["axon"].f1) == (1, 0.5, pytest.approx(2 / 3))


def test_nuclei_that_touch_are_divided_and_told_ones_are_taken_as_they_are():
    y, x = np.mgrid[:40, :60]
    left, right = ((y - 20) ** 2 + (x - middle) ** 2 < 144 for middle in (20, 40))
    plane = (left | right).astype(np.uint8)
    assert counts(evaluate(plane, plane, {"nucleus": 1}).objects["nucleus"]) == (2, 2, 2)
    assert counts(evaluate(plane, plane, {"other": 1}).objects["other"]) == (1, 1, 1)
    told = np.where(left, 7, np.where(right, 9000, 0))
    found = evaluate(plane, plane, {"other": 1}, instances=(None, told)).objects["other"]
    assert (found.predicted, found.real) == (1, 2)
    assert counts(evaluate(plane, plane, {"other": 1}, instances=(told, told)).objects["other"]) == (2, 2, 2)


@settings(deadline=None)
@given(numbered, numbered, st.sampled_from([0.2, 0.3, 0.5]))
def test_matches_are_one_to_one_and_the_best_that_there_are(one, other, least):
    found = matches(one, other, least)
    table = np.zeros((6, 6))
    for a in range(1, 6):
        for b in range(1, 6):
            either = ((one == a) | (other == b)).sum()
            table[a, b] = ((one == a) & (other == b)).sum() / either if either else 0
    assert len(set(found[:, 0].tolist())) == len(set(found[:, 1].tolist())) == len(found)
    assert all(table[a, b] >= least for a, b in found)
    good = np.where(table >= least, table, 0)
    rows, columns = linear_sum_assignment(good, maximize=True)
    assert table[tuple(found.T)].sum() == pytest.approx(good[rows, columns].sum())
    assert detection(one, other, least).matched == len(found)


def test_counts_of_images_are_added_up():
    both = Detection(1, 2, 4, 0.8, (1, 1, 1, 1, 0)) + Detection(2, 2, 2, 1.4, (2, 1, 1, 0, 0))
    assert both == Detection(3, 4, 6, pytest.approx(2.2), (3, 2, 2, 1, 0))
    assert (both.sq, both.pq) == pytest.approx((2.2 / 3, 2.2 / 3 * 0.6))
    assert both.ap == pytest.approx({0.5: 3 / 7, 0.6: 2 / 8, 0.7: 2 / 8, 0.8: 1 / 9, 0.9: 0})
    assert [getattr(Detection(), measure) for measure in OBJECTS] == [1] * 5
    assert set(Detection().ap.values()) == {1}
    assert [getattr(Detection(0, 1, 2), measure) for measure in OBJECTS] == [0] * 5


def test_close_objects_count_at_high_ious_and_shifted_ones_do_not():
    reference = np.zeros((12, 60), np.int32)
    prediction = reference.copy()
    for number, shift in enumerate((0, 1, 2, 5), start=1):  # of ten columns: IoU 1, 9/11, 8/12, 5/15
        reference[1:11, 15 * number - 15 : 15 * number - 5] = number
        prediction[1:11, 15 * number - 15 + shift : 15 * number - 5 + shift] = number
    found = detection(prediction, reference)
    assert found.closer == (3, 3, 2, 2, 1)
    assert found.sq == pytest.approx((1 + 9 / 11 + 8 / 12) / 3)
    assert found.pq == pytest.approx(found.sq * 3 / 4)
    assert found.ap == pytest.approx({0.5: 3 / 5, 0.6: 3 / 5, 0.7: 2 / 6, 0.8: 2 / 6, 0.9: 1 / 7})


@pytest.mark.parametrize(
    ("shape", "classes", "words"), [((3, 5), CLASSES, "must match"), ((3, 4), {}, "at least one class")]
)
def test_bad_input_is_one_sentence(shape, classes, words):
    with pytest.raises(InputError, match=words):
        evaluate(np.zeros(shape, int), np.zeros((3, 4), int), classes)

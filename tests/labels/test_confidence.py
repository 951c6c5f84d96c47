"""Confidence per pixel and agreement of samples."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_pseudolabel.labels.confidence import agreement, background, class_confidence, mean_dice
from napari_pseudolabel.models.cards import LabelClass

WITH_BACKGROUND = tuple(LabelClass(name=str(v), value=v) for v in range(3))
REGIONS = WITH_BACKGROUND[1:]
planes = arrays(np.uint8, (5, 6), elements=st.integers(0, 2))


def test_confidence_is_the_probability_of_the_chosen_class():
    probabilities = np.array([0.2, 0.7, 0.1], np.float32)[:, None, None]
    assert class_confidence(probabilities, WITH_BACKGROUND) == pytest.approx(0.7)


def test_the_least_certain_region_decides():
    probabilities = np.array([0.05, 0.6], np.float32)[:, None, None]
    assert class_confidence(probabilities, REGIONS) == pytest.approx(0.6)


def test_nothing_is_the_background_or_no_region():
    probabilities = np.array([0.2, 0.7, 0.1], np.float32)[:, None, None]
    assert background(probabilities, WITH_BACKGROUND) == pytest.approx(0.2)
    assert background(probabilities, WITH_BACKGROUND[::-1]) == pytest.approx(0.1)
    assert background(np.array([0.05, 0.6], np.float32)[:, None, None], REGIONS) == pytest.approx(0.4)


@settings(deadline=None)
@given(arrays(np.float32, (2, 4, 5), elements=st.floats(0, 1, width=32)))
def test_region_confidence_is_bounded(probabilities):
    confidence = class_confidence(probabilities, REGIONS)
    assert confidence.shape == (4, 5)
    assert ((confidence >= 0.5) & (confidence <= 1)).all()


@settings(deadline=None)
@given(st.lists(planes, min_size=2, max_size=3))
def test_agreement_is_bounded_and_does_not_depend_on_the_order(samples):
    scores = [agreement(order) for order in permutations(samples)]
    assert all(0 <= score <= 1 for score in scores)
    assert scores == pytest.approx([scores[0]] * len(scores))


@given(planes)
def test_equal_samples_agree_fully(sample):
    assert agreement([sample, sample.copy(), sample.copy()]) == 1


def test_agreement_of_hand_counted_samples():
    a, b = np.zeros((2, 1, 4), np.uint8)
    a[0, :2], b[0, 1:3] = 1, 1
    assert agreement([a, b]) == pytest.approx(0.5)
    assert agreement([a]) is None
    a, b = np.zeros((2, 2, 4), np.uint8)
    a[0, :2], b[0, 1:3] = 1, 1
    a[1], b[1] = 2, 2
    assert agreement([a, b]) == pytest.approx((0.5 + 1) / 2)
    assert agreement([a * 0, b * 0]) == 1


@given(planes, planes)
def test_dice_of_a_region(predicted, corrected):
    found = mean_dice(predicted, corrected)
    assert 0 <= found <= 1
    assert found == mean_dice(corrected, predicted)
    assert mean_dice(predicted, predicted) == 1


def test_dice_of_a_region_by_hand():
    one, other = np.zeros((2, 4, 4), np.uint8)
    one[0], other[0, :2] = 1, 1
    other[1] = 2
    assert mean_dice(one, other) == pytest.approx((2 * 2 / 6 + 0) / 2)
    assert mean_dice(np.zeros((2, 2)), np.zeros((2, 2))) == 1

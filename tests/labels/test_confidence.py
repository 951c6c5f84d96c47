"""Confidence per pixel and agreement of samples."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_pseudolabel.labels.confidence import (
    agreement,
    background,
    class_confidence,
    fitted_temperature,
    mean_dice,
    tempered,
)
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


chances = arrays(np.float32, (3, 4, 5), elements=st.floats(0, 1, width=32))


@settings(deadline=None)
@given(chances, st.floats(0.2, 5))
def test_a_temperature_keeps_the_order_of_classes(raw, temperature):
    softmax = (raw + np.float32(0.01)) / (raw + np.float32(0.01)).sum(axis=0)
    found = tempered(softmax, WITH_BACKGROUND, temperature)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
    chosen = softmax.argmax(axis=0)[None]
    np.testing.assert_allclose(np.take_along_axis(found, chosen, 0)[0], found.max(axis=0), atol=1e-6)


@settings(deadline=None)
@given(chances, st.floats(0.2, 5))
def test_a_temperature_keeps_the_side_of_every_region(raw, temperature):
    found = tempered(raw, REGIONS, temperature)
    clear = abs(raw - 0.5) > 1e-3
    assert ((found > 0.5) == (raw > 0.5))[clear].all()


@pytest.mark.parametrize("classes", [WITH_BACKGROUND, REGIONS])
def test_a_temperature_of_one_changes_nothing(classes):
    raw = np.random.default_rng(0).random((3, 4, 5)).astype(np.float32)
    np.testing.assert_array_equal(tempered(raw, classes, 1.0), raw)


def test_heat_makes_less_sure_and_cold_surer():
    sure = np.array([0.9, 0.1], np.float32)[:, None, None]
    two = WITH_BACKGROUND[:2]
    assert tempered(sure, two, 2.0)[0] == pytest.approx(0.75)
    assert tempered(sure, two, 0.5)[0] == pytest.approx(81 / 82)
    assert tempered(sure[:1], REGIONS, 2.0)[0] == pytest.approx(0.75)


def test_certainty_stays_a_number():
    sure = np.array([1, 0, 0], np.float32)[:, None, None]
    assert np.isfinite(tempered(sure, WITH_BACKGROUND, 3.0)).all()


@pytest.mark.parametrize("temperature", [0.6, 1.0, 1.7])
def test_the_temperature_of_made_up_answers_is_found(temperature):
    """Whoever draws the truth by probabilities that are then divided gets the divisor back."""
    random = np.random.default_rng(1)
    logits = random.normal(0, 2, (3, 200, 200))
    right = np.exp(logits) / np.exp(logits).sum(axis=0)
    truth = (random.random((200, 200)) > right.cumsum(axis=0)).sum(axis=0)
    said = np.exp(logits * temperature) / np.exp(logits * temperature).sum(axis=0)
    found = fitted_temperature([said.astype(np.float32)], [truth])
    assert found == pytest.approx(temperature, rel=0.05)


def test_what_nobody_knows_does_not_count_for_the_temperature():
    said = np.full((2, 6, 6), 0.5, np.float32)
    assert fitted_temperature([said], [np.full((6, 6), -1)]) == 1
    assert fitted_temperature([], []) == 1

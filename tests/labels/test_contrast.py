"""What labelled images tell about their modality, and values about what they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pseudolabel.labels.class_values import are_numbers, listed
from napari_pseudolabel.labels.contrast import contrast, turned_around

LABELS = np.repeat([0, 1, 2], 300).reshape(30, 30).astype(np.uint8)


def picture(levels, seed=0, noise=0.05):
    rng = np.random.default_rng(seed)
    return (np.asarray(levels)[LABELS] + rng.normal(0, noise, LABELS.shape)).astype(np.float32)


def test_the_brighter_class_of_each_pair_is_found():
    found = contrast([picture([0.2, 0.8, 0.2]), picture([0.3, 0.9, 0.3], 1)], [LABELS, LABELS])
    assert found[0, 1] < 0.01
    assert found[1, 2] > 0.99
    assert found[0, 2] == pytest.approx(0.5, abs=0.1)


def test_inverted_images_are_turned_around_and_others_are_not():
    bright = contrast([picture([0.4, 0.9, 0.2])], [LABELS])
    alike = contrast([picture([0.5, 0.7, 0.3], 3)], [LABELS])
    dark = contrast([picture([0.6, 0.1, 0.8], 4)], [LABELS])
    grey = contrast([picture([0.5, 0.5, 0.5], 5)], [LABELS])
    assert turned_around(bright, alike) == ()
    assert turned_around(bright, bright) == ()
    assert set(turned_around(bright, dark)) == {(1, 0), (0, 2), (1, 2)}
    assert turned_around(bright, grey) is None
    assert turned_around(bright, {}) is None


@settings(max_examples=20, deadline=None)
@given(st.permutations([0.2, 0.5, 0.8]), st.floats(0.2, 3), st.integers(0, 5))
def test_brightness_and_gamma_are_no_other_modality(levels, gamma, seed):
    image = picture(levels, seed).clip(0, 1)
    assert turned_around(contrast([image], [LABELS]), contrast([image**gamma], [LABELS])) == ()
    assert turned_around(contrast([image], [LABELS]), contrast([1 - image], [LABELS]))


def objects(number, step=6):
    labels = np.zeros((step * number, 3 * step), int)
    for one in range(number):
        labels[one * step : one * step + step - 2, 1:5] = one + 1
    return labels


def test_numbers_of_objects_are_not_classes():
    assert are_numbers(objects(12))
    assert are_numbers(np.stack([objects(12), objects(12)[::-1]]))
    assert are_numbers(objects(40) * 1000)
    tiling = np.arange(16).reshape(4, 4).repeat(5, 0).repeat(5, 1)
    assert are_numbers(tiling)
    assert are_numbers(tiling + 1)  # no background
    for classes in (objects(40) % 3, objects(40) > 0, objects(60) % 15, np.zeros((5, 5), int), objects(3)):
        assert not are_numbers(np.asarray(classes, int))


def test_values_are_listed():
    assert listed([2, 0, 1, 1]) == "0, 1 and 2"
    assert listed([5]) == "5"
    assert listed([]) == ""
    assert listed(range(11)) == "0, 1, 2, 3, 4, 5, 6, 7 and 3 more"

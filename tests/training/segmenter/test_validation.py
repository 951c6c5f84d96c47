"""Validation: cut into parts without losing or doubling a pixel, and scored as one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.segmenter.validation import score, windows

CLASSES = {"a": 1, "b": 7}


def plane(shape, seed, mask=None):
    rng = np.random.default_rng(seed)
    labels = rng.choice(np.array([0, 1, 7], np.uint8), shape)
    # The image holds where each pixel is, so that it is found again in a part.
    image = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    return LabelledPlane("p", image, labels, mask)


boxes = st.lists(st.tuples(*[st.integers(0, 400)] * 2, *[st.integers(1, 90)] * 2), min_size=1, max_size=5)


@given(
    shape=st.tuples(*[st.integers(20, 400)] * 2), boxes=boxes, least=st.integers(1, 200), seed=st.integers(0)
)
def test_every_counted_pixel_is_in_one_part(shape, boxes, least, seed):
    mask = np.zeros(shape, np.float32)
    for y, x, height, width in boxes:
        mask[y % shape[0] :, x % shape[1] :][:height, :width] = 1
    whole = plane(shape, seed % 2**32, mask)
    seen = np.zeros(shape, int)
    for part in windows(whole, least):
        assert part.image.shape == part.labels.shape == part.weight.shape
        assert all(n >= min(least, m) for n, m in zip(part.image.shape, shape, strict=True))
        positions = part.image[part.weight > 0].astype(int)
        np.testing.assert_array_equal(part.labels[part.weight > 0], whole.labels.ravel()[positions])
        np.add.at(seen.ravel(), positions, 1)
    np.testing.assert_array_equal(seen, mask > 0)


def test_far_regions_are_cut_out_and_the_rest_is_not_computed():
    mask = np.zeros((2000, 2000), np.float32)
    mask[100:200, 100:200] = mask[1500:1600, 1700:1800] = 1
    parts = windows(plane((2000, 2000), 0, mask), 256)
    assert len(parts) == 2
    assert all(max(part.image.shape) <= 256 for part in parts)
    unweighted = plane((40, 40), 0)
    assert windows(unweighted, 256) == [unweighted]


def test_dice_is_taken_over_all_counted_pixels_together():
    truth = np.array([[1, 1, 1, 1, 7, 7, 0, 0]], np.uint8)
    found = {0.0: np.array([[1, 1, 0, 0, 7, 0, 0, 1]], np.uint8), 1.0: np.full((1, 8), 7, np.uint8)}
    planes = [
        LabelledPlane("one", np.zeros((1, 8), np.float32), truth),
        LabelledPlane("two", np.ones((1, 8), np.float32), truth, (truth == 7).astype(np.float32)),
    ]
    got = score(planes, lambda image: found[float(image[0, 0])], CLASSES, step=3)
    assert got.step == 3
    assert got.per_class == pytest.approx({"a": 2 * 2 / (3 + 4), "b": 2 * (1 + 2) / (1 + 2 + 2 + 2)})
    assert got.mean == pytest.approx(np.mean(list(got.per_class.values())))


def test_a_class_that_the_pixels_do_not_hold_is_left_out():
    one = LabelledPlane("one", np.zeros((1, 4), np.float32), np.array([[1, 1, 0, 0]], np.uint8))
    got = score([one], lambda image: np.array([[1, 0, 7, 7]], np.uint8), CLASSES, step=0)
    assert got.per_class == pytest.approx({"a": 2 / 3})
    assert got.mean == pytest.approx(2 / 3)
    assert got.f1 == {"a": 1}


def test_objects_are_counted_where_pixels_count():
    """An axon that is missed, one that is made up, and whatever nobody has confirmed, which counts for nothing."""
    truth, found = np.zeros((2, 20, 60), np.uint8)
    for left in (3, 18, 43):
        truth[4:14, left : left + 10], truth[6:12, left + 2 : left + 8] = 1, 2
    found[:] = truth
    found[4:14, 18:28] = 0
    found[1:3, 32:34] = 2
    counted = np.zeros(truth.shape, np.float32)
    counted[:, :40] = 1
    classes = {"myelin": 1, "axon": 2}
    weighted = LabelledPlane("one", np.zeros(truth.shape, np.float32), truth, counted)
    assert score([weighted], lambda image: found, classes, 0).f1 == {"axon": 0.5, "fibre": 0.5}
    whole = replace(weighted, weight=None)
    got = score([whole, weighted], lambda image: found, classes, 0)
    # Two of three and one of two are there, one is made up each time.
    assert got.f1 == pytest.approx({"axon": 6 / 10, "fibre": 6 / 10})
    assert got.mean_f1 == pytest.approx(0.6)

"""Objects that touch are told apart by how large one usually is, by their shape, and by where models doubt."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage as ndi

from napari_pseudolabel.labels.objects.parting import LEAST_SURE, apart, parted

SHAPE = (90, 120)


def discs(*places, shape=SHAPE):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.any([(y - cy) ** 2 + (x - cx) ** 2 <= r**2 for cy, cx, r in places], axis=0)


def sureness(mask, inside=0.99):
    return np.where(mask, inside, 0.02)


def count(mask, size, sure=None):
    found = parted(mask, sureness(mask) if sure is None else sure, size)
    assert ((found > 0) == mask).all()
    numbers = np.unique(found)
    np.testing.assert_array_equal(numbers, np.arange(len(numbers)) + (0 if 0 in numbers else 1))
    return int(found.max(initial=0))


PAIR = (45, 45, 12), (45, 65, 12)


def test_what_is_alone_is_one_and_what_touches_is_told_apart():
    assert count(discs((45, 60, 12)), 24) == 1
    assert count(discs(*PAIR), 24) == 2
    assert count(discs(*PAIR, (24, 56, 12)), 24) == 3
    assert count(np.zeros(SHAPE, bool), 24) == 0


def test_how_large_one_usually_is_decides_where_the_shape_does_not():
    """The same pixels are one object of twice the width, or two."""
    mask = discs((45, 50, 14), (45, 62, 14))
    assert count(mask, 34) == 1
    assert count(mask, 17) == 2


def test_a_line_that_models_doubt_divides_what_has_the_shape_of_one():
    mask = discs((45, 60, 16))
    sure = sureness(mask)
    sure[:, 59:62] = np.where(mask[:, 59:62], 0.6, 0.02)
    assert count(mask, 22) == 1
    assert count(mask, 22, sure) == 2


@pytest.mark.parametrize("times", [1, 2, 3])
def test_the_same_is_found_however_large_pixels_are(times):
    mask = discs(*PAIR, (20, 100, 10), (22, 82, 10)).repeat(times, 0).repeat(times, 1)
    assert count(mask, 24 * times) == 4


def test_lines_keep_objects_apart_and_hardly_cost_pixels():
    mask = discs(*PAIR)
    lined, unsure = apart(mask, sureness(mask), 24)
    assert ndi.label(lined, np.ones((3, 3)))[1] == 2
    assert not (lined & ~mask).any()
    assert (mask & ~lined).sum() <= 24
    assert not unsure.any()


def test_objects_that_are_hardly_believed_in_are_named():
    mask, alone = discs(*PAIR), discs((15, 100, 12))
    sure = sureness(mask)
    sure[alone] = LEAST_SURE - 0.05
    _, unsure = apart(mask | alone, sure, 24)
    np.testing.assert_array_equal(unsure, alone)


def test_what_may_go_on_beyond_the_array_is_spared():
    mask = discs((0, 60, 12))
    sure = sureness(mask, LEAST_SURE - 0.05)
    assert not apart(mask, sure, 24)[1].any()
    assert apart(mask, sure, 24, goes_on=(False, True, True, True))[1].any()


def test_a_part_is_told_apart_as_in_the_whole():
    rng = np.random.default_rng(3)
    places = [(*rng.uniform(0, 400, 2), rng.uniform(8, 14)) for _ in range(260)]
    mask = discs(*places, shape=(400, 400))
    sure = np.clip(
        ndi.gaussian_filter(np.where(mask, 0.99, 0.02), 1) - rng.uniform(0, 0.1, mask.shape), 0.01, 0.99
    )
    whole, _ = apart(mask, sure, 22)
    around = round(2.5 * 22)
    for y, x in ((120, 60), (200, 220), (0, 300)):
        outer = (
            slice(max(y - around, 0), y + 90 + around),
            slice(max(x - around, 0), min(x + 90 + around, 400)),
        )
        part, _ = apart(mask[outer], sure[outer], 22)
        inner = part[y - outer[0].start :, x - outer[1].start :][:90, :90]
        assert (inner != whole[y : y + 90, x : x + 90]).mean() <= 2e-3
    assert (mask & ~whole).sum() > 500

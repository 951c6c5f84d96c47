"""A temperature that is fitted on what a person confirmed, and held to the usual one."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pseudolabel.labels.refitting import ConfidenceFit, ConfirmedRegion, refitted


def region(true_temperature, number, side=64, given=1.0):
    """Labels that are as often right as their odds say at another temperature."""
    rng = np.random.default_rng(number)
    odds = rng.normal(2, 1.5, side * side)
    right = rng.random(odds.size) < 1 / (1 + np.exp(-odds / true_temperature))
    sure = 1 / (1 + np.exp(-odds / given))
    return ConfirmedRegion.of(((), (0, number, side, number + side)), "m", sure, right, given)


def test_many_regions_tell_the_temperature_whatever_the_run_had_before():
    for before in (1.0, 1.7):
        found = refitted([region(2.0, number, given=before) for number in range(60)], 1.0)
        assert found.temperature == pytest.approx(2.0, rel=0.15)
        assert (found.usual, found.regions, found.pixels) == (1.0, 60, 60 * 64 * 64)


def test_a_few_regions_are_held_to_the_usual_temperature():
    few, more = (refitted([region(2.0, number) for number in range(count)], 1.0) for count in (3, 12))
    assert 1 < few.temperature < more.temperature < 2


def test_other_images_count_by_their_number_and_the_own_regions_more():
    own, other, more = (
        [replace(region(2.0, number), image=name.format(number)) for number in range(count)]
        for name, count in (("a", 6), ("b{}", 6), ("b{}", 9))
    )
    first, six, nine = (refitted(given, 1.0, image="a") for given in (own, other, more))
    assert 1 < six.temperature < nine.temperature < first.temperature < 2
    assert (first.images, six.images, nine.images) == (1, 6, 9)
    both = refitted([*own, *other], 1.0, image="a")
    assert both.temperature > first.temperature
    assert (both.regions, both.images) == (12, 7)


def test_fewer_than_six_other_images_or_such_as_disagree_move_nothing():
    few = [replace(region(2.0, number), image=f"b{number % 5}") for number in range(20)]
    assert refitted(few, 1.0, image="a") == ConfidenceFit(1.0, 1.0)
    apart, alike = (
        refitted([replace(region(heat, n), image=f"b{n}") for n, heat in enumerate(heats)], 1.0, image="a")
        for heats in ((0.5, 2.0) * 6, (2.0,) * 12)
    )
    assert abs(apart.temperature - 1) < 0.1 * (alike.temperature - 1)


@pytest.mark.parametrize("regions", [[], [region(2.0, 0)] * 2, [region(2.0, 0, side=16)] * 5])
def test_too_little_fits_nothing(regions):
    assert refitted(regions, 1.3) == ConfidenceFit(1.3, 1.3)


@settings(max_examples=20)
@given(share=st.floats(0, 1), usual=st.floats(0.3, 4))
def test_whatever_is_confirmed_the_temperature_stays_within_a_third_and_three_times(share, usual):
    right = np.arange(4096) < share * 4096
    one = ConfirmedRegion.of(((), (0, 0, 64, 64)), "m", np.full(4096, 0.9), right, 1.0)
    found = refitted([one] * 4, usual)
    assert usual / 3.01 < found.temperature < usual * 3.01

"""A shifted translation is measured, whatever its contrast."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.ndimage import shift as moved

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.registration import shift


def blobs(height, width, seed=0):
    noise = np.random.default_rng(seed).normal(size=(height, width))
    return (gaussian_filter(noise, 5) > 0).astype(float)


def translated(plane, dy, dx, seed=0):
    """Inverted, softened, shaded, noisy, shifted."""
    noise = np.random.default_rng(seed + 1).normal(scale=0.15, size=plane.shape)
    shading = np.linspace(0, 0.5, plane.shape[1])
    return gaussian_filter(1 - moved(plane, (dy, dx), order=1, mode="reflect"), 1) * 0.6 + shading + noise


@given(st.floats(-6, 6), st.floats(-6, 6), st.integers(0, 20))
@settings(max_examples=25, deadline=None)
def test_the_shift_of_an_inverted_noisy_copy_is_found(dy, dx, seed):
    plane = blobs(180, 220, seed)
    assert shift(plane, translated(plane, dy, dx, seed)) == pytest.approx((dy, dx), abs=0.35)


def test_no_shift_is_no_shift_on_small_and_large_planes():
    for shape in [(64, 64), (1200, 1100)]:
        plane = blobs(*shape)
        assert shift(plane, translated(plane, 0, 0)) == pytest.approx((0, 0), abs=0.2)


def test_constant_planes_have_no_shift():
    assert shift(np.zeros((50, 50)), blobs(50, 50)) == (0, 0)
    assert shift(blobs(50, 50), np.ones((50, 50))) == (0, 0)


def test_tiny_planes_do_not_fail():
    assert shift(np.array([[1.0]]), np.array([[2.0]])) == (0, 0)


def test_planes_of_different_sizes_are_refused():
    with pytest.raises(InputError, match="same size"):
        shift(np.zeros((5, 5)), np.zeros((5, 6)))

"""The measures tell real agreement from what only looks like it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from napari_pseudolabel.training.translator.translation_measures import (
    Crossing,
    contrast,
    cutoff,
    edge_agreement,
    look,
    low_pass,
    measure,
    probed,
    sharpness,
)

SIDE = 48


def structures(seed: int, count: int = 3) -> np.ndarray:
    """Smooth random images that fill [0, 1]."""
    noise = np.random.default_rng(seed).standard_normal((count, SIDE, SIDE))
    smooth = gaussian_filter(noise, (0, 3, 3))
    low, high = smooth.min(), smooth.max()
    return ((smooth - low) / (high - low)).astype(np.float32)


@given(keep=st.floats(0.05, 1.0), height=st.integers(4, 40), width=st.integers(4, 40))
def test_the_low_pass_is_a_projection_in_the_cosine_basis(keep, height, width):
    image = np.random.default_rng(height * 100 + width).random((2, height, width)).astype(np.float32)

    def basis(n):
        k, x = np.mgrid[:n, :n]
        matrix = np.sqrt(2 / n) * np.cos(np.pi * (x + 0.5) * k / n)
        matrix[0] /= np.sqrt(2)
        return matrix

    rows, columns = basis(height), basis(width)
    mask = np.outer(np.arange(height) < np.ceil(keep * height), np.arange(width) < np.ceil(keep * width))
    expected = rows.T @ (mask * (rows @ image.astype(np.float64) @ columns.T)) @ columns
    filtered = low_pass(image, keep)
    np.testing.assert_allclose(filtered, expected, atol=1e-5)
    np.testing.assert_allclose(low_pass(filtered, keep), filtered, atol=1e-5)
    assert filtered.dtype == np.float32


def test_the_cutoff_follows_the_size_of_the_structures_within_its_limits():
    noise = np.random.default_rng(0).standard_normal((3, SIDE, SIDE)).astype(np.float32)
    found = [cutoff(low_pass(noise, keep)) for keep in (0.25, 0.4)]
    assert found == pytest.approx([0.25, 0.4], abs=1.01 / SIDE)
    assert cutoff(noise) == 0.5
    assert cutoff(np.ones((1, SIDE, SIDE), np.float32)) == 0.1


def test_content_does_not_mind_the_contrast_but_minds_other_structures():
    one, other = structures(0), structures(1)
    assert edge_agreement(one, 1 - one) == pytest.approx(1, abs=1e-5)
    assert edge_agreement(one, one**2) > 0.7
    assert abs(edge_agreement(one, other)) < 0.3
    assert edge_agreement(one, np.full_like(one, 0.5)) == 0


def test_contrast_tells_which_way_round():
    one, other = structures(0), structures(1)
    assert contrast(one, one) == pytest.approx(1, abs=1e-5)
    assert contrast(one, 1 - 0.5 * one) == pytest.approx(-1, abs=1e-5)
    assert abs(contrast(one, other)) < 0.4
    assert contrast(one, np.full_like(one, 0.5)) == 0


def test_sharpness_is_one_for_real_images_and_falls_with_blur():
    rng = np.random.default_rng(0)
    real = [np.clip(structures(seed) + 0.05 * rng.standard_normal((3, SIDE, SIDE)), 0, 1) for seed in (0, 1)]
    assert 0.7 < sharpness(real[0], real[1], 0.5) < 1.4
    assert sharpness(gaussian_filter(real[0], (0, 1.5, 1.5)), real[1], 0.5) < 0.2
    assert sharpness(real[0] + 0.1 * rng.standard_normal(real[0].shape), real[1], 0.5) > 2
    assert sharpness(real[0], np.zeros_like(real[0]), 0.5) == float("inf")


def test_look_compares_histograms_and_not_places():
    image = structures(0)
    assert look(image, image[:, ::-1]) == pytest.approx(1)
    assert look(image**4, 1 - image**4) < 0.3


def test_the_probe_keeps_the_structures_and_the_strength_of_the_rest():
    image = np.clip(
        structures(0) * 0.6 + 0.2 + 0.05 * np.random.default_rng(2).standard_normal((3, SIDE, SIDE)), 0, 1
    )
    image = image.astype(np.float32)
    changed = probed(image, 0.25, seed=3)
    np.testing.assert_array_equal(changed, probed(image, 0.25, seed=3))
    assert np.abs(low_pass(changed, 0.25) - low_pass(image, 0.25)).mean() < 0.02
    rest = [(x - low_pass(x, 0.25)).std() for x in (changed, image)]
    assert rest[0] == pytest.approx(rest[1], rel=0.15)
    assert np.corrcoef((changed - image).ravel(), (image - low_pass(image, 0.25)).ravel())[0, 1] < -0.3


# Two ways to be translated back perfectly: by inverting, and by a copy hidden in a faint checkerboard.
CHECKER = np.where(np.indices((SIDE, SIDE)).sum(axis=0) % 2, 1, -1).astype(np.float32)
FAINT = np.float32(0.03)


def hide(image, seed):
    return (structures(seed) * 0.8 + 0.1 + FAINT * CHECKER * (2 * image - 1)).astype(np.float32)


def reveal(image):
    return np.clip((low_pass(image * CHECKER, 0.3) / FAINT + 1) / 2, 0, 1)


def crossing(real, wanted, there, back):
    made = there(real)
    return Crossing(real, made, back(made), back(probed(made, 0.4, seed=0)), wanted)


def test_a_hidden_copy_is_found_although_the_way_back_is_perfect():
    real, wanted = structures(0), structures(1)
    honest = measure([crossing(real, wanted, lambda x: 1 - x, lambda y: 1 - y)] * 2, (0.4, 0.4))
    hidden = measure([crossing(real, wanted, lambda x: hide(x, 5), reveal)] * 2, (0.4, 0.4))
    assert honest["cycle"] < 0.01
    assert hidden["cycle"] < 0.03
    assert honest["hidden"] < 0.01
    assert hidden["hidden"] > 0.1
    assert honest["content"] > 0.99
    assert honest["contrast"] < -0.99
    assert abs(hidden["content"]) < 0.3


def test_each_way_is_measured_on_its_own():
    real, wanted = structures(0), structures(1)
    good = crossing(real, wanted, lambda x: 1 - x, lambda y: 1 - y)
    bad = crossing(wanted, real, lambda x: np.full_like(x, 0.5), lambda y: y)
    found = measure([good, bad], (0.4, 0.4))
    assert found["content_source_to_target"] > 0.99
    assert found["content_target_to_source"] == 0
    assert found["content"] == pytest.approx(found["content_source_to_target"] / 2)
    assert found["cycle"] == pytest.approx(
        (found["cycle_source_to_target"] + found["cycle_target_to_source"]) / 2
    )

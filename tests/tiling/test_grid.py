"""Tiles cover every pixel, and their weights add up to one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.tiling import BlendWindow, make_grid
from napari_pseudolabel.tiling.window import raised_cosine


@st.composite
def grids(draw):
    stride = draw(st.sampled_from([1, 2, 4, 8]))
    tile = stride * draw(st.integers(1, 12))
    overlap = draw(st.integers(0, tile // 2))
    return make_grid(draw(st.integers(1, 90)), draw(st.integers(1, 90)), tile, min(overlap, tile - 1), stride)


@given(grids())
@settings(max_examples=200, deadline=None)
def test_weights_are_positive_and_add_up_to_one_at_every_pixel(grid):
    window = BlendWindow.of(grid)
    total = np.zeros(grid.padded_shape)
    h, w = grid.tile
    for number, (y, x) in enumerate(grid.origins - (grid.rows.first, grid.columns.first)):
        weight = window.weight(number).numpy()
        assert weight.shape == grid.tile
        assert weight.min() > 0
        total[y : y + h, x : x + w] += weight
    np.testing.assert_allclose(total, 1, atol=1e-5)


@given(grids())
@settings(max_examples=200, deadline=None)
def test_the_image_lies_within_what_the_tiles_cover(grid):
    for axis in (grid.rows, grid.columns):
        assert axis.first <= 0
        assert axis.first + axis.padded >= axis.length
        assert list(axis.starts) == sorted(set(axis.starts))


@given(st.integers(1, 500), st.integers(1, 8), st.integers(1, 16), st.integers(0, 64))
@settings(max_examples=300, deadline=None)
def test_neighbours_share_the_overlap_and_keep_the_sampling_phase(length, stride, strides, overlap):
    tile = stride * strides
    overlap = min(overlap, tile - 1)
    starts = make_grid(length, 1, tile, overlap, stride).rows.starts
    steps = np.diff(starts)
    assert (tile - steps >= overlap).all()
    if tile - overlap >= stride:
        assert (steps % stride == 0).all()
    fewest = max(-(-(length - overlap) // max((tile - overlap) // stride * stride, 1)), 1)
    assert len(starts) <= fewest or tile - overlap < stride


def test_an_image_of_exactly_one_tile_is_one_tile():
    grid = make_grid(64, 64, 64, 16, 8)
    assert grid.origins.tolist() == [[0, 0]]
    assert grid.padded_shape == (64, 64)


def test_a_small_image_lies_in_the_middle_of_its_tile():
    grid = make_grid(20, 64, 64, 16)
    assert grid.origins.tolist() == [[-22, 0]]


@given(st.integers(1, 20), st.integers(1, 64), st.integers(0, 30))
@settings(max_examples=200, deadline=None)
def test_padding_is_numpys_reflection(length, tile, overlap):
    axis = make_grid(length, 1, tile, min(overlap, tile - 1)).rows
    expected = np.pad(
        np.arange(length),
        (-axis.first, axis.first + axis.padded - length),
        mode="reflect" if length > 1 else "edge",
    )
    np.testing.assert_array_equal(axis.source_indices(), expected)


def test_neighbouring_profiles_add_up_to_one_before_normalisation():
    profile = raised_cosine(16, 6)
    np.testing.assert_allclose(profile[-6:] + profile[:6], 1)
    np.testing.assert_array_equal(profile[6:10], 1)


@pytest.mark.parametrize("arguments", [(0, 5, 4, 0), (5, 5, 0, 0), (5, 5, 4, 4), (5, 5, 4, -1)])
def test_impossible_grids_are_refused(arguments):
    with pytest.raises(InputError):
        make_grid(*arguments)

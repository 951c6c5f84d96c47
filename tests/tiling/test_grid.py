"""Tiles cover every pixel, and their weights add up to one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.tiling import BlendWindow, Grid, make_grid
from napari_pseudolabel.tiling.grid import free_grid, least_free_tile
from napari_pseudolabel.tiling.window import raised_cosine


@st.composite
def grids(draw):
    stride = draw(st.sampled_from([1, 2, 4, 8]))
    tile = stride * draw(st.integers(1, 12))
    overlap = draw(st.integers(0, tile // 2))
    return make_grid(draw(st.integers(1, 90)), draw(st.integers(1, 90)), tile, min(overlap, tile - 1), stride)


@given(grids())
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
def test_the_image_lies_within_what_the_tiles_cover(grid):
    for axis in (grid.rows, grid.columns):
        assert axis.first <= 0
        assert axis.first + axis.padded >= axis.length
        assert list(axis.starts) == sorted(set(axis.starts))


@given(st.integers(1, 500), st.integers(1, 8), st.integers(1, 16), st.integers(0, 64))
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


@given(st.integers(1, 500), st.integers(2, 8), st.integers(2, 16), st.integers(0, 64))
def test_fitted_tiles_are_as_few_and_cover_less(length, stride, strides, overlap):
    tile = stride * strides
    overlap = min(overlap // stride * stride, tile - stride)
    usual = make_grid(length, 1, tile, overlap, stride).rows
    fitted = make_grid(length, 1, tile, overlap, stride, least=2 * stride).rows
    assert fitted.tile <= usual.tile
    assert fitted.tile % stride == 0
    assert len(fitted.starts) <= len(usual.starts)
    assert fitted.starts[0] <= 0
    assert fitted.starts[-1] + fitted.tile >= length
    steps = np.diff(fitted.starts)
    assert (fitted.tile - steps >= overlap).all()
    assert (steps % stride == 0).all()
    # No tile is wider than it takes to cover the axis and half an overlap on either side.
    assert fitted.tile <= max(-(-length // len(usual.starts)) + overlap + stride, 3 * stride)


def test_a_small_image_is_no_large_tile():
    assert make_grid(80, 300, 256, 32, 16, least=64).tile == (112, 192)
    assert make_grid(20, 20, 256, 32, 16, least=64).tile == (64, 64)


@given(
    st.integers(1, 400),
    st.integers(1, 8),
    st.integers(1, 20),
    st.integers(0, 20),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_free_tiles_have_all_that_decides_around_what_they_answer_for(length, stride, cores, reach, ends):
    tile = least_free_tile(reach, stride) + (cores - 1) * stride
    whole = free_grid(length, 1, tile, reach, stride).rows
    low, high = sorted(int(end * (length - 1)) for end in ends)
    span = low, high + 1
    window, part = whole.part(span)
    assert 0 <= window[0] <= span[0]
    assert span[1] <= window[1] <= length
    for axis, first, wanted in ((whole, 0, (0, length)), (part, window[0], span)):
        assert axis.tile <= tile
        assert axis.tile % stride == 0
        profile = BlendWindow.of(Grid(axis, axis)).rows.numpy()
        answered = np.zeros(axis.padded)
        for start, weights in zip(axis.starts, profile, strict=True):
            assert (start + first) % stride == 0
            counted = np.flatnonzero(weights)
            if counted.size:
                assert counted[0] >= reach
                assert axis.tile - 1 - counted[-1] >= reach
            answered[start - axis.first :][: axis.tile] += weights
        inside = answered[wanted[0] - first - axis.first : wanted[1] - first - axis.first]
        np.testing.assert_allclose(inside, 1, atol=1e-6)
    # What lies beyond a window that does not end with the plane is never needed.
    assert part.starts[0] >= 0 or window[0] == 0
    assert part.starts[-1] + part.tile <= part.length or window[1] == length


def test_an_image_of_exactly_one_tile_is_one_tile():
    grid = make_grid(64, 64, 64, 16, 8)
    assert grid.origins.tolist() == [[0, 0]]
    assert grid.padded_shape == (64, 64)


def test_a_small_image_lies_in_the_middle_of_its_tile():
    grid = make_grid(20, 64, 64, 16)
    assert grid.origins.tolist() == [[-22, 0]]


@given(st.integers(1, 20), st.integers(1, 64), st.integers(0, 30))
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

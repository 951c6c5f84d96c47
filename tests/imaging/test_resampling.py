import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import labels_to, resample, resample_part, resample_to

shapes = st.tuples(st.integers(1, 30), st.integers(1, 30))
labels = hnp.arrays(st.sampled_from([np.uint8, np.uint16, np.int64]), shapes, elements=st.integers(0, 250))
probabilities = hnp.arrays(
    np.float32, st.tuples(st.just(3), *[st.integers(2, 12)] * 2), elements=st.floats(0, 1, width=32)
)


@given(labels)
def test_labels_by_one_are_unchanged(array):
    np.testing.assert_array_equal(labels_to(array, array.shape), array)


@given(labels, shapes)
def test_labels_keep_their_type_and_values(array, shape):
    result = labels_to(array, shape)
    assert result.shape == shape
    assert result.dtype == array.dtype
    assert set(np.unique(result)) <= set(np.unique(array))


@given(labels, shapes)
def test_each_label_is_that_of_the_pixel_under_its_centre(array, shape):
    result = labels_to(array, shape)
    for i, j in [(0, 0), (shape[0] // 2, shape[1] // 3), (shape[0] - 1, shape[1] - 1)]:
        row = int((i + 0.5) / shape[0] * array.shape[0] + 1e-9)
        column = int((j + 0.5) / shape[1] * array.shape[1] + 1e-9)
        assert result[i, j] == array[row, column]


@given(labels, st.integers(1, 5), st.integers(1, 5))
def test_labels_enlarged_and_back_are_unchanged(array, rows, columns):
    large = labels_to(array, (array.shape[0] * rows, array.shape[1] * columns))
    np.testing.assert_array_equal(large, np.kron(array, np.ones((rows, columns), array.dtype)))
    np.testing.assert_array_equal(labels_to(large, array.shape), array)


@given(labels, shapes)
def test_labels_are_treated_alike_from_both_sides_when_they_grow(array, shape):
    grown = tuple(n * (2 * k + 1) for n, k in zip(array.shape, shape, strict=True))[:2]
    np.testing.assert_array_equal(labels_to(array[::-1, ::-1], grown), labels_to(array, grown)[::-1, ::-1])


def test_stacks_of_labels_are_resampled_plane_by_plane():
    stack = np.random.default_rng(0).integers(0, 5, (2, 3, 8, 9))
    result = labels_to(stack, (4, 20))
    assert result.shape == (2, 3, 4, 20)
    np.testing.assert_array_equal(result[1, 2], labels_to(stack[1, 2], (4, 20)))


@given(st.floats(0.05, 8), shapes)
def test_shape_follows_the_factor(factor, shape):
    result = resample(np.zeros(shape, np.uint8), factor)
    assert result.shape == tuple(max(1, round(n * factor)) for n in shape)
    assert result.dtype == np.float32


@given(probabilities, shapes)
def test_probabilities_stay_probabilities(stack, shape):
    stack = (stack + 0.1) / (stack + 0.1).sum(0)
    result = resample_to(stack, shape)
    assert result.shape == (3, *shape)
    assert result.min() >= stack.min() - 1e-5
    assert result.max() <= stack.max() + 1e-5
    np.testing.assert_allclose(result.sum(0), 1, atol=1e-5)


def test_shrinking_is_antialiased():
    stripes = np.zeros((64, 64), np.float32)
    stripes[:, ::2] = 1
    inner = resample(stripes, 0.25)[2:-2, 2:-2]
    np.testing.assert_allclose(inner, 0.5, atol=0.02)


def test_enlarging_does_not_blur():
    step = np.zeros((8, 8), np.float32)
    step[:, 4:] = 1
    large = resample(step, 4)
    np.testing.assert_allclose(large[:, :14], 0)
    np.testing.assert_allclose(large[:, 18:], 1)


@pytest.mark.parametrize("factor", [0.3, 0.5, 2.0, 3.3])
def test_there_and_back_is_free_of_a_shift(factor):
    y, x = np.mgrid[:60, :80]
    blob = np.exp(-((y - 22.0) ** 2 + (x - 49.0) ** 2) / 200).astype(np.float32)
    back = resample_to(resample(blob, factor), blob.shape)
    centre = [(axis * back).sum() / back.sum() for axis in (y, x)]
    expected = [(axis * blob).sum() / blob.sum() for axis in (y, x)]
    np.testing.assert_allclose(centre, expected, atol=0.05)


def test_nan_does_not_spread():
    plane = np.ones((40, 40), np.float32)
    plane[:10, :10] = np.nan
    plane[30, 30] = np.inf
    result = resample(plane, 0.5)
    np.testing.assert_allclose(result[6:], 1, rtol=1e-5)
    assert np.isnan(result[:4, :4]).all()
    assert np.isfinite(result).mean() > 0.9


def test_images_of_the_same_size_are_handed_through():
    plane = np.random.default_rng(0).random((5, 6)).astype(np.float32)
    assert resample_to(plane, (5, 6)) is plane


@pytest.mark.parametrize("factor", [0, -1, np.nan, np.inf])
def test_impossible_factors_are_refused(factor):
    with pytest.raises(InputError, match="positive number"):
        resample(np.zeros((4, 4)), factor)


def test_impossible_shapes_are_refused():
    with pytest.raises(InputError):
        resample_to(np.zeros((4, 4)), (0, 4))
    with pytest.raises(InputError):
        labels_to(np.zeros(4, int), (2, 2))


@given(
    st.floats(0.15, 6),
    st.tuples(st.integers(0, 9), st.integers(0, 9)),
    st.integers(0, 2**32 - 1),
)
def test_a_part_is_interpolated_as_scipy_does_it(factor, start, seed):
    from scipy.ndimage import affine_transform, gaussian_filter

    plane = np.random.default_rng(seed).random((23, 31)).astype(np.float32)
    target = tuple(int(factor * (one + 1)) for one in start)
    found = resample_part(plane, (factor, factor), start, target, (12, 17))
    offset = [(wanted + 0.5) / factor - 0.5 - have for wanted, have in zip(target, start, strict=True)]
    smooth = gaussian_filter(plane, max(0.0, (1 / factor - 1) / 2), mode="nearest")
    expected = affine_transform(smooth, [1 / factor] * 2, offset, (12, 17), order=1, mode="nearest")
    np.testing.assert_allclose(found, expected, atol=1e-5)

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import (
    Intensities,
    IntensityRange,
    Need,
    from_array,
    intensity_range,
    measure,
    normalise,
    statistics,
)
from napari_pseudolabel.imaging import normalisation as module


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_percentiles_are_those_of_the_whole_stack(dtype):
    rng = np.random.default_rng(1)
    stack = (rng.random((7, 40, 50)) * np.arange(1, 8)[:, None, None] * 30).astype(dtype)
    limits = intensity_range(from_array(stack, "TYX"), low=2, high=98)
    np.testing.assert_allclose(
        [limits.low, limits.high], np.percentile(stack.astype(float), [2, 98]), rtol=1e-5
    )


def test_only_the_chosen_channel_counts():
    stack = np.stack([np.arange(100).reshape(10, 10), np.arange(100).reshape(10, 10) + 1000])
    assert intensity_range(from_array(stack, "CYX"), 1, low=0, high=100) == IntensityRange(1000, 1099)


@pytest.mark.parametrize("wrap", [np.asarray, da.from_array])
@pytest.mark.parametrize("shape", [(900, 700), (50, 90, 80)])
def test_a_sample_comes_close_and_is_always_the_same(monkeypatch, wrap, shape):
    monkeypatch.setattr(module, "_SAMPLES", 2**15)
    rng = np.random.default_rng(2)
    data = rng.normal(size=shape) + np.linspace(0, 3, shape[-1])
    image = from_array(wrap(data), "ZYX"[-len(shape) :])
    limits = intensity_range(image, low=1, high=99)
    np.testing.assert_allclose([limits.low, limits.high], np.percentile(data, [1, 99]), atol=0.15)
    assert intensity_range(image, low=1, high=99) == limits


@pytest.mark.parametrize("wrap", [np.asarray, da.from_array])
@pytest.mark.parametrize("shape", [(9000, 5), (1, 70000), (40, 3000, 1), (70000, 1, 1)])
def test_narrow_layers_can_be_sampled(monkeypatch, wrap, shape):
    monkeypatch.setattr(module, "_SAMPLES", 2**12)
    data = np.random.default_rng(3).random(shape)
    limits = intensity_range(from_array(wrap(data), "ZYX"[-len(shape) :]), low=10, high=90)
    np.testing.assert_allclose([limits.low, limits.high], [0.1, 0.9], atol=0.15)


def test_a_large_lazy_plane_is_not_read_as_a_whole(monkeypatch):
    monkeypatch.setattr(module, "_SAMPLES", 2**12)
    read = []

    def block(block_id=None):
        read.append(block_id)
        return np.ones((32, 32), np.float32)

    data = da.map_blocks(
        block, chunks=((32,) * 60, (32,) * 60), dtype=np.float32, meta=np.zeros((0, 0), np.float32)
    )
    intensity_range(from_array(data, "YX"))
    assert len(set(read)) <= 4 * 64 < 3600


def test_nan_and_infinity_do_not_count():
    plane = np.array([[np.nan, np.inf, -np.inf, 1, 3]])
    image = from_array(plane)
    limits = intensity_range(image, low=0, high=100)
    assert limits == IntensityRange(1, 3)
    np.testing.assert_array_equal(normalise(plane, limits), [[0, 1, 0, 0, 1]])
    np.testing.assert_array_equal(image.plane(), [[np.nan, np.nan, np.nan, 1, 3]])


@pytest.mark.parametrize("value", [0, 7, 65535])
def test_a_constant_layer_becomes_zeros(value):
    image = from_array(np.full((8, 8), value, np.uint16))
    np.testing.assert_array_equal(normalise(image.plane(), intensity_range(image)), np.zeros((8, 8)))


def test_a_layer_of_nan_becomes_zeros():
    image = from_array(np.full((8, 8), np.nan))
    np.testing.assert_array_equal(normalise(image.plane(), intensity_range(image)), np.zeros((8, 8)))


def test_a_sparse_layer_keeps_its_few_bright_pixels():
    plane = np.zeros((100, 100), np.uint8)
    plane[3, 4] = 90
    image = from_array(plane)
    assert normalise(image.plane(), intensity_range(image)).sum() == 1


def test_bool_is_zero_and_one():
    image = from_array(np.eye(300, dtype=bool))
    np.testing.assert_array_equal(normalise(image.plane(), intensity_range(image)), np.eye(300))
    np.testing.assert_array_equal(normalise(np.eye(3, dtype=bool), IntensityRange(0, 1)), np.eye(3))


def test_a_fixed_range_clips_and_none_hands_on():
    image = from_array(np.array([[-5.0, 0.0, 50.0, 250.0, np.nan]]))
    fixed = intensity_range(image, kind="range", low=0, high=100)
    np.testing.assert_allclose(normalise(image.plane(), fixed), [[0, 0, 0.5, 1, 0]])
    np.testing.assert_allclose(
        normalise(image.plane(), intensity_range(image, kind="none")), [[-5, 0, 50, 250, 0]]
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {"low": 50, "high": 50},
        {"low": -1, "high": 99},
        {"low": 0, "high": 101},
        {"low": np.nan, "high": 99},
        {"kind": "range", "low": 5, "high": 1},
        {"kind": "range", "low": 0, "high": np.inf},
        {"kind": "zscore"},
    ],
)
def test_impossible_ranges_are_refused(arguments):
    with pytest.raises(InputError):
        intensity_range(from_array(np.zeros((4, 4))), **arguments)


@given(
    hnp.arrays(
        np.float32,
        (4, 5),
        elements=st.floats(-(2.0**99), 2.0**99, width=32) | st.sampled_from([np.nan, np.inf]),
    ),
    st.floats(0, 49),
    st.floats(51, 100),
)
def test_results_are_finite_and_within_zero_and_one(plane, low, high):
    image = from_array(plane)
    result = normalise(image.plane(), intensity_range(image, low=low, high=high))
    assert result.dtype == np.float32
    assert np.isfinite(result).all()
    assert result.min() >= 0
    assert result.max() <= 1


@given(hnp.arrays(np.uint16, (6, 6)))
def test_order_of_grey_levels_is_kept(plane):
    image = from_array(plane)
    result = normalise(image.plane(), intensity_range(image, low=0, high=100)).ravel()
    order = np.argsort(plane.ravel(), kind="stable")
    assert (np.diff(result[order]) >= 0).all()


@pytest.mark.parametrize("most", [2**22, 2**10])
@pytest.mark.parametrize(
    "layer",
    [
        np.random.default_rng(4).normal(size=(60, 70)),
        np.random.default_rng(5).integers(0, 255, (3, 60, 70)).astype(np.uint8),
        np.random.default_rng(6).random((60, 70)) > 0.5,
        np.pad(np.full((1, 1), 7.0), ((13, 46), (13, 46))),
        np.full((60, 70), np.nan),
    ],
    ids=["normal", "stack", "bool", "one bright pixel", "nothing"],
)
def test_what_is_noted_of_a_layer_says_the_same_as_the_layer(monkeypatch, layer, most):
    monkeypatch.setattr(module, "_SAMPLES", most)
    image = from_array(layer, "ZYX"[-layer.ndim :])
    noted = Intensities.of(image)
    for need in (Need(), Need(low=5, high=80), Need(low=0, high=100), Need("range", 3, 9), Need("none")):
        assert noted.limits(need) == measure(image, (None,), need).channels[0].limits
    with pytest.raises(InputError):
        noted.limits(Need(low=9, high=3))


def test_what_comes_from_a_sample_is_said(monkeypatch):
    image = from_array(np.random.default_rng(7).random((2, 300, 80)), "ZYX", name="stack")
    both = Need(moments=True)
    assert measure(image, (None,), both).notes == ()
    monkeypatch.setattr(module, "_SAMPLES", 1000)
    (note,) = measure(image, (None,), both).notes
    assert "percentiles of stack" in note
    assert measure(image, (None,), Need("range", 0, 1)).notes == ()
    monkeypatch.setattr(statistics, "_EXACT", 80 * 128)
    monkeypatch.setattr(statistics, "_SIDE", 20)
    (note,) = measure(image, (None,), Need("none", moments=True)).notes
    assert "mean" in note
    assert "12% of its pixels" in note

import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image, Placement, from_array

SIZES = {"T": 2, "Z": 3, "C": 4, "Y": 5, "X": 6, "S": 3}
AXES = [
    "YX",
    "ZYX",
    "TYX",
    "TZYX",
    "CYX",
    "TCYX",
    "CZYX",
    "TZCYX",
    "YXC",
    "YCX",
    "ZYXC",
    "YXS",
    "TYXS",
    "TZYXS",
]


def numbered(axes, dtype=np.float64):
    shape = tuple(SIZES[letter] for letter in axes)
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def as_kind(array, kind):
    if kind == "dask":
        return da.from_array(array, chunks=2)
    return zarr.array(array, chunks=(2,) * array.ndim) if kind == "zarr" else array


@pytest.mark.parametrize("kind", ["numpy", "dask", "zarr"])
@pytest.mark.parametrize("axes", AXES)
def test_planes_of_every_axis_order_and_array(axes, kind):
    array = numbered(axes)
    image = from_array(as_kind(array, kind), axes)
    moved = np.moveaxis(array, axes.index("C"), -1) if "C" in axes else array
    moved = moved if set("CS") & set(axes) else moved[..., None]
    assert image.plane_axes == axes.replace("C", "").replace("S", "")
    assert image.shape == moved.shape[:-1]
    assert image.channels == moved.shape[-1]
    indices = list(image.planes())
    assert len(indices) == np.prod(moved.shape[:-3])
    for index in indices:
        expected = moved[index].astype(np.float32)
        for channel in range(image.channels):
            plane = image.plane(index, channel)
            assert plane.dtype == np.float32
            np.testing.assert_array_equal(plane, expected[..., channel])
        np.testing.assert_allclose(image.plane(index, "mean"), expected.mean(-1), rtol=1e-6)
        window = (slice(1, 4), slice(2, 5))
        np.testing.assert_array_equal(image.plane(index, 0, window), expected[1:4, 2:5, 0])


def test_luminance_weighs_colours_and_ignores_alpha():
    rgba = np.zeros((1, 4, 4), np.uint8)
    rgba[0, :, 3] = 200
    rgba[0, [0, 1, 2], [0, 1, 2]] = 100
    image = from_array(rgba, "YXS")
    assert image.default_channel == "luminance"
    np.testing.assert_allclose(image.plane(), [[21.25, 71.54, 7.21, 0]], rtol=1e-5)
    np.testing.assert_allclose(image.plane(channel="mean"), [[100 / 3] * 3 + [0]], rtol=1e-5)
    with pytest.raises(InputError, match="choose 0 to 2"):
        image.plane(channel=3)


def test_luminance_of_three_channels_anywhere():
    channels = np.random.default_rng(0).random((3, 5, 6))
    expected = np.tensordot([0.2125, 0.7154, 0.0721], channels, 1)
    np.testing.assert_allclose(from_array(channels, "CYX").plane(channel="luminance"), expected, rtol=1e-5)
    last = from_array(np.moveaxis(channels, 0, -1), "YXC")
    np.testing.assert_allclose(last.plane(channel="luminance"), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "dtype", [bool, np.uint8, np.int16, np.uint16, np.uint32, np.float16, np.float32, ">u2"]
)
def test_raw_values_of_every_type(dtype):
    array = (numbered("YX") % 2 * 7).astype(dtype)
    np.testing.assert_array_equal(from_array(array).plane(), array.astype(np.float32))


def test_nan_stays_nan():
    array = numbered("YX")
    array[1, 2] = np.nan
    assert np.isnan(from_array(array).plane()).sum() == 1


def test_nothing_is_read_before_a_plane_is_asked_for():
    read = []

    def block(block_id=None):
        read.append(block_id)
        return np.zeros((1, 5, 6), np.uint8)

    data = da.map_blocks(
        block, chunks=((1,) * 4, (5,), (6,)), dtype=np.uint8, meta=np.zeros((0, 0, 0), np.uint8)
    )
    image = from_array(data, "TYX")
    assert not read
    image.plane((2,))
    assert read == [(2, 0, 0)]


def test_axes_are_guessed_only_beyond_doubt():
    assert from_array(np.zeros((5, 6))).axes == "YX"
    assert from_array(np.zeros((5, 6, 3))).axes == "YXS"
    assert from_array([np.zeros((8, 8)), np.zeros((4, 4))]).shape == (8, 8)
    labelled = Placement((1, 1, 1), (0, 0, 0), axis_labels=("t", "y", "x"))
    assert from_array(np.zeros((3, 5, 6)), placement=labelled).axes == "TYX"
    assert from_array(np.zeros((3, 5, 6, 4)), placement=labelled).axes == "TYXS"
    for shape in [(3, 5, 6), (10, 5, 6), (2, 3, 5, 6), (2, 5, 6, 3)]:
        with pytest.raises(InputError, match="say what its axes are"):
            from_array(np.zeros(shape))
    unlabelled = Placement((1, 1, 1), (0, 0, 0), axis_labels=("-3", "-2", "-1"))
    with pytest.raises(InputError, match="say what its axes are"):
        from_array(np.zeros((3, 5, 6)), placement=unlabelled)


@pytest.mark.parametrize(
    ("shape", "axes", "message"),
    [
        ((5, 6), "ZYX", "do not fit"),
        ((5, 6), "YY", "do not fit"),
        ((5, 6), "XY", "transpose"),
        ((5, 6, 3), "YXZ", "transpose"),
        ((3, 5, 6), "SYX", "transpose"),
        ((5, 6, 2), "YXS", "3 or 4"),
        ((4, 5, 6, 3), "CYXS", "keep one"),
        ((4, 5, 6), "HYX", "H cannot be handled"),
        ((0, 6), "YX", "empty"),
    ],
)
def test_axes_that_do_not_fit_are_refused(shape, axes, message):
    with pytest.raises(InputError, match=message):
        from_array(np.zeros(shape), axes)


def test_placement_must_cover_the_label_axes():
    from_array(np.zeros((3, 5, 6)), "CYX", Placement.identity(2))
    with pytest.raises(InputError, match="channels and RGB samples do not count"):
        from_array(np.zeros((3, 5, 6)), "CYX", Placement.identity(3))


def test_complex_values_are_refused():
    with pytest.raises(InputError, match="complex64"):
        from_array(np.zeros((5, 6), np.complex64))


@pytest.mark.parametrize("index", [(), (2,), (-1,), (0, 0)])
def test_a_plane_that_does_not_exist_is_refused(index):
    with pytest.raises(InputError, match="has no plane"):
        from_array(np.zeros((2, 5, 6)), "TYX").plane(index)


@pytest.mark.parametrize("channel", [4, -1, "luminance", "red"])
def test_a_channel_that_does_not_exist_is_refused(channel):
    with pytest.raises(InputError):
        from_array(np.zeros((4, 5, 6)), "CYX").plane(channel=channel)


def test_a_plane_that_cannot_be_read_is_one_sentence():
    class Broken:
        shape, dtype = (5, 6), np.dtype(np.uint8)

        def __getitem__(self, key):
            raise KeyError("chunk")

    with pytest.raises(InputError, match="cannot be read"):
        Image(Broken(), "YX", Placement.identity(2), "broken").plane()


@given(st.permutations("TZCYX"), st.integers(1, 5))
def test_any_order_is_either_refused_or_read_right(order, count):
    axes = "".join(letter for letter in order if letter in "YX" or letter in "TZC"[: count - 2])
    array = numbered(axes)
    try:
        image = from_array(array, axes)
    except InputError:
        assert not axes.replace("C", "").endswith("YX")
        return
    index = tuple(size - 1 for size in image.shape[:-2])
    key = tuple(slice(None) if letter in "YX" else 0 if letter == "C" else -1 for letter in axes)
    np.testing.assert_array_equal(image.plane(index), array[key])


@pytest.mark.parametrize(("scale", "told"), [((1, 1), False), ((0.5, 0.502), False), ((0.25, 0.5), True)])
def test_pixels_that_are_not_square_are_said_wherever_an_image_is_used_as_it_is(scale, told):
    image = from_array(np.zeros((4, 5)), "YX", Placement(scale, (0, 0), units=("um", "um")), name="a")
    assert any("0.5 times as high as wide" in note for note in image.assumed(0)) == told

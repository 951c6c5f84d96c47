"""Layers as images."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.viewer import image_of, placement_of, possible_channel_axis
from napari_pseudolabel.viewer.image_layers import modality_of, object_size_of

numbers = st.floats(-50, 50).map(lambda x: round(x, 3))
sizes = st.floats(0.01, 20).map(lambda x: round(x, 3))


@pytest.mark.parametrize(
    ("shape", "kwargs", "channel_axis", "axes"),
    [
        ((8, 9), {}, None, "YX"),
        ((5, 8, 9), {}, None, "ZYX"),
        ((5, 8, 9), {"axis_labels": ("t", "y", "x")}, None, "TYX"),
        ((5, 8, 9), {"units": ("second", "micrometer", "micrometer")}, None, "TYX"),
        ((5, 8, 9), {"axis_labels": ("channel", "y", "x")}, None, "CYX"),
        ((3, 8, 9), {}, 0, "CYX"),
        ((4, 5, 8, 9), {}, None, "TZYX"),
        ((4, 5, 8, 9), {"axis_labels": ("z", "time", "y", "x")}, None, "ZTYX"),
        ((4, 2, 8, 9), {"axis_labels": ("z", "c", "y", "x")}, None, "ZCYX"),
        ((8, 9, 3), {"rgb": True}, None, "YXS"),
        ((5, 8, 9, 3), {"rgb": True}, None, "ZYXS"),
        ((8, 9, 2), {"axis_labels": ("y", "x", "c")}, None, "YXC"),
    ],
)
def test_axes_follow_labels_units_and_position(shape, kwargs, channel_axis, axes):
    layer = Image(np.zeros(shape, np.uint8), **kwargs)
    image = image_of(layer, channel_axis)
    assert image.axes == axes
    assert image.placement.ndim == len(image.plane_axes)


def test_too_many_axes_are_refused_in_a_sentence():
    with pytest.raises(InputError, match="5 axes besides channels"):
        image_of(Image(np.zeros((2, 2, 2, 8, 9), np.uint8)))


@pytest.mark.parametrize("kind", ["numpy", "dask", "zarr", "multiscale"])
def test_pixels_are_those_of_the_layer_and_are_not_copied(kind, tmp_path):
    values = np.arange(6 * 32 * 48, dtype=np.uint16).reshape(6, 32, 48)
    data = {
        "numpy": lambda: values,
        "dask": lambda: da.from_array(values, chunks=(1, 16, 16)),
        "zarr": lambda: zarr.array(values, chunks=(1, 16, 16)),
        "multiscale": lambda: [values, values[:, ::2, ::2]],
    }[kind]()
    layer = Image(data, multiscale=kind == "multiscale", contrast_limits=(0, 9000))
    image = image_of(layer)
    np.testing.assert_array_equal(image.plane((4,)), values[4])
    if kind != "multiscale":
        assert image.data is data


@given(
    scale=st.tuples(sizes, sizes),
    translate=st.tuples(numbers, numbers),
    rotate=st.floats(-180, 180),
    shear=st.floats(-1, 1),
    affine=st.tuples(sizes, numbers, numbers, sizes, numbers, numbers),
    units=st.sampled_from([("micrometer", "micrometer"), ("nm", "nm"), ("pixel", "pixel")]),
)
def test_placement_carries_all_seven_properties(scale, translate, rotate, shear, affine, units):
    a, b, c, d, e, f = affine
    matrix = np.array([[a, b / 100, e], [c / 100, d, f], [0, 0, 1]])
    if abs(np.linalg.det(matrix)) < 1e-3:
        return
    layer = Image(
        np.zeros((4, 5)),
        scale=scale,
        translate=translate,
        rotate=rotate,
        shear=[shear],
        affine=matrix,
        units=units,
        axis_labels=("rows", "columns"),
    )
    copy = Labels(np.zeros((4, 5), np.uint8), **placement_of(layer).layer_kwargs())
    for name in ("scale", "translate", "rotate", "shear", "units", "axis_labels"):
        np.testing.assert_array_equal(getattr(copy, name), getattr(layer, name))
    np.testing.assert_allclose(copy.affine.affine_matrix, layer.affine.affine_matrix)
    np.testing.assert_allclose(copy.data_to_world((3, 1)), layer.data_to_world((3, 1)))


def test_the_channel_axis_leaves_the_placement():
    layer = Image(
        np.zeros((3, 8, 9)), scale=(1, 0.5, 0.5), units=("pixel", "um", "um"), axis_labels=("c", "y", "x")
    )
    image = image_of(layer)
    assert image.placement.scale == (0.5, 0.5)
    assert image.placement.axis_labels == ("y", "x")
    assert image.placement.pixel_size_um() == pytest.approx(0.5)


def test_a_short_unnamed_axis_may_hold_channels():
    assert possible_channel_axis(Image(np.zeros((3, 8, 9)))) == 0
    assert possible_channel_axis(Image(np.zeros((30, 8, 9)))) is None
    assert possible_channel_axis(Image(np.zeros((3, 8, 9)), axis_labels=("z", "y", "x"))) is None
    assert possible_channel_axis(Image(np.zeros((8, 9)))) is None


def test_the_proxy_that_plugins_get_works_as_well():
    from napari.utils._proxies import PublicOnlyProxy

    viewer = ViewerModel()
    viewer.add_image(np.ones((8, 9)), scale=(2, 2))
    assert image_of(PublicOnlyProxy(viewer).layers[0]).placement.scale == (2, 2)


@pytest.mark.parametrize(
    ("name", "metadata", "modality"),
    [
        ("image", {"modality": "sem"}, "SEM"),
        ("rat_3 TEM", {}, "TEM"),
        ("rat_3 TEM", {"modality": "SEM"}, "SEM"),
        ("SEM and TEM", {}, ""),
        ("system", {}, ""),
        ("image", {"modality": "MRI"}, ""),
        ("image", {"modality": "Purple stain"}, "purple stain"),
        ("liver_purple-stain_07", {}, "purple stain"),
        ("purple", {}, ""),
    ],
)
def test_the_modality_is_taken_from_metadata_or_a_word_of_the_name(name, metadata, modality):
    layer = Image(np.zeros((8, 9)), name=name, metadata=metadata)
    assert modality_of(layer, ["SEM", "TEM", "purple stain"]) == modality


@pytest.mark.parametrize(
    ("metadata", "size"), [({"object_size_px": 20}, 20.0), ({}, None), ({"object_size_px": "large"}, None)]
)
def test_the_object_size_is_taken_from_metadata(metadata, size):
    assert object_size_of(Image(np.zeros((8, 9)), metadata=metadata)) == size


@pytest.mark.parametrize(
    ("shape", "kwargs"),
    [
        ((8, 9), {"affine": np.diag([0.24, 0.24, 1.0])}),
        ((8, 9), {"affine": np.diag([0.12, 0.12, 1.0]), "scale": (2, 2)}),
        ((8, 9, 3), {"affine": np.diag([0.24, 0.24, 1.0]), "rgb": True}),
        ((5, 8, 9), {"affine": np.diag([2.0, 0.24, 0.24, 1.0])}),
        ((2, 8, 9), {"affine": np.diag([1.0, 0.24, 0.24, 1.0]), "axis_labels": ("c", "y", "x")}),
        ((8, 9), {"scale": (0.24, 0.24), "rotate": 30}),
    ],
)
def test_the_size_of_a_pixel_may_lie_in_any_transform_of_a_layer(shape, kwargs):
    """The field's case c25: an affine of .24, a scale of 1."""
    units = ("um",) * (len(shape) - bool(kwargs.get("rgb")))
    layer = Image(np.zeros(shape, np.uint8), units=units, **kwargs)
    assert image_of(layer).placement.pixel_size_um() == pytest.approx(0.24)


@pytest.mark.parametrize(
    ("shape", "labels"),
    [((9, 8, 3), ("y", "x", "z")), ((9, 8, 3), ("x", "y", "z")), ((3, 9, 8), ("x", "z", "y"))],
)
def test_axes_that_say_otherwise_are_not_taken_for_planes(shape, labels):
    with pytest.raises(InputError, match=r"but Y and X come last in a layer; transpose its data"):
        image_of(Image(np.zeros(shape), rgb=False, axis_labels=labels))

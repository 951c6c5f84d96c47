import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Placement

numbers = st.floats(-1e6, 1e6, allow_nan=False)
sizes = st.floats(1e-6, 1e6)


@st.composite
def placements(draw, ndims=(2, 3, 4)):
    n = draw(st.sampled_from(ndims))

    def array(*shape):
        values = draw(st.lists(numbers, min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
        return np.array(values).reshape(shape)

    def maybe(*shape):
        return array(*shape) if draw(st.booleans()) else None

    return Placement(
        scale=draw(st.tuples(*[sizes] * n)),
        translate=draw(st.tuples(*[numbers] * n)),
        rotate=maybe(n, n),
        shear=maybe(n * (n - 1) // 2),
        affine=maybe(n + 1, n + 1),
        units=draw(st.none() | st.tuples(*[st.sampled_from(["um", "pixel", "nm", "second"])] * n)),
        axis_labels=draw(st.none() | st.just(tuple("tzyx"[-n:]))),
    )


@given(placements())
def test_survives_json(placement):
    assert Placement.from_dict(json.loads(json.dumps(placement.to_dict()))) == placement


@given(placements((2, 3)))
def test_keeps_every_field_through_a_napari_layer(placement):
    from napari.layers import Labels

    # What napari cannot hold exactly: matrices it decomposes. A rotation and a shear it can.
    n = placement.ndim
    angle = np.deg2rad(30)
    rotate = np.eye(n)
    rotate[-2:, -2:] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    affine = np.eye(n + 1)
    affine[:-1, -1] = np.arange(n) + 5
    wanted = Placement(
        placement.scale,
        placement.translate,
        rotate,
        np.full(n * (n - 1) // 2, 0.1),
        affine,
        ("um",) * n,
        "tyx"[-n:],
    )
    layer = Labels(np.zeros((2,) * n, np.uint8), **wanted.layer_kwargs())
    found = Placement(
        layer.scale,
        layer.translate,
        layer.rotate,
        layer.shear,
        layer.affine.affine_matrix,
        layer.units,
        layer.axis_labels,
    )
    assert found.units == wanted.units
    assert found.axis_labels == wanted.axis_labels
    for name in ("scale", "translate", "rotate", "shear", "affine"):
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), rtol=1e-6, atol=1e-6)


def test_pixel_size_is_the_mean_of_the_last_two_axes_in_um():
    assert Placement((9, 120, 120), (0, 0, 0), units=("s", "nm", "nm")).pixel_size_um() == pytest.approx(0.12)
    assert Placement((1, 1.005), (0, 0), units=("um", "um")).pixel_size_um() == pytest.approx(1.0025)
    assert Placement((-2, 2000), (0, 0), units=("um", "nm")).pixel_size_um() == pytest.approx(2)


@pytest.mark.parametrize("units", [None, ("pixel", "pixel"), ("um", "pixel"), ("s", "s"), ("parsnip", "um")])
def test_pixel_size_is_unknown_without_units_of_length(units):
    assert Placement((1, 2), (0, 0), units=units).pixel_size_um() is None


def test_pixels_that_are_not_square_are_refused():
    with pytest.raises(InputError, match=r"not square \(0\.1 um high, 0\.2 um wide\)"):
        Placement((0.1, 0.2), (0, 0), units=("um", "um")).pixel_size_um()


@given(placements((3,)), st.integers(0, 2), st.booleans())
def test_dropping_an_axis_keeps_the_others(placement, axis, matrix_shear):
    n = 3
    rng = np.random.default_rng(0)

    def separate(size):
        """A matrix that does not mix `axis` with the others."""
        matrix = rng.random((size, size))
        matrix[axis, :] = matrix[:, axis] = 0
        matrix[axis, axis] = 2
        return matrix

    shear = np.triu(separate(n), 1) + np.eye(n)
    affine = separate(n + 1)
    affine[axis, -1] = 7
    full = Placement(
        placement.scale,
        placement.translate,
        separate(n),
        shear if matrix_shear else shear[np.triu_indices(n, 1)],
        affine,
        placement.units,
        placement.axis_labels,
    )
    less = full.drop_axis(axis)
    keep = [i for i in range(n) if i != axis]
    assert less.scale == tuple(full.scale[i] for i in keep)
    assert less.translate == tuple(full.translate[i] for i in keep)
    np.testing.assert_array_equal(less.rotate, full.rotate[np.ix_(keep, keep)])
    np.testing.assert_array_equal(less.affine, affine[np.ix_([*keep, n], [*keep, n])])
    if matrix_shear:
        np.testing.assert_array_equal(less.shear, shear[np.ix_(keep, keep)])
    else:
        np.testing.assert_array_equal(less.shear, [shear[keep[0], keep[1]]])
    assert less == full.drop_axis(axis - n)


def test_an_axis_that_is_mixed_with_others_cannot_be_dropped():
    rotate = np.eye(3)
    rotate[0, 1] = 0.5
    with pytest.raises(InputError, match="rotate mixes it"):
        Placement((1, 1, 1), (0, 0, 0), rotate=rotate).drop_axis(0)
    with pytest.raises(InputError, match="shear mixes it"):
        Placement((1, 1, 1), (0, 0, 0), shear=np.array([0.0, 0.0, 0.1])).drop_axis(1)
    Placement((1, 1, 1), (0, 0, 0), shear=np.array([0.0, 0.0, 0.1])).drop_axis(0)
    with pytest.raises(InputError, match="no axis 3"):
        Placement.identity(3).drop_axis(3)


@pytest.mark.parametrize(
    "fields",
    [
        {"scale": (1, 0), "translate": (0, 0)},
        {"scale": (1, np.nan), "translate": (0, 0)},
        {"scale": (1, 1), "translate": (0, 0, 0)},
        {"scale": (1, 1), "translate": (0, 0), "units": ("um",)},
        {"scale": (1, 1), "translate": (0, 0), "axis_labels": ("x",)},
        {"scale": (1, 1), "translate": (0, 0), "rotate": np.eye(3)},
        {"scale": (1, 1), "translate": (0, 0), "affine": np.eye(2)},
        {"scale": (1, 1), "translate": (0, 0), "shear": np.ones(2)},
    ],
)
def test_fields_that_do_not_fit_are_refused(fields):
    with pytest.raises(InputError):
        Placement(**fields)


def test_is_frozen_down_to_its_matrices_and_hashable():
    matrix = np.eye(2)
    placement = Placement((1, 1), (0, 0), rotate=matrix)
    matrix[0, 0] = 5
    assert placement.rotate[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        placement.rotate[0, 0] = 5
    assert hash(placement) == hash(Placement((1, 1), (0, 0), rotate=np.eye(2)))
    assert placement != Placement((1, 1), (0, 0))
    assert placement != "placement"


def test_damaged_json_is_refused():
    with pytest.raises(InputError, match="stored placement"):
        Placement.from_dict({"scale": [1, 1], "rubbish": 1})


def test_a_told_pixel_size_fills_the_gap_and_replaces_nothing():
    told = Placement.identity(3, "TYX").with_pixel_size_um(0.25)
    assert told.scale == (1.0, 0.25, 0.25)
    assert told.units == ("pixel", "micrometer", "micrometer")
    assert told.pixel_size_um() == 0.25
    assert Placement((2.0, 2.0), (1.0, 4.0)).with_pixel_size_um(0.5).translate == (0.25, 1.0)
    assert told.with_pixel_size_um(7) is told


TURNED = np.array([[0.6, -0.8, 5], [0.8, 0.6, 7], [0, 0, 1.0]])


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"affine": np.diag([0.24, 0.24, 1.0])}, 0.24),
        ({"scale": (2, 2), "affine": np.diag([0.12, 0.12, 1.0])}, 0.24),
        ({"scale": (0.24, 0.24), "affine": TURNED}, 0.24),
        ({"scale": (0.24, 0.24), "rotate": TURNED[:2, :2]}, 0.24),
        ({"scale": (-0.24, 0.24)}, 0.24),
        ({"scale": (240, 0.24), "units": ("nm", "um")}, 0.24),
    ],
)
def test_the_size_of_a_pixel_is_that_in_the_world(fields, size):
    placement = Placement(**{"scale": (1, 1), "translate": (0, 0), "units": ("um", "um"), **fields})
    assert placement.pixel_size_um() == pytest.approx(size)


def test_a_stack_whose_planes_are_counted_has_pixels_of_a_size():
    affine = np.diag([5, 0.24, 0.24, 1.0])
    placement = Placement((1, 1, 1), (0, 0, 0), affine=affine, units=("pixel", "um", "um"))
    assert placement.pixel_size_um() == pytest.approx(0.24)


@pytest.mark.parametrize(
    "fields",
    [
        {"affine": np.diag([0.24, 0.48, 1.0])},
        {"affine": [[1, 0.5, 0], [0, 1, 0], [0, 0, 1]]},
        {"shear": [0.5]},
    ],
)
def test_pixels_that_are_no_squares_in_the_world_are_refused(fields):
    placement = Placement((1, 1), (0, 0), units=("um", "um"), **fields)
    with pytest.raises(InputError, match=r"square|sheared"):
        placement.pixel_size_um()

"""Objects of classes: the same from one pixel as from the whole plane, and back to classes without losing any."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage as ndi
from skimage.segmentation import watershed

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.classes import default_classes
from napari_pseudolabel.labels.objects import (
    Fibre,
    Scheme,
    component_at,
    object_at,
    objects_in,
    scheme_for,
    to_classes,
    to_instances,
    touching,
)
from napari_pseudolabel.sample_data.fields import AXON, MYELIN, axon_field

SQUARE = np.ones((3, 3), bool)
FIBRES = Scheme((Fibre(AXON, MYELIN),))
TALL = Scheme((Fibre(AXON, MYELIN, 1.7),))
TOUCHING = Scheme((), (1,))
small_planes = arrays(np.uint8, (13, 17), elements=st.integers(0, 2))
seeds = st.integers(0, 10_000)


def blobs(seed: int, shape: tuple[int, int] = (150, 170), classes: int = 2, size: float = 4.0) -> np.ndarray:
    """A plane of smooth random shapes, some of which are larger than the first window of the search."""
    rng = np.random.default_rng(seed)
    fields = ndi.gaussian_filter(rng.normal(size=(classes + 1, *shape)), (0, size, size))
    return fields.argmax(axis=0).astype(np.uint8)


def disc(shape, centre, radius):
    y, x = np.ogrid[: shape[0], : shape[1]]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2


def counted(plane: np.ndarray, value: int) -> int:
    return int(ndi.label(plane == value, SQUARE)[1])


def same_mask(target, mask) -> bool:
    return bool((target.within((slice(0, mask.shape[0]), slice(0, mask.shape[1]))) == mask).all())


# Components.


@given(seeds, st.floats(1, 9), st.data())
def test_a_component_is_the_same_as_in_the_whole_plane(seed, size, data):
    plane = blobs(seed, size=size)
    at = data.draw(st.tuples(st.integers(0, 149), st.integers(0, 169)))
    target = component_at(plane, at)
    if plane[at] == 0:
        assert target is None
        return
    parts, _ = ndi.label(plane == plane[at], SQUARE)
    assert target.value == plane[at]
    assert same_mask(target, parts == parts[at])
    assert target.mask.any(axis=1)[[0, -1]].all()
    assert target.mask.any(axis=0)[[0, -1]].all()
    assert target.holds(at)
    assert target.holds(target.place)


def test_a_long_thin_component_is_found_whole():
    plane = np.zeros((400, 3000), np.int32)
    plane[200, 10:2990] = 70_000
    plane[200:390, 2989] = 70_000
    target = component_at(plane, (200, 11))
    assert target.pixels == 2980 + 189
    assert target.value == 70_000


@pytest.mark.parametrize("at", [(-1, 3), (3, -1), (13, 0), (0, 17)])
def test_there_is_nothing_outside_of_the_plane(at):
    plane = np.ones((13, 17), np.uint8)
    assert component_at(plane, at) is None
    assert object_at(plane, at, FIBRES) is None


# Objects at a place and in a window.


@given(seeds, st.floats(1.5, 6), st.data())
def test_a_fibre_is_the_same_as_in_the_whole_plane(seed, size, data):
    plane = blobs(seed, size=size)
    at = data.draw(st.tuples(st.integers(0, 149), st.integers(0, 169)))
    target = object_at(plane, at, FIBRES)
    if plane[at] == 0:
        assert target is None
        return
    instances = to_instances(plane, FIBRES)
    own = instances == instances[at]
    assert same_mask(target, own)
    assert target.value == (AXON if (plane[own] == AXON).any() else MYELIN)


@given(small_planes, st.sampled_from([FIBRES, TALL, TOUCHING, Scheme()]))
def test_every_pixel_finds_the_object_that_the_whole_plane_has(plane, scheme):
    instances = to_instances(plane, scheme)
    for at in np.argwhere(plane).tolist():
        assert same_mask(object_at(plane, tuple(at), scheme), instances == instances[tuple(at)])


@settings(deadline=None, max_examples=20)
@given(seeds, st.sampled_from([FIBRES, TALL, TOUCHING, Scheme()]), st.floats(2, 6))
def test_a_window_finds_all_its_objects_whole_and_once(seed, scheme, size):
    plane = blobs(seed, size=size)
    instances = to_instances(plane, scheme)
    window = slice(40, 100), slice(50, 120)
    found = objects_in(plane, window, scheme)
    numbers = [int(instances[target.place]) for target in found]
    assert sorted(numbers) == [int(one) for one in np.unique(instances[window]) if one]
    for number, target in zip(numbers, found, strict=True):
        assert same_mask(target, instances == number)


# Fibres.


@given(small_planes)
def test_fibres_divide_the_foreground_one_axon_each(plane):
    instances = to_instances(plane, FIBRES)
    assert ((instances > 0) == (plane > 0)).all()
    assert set(np.unique(instances)) - {0} == set(range(1, instances.max() + 1))
    for number in range(1, instances.max() + 1):
        own = instances == number
        assert ndi.label(own, SQUARE)[1] == 1
        assert counted(np.where(own, plane, 0), AXON) <= 1
    axons = {int(instances[tuple(at)]) for at in np.argwhere(plane == AXON)}
    assert len(axons) == counted(plane, AXON)


@pytest.mark.parametrize("rows", [1, 2])
def test_the_middle_between_two_sheaths_of_one_thickness_is_the_border(rows):
    plane = np.zeros((40, 80), np.uint8)
    for column in (22, 54):
        plane[disc(plane.shape, (20, column), 18)] = MYELIN
        plane[disc(plane.shape, (20, column), 8)] = AXON
    plane = plane[::rows]
    instances = to_instances(plane, Scheme((Fibre(AXON, MYELIN, rows),)))
    assert instances.max() == 2
    left, right = (instances == instances[20 // rows, column] for column in (22, 54))
    assert left[:, :37].sum() > 0
    assert not left[:, 40:].any()
    assert not right[:, :37].any()
    assert left.sum() == pytest.approx(right.sum(), rel=0.02)


def test_a_sheath_goes_round_corners_of_its_own_myelin_and_not_across_gaps():
    plane = np.zeros((30, 60), np.uint8)
    plane[5:25, 4:24] = MYELIN
    plane[8:22, 7:21] = AXON
    plane[5:25, 25:56] = MYELIN  # a column of background lies between
    plane[12:18, 44:50] = AXON
    plane[5, 24] = (
        MYELIN  # the only bridge: far from it, what is near the axon on the left as the bird flies is not its own
    )
    instances = to_instances(plane, FIBRES)
    assert instances.max() == 2
    assert (instances[5:25, 35:56] == instances[15, 47]).all()
    assert instances[5, 26] == instances[15, 10] != instances[24, 28]


def test_of_two_axons_that_are_as_near_the_one_that_water_reaches_first_has_the_pixel():
    """As in the watershed of scikit-image from the middles of the axons, by which AxonDeepSeg tells sheaths apart."""
    plane = axon_field((160, 160), seed=3)
    inner, outer = plane == AXON, plane == MYELIN
    axons, count = ndi.label(inner, SQUARE)
    markers = np.zeros_like(axons)
    for number in range(1, count + 1):
        rows, columns = np.nonzero(axons == number)
        markers[int(rows.mean()), int(columns.mean())] = number
    theirs = watershed(-ndi.distance_transform_edt(inner), markers, mask=inner | outer)
    ours = to_instances(plane, FIBRES)
    same = np.mean(ours[theirs > 0] == theirs[theirs > 0])
    assert same > 0.999  # where two middles are as deep, theirs begins with any of the two


def test_myelin_without_an_axon_is_an_object_of_its_own():
    plane = np.zeros((20, 40), np.uint8)
    plane[5:15, 5:15] = MYELIN
    plane[8:12, 8:12] = AXON
    plane[5:15, 25:35] = MYELIN
    instances = to_instances(plane, FIBRES)
    assert instances.max() == 2
    assert object_at(plane, (10, 30), FIBRES).value == MYELIN
    assert object_at(plane, (6, 6), FIBRES).value == AXON


def test_a_third_class_is_told_apart_by_components():
    plane = np.zeros((10, 30), np.uint8)
    plane[2:8, 2:8], plane[2:8, 12:18], plane[4:6, 22:24] = MYELIN, 3, 3
    assert to_instances(plane, FIBRES).max() == 3


# Touching objects.


@given(
    st.integers(8, 16), st.floats(1.6, 1.9), st.floats(0, np.pi)
)  # closer, small necks are less than is asked
def test_two_discs_that_overlap_a_little_are_two_nuclei(radius, apart, angle):
    offset = radius * apart / 2
    plane = np.zeros((90, 90), np.uint8)
    for sign in (-1, 1):
        centre = 45 + sign * offset * np.sin(angle), 45 + sign * offset * np.cos(angle)
        plane[disc(plane.shape, centre, radius)] = 1
    instances = to_instances(plane, TOUCHING)
    assert counted(plane, 1) == 1
    assert instances.max() == 2
    sizes = np.bincount(instances.ravel())[1:]
    assert sizes.min() > 0.8 * sizes.max()


@given(st.integers(3, 20), st.floats(0.6, 1), st.floats(0, np.pi))
def test_an_ellipse_is_one_nucleus(radius, aspect, angle):
    y, x = np.mgrid[:60, :60] - 30.0
    u, v = y * np.cos(angle) + x * np.sin(angle), x * np.cos(angle) - y * np.sin(angle)
    plane = ((u / radius) ** 2 + (v / radius / aspect) ** 2 <= 1).astype(np.uint8)
    assert to_instances(plane, TOUCHING).max() == 1


def test_the_probability_shows_a_border_that_the_outline_does_not():
    plane = np.zeros((30, 60), np.uint8)
    plane[5:25, 5:55] = 1
    probability = np.where(plane, 0.95, 0.05)
    assert to_instances(plane, TOUCHING).max() == 1
    probability[:, 27:33] = 0.3
    instances = to_instances(plane, TOUCHING, probability)
    assert instances.max() == 2
    assert instances[15, 15] != instances[15, 45]


# There and back.


@settings(deadline=None, max_examples=10)
@given(seeds)
def test_fibres_there_and_back_are_as_many(seed):
    plane = axon_field((160, 160), seed=seed)
    instances = to_instances(plane, FIBRES)
    classes = to_classes(instances, plane)
    assert to_instances(classes, FIBRES).max() == instances.max()
    assert counted(classes, AXON) == counted(plane, AXON)
    # What is lost is the gap: nothing else changes.
    assert (classes[classes > 0] == plane[classes > 0]).all()
    assert (classes[plane == AXON] == AXON).all()


@settings(deadline=None, max_examples=25)
@given(seeds, st.integers(2, 14))
def test_nuclei_that_touch_stay_as_many_components(seed, count):
    rng = np.random.default_rng(seed)
    instances = np.zeros((90, 90), np.int32)
    for number in range(1, count + 1):
        nucleus = disc(instances.shape, rng.uniform(10, 80, 2), rng.uniform(5, 9))
        free = nucleus & (instances == 0)
        if free.sum() > 0.9 * nucleus.sum():
            instances[free] = number
    numbers = [int(one) for one in np.unique(instances) if one]
    classes = to_classes(instances, dict.fromkeys(numbers, 1))
    assert counted(classes, 1) == len(numbers)
    # Objects of different classes need no gap.
    apart = to_classes(instances, {number: index + 1 for index, number in enumerate(numbers)})
    assert ((apart > 0) == (instances > 0)).all()


@given(arrays(np.int32, (9, 11), elements=st.integers(0, 4)))
def test_no_two_objects_touch_behind_the_gap(instances):
    classes = to_classes(instances, dict.fromkeys(range(1, 5), 1))
    kept = np.where(classes > 0, instances, 0)
    parts, count = ndi.label(classes, SQUARE)
    assert all(len(np.unique(kept[parts == part])) == 1 for part in range(1, count + 1))


def test_an_object_without_a_class_is_named():
    with pytest.raises(InputError, match="Object 7 has no class"):
        to_classes(np.array([[0, 7]]), {1: 1})


# Schemes.


def test_the_names_of_the_classes_make_the_scheme():
    fibre = scheme_for(default_classes(("Myelin", "axon", "unmyelinated")))
    assert fibre == Scheme((Fibre(2, 1),), ())
    assert (fibre.over(2), fibre.under(2)) == ((1,), 1)
    assert (fibre.over(1), fibre.under(1), fibre.over(3)) == ((), 0, ())
    assert scheme_for(default_classes(("Nuclei",))) == Scheme((), (1,))
    assert scheme_for(default_classes(("axon",))) == Scheme()
    assert scheme_for(()) == Scheme()


def test_specks_are_not_searched_for_necks(monkeypatch):
    """They come by the ten thousand, and nothing that is two pixels wide has a neck."""
    specks = np.zeros((40, 60), np.uint8)
    specks[::3, ::4] = specks[::6, 1::8] = specks[1::6, ::8] = 1
    with monkeypatch.context() as patched:
        patched.setattr(touching.ndi, "distance_transform_edt", None)
        found = to_instances(specks, TOUCHING)
    expected, count = ndi.label(specks, np.ones((3, 3)))
    assert found.max() == count
    assert np.array_equal(found > 0, expected > 0)

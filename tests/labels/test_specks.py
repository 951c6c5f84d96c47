"""Islands that are too small to be objects, and holes in objects that have none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage as ndi

from napari_pseudolabel.labels.object_size import LARGEST_CRUMB, least_area
from napari_pseudolabel.labels.objects import Fibre
from napari_pseudolabel.labels.specks import holes, specks, without_crumbs

PLANES = hnp.arrays(
    np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 2)
)


def test_an_island_of_several_classes_is_one():
    """A thin axon with its myelin stays although each alone would be too small."""
    labels = np.zeros((9, 9), np.uint8)
    labels[2:5, 2:5] = 1
    labels[3, 3] = 2
    labels[6, 6] = 2
    found = specks(labels, 9)
    assert found.sum() == 1
    assert found[6, 6]


def test_corners_connect():
    labels = np.zeros((6, 6), np.uint8)
    labels[[1, 2, 3], [1, 2, 3]] = 1
    assert not specks(labels, 3).any()
    assert specks(labels, 3.5).sum() == 3


def test_what_may_go_on_beyond_the_edge_is_spared():
    labels = np.zeros((6, 6), np.uint8)
    for place in ((0, 2), (5, 2), (2, 0), (3, 5)):
        labels[place] = 1
    assert not specks(labels, 100).any()


@given(PLANES, st.floats(0, 30))
def test_what_is_left_has_no_specks_and_the_rest_is_untouched(labels, least):
    found = specks(labels, least)
    assert not (found & (labels == 0)).any()
    islands, count = ndi.label(labels, np.ones((3, 3)))
    for number in range(1, count + 1):
        own = islands == number
        inside = not (own[0].any() or own[-1].any() or own[:, 0].any() or own[:, -1].any())
        assert found[own].all() if inside and own.sum() < least else not found[own].any()
    assert not specks(np.where(found, 0, labels), least).any()


def test_the_least_area_is_a_share_of_a_disc():
    assert least_area(0.05, 20) == pytest.approx(0.05 * np.pi * 100)
    assert least_area(0.05, None) == 0


FIBRE = Fibre(inner=2, outer=1)


@st.composite
def fields(draw):
    """Planes with islands of all sizes, rather than noise."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    smooth = ndi.gaussian_filter(rng.normal(size=(40, 40)), draw(st.floats(0.5, 2)))
    low, high = np.quantile(smooth, sorted((draw(st.floats(0.2, 0.9)), draw(st.floats(0.2, 0.9)))))
    labels = np.digitize(smooth, [low, high]).astype(np.uint8)
    sure = rng.uniform(draw(st.sampled_from([0.3, 0.5, 0.7])), 1, labels.shape).astype(np.float32)
    return labels, sure


def fibre_with_crumbs():
    """A sheath with an axon, a crumb of axon in the sheath and one beside it, and a crumb of myelin in the axon."""
    labels = np.zeros((40, 40), np.uint8)
    labels[5:35, 5:30] = 1
    labels[12:30, 12:28] = 2
    labels[8:10, 8:10] = 2
    labels[20:22, 18:20] = 1
    labels[20, 35] = 2
    return labels


def test_crumbs_become_what_is_around_them():
    labels = fibre_with_crumbs()
    found = without_crumbs(labels, np.ones(labels.shape), 9, FIBRE)
    expected = labels.copy()
    expected[8:10, 8:10] = 1
    expected[20:22, 18:20] = 2
    expected[20, 35] = 0
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(without_crumbs(labels, np.ones(labels.shape), 4, FIBRE)[8:10, 8:10], 2)


def test_a_thin_axon_stays_where_models_are_sure_and_goes_where_they_are_not():
    labels = fibre_with_crumbs()
    for sure, stays in ((1.0, True), (0.9, True), (0.85, False), (0.4, False)):
        found = without_crumbs(labels, np.full(labels.shape, sure), 3.9, FIBRE)
        assert (found[8, 8] == 2) == stays, sure


def test_a_small_nucleus_stays_where_models_are_sure_and_goes_where_they_are_not():
    labels = np.zeros((60, 60), np.uint8)
    labels[10:14, 10:14] = 1  # 16 pixels
    labels[30:36, 30:34] = 1  # 24 pixels
    # From six times the smallest area on it is an object, however unsure anybody is.
    for sure, small, larger in (
        (1.0, False, False),
        (0.9, False, False),
        (0.6, True, False),
        (0.4, True, False),
    ):
        found = specks(labels, 4, np.full(labels.shape, sure))
        assert (found[12, 12], found[32, 32]) == (small, larger), sure
    assert not specks(labels, 4).any()


def test_what_touches_the_edge_goes_only_where_the_plane_ends():
    labels = np.zeros((30, 30), np.uint8)
    labels[0:2, 10:12] = 1
    labels[15:17, 28:30] = 1
    assert not specks(labels, 9).any()
    np.testing.assert_array_equal(
        specks(labels, 9, goes_on=(False, True, True, True))[:, :20], labels[:, :20] > 0
    )
    assert not specks(labels, 9, goes_on=(False, True, True, True))[:, 20:].any()
    fibre = np.full((20, 20), 1, np.uint8)
    fibre[0:2, 5:7] = 2
    sure = np.ones(fibre.shape)
    assert (without_crumbs(fibre, sure, 9, FIBRE) == fibre).all()
    assert (without_crumbs(fibre, sure, 9, FIBRE, (False, True, True, True)) == 1).all()


def test_myelin_between_two_axons_is_no_crumb():
    labels = np.full((20, 20), 2, np.uint8)
    labels[:, 10] = 0
    labels[9:12, 10] = 1  # all that is left of the line between them
    np.testing.assert_array_equal(without_crumbs(labels, np.ones(labels.shape), 30, FIBRE), labels)


@settings(deadline=None)
@given(fields(), st.floats(0, 40))
def test_crumbs_once_gone_are_gone_and_nothing_at_the_edge_is_touched(field, least):
    labels, sure = field
    found = without_crumbs(labels, sure, least, FIBRE)
    np.testing.assert_array_equal(without_crumbs(found, sure, least, FIBRE), found)
    assert not (found[labels == 0]).any()
    changed = found != labels
    for value in (1, 2):
        islands, _ = ndi.label(labels == value, np.ones((3, 3)))
        sizes = np.bincount(islands.ravel())
        at_edge = np.unique(np.concatenate([islands[0], islands[-1], islands[:, 0], islands[:, -1]]))
        own = np.unique(islands[changed & (islands > 0)])
        assert not set(own[own > 0].tolist()) & set(at_edge[at_edge > 0].tolist())
        assert (sizes[own[own > 0]] < LARGEST_CRUMB * max(least, 1)).all()


@settings(deadline=None)
@given(fields(), st.floats(2, 5), st.integers(10, 20), st.integers(10, 20))
def test_crumbs_of_a_part_are_those_of_the_whole(field, least, y, x):
    labels, sure = field
    whole = without_crumbs(labels, sure, least, FIBRE)
    # An island of axon and one of myelin beside it, each as long as its area at most.
    margin = 2 * (int(np.ceil(LARGEST_CRUMB * least)) + 1)
    inner = slice(y, y + 6), slice(x, x + 6)
    outer = tuple(slice(max(one.start - margin, 0), one.stop + margin) for one in inner)
    part = np.zeros_like(labels)
    part[outer] = without_crumbs(labels[outer], sure[outer], least, FIBRE)
    np.testing.assert_array_equal(part[inner], whole[inner])


def test_small_holes_in_solid_objects_are_found():
    labels = np.full((20, 20), 0, np.uint8)
    labels[2:18, 2:18] = 1
    labels[4:6, 4:6] = 0  # a hole of 4 pixels
    labels[9:14, 9:14] = 0  # one of 25
    found = holes(labels, 10, (1,))
    assert found.sum() == 4
    assert (found[4:6, 4:6] == 1).all()
    assert not holes(labels, 4, (1,)).any()
    assert not holes(labels, 10, (2,)).any()
    assert not holes(labels, 10, ()).any()


def test_a_gap_between_two_classes_and_one_that_is_open_are_no_holes():
    labels = np.full((9, 9), 1, np.uint8)
    labels[4, 4] = labels[0, 2] = 0
    labels[5, 5] = 2
    assert not holes(labels, 10, (1, 2)).any()


@given(PLANES, st.floats(0, 30))
def test_only_background_is_filled_and_no_small_hole_is_left(labels, least):
    filling = holes(labels, least, (1,))
    assert filling.dtype == labels.dtype
    assert not (labels[filling != 0]).any()
    assert set(np.unique(filling)) <= {0, 1}
    full = labels + filling
    assert not holes(full, least, (1,)).any()
    background, count = ndi.label(labels == 0)
    for number in range(1, count + 1):
        hole = background == number
        around = ndi.binary_dilation(hole, np.ones((3, 3))) & ~hole
        inside = not (hole[0].any() or hole[-1].any() or hole[:, 0].any() or hole[:, -1].any())
        solid = inside and set(labels[around]) - {0} == {1} and least > 1 and hole.sum() < least
        assert (filling[hole] == solid).all()

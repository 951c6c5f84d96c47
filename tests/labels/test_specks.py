"""Islands that are too small to be objects, and holes in objects that have none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage as ndi

from napari_pseudolabel.labels.object_size import least_area
from napari_pseudolabel.labels.specks import holes, specks

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

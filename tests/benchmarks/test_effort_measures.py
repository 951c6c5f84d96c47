"""Path length and instance edits: hand-counted cases, and what must hold for all label images."""

from itertools import permutations

import numpy as np
import pytest
from effort_measures import (
    InstanceEdits,
    added_path_length,
    boundary,
    false_negative_path_length,
    instance_edits,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_pseudolabel.errors import InputError

planes = arrays(np.uint8, (8, 11), elements=st.integers(0, 3))


def plane(**objects):
    """(12, 30) with rectangles: a name per number, (y0, y1, x0, x1)."""
    made = np.zeros((12, 30), np.int32)
    for number, (y0, y1, x0, x1) in enumerate(objects.values(), 1):
        made[y0:y1, x0:x1] = number
    return made


def test_a_square_from_nothing_is_its_outline():
    after = plane(square=(2, 8, 3, 9))
    assert added_path_length(np.zeros_like(after), after, 1) == 4 * 6 - 4
    assert false_negative_path_length(np.zeros_like(after), after, 1) == 4 * 6 - 4


def test_moving_one_side_costs_that_side():
    before, after = plane(a=(2, 8, 3, 9)), plane(a=(2, 8, 3, 10))
    # The new side has 6 pixels; the old one's ends at the top and the bottom were boundary before.
    assert added_path_length(before, after, 1) == 6
    assert false_negative_path_length(before, after, 1) == 6
    # Back again: 4 pixels that were inside become the side; nothing was missing.
    assert added_path_length(after, before, 1) == 4
    assert false_negative_path_length(after, before, 1) == 0


def test_erasing_an_object_draws_nothing_and_the_classes_are_apart():
    before, empty = plane(a=(2, 8, 3, 9)), plane()
    assert added_path_length(before, empty, 1) == 0
    assert added_path_length(before, plane(gone=(0, 0, 0, 0), b=(2, 8, 3, 9)), 2) == 20


def test_the_edge_of_the_image_is_no_boundary():
    mask = np.zeros((5, 7), bool)
    mask[:, :3] = True
    assert np.array_equal(np.argwhere(boundary(mask))[:, 1], [2] * 5)
    assert not boundary(np.ones((5, 7), bool)).any()


@settings(deadline=None)
@given(planes, planes, st.integers(0, 3))
def test_the_path_is_at_most_the_boundary_and_holds_its_false_negative_part(before, after, value):
    path = added_path_length(before, after, value)
    part = false_negative_path_length(before, after, value)
    assert 0 <= part <= path <= boundary(after == value).sum()
    assert path - part <= (before == value).sum()
    assert added_path_length(after, after, value) == 0


@settings(deadline=None)
@given(planes, planes)
def test_the_path_does_not_see_flips_types_and_other_classes(before, after):
    path = added_path_length(before, after, 1)
    assert added_path_length(before.T[::-1], after.T[::-1].astype(np.int32), 1) == path
    assert added_path_length(np.where(before == 1, 1, 0), np.where(after == 1, 1, 7), 1) == path


def test_corrections_in_two_windows_add_up_where_nothing_crosses_them():
    before, after = plane(a=(2, 8, 3, 9), b=(1, 5, 18, 24)), plane(a=(3, 9, 3, 10), b=(2, 6, 18, 25))
    left, right = np.s_[:, :14], np.s_[:, 14:]
    for value in (1, 2):
        halves = [added_path_length(before[half], after[half], value) for half in (left, right)]
        assert sum(halves) == added_path_length(before, after, value)


BEFORE_AFTER = {
    "nothing": (plane(a=(2, 8, 3, 9)), plane(a=(2, 8, 3, 9)), InstanceEdits()),
    "good enough": (plane(a=(2, 8, 3, 9)), plane(a=(2, 8, 3, 11)), InstanceEdits()),
    "add": (plane(a=(2, 8, 3, 9)), plane(a=(2, 8, 3, 9), b=(2, 8, 15, 20)), InstanceEdits(add=1)),
    "delete": (plane(a=(2, 8, 3, 9), b=(2, 8, 15, 20)), plane(b=(2, 8, 15, 20)), InstanceEdits(delete=1)),
    "reshape": (plane(a=(2, 8, 3, 9)), plane(a=(2, 8, 3, 25)), InstanceEdits(reshape=1)),
    "split": (plane(a=(2, 8, 3, 20)), plane(a=(2, 8, 3, 10), b=(2, 8, 11, 20)), InstanceEdits(split=1)),
    "split in three": (
        plane(a=(2, 8, 0, 29)),
        plane(a=(2, 8, 0, 9), b=(2, 8, 10, 19), c=(2, 8, 20, 29)),
        InstanceEdits(split=2),
    ),
    "merge": (plane(a=(2, 8, 3, 10), b=(2, 8, 11, 20)), plane(a=(2, 8, 3, 20)), InstanceEdits(merge=1)),
    "split, and what is left is still wrong": (
        plane(a=(2, 8, 0, 30)),
        plane(a=(2, 8, 0, 6), b=(2, 8, 21, 25)),
        InstanceEdits(split=1, reshape=1),
    ),
    "moved away": (plane(a=(2, 8, 3, 9)), plane(a=(2, 8, 15, 21)), InstanceEdits(add=1, delete=1)),
}


@pytest.mark.parametrize("name", BEFORE_AFTER)
def test_hand_counted_edits(name):
    before, after, edits = BEFORE_AFTER[name]
    assert instance_edits(before, after) == edits
    assert instance_edits(before.T, after.T) == edits


def test_the_matching_is_the_best_of_all_and_not_the_best_pair_first():
    # IoU: long with right .48, long with left .45, short with right .09; the last two are more together.
    before = plane(long=(2, 8, 0, 20), short=(2, 8, 20, 21))
    after = plane(left=(2, 8, 0, 9), right=(2, 8, 10, 21))
    assert instance_edits(before, after) == InstanceEdits(reshape=2)


def test_what_is_good_enough_can_be_chosen():
    before, after = plane(a=(2, 8, 3, 9)), plane(a=(2, 8, 3, 11))
    assert instance_edits(before, after, iou=0.75) == InstanceEdits()
    assert instance_edits(before, after, iou=0.76) == InstanceEdits(reshape=1)


def count(objects):
    return len(np.unique(objects[objects > 0]))


@settings(deadline=None)
@given(planes, planes)
def test_the_counts_lead_from_one_to_the_other(before, after):
    e = instance_edits(before, after)
    assert min(e.add, e.delete, e.split, e.merge, e.reshape) >= 0
    assert count(after) == count(before) + e.add + e.split - e.delete - e.merge
    assert e.reshape <= min(count(before), count(after))


@settings(deadline=None)
@given(planes)
def test_no_edit_for_the_same_objects_and_one_per_object_from_nothing(objects):
    empty = np.zeros_like(objects)
    assert instance_edits(objects, objects).total == 0
    assert instance_edits(empty, objects) == InstanceEdits(add=count(objects))
    assert instance_edits(objects, empty) == InstanceEdits(delete=count(objects))


@settings(deadline=None)
@given(planes, planes)
def test_numbers_need_not_be_consecutive(before, after):
    # In the same order: among equally good matchings the order may decide.
    table = np.array([0, 5, 700, 90_000], np.int32)
    assert instance_edits(table[before], after) == instance_edits(before, after)
    assert instance_edits(before, table[after]) == instance_edits(before, after)


@pytest.mark.parametrize("name", BEFORE_AFTER)
def test_numbers_mean_nothing(name):
    before, after, edits = BEFORE_AFTER[name]
    for order in permutations((1, 2, 3)):
        table = np.array([0, *order], np.int32)
        assert instance_edits(table[before], after) == edits
        assert instance_edits(before, table[after]) == edits


def test_edits_add_up():
    assert InstanceEdits(1, 2, 3, 4, 5) + InstanceEdits(1, 1, 1, 1, 1) == InstanceEdits(2, 3, 4, 5, 6)
    assert InstanceEdits(1, 2, 3, 4, 5).total == 15


def test_wrong_input_is_named():
    a, b = np.zeros((3, 4), np.uint8), np.zeros((4, 3), np.uint8)
    for function in (lambda: added_path_length(a, b, 1), lambda: instance_edits(a, b)):
        with pytest.raises(InputError, match=r"3 x 4 before and 4 x 3 after"):
            function()
    with pytest.raises(InputError, match="IoU"):
        instance_edits(a, a, iou=0)


def test_thousands_of_objects_are_no_table_of_all_pairs():
    rows, columns = np.indices((600, 600)) // 6
    before = (rows * 100 + columns + 1) * ((np.indices((600, 600)) % 6).min(axis=0) > 0)
    assert instance_edits(before, np.roll(before, 1, axis=0)) == InstanceEdits()
    assert instance_edits(before, np.where(before % 10 == 0, 0, before)).delete == 1000

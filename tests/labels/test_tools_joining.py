"""Split, merge and paste: how many objects there are afterwards, and that no third one is drawn in."""

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scipy import ndimage as ndi
from skimage.draw import disk
from tool_cases import FIBRES, SQUARE, applied, components, counted, full, seeds, tried

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels import tools
from napari_pseudolabel.labels.objects import Scheme, object_at, to_instances
from napari_pseudolabel.labels.tools import component_at
from napari_pseudolabel.labels.tools.splitting import stairs

CROSS = ndi.generate_binary_structure(2, 1)
SHAPE = (40, 50)
places = st.tuples(st.integers(0, SHAPE[0] - 1), st.integers(0, SHAPE[1] - 1))
paths = st.lists(st.tuples(st.floats(-5, 45), st.floats(-5, 55)), min_size=1, max_size=5)


def blobs(seed: int, size: float = 3.0, classes: int = 2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    fields = ndi.gaussian_filter(rng.normal(size=(classes + 1, *SHAPE)), (0, size, size))
    return fields.argmax(axis=0).astype(np.uint8)


def fibre(plane, centre, outer, inner):
    """Draw a fibre over background and other myelin."""
    rows, columns = disk(centre, outer, shape=plane.shape)
    free = plane[rows, columns] == 0
    plane[rows[free], columns[free]] = 1
    plane[disk(centre, inner, shape=plane.shape)] = 2


# Split.


@given(seeds, places, paths)
def test_split_loses_pixels_of_the_line_only_and_makes_more_objects(seed, at, path):
    plane = blobs(seed)
    target = component_at(plane, at)
    assume(target is not None)
    line = np.zeros((60, 70), bool)
    line[tuple((stairs(path) + 10).T)] = True
    line = line[10:-10, 10:-10]
    crosses = counted(full(target, SHAPE) & ~line) > 1
    change = tried(lambda: tools.split(plane, target, path, under=7))
    if isinstance(change, InputError):
        assert not crosses
        assert "does not cross" in str(change)
        return
    assert crosses
    after = applied(plane, change)
    assert (after[full(target, SHAPE) & line] == 7).all()
    assert (after[~(full(target, SHAPE) & line)] == plane[~(full(target, SHAPE) & line)]).all()
    assert counted((after == target.value) & full(target, SHAPE)) >= 2


@given(paths)
def test_a_drawn_line_parts_what_is_connected_over_corners(path):
    places = stairs(path)
    mask = np.zeros((60, 70), bool)
    mask[tuple((places + 10).T)] = True
    assert ndi.label(mask, CROSS)[1] == 1
    line = tools.line_through(path)
    steps = np.abs(np.diff(line, axis=0)).max(axis=1, initial=0)
    assert (steps == 1).all()
    assert (line[0] == np.rint(path[0])).all()
    assert (line[-1] == np.rint(path[-1])).all()


def test_a_slanted_line_splits_a_disc_in_two():
    plane = np.zeros(SHAPE, np.int32)
    plane[disk((20, 25), 12)] = 300
    change = tools.split(plane, component_at(plane, (20, 25)), [(5, 10), (35, 40)])
    assert change.sentence == "Split into 2 objects."
    after = applied(plane, change)
    sizes = np.bincount(ndi.label(after, SQUARE)[0].ravel())[1:]
    assert len(sizes) == 2
    assert sizes.min() > 0.8 * sizes.max()


def test_a_confirmed_pixel_under_the_line_is_said():
    plane = np.zeros(SHAPE, np.uint8)
    plane[10:30, 10:30] = 1
    locked = np.zeros(SHAPE, bool)
    locked[20, 12:14] = True
    path = [(20, 5), (20, 35)]
    with pytest.raises(InputError, match="confirmed"):
        tools.split(plane, component_at(plane, (12, 12)), path, locked=locked)
    assert tools.split(plane, component_at(plane, (12, 12)), path).sentence


def test_a_fibre_is_split_with_its_axon():
    plane = np.zeros(SHAPE, np.uint8)
    plane[10:30, 5:45] = 1
    plane[15:25, 10:40] = 2
    target = object_at(plane, (20, 20), FIBRES)
    after = applied(plane, tools.split(plane, target, [(5, 25), (35, 25)]))
    assert counted(after == 2) == 2
    assert to_instances(after, FIBRES).max() == 2


# Merge.


@given(seeds, places, places, st.booleans())
@example(124, (0, 0), (14, 34), False)  # a way of exactly the greatest length
def test_merge_makes_one_of_two_and_touches_no_third(seed, at, to, some_locked):
    plane = blobs(seed, size=2.0)
    target, other = component_at(plane, at), component_at(plane, to)
    assume(target is not None and other is not None)
    locked = np.random.default_rng(seed).random(SHAPE) < 0.05 if some_locked else None
    own = plane == target.value
    change = tried(lambda: tools.merge(plane, target, other, locked=locked))
    if isinstance(change, InputError):
        assert any(word in str(change) for word in ("same object", "different classes", "between"))
        assert ("same object" in str(change)) == target.holds(to)
        return
    after = applied(plane, change)
    different = after != plane
    assert (plane[different] == 0).all()
    assert (after[different] == target.value).all()
    assert locked is None or not (different & locked).any()
    joined = component_at(after, at)
    assert joined.holds(to)
    assert counted(after == target.value) == counted(own) - 1
    third = components(own & ~full(target, SHAPE) & ~full(other, SHAPE))
    assert components(after == target.value) >= third


def test_a_narrow_gap_is_closed_along_its_length():
    plane = np.zeros(SHAPE, np.uint8)
    plane[10:30, 10:40] = 2
    plane[10:30, 25] = 0
    after = applied(plane, tools.merge(plane, component_at(plane, (12, 12)), component_at(plane, (12, 30))))
    assert (after[10:30, 10:40] == 2).all()


def test_far_objects_are_joined_by_a_narrow_bridge():
    plane = np.zeros(SHAPE, np.uint8)
    plane[disk((20, 8), 5)] = plane[disk((20, 42), 5)] = 1
    after = applied(plane, tools.merge(plane, component_at(plane, (20, 8)), component_at(plane, (20, 42))))
    assert counted(after) == 1
    assert (after != plane).sum() < 26 * 10


def test_objects_that_are_far_apart_are_not_joined():
    plane = np.zeros((10, 600), np.uint8)
    plane[4:6, :5] = plane[4:6, 590:] = 1
    with pytest.raises(InputError, match="200 px apart"):
        tools.merge(plane, component_at(plane, (4, 0)), component_at(plane, (4, 595)))


def test_nothing_goes_through_another_class_unless_told():
    plane = np.zeros(SHAPE, np.uint8)
    plane[:, 24:27] = 1
    plane[disk((20, 12), 6)] = plane[disk((20, 38), 6)] = 2
    one, two = component_at(plane, (20, 12)), component_at(plane, (20, 38))
    with pytest.raises(InputError, match="between"):
        tools.merge(plane, one, two)
    assert counted(applied(plane, tools.merge(plane, one, two, over=(1,))) == 2) == 1


@pytest.mark.parametrize("apart", [0, 3, 8])
def test_two_fibres_become_one(apart):
    plane = np.zeros((60, 90), np.uint8)
    fibre(plane, (30, 25), 15, 8)
    fibre(plane, (30, 55 + apart), 15, 8)
    one, two = (object_at(plane, (30, column), FIBRES) for column in (25, 55 + apart))
    after = applied(plane, tools.merge(plane, one, two))
    assert to_instances(after, FIBRES).max() == 1
    assert counted(after == 2) == 1
    assert set(np.unique(after[after != plane])) == {1, 2} if apart else {2}


def test_myelin_that_lost_its_axon_is_joined_to_a_fibre():
    plane = np.zeros((60, 90), np.uint8)
    fibre(plane, (30, 25), 15, 8)
    plane[20:40, 45:50] = 1
    one, two = object_at(plane, (30, 25), FIBRES), object_at(plane, (30, 47), FIBRES)
    assert two.value == 1
    after = applied(plane, tools.merge(plane, one, two))
    assert to_instances(after, FIBRES).max() == 1
    assert ((after == 2) == (plane == 2)).all()


def test_nuclei_that_were_told_apart_become_one():
    scheme = Scheme((), (1,))
    plane = np.zeros((60, 90), np.uint8)
    plane[disk((30, 30), 12)] = plane[disk((30, 48), 12)] = 1
    one, two = object_at(plane, (30, 25), scheme), object_at(plane, (30, 53), scheme)
    assert to_instances(plane, scheme).max() == 2
    assert to_instances(applied(plane, tools.merge(plane, one, two)), scheme).max() == 1


# Paste.


@given(seeds, seeds, places, st.booleans(), st.booleans())
def test_paste_takes_the_object_over_and_nothing_else(seed, other_seed, at, replace, some_locked):
    plane, candidate = blobs(seed), blobs(other_seed)
    scheme = FIBRES
    locked = np.random.default_rng(seed).random(SHAPE) < 0.1 if some_locked else None
    source, own = object_at(candidate, at, scheme), object_at(plane, at, scheme)
    change = tried(
        lambda: tools.paste(plane, candidate, at, scheme, replacing=own if replace else None, locked=locked)
    )
    if isinstance(change, InputError):
        assert source is None or "already" in str(change) or "confirmed" in str(change)
        return
    after = applied(plane, change)
    different = after != plane
    assert locked is None or not (different & locked).any()
    allowed = full(source, SHAPE) & (plane == 0)
    if replace and own is not None:
        allowed |= full(own, SHAPE)
    assert not (different & ~allowed).any()
    added = different & (after != 0)
    assert (after[added] == candidate[added]).all()


def test_paste_replaces_a_fibre_with_both_of_its_parts():
    plane, candidate = np.zeros((60, 90), np.uint8), np.zeros((60, 90), np.uint8)
    fibre(plane, (30, 30), 10, 4)
    fibre(candidate, (32, 33), 16, 9)
    own = object_at(plane, (30, 30), FIBRES)
    after = applied(plane, tools.paste(plane, candidate, (32, 33), FIBRES, replacing=own))
    assert (after == candidate).all()


def test_a_pasted_object_keeps_a_gap_to_its_neighbour():
    plane, candidate = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    plane[10:30, 5:20] = 2
    candidate[10:30, 20:40] = 2
    after = applied(plane, tools.paste(plane, candidate, (15, 30), Scheme()))
    assert counted(after == 2) == 2
    assert (after[10:30, 20] == 0).all()
    assert (after[10:30, 21:40] == 2).all()


def test_paste_says_why_there_is_nothing():
    plane, candidate = np.zeros(SHAPE, np.uint8), np.full(SHAPE, 255, np.uint8)
    candidate[:, :10] = 0
    with pytest.raises(InputError, match="no object under the cursor"):
        tools.paste(plane, candidate, (5, 5), FIBRES)
    with pytest.raises(InputError, match="Nothing was predicted"):
        tools.paste(plane, candidate, (5, 15), FIBRES)

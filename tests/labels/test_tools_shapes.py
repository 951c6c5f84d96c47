"""Tools for the shape of one object: nothing else changes, nothing confirmed changes, nothing disappears silently."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage as ndi
from skimage.draw import disk
from tool_cases import FIBRES, SQUARE, applied, components, counted, full, seeds, tried

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels import tools
from napari_pseudolabel.labels.objects import Scheme, object_at
from napari_pseudolabel.labels.tools import component_at

SCHEMES = st.sampled_from([Scheme(), FIBRES, Scheme((), (1, 2))])
SHAPE = (26, 31)

dtypes = st.sampled_from([np.uint8, np.int32, np.int64])


@st.composite
def planes(draw) -> np.ndarray:
    """Smooth shapes or noise of two classes."""
    dtype = draw(dtypes)
    if draw(st.booleans()):
        return draw(arrays(dtype, SHAPE, elements=st.integers(0, 2)))
    rng = np.random.default_rng(draw(seeds))
    size = draw(st.floats(0.8, 3))
    fields = ndi.gaussian_filter(rng.normal(size=(3, *SHAPE)), (0, size, size))
    return fields.argmax(axis=0).astype(dtype)


@st.composite
def locks(draw) -> np.ndarray:
    locked = np.zeros(SHAPE, bool)
    for _ in range(draw(st.integers(0, 3))):
        y, x = draw(st.integers(0, SHAPE[0])), draw(st.integers(0, SHAPE[1]))
        locked[y : y + draw(st.integers(0, 9)), x : x + draw(st.integers(0, 9))] = True
    return locked


places = st.tuples(st.integers(0, SHAPE[0] - 1), st.integers(0, SHAPE[1] - 1))

TOOLS: dict[str, Callable[..., tools.Change]] = {
    "delete": lambda plane, target, locked, n: tools.delete(plane, target, locked=locked),
    "reassign": lambda plane, target, locked, n: tools.reassign(plane, target, n, locked=locked),
    "fill_holes": lambda plane, target, locked, n: tools.fill_holes(plane, target, locked=locked),
    "smooth": lambda plane, target, locked, n: tools.smooth(plane, target, n, locked=locked),
    "grow": lambda plane, target, locked, n: tools.grow(plane, target, n, locked=locked),
    "shrink": lambda plane, target, locked, n: tools.shrink(plane, target, n, locked=locked),
}


@given(st.sampled_from(sorted(TOOLS)), planes(), locks(), places, SCHEMES, st.integers(1, 3))
def test_every_tool_changes_its_object_or_background_only(name, plane, locked, at, scheme, number):
    before = plane.copy()
    target = object_at(plane, at, scheme)
    change = tried(lambda: TOOLS[name](plane, target, locked, number))
    assert (plane == before).all()
    if isinstance(change, InputError):
        assert str(change).endswith(".")
        return
    assert change.labels.dtype == plane.dtype
    assert change.labels.shape == plane[change.window].shape
    assert change.sentence.endswith(".")
    after = applied(plane, change)
    different = after != before
    assert different.any()
    assert not (different & locked).any()
    assert not (different & (before != 0) & ~full(target, SHAPE)).any()


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_without_an_object_every_tool_says_so(name):
    with pytest.raises(InputError, match="no object under the cursor"):
        TOOLS[name](np.zeros(SHAPE, np.uint8), None, None, 1)


@pytest.mark.parametrize("name", ["delete", "reassign", "shrink"])
def test_a_confirmed_object_says_so(name):
    plane = np.zeros(SHAPE, np.uint8)
    plane[5:20, 5:20] = 2
    with pytest.raises(InputError, match="confirmed"):
        TOOLS[name](plane, component_at(plane, (6, 6)), np.ones(SHAPE, bool), 1)


@settings(deadline=None)
@given(planes(), places, SCHEMES)
def test_delete_and_reassign_take_the_whole_object(plane, at, scheme):
    target = object_at(plane, at, scheme)
    assume(target is not None)
    gone = applied(plane, tools.delete(plane, target))
    assert (gone == np.where(full(target, SHAPE), 0, plane)).all()
    changed = applied(plane, tools.reassign(plane, target, 9))
    assert (changed == np.where(full(target, SHAPE), 9, plane)).all()


def test_an_object_that_has_the_class_already_says_so():
    plane = np.full(SHAPE, 2, np.uint8)
    with pytest.raises(InputError, match="this class already"):
        tools.reassign(plane, component_at(plane, (0, 0)), 2)


# Grow and shrink.


@given(planes(), places, st.integers(1, 4), locks())
def test_grow_never_swallows_another_object(plane, at, pixels, locked):
    target = component_at(plane, at)
    assume(target is not None)
    own = plane == target.value
    others = components(own & ~full(target, SHAPE))
    try:
        after = applied(plane, tools.grow(plane, target, pixels, locked=locked))
    except InputError:
        reject()
    grown = after == target.value
    assert components(grown) >= others
    assert counted(grown) == counted(own)
    assert grown[own].all()
    distance = ndi.distance_transform_cdt(~full(target, SHAPE), "chessboard")
    assert distance[grown & ~own].max() <= pixels


def test_grow_of_a_free_disc_is_nearly_round():
    plane = np.zeros((80, 80), np.uint8)
    plane[disk((40, 40), 10)] = 1
    after = applied(plane, tools.grow(plane, component_at(plane, (40, 40)), 8))
    wanted = np.zeros_like(plane)
    wanted[disk((40, 40), 18)] = 1
    assert 2 * (after & wanted).sum() / (after.sum() + wanted.sum()) > 0.97


def test_two_discs_that_grow_keep_a_gap_of_one_pixel():
    plane = np.zeros((30, 60), np.uint8)
    plane[disk((15, 20), 7)] = plane[disk((15, 40), 7)] = 3
    plane = applied(plane, tools.grow(plane, component_at(plane, (15, 20)), 12))
    plane = applied(plane, tools.grow(plane, component_at(plane, (15, 40)), 12))
    assert counted(plane == 3) == 2
    assert (plane[15, 20:41] == 0).sum() == 1


def test_an_axon_grows_into_its_myelin_only_when_told():
    plane = np.zeros((40, 40), np.uint8)
    plane[disk((20, 20), 14)] = 1
    plane[disk((20, 20), 6)] = 2
    axon = component_at(plane, (20, 20))
    with pytest.raises(InputError, match="no room"):
        tools.grow(plane, axon, 3)
    after = applied(plane, tools.grow(plane, axon, 3, over=FIBRES.over(2)))
    assert (after == 2).sum() > (plane == 2).sum() * 1.8
    assert ((after > 0) == (plane > 0)).all()


def test_a_fibre_grows_by_its_myelin():
    plane = np.zeros((40, 40), np.uint8)
    plane[disk((20, 20), 12)] = 1
    plane[disk((20, 20), 6)] = 2
    after = applied(plane, tools.grow(plane, object_at(plane, (20, 20), FIBRES), 2))
    assert ((after == 2) == (plane == 2)).all()
    assert (after == 1).sum() > (plane == 1).sum()


@given(planes(), places, st.integers(1, 4), locks())
def test_shrink_takes_from_the_border_and_leaves_something(plane, at, pixels, locked):
    target = component_at(plane, at)
    assume(target is not None)
    inside = full(target, SHAPE)
    try:
        after = applied(plane, tools.shrink(plane, target, pixels, locked=locked))
    except InputError:
        reject()
    left = (after == target.value) & inside
    assert left.any()
    distance = ndi.distance_transform_cdt(np.pad(inside, 1, mode="edge"), "chessboard")[1:-1, 1:-1]
    assert left[distance > pixels].all()
    assert not (left & (distance <= pixels) & ~locked & _near_outside(inside)).any()


def _near_outside(inside: np.ndarray) -> np.ndarray:
    return ndi.binary_dilation(~inside, ndi.generate_binary_structure(2, 1))


def test_shrink_does_not_delete():
    plane = np.zeros(SHAPE, np.uint8)
    plane[5:8, 5:20] = 1
    with pytest.raises(InputError, match="too thin"):
        tools.shrink(plane, component_at(plane, (6, 6)), 2)


def test_an_axon_that_shrinks_leaves_myelin():
    plane = np.zeros((40, 40), np.uint8)
    plane[disk((20, 20), 14)] = 1
    plane[disk((20, 20), 8)] = 2
    after = applied(plane, tools.shrink(plane, component_at(plane, (20, 20)), 2, under=FIBRES.under(2)))
    assert (after == 2).sum() < (plane == 2).sum()
    assert ((after > 0) == (plane > 0)).all()


@pytest.mark.parametrize("pixels", [1, 2, 5])
def test_shrink_undoes_grow_of_a_large_square(pixels):
    plane = np.zeros((60, 60), np.int32)
    plane[20:40, 20:40] = 4
    grown = applied(plane, tools.grow(plane, component_at(plane, (30, 30)), pixels))
    back = applied(grown, tools.shrink(grown, component_at(grown, (30, 30)), pixels))
    assert (back == plane).all()


# Smooth.


def _rough(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    clean = np.zeros((80, 80), np.uint8)
    clean[disk((40, 40), 22)] = 1
    near = ndi.binary_dilation(clean, iterations=2) & ~ndi.binary_erosion(clean, iterations=2)
    rough = np.where(near & (rng.random(clean.shape) < 0.5), 1 - clean, clean)
    parts, _ = ndi.label(rough, SQUARE)
    return (parts == parts[40, 40]).astype(np.uint8), clean


@settings(deadline=None, max_examples=20)
@given(seeds)
def test_smooth_brings_a_rough_disc_nearer_to_the_disc(seed):
    rough, clean = _rough(seed)
    after = applied(rough, tools.smooth(rough, component_at(rough, (40, 40)), 3))
    assert (after != clean).sum() < 0.5 * (rough != clean).sum()
    assert counted(after) == 1
    assert after.sum() == pytest.approx(rough.sum(), rel=0.03)


@given(planes(), places, st.floats(0.5, 4))
def test_smooth_neither_deletes_nor_breaks_nor_joins(plane, at, radius):
    target = component_at(plane, at)
    assume(target is not None)
    own = plane == target.value
    others = components(own & ~full(target, SHAPE))
    try:
        after = applied(plane, tools.smooth(plane, target, radius))
    except InputError:
        reject()
    assert counted(after == target.value) == counted(own)
    assert components(after == target.value) >= others


def test_smooth_of_a_fibre_rounds_both_borders():
    clean = np.zeros((90, 90), np.uint8)
    clean[disk((45, 45), 30)] = 1
    clean[disk((45, 45), 15)] = 2
    y, x = np.mgrid[:90, :90] - 45.0
    distance, angle = np.hypot(y, x), np.arctan2(y, x)
    axon, whole = distance < 15 + 2 * np.sin(13 * angle), distance < 30 + 2 * np.sin(25 * angle)
    rough = np.where(axon, 2, np.where(whole, 1, 0)).astype(np.uint8)
    after = applied(rough, tools.smooth(rough, object_at(rough, (45, 45), FIBRES), 3))
    for value in (1, 2):
        wrong_before, wrong_after = ((one == value) != (clean == value) for one in (rough, after))
        assert wrong_after.sum() < 0.5 * wrong_before.sum()


def test_smooth_says_when_the_object_would_break():
    plane = np.zeros((60, 90), np.uint8)
    plane[disk((30, 20), 14)] = plane[disk((30, 70), 14)] = 1
    plane[30, 20:70] = 1
    with pytest.raises(InputError, match="break the object"):
        tools.smooth(plane, component_at(plane, (30, 20)), 3)


# Holes and crumbs.


@given(planes(), places, SCHEMES)
def test_filled_objects_have_no_hole_of_background(plane, at, scheme):
    target = object_at(plane, at, scheme)
    assume(target is not None)
    holes = ndi.binary_fill_holes(full(target, SHAPE)) & ~full(target, SHAPE)
    try:
        after = applied(plane, tools.fill_holes(plane, target))
    except InputError:
        assert not (holes & (plane == 0)).any()
        return
    assert (after[holes] != 0).all()
    assert (after[~holes] == plane[~holes]).all()
    assert set(np.unique(after[holes & (plane == 0)])) <= set(np.unique(plane[full(target, SHAPE)]))


def test_holes_of_other_classes_are_filled_when_told():
    plane = np.zeros((20, 20), np.uint8)
    plane[3:17, 3:17] = 2
    plane[8:10, 8:10], plane[12, 12] = 1, 0
    target = component_at(plane, (4, 4))
    assert (tools.fill_holes(plane, target).labels == 1).any()
    assert (tools.fill_holes(plane, target, over=(1,)).labels == 2).all()


@given(planes(), locks(), st.integers(1, 40), st.integers(1, 2))
def test_remove_small_takes_whole_small_components_only(plane, locked, least, value):
    window = slice(4, 22), slice(5, 29)
    parts, count = ndi.label(plane == value, SQUARE)
    change = tried(lambda: tools.remove_small(plane, value, least, window, locked=locked))
    if isinstance(change, InputError):
        assert "smaller than" in str(change)
        after = plane
    else:
        after = applied(plane, change)
    rows, columns = (range(part.start, part.stop) for part in window)
    for part in range(1, count + 1):
        mask = parts == part
        places = np.argwhere(mask)
        # A component that touches the rim of the window may be larger than what is seen of it.
        within = all(y in rows[1:-1] and x in columns[1:-1] for y, x in places.tolist())
        reaches_out = not all(y in rows and x in columns for y, x in places.tolist())
        gone = (after[mask] == 0).all()
        assert gone or (after[mask] == value).all()
        if within and mask.sum() < least and not locked[mask].any():
            assert gone
        if reaches_out or mask.sum() >= least or locked[mask].any():
            assert not gone
    assert (after[plane != value] == plane[plane != value]).all()


def test_remove_small_looks_up_to_the_border_of_the_image():
    plane = np.zeros((10, 10), np.uint8)
    plane[0, 0] = plane[9, 9] = 1
    change = tools.remove_small(plane, 1, 5, (slice(0, 10), slice(0, 10)))
    assert "2 small objects" in change.sentence
    assert not change.labels.any()

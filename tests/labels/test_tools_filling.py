"""Smart fill follows the image and stays one piece; interpolation stays between the slices it starts from."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi
from skimage.draw import disk
from tool_cases import SQUARE, applied, counted, seeds, tried

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels import tools
from napari_pseudolabel.labels.tools import component_at

METHODS = ("random_walker", "watershed")


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def scene(seed: int, shape=(90, 100), radius=15.0, noise=0.1):
    """A noisy image of a blob, its mask, and a short stroke inside of it."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    cy, cx = rng.uniform(30, shape[0] - 30), rng.uniform(30, shape[1] - 30)
    angle = np.arctan2(y - cy, x - cx)
    outline = radius * (1 + 0.15 * np.sin(3 * angle + rng.uniform(0, 6)))
    mask = np.hypot(y - cy, x - cx) < outline
    image = np.where(mask, 0.8, 0.3) + rng.normal(0, noise, shape)
    stroke = tools.line_through([(cy, cx - radius / 2), (cy, cx + radius / 2)])
    return image, mask, stroke


# Smart fill.


@settings(deadline=None, max_examples=20)
@given(seeds, st.sampled_from(METHODS), st.booleans())
def test_a_stroke_fills_the_object_that_the_image_shows(seed, method, inverted):
    image, mask, stroke = scene(seed)
    plane = np.zeros(mask.shape, np.uint8)
    change = tools.smart_fill(plane, -image if inverted else image, stroke, 3, method=method)
    filled = applied(plane, change) == 3
    assert dice(filled, mask) > 0.9
    assert filled[tuple(stroke.T)].all()
    assert counted(filled) == 1


@given(seeds, st.sampled_from(METHODS), st.integers(1, 2), st.booleans(), st.booleans(), st.integers(4, 60))
def test_whatever_is_around_a_fill_is_one_piece_and_takes_only_what_it_may(
    seed, method, value, some_locked, told, reach
):
    rng = np.random.default_rng(seed)
    image, _, _ = scene(seed, noise=0.5)
    fields = ndi.gaussian_filter(rng.normal(size=(3, *image.shape)), (0, 4, 4))
    plane = fields.argmax(axis=0).astype(np.uint8)
    locked = rng.random(image.shape) < 0.02 if some_locked else None
    over = (3 - value,) if told else ()
    path = rng.uniform((0, 0), image.shape, (3, 2))
    stroke = tools.line_through([tuple(corner) for corner in path])
    stroke = stroke[(stroke < image.shape).all(axis=1)]
    change = tried(
        lambda: tools.smart_fill(
            plane, image, stroke, value, method=method, reach_px=reach, locked=locked, over=over
        )
    )
    if isinstance(change, InputError):
        assert any(word in str(change) for word in ("scribble", "confirmed"))
        return
    after = applied(plane, change)
    different = after != plane
    assert (after[different] == value).all()
    assert np.isin(plane[different], (0, *over)).all()
    assert locked is None or not (different & locked).any()
    pieces, _ = ndi.label(after == value, SQUARE)
    filled = np.unique(pieces[different])
    assert len(filled) == 1
    # Objects of the class that the stroke does not touch stay apart from the filled one.
    marked = np.zeros(plane.shape, bool)
    marked[tuple(stroke.T)] = True
    marked = ndi.binary_dilation(marked, SQUARE)
    parts, count = ndi.label(plane == value, SQUARE)
    untouched = np.isin(parts, np.setdiff1d(np.arange(1, count + 1), parts[marked]))
    assert not (untouched & (pieces == filled[0])).any()


def test_a_fill_stops_at_other_objects_and_at_confirmed_pixels():
    image = np.zeros((60, 60))
    plane = np.zeros((60, 60), np.uint8)
    plane[:, 20] = 2
    locked = np.zeros((60, 60), bool)
    locked[:, 40] = True
    change = tools.smart_fill(plane, image, [(30, 30)], 1, locked=locked, reach_px=30)
    after = applied(plane, change)
    assert not (after[:, :21] == 1).any()
    assert not (after[:, 40:] == 1).any()


@pytest.mark.parametrize("method", METHODS)
def test_the_probability_shows_what_the_image_does_not(method):
    rng = np.random.default_rng(0)
    _, mask, stroke = scene(5)
    image = rng.normal(0, 0.1, mask.shape)
    probability = np.where(mask, 0.9, 0.1)
    plane = np.zeros(mask.shape, np.uint8)
    with_it = tools.smart_fill(plane, image, stroke, 1, probability=probability, method=method)
    without = tools.smart_fill(plane, image, stroke, 1, method=method)
    assert dice(applied(plane, with_it) == 1, mask) > 0.9
    assert dice(applied(plane, without) == 1, mask) < 0.85


def test_a_fill_goes_on_from_the_object_that_the_stroke_touches():
    image, mask, stroke = scene(7)
    plane = np.zeros(mask.shape, np.uint8)
    plane[tuple(stroke.T)] = 2
    after = applied(plane, tools.smart_fill(plane, image, stroke, 2))
    assert dice(after == 2, mask) > 0.9


def test_a_large_window_is_filled_on_a_coarser_grid():
    image, mask, stroke = scene(3, shape=(700, 800), radius=150.0)
    plane = np.zeros(mask.shape, np.uint8)
    after = applied(plane, tools.smart_fill(plane, image, stroke, 1, reach_px=300))
    assert dice(after == 1, mask) > 0.95


def test_colour_images_are_understood():
    image, mask, stroke = scene(9)
    rng = np.random.default_rng(1)
    colour = np.stack([rng.normal(0, 0.1, image.shape), image, 1 - image], axis=-1)
    plane = np.zeros(mask.shape, np.uint8)
    assert dice(applied(plane, tools.smart_fill(plane, colour, stroke, 1)) == 1, mask) > 0.9


@pytest.mark.parametrize("stroke", [np.zeros((0, 2)), [(-5, 3)], [(3, 400)]])
def test_a_scribble_outside_of_the_image_is_said(stroke):
    with pytest.raises(InputError, match="Draw a scribble"):
        tools.smart_fill(np.zeros((20, 20), np.uint8), np.zeros((20, 20)), stroke, 1)


def test_a_scribble_on_another_object_or_a_confirmed_one_is_said():
    plane, image = np.full((20, 20), 2, np.uint8), np.zeros((20, 20))
    with pytest.raises(InputError, match="other objects"):
        tools.smart_fill(plane, image, [(5, 5)], 1)
    with pytest.raises(InputError, match="confirmed"):
        tools.smart_fill(np.zeros_like(plane), image, [(5, 5)], 1, locked=np.ones((20, 20), bool))


# Interpolation.


@st.composite
def stacks(draw):
    """Blobs in two or three slices of a stack, nothing between."""
    rng = np.random.default_rng(draw(seeds))
    stack = np.zeros((draw(st.integers(4, 8)), 24, 26), np.uint8)
    for z in {0, len(stack) - 1, *draw(st.lists(st.integers(0, 3), max_size=1))}:
        stack[z] = ndi.gaussian_filter(rng.normal(size=stack.shape[1:]), 3) > 0.02
    return stack


@given(stacks(), seeds, st.booleans())
def test_slices_between_hold_what_both_have_and_nothing_that_neither_has(stack, seed, some_locked):
    before = stack.copy()
    locked = np.random.default_rng(seed).random(stack.shape) < 0.1 if some_locked else None
    try:
        changes = tools.interpolate(stack, 1, 0, len(stack) - 1, locked=locked)
    except InputError:
        assume(False)
    assert (stack == before).all()
    keys = [z for z in range(len(stack)) if stack[z].any()]
    assert not set(changes) & set(keys)
    for z, change in changes.items():
        low, high = max(k for k in keys if k < z), min(k for k in keys if k > z)
        after = applied(stack[z], change) == 1
        free = np.ones(after.shape, bool) if locked is None else ~locked[z]
        assert after[(stack[low] == 1) & (stack[high] == 1) & free].all()
        assert not after[(stack[low] != 1) & (stack[high] != 1)].any()
        assert not after[~free].any()


def test_equal_slices_give_the_same_between():
    stack = np.zeros((5, 30, 30), np.uint16)
    stack[0][disk((15, 15), 8)] = stack[4][disk((15, 15), 8)] = 9
    changes = tools.interpolate(stack, 9, 0, 4)
    assert sorted(changes) == [1, 2, 3]
    assert all((applied(stack[z], change) == stack[0]).all() for z, change in changes.items())


def test_a_cone_is_interpolated_linearly():
    stack = np.zeros((9, 60, 60), np.uint8)
    stack[0][disk((30, 30), 24)] = stack[8][disk((30, 30), 8)] = 1
    changes = tools.interpolate(stack, 1, 0, 8)
    assert sorted(changes) == list(range(1, 8))
    for z, change in changes.items():
        radius = 24 - 2 * z
        assert change.labels.sum() == pytest.approx(np.pi * radius**2, rel=0.12)


def test_one_object_moves_on_a_line_although_its_slices_do_not_overlap():
    stack = np.zeros((5, 40, 90), np.uint8)
    stack[0][disk((20, 12), 8)] = stack[4][disk((20, 76), 8)] = 1
    stack[0][disk((8, 50), 5)] = 1
    with pytest.raises(InputError, match="do not overlap"):
        tools.interpolate(stack, 1, 0, 4)
    targets = {0: component_at(stack[0], (20, 12)), 4: component_at(stack[4], (20, 76))}
    changes = tools.interpolate(stack, 1, 0, 4, targets=targets)
    assert sorted(changes) == [1, 2, 3]
    for z, change in changes.items():
        after = applied(stack[z], change)
        centre = ndi.center_of_mass(after)
        assert centre == pytest.approx((20, 12 + 16 * z), abs=0.6)
        assert after.sum() == pytest.approx((stack[4] == 1).sum(), rel=0.1)


def test_labels_between_are_not_overwritten():
    stack = np.zeros((3, 20, 20), np.uint8)
    stack[0, 5:15, 5:15] = stack[2, 5:15, 5:15] = 1
    stack[1, 8:12, 8:12] = 2
    after = applied(stack[1], tools.interpolate(stack, 1, 0, 2)[1])
    assert ((after == 2) == (stack[1] == 2)).all()
    assert (after[5:15, 5:15] > 0).all()


@pytest.mark.parametrize(
    ("labelled", "limits", "words"),
    [((0,), (0, 4), "two slices"), ((0, 1), (0, 1), "no empty slice"), ((0, 4), (3, 3), "two different")],
)
def test_what_is_missing_is_said(labelled, limits, words):
    stack = np.zeros((5, 10, 10), np.uint8)
    stack[list(labelled)] = 1
    with pytest.raises(InputError, match=words):
        tools.interpolate(stack, 1, *limits)


def test_confirmed_slices_between_are_said():
    stack = np.zeros((3, 10, 10), np.uint8)
    stack[[0, 2]] = 1
    with pytest.raises(InputError, match="confirmed"):
        tools.interpolate(stack, 1, 0, 2, locked=np.ones(stack.shape, bool))

"""Clicks find the object that the image shows, and refine it; other objects and confirmed pixels stay."""

import numpy as np
import pytest
from skimage.draw import disk
from tool_cases import applied, counted

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.tools import ClickField, ClickMark, well_inside, window_around
from napari_pseudolabel.labels.tools.image_channels import channels_of
from napari_pseudolabel.labels.windows import whole

SHAPE = (96, 120)


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


def discs(*places, radius=14, shape=SHAPE):
    mask = np.zeros(shape, bool)
    for place in places:
        mask[disk(place, radius, shape=shape)] = True
    return mask


def seen(mask, noise=0.15, seed=0):
    return np.where(mask, 0.8, 0.3) + np.random.default_rng(seed).normal(0, noise, mask.shape)


def found(image, inside, outside=(), plane=None, value=3, **more):
    """Where the object is, and the plane afterwards."""
    plane = np.zeros(SHAPE, np.uint8) if plane is None else plane
    marks = [*(ClickMark.at(at, True) for at in inside), *(ClickMark.at(at, False) for at in outside)]
    field = ClickField.of(plane, image, whole(SHAPE), value, **more)
    after = applied(plane, field.propose(marks))
    return (after == value) & (plane != value), after


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "show",
    [
        lambda image: image,
        lambda image: -image,
        lambda image: (image * 20000 + 9000).clip(0, 65535).astype(np.uint16),
        lambda image: np.stack([image, 1 - image, np.full_like(image, 0.5)], axis=-1),
    ],
)
def test_one_click_finds_a_disc_in_noise(show, seed):
    disc = discs((45, 60))
    mask, _ = found(show(seen(disc, seed=seed)), [(47, 57)])
    assert iou(mask, disc) > 0.8
    assert counted(mask) == 1


def test_a_click_outside_parts_discs_that_touch():
    left, right = discs((45, 40)), discs((45, 66))
    image = seen(left | right, 0.05)
    both, _ = found(image, [(45, 40)])
    assert iou(both, left | right) > 0.8
    one, _ = found(image, [(45, 40)], [(45, 66)])
    assert iou(one, left) > 0.8
    assert not one[45, 66]


def test_a_second_click_inside_adds_what_was_missing():
    bright, dim = discs((45, 40)), discs((45, 64))
    image = seen(bright, 0.05) + 0.25 * (dim & ~bright)
    first, _ = found(image, [(45, 40)])
    assert not first[45, 70]
    second, _ = found(image, [(45, 40), (45, 68)])
    assert iou(second, bright | dim) > 0.8
    assert counted(second) == 1


def test_confirmed_pixels_and_other_objects_are_walls():
    disc = discs((45, 60))
    plane, locked = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, bool)
    plane[:, 66:] = 1
    locked[:40] = True
    mask, after = found(seen(disc), [(47, 57)], plane=plane, locked=locked)
    np.testing.assert_array_equal(after[:, 66:], plane[:, 66:])
    assert not mask[:40].any()
    assert mask[44:50, 52:60].all()
    with pytest.raises(InputError, match="confirmed"):
        found(seen(disc), [(35, 57)], locked=locked)
    with pytest.raises(InputError, match="another object"):
        found(seen(disc), [(47, 70)], plane=plane)
    taken, _ = found(seen(disc), [(47, 57)], plane=plane, over=(1,))
    assert iou(taken, disc) > 0.8


def test_an_object_of_the_class_is_gone_on_with_or_kept_apart():
    disc = discs((45, 60))
    plane = np.zeros(SHAPE, np.uint8)
    plane[44:47, 55:62] = 3
    _, after = found(seen(disc), [(45, 60)], plane=plane)
    assert iou(after == 3, disc) > 0.8
    _, apart = found(seen(disc), [(53, 60)], plane=plane)
    assert counted(apart == 3) == 2
    plane[plane == 3] = 1
    _, around = found(seen(disc), [(53, 60)], plane=plane)
    np.testing.assert_array_equal(around == 1, plane == 1)


def test_areas_of_labelled_objects_tell_a_disc_from_what_it_lies_in():
    large, small = discs((45, 60), radius=30), discs((45, 60), radius=9)
    image = np.where(small, 0.75, np.where(large, 0.55, 0.0)) + np.random.default_rng(0).normal(
        0, 0.02, SHAPE
    )
    plane = np.zeros(SHAPE, np.uint8)
    assert iou(found(image, [(45, 60)])[0], large) > 0.8
    for place in ((8, 8), (8, 110), (88, 8), (88, 110)):
        plane[disk(place, 6, shape=SHAPE)] = 3
    assert iou(found(image, [(45, 60)], plane=plane)[0], small) > 0.8


def test_what_cannot_be_answered_is_said():
    with pytest.raises(InputError, match="no border"):
        found(np.full(SHAPE, 7, np.uint16), [(40, 40)])
    with pytest.raises(InputError, match="Click on the object first"):
        found(seen(discs((45, 60))), [], [(40, 40)])
    with pytest.raises(InputError, match="512 px apart"):
        window_around([ClickMark.at((3, 3), True), ClickMark.at((3, 700), True)], (900, 900))


def test_the_window_holds_the_clicks_and_no_more_than_there_is():
    assert window_around([ClickMark.at((3, 1990), True)], (300, 2000)) == (slice(0, 300), slice(1488, 2000))


@pytest.mark.parametrize(
    ("at", "inside"),
    [((100, 600), True), ((100, 563), False), ((100, 564), True), ((0, 947), True), ((299, 948), False)],
)
def test_the_next_object_must_lie_well_inside_of_what_is_looked_at(at, inside):
    window = slice(0, 300), slice(500, 1012)  # all rows of the plane, which is wider
    assert well_inside(np.array([at]), window, (300, 2000)) == inside


def test_what_tools_see_is_the_same_in_any_unit():
    image = np.random.default_rng(0).random((20, 30, 2)).astype(np.float32)
    for unit in (1e-12, 1e12):
        np.testing.assert_allclose(
            channels_of(np.float32(unit) * image, None), channels_of(image, None), atol=1e-4
        )

"""Deformed patches: labels and weights stay with the pixels they belong to."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.training.data.augmentation import Geometry, augment, cut, shift_classes
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.data.labelled_patches import LabelledPatches

CLASSES = (0, 1, 7)
STILL = Geometry(zoom=(1.0, 1.0), bend_px=0.0, turn=False)


def plane(shape, seed=0, weight=None):
    rng = np.random.default_rng(seed)
    labels = rng.choice(np.array(CLASSES, np.uint8), shape)
    return LabelledPlane("p", rng.random(shape, np.float32), labels, weight)


def test_without_deformation_a_patch_is_a_crop():
    stack = torch.rand(3, 20, 30)
    where, step = STILL.draw(8, np.random.default_rng(0))
    patch = cut(stack, (9.5, 13.5), where)
    assert step == 1.0
    torch.testing.assert_close(patch, stack[:, 6:14, 10:18])


def test_outside_of_the_plane_nothing_counts():
    stack = torch.ones(3, 6, 6)
    where, _ = STILL.draw(12, np.random.default_rng(0))
    patch = cut(stack, (2.5, 2.5), where)
    inside = torch.zeros(12, 12)
    inside[3:9, 3:9] = 1
    torch.testing.assert_close(patch[0], torch.ones(12, 12))  # mirrored
    torch.testing.assert_close(patch[1], inside)
    torch.testing.assert_close(patch[2], inside)


@given(seed=st.integers(0, 10**6), size=st.integers(8, 40), shape=st.tuples(*[st.integers(8, 60)] * 2))
def test_patches_keep_ranges_and_what_belongs_together(seed, size, shape):
    # The weight of every pixel follows from its label, so it must still do so after any deformation.
    weights = np.array([0.1, 0.4, 1.0], np.float32)
    one = plane(shape, seed)
    weight = weights[np.searchsorted(CLASSES, one.labels)]
    pool = LabelledPatches([LabelledPlane("p", one.image, one.labels, weight)], CLASSES)
    images, truth, counted = pool.batch(size, 3, seed=seed, step=1)
    assert images.shape == (3, 1, size, size)
    assert truth.shape == counted.shape == (3, size, size)
    assert 0 <= images.min() <= images.max() <= 1
    known = counted > 0
    torch.testing.assert_close(counted[known], torch.from_numpy(weights)[truth[known]])
    assert not truth[~known].any()  # outside of the plane


def test_what_is_shown_shrunk_is_smooth_first():
    # Stripes of one pixel: looked at every second pixel and a half they would beat.
    stripes = np.tile(np.array([0, 1], np.float32), (80, 40))
    one = LabelledPlane("p", stripes, stripes.astype(np.uint8))

    def contrast(zoom):
        geometry = Geometry(zoom=(zoom, zoom), bend_px=0.0, turn=False)
        return LabelledPatches([one], (0, 1), None, geometry).batch(16, 8, seed=0, step=0)[0].std()

    assert contrast(1.0) > 0.3
    assert contrast(0.4) < 0.2


@pytest.mark.parametrize("seed", range(4))
def test_the_image_is_deformed_like_its_labels(seed):
    # Blobs far larger than a pixel, as bright as their labels: away from their borders both must agree.
    y, x = np.mgrid[:120, :120]
    labels = np.where(np.sin(x / 9) + np.cos(y / 11) > 0, 7, 0).astype(np.uint8)
    pool = LabelledPatches([LabelledPlane("p", (labels / 7).astype(np.float32), labels)], (0, 7))
    images, truth, counted = pool.batch(64, 4, seed=seed, step=0)
    clear = ((images[:, 0] < 0.01) | (images[:, 0] > 0.99)) & (counted > 0)
    assert clear.float().mean() > 0.5
    torch.testing.assert_close(images[:, 0][clear].round().long(), truth[clear])
    assert len({tuple(one.ravel().tolist()) for one in truth}) == 4


def test_objects_are_turned_by_any_angle_mirrored_and_zoomed():
    offsets = [Geometry(bend_px=0.0).draw(9, np.random.default_rng(seed)) for seed in range(200)]
    right = torch.stack([where[4, 8] - where[4, 4] for where, _ in offsets])
    down = torch.stack([where[8, 4] - where[4, 4] for where, _ in offsets])
    angles = torch.atan2(right[:, 0], right[:, 1])
    assert torch.histc(angles, 8, -np.pi, np.pi).min() > 5
    handed = torch.sign(right[:, 1] * down[:, 0] - right[:, 0] * down[:, 1])
    assert 60 < (handed > 0).sum() < 140
    steps = torch.tensor([step for _, step in offsets])
    torch.testing.assert_close(right.norm(dim=1) / 4, steps)
    assert 1 / 1.4 <= steps.min() < 0.8
    assert 1.3 < steps.max() <= 1 / 0.7


def test_bending_is_smooth_and_as_strong_as_asked():
    geometry = Geometry(zoom=(1.0, 1.0), bend_px=2.0, turn=False)
    straight, _ = STILL.draw(96, np.random.default_rng(0))
    bends = torch.stack([geometry.draw(96, np.random.default_rng(seed))[0] - straight for seed in range(20)])
    assert 1.0 < bends.std() < 2.5
    assert bends.diff(dim=1).abs().max() < 1.0  # never folds over


def test_half_of_the_patches_lie_on_what_counts_fully():
    weight = np.full((200, 200), 0.2, np.float32)
    weight[80:112, 80:112] = 1
    pool = LabelledPatches([plane((200, 200), weight=weight)], CLASSES)
    counted = pool.batch(16, 400, seed=0, step=0)[2]
    share = ((counted == 1).flatten(1).any(1)).float().mean()
    assert 0.45 < share < 0.75
    # What does not count is not drawn.
    weight[weight < 1] = 0
    counted = LabelledPatches([plane((200, 200), weight=weight)], CLASSES).batch(16, 100, seed=0, step=0)[2]
    assert (counted == 1).flatten(1).any(1).all()


def test_planes_are_drawn_by_weight_or_as_asked():
    planes = [plane((40, 40), weight=np.full((40, 40), w, np.float32)) for w in (0.2, 0.6, 0.0)]

    def shares(**options):
        counted = LabelledPatches(planes, CLASSES, **options).batch(8, 1000, seed=1, step=0)[2]
        values = counted[:, 4, 4]
        return [(values - w).abs().lt(1e-3).float().mean().item() for w in (0.2, 0.6, 0.0)]

    assert shares() == pytest.approx([0.25, 0.75, 0], abs=0.05)
    # A plane on which nothing counts is never drawn, whatever was asked.
    assert shares(shares=[0.5, 0.1, 0.4]) == pytest.approx([5 / 6, 1 / 6, 0], abs=0.05)


def test_the_same_seed_and_step_give_the_same_batch():
    pool = LabelledPatches([plane((50, 40))], CLASSES)
    one, other, later = (pool.batch(16, 2, seed=3, step=step) for step in (5, 5, 6))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert not torch.equal(one[0], later[0])


def test_values_without_a_class_are_background():
    one = plane((20, 20))
    pool = LabelledPatches([LabelledPlane("p", one.image, np.full((20, 20), 9, np.uint8))], CLASSES)
    assert not pool.batch(8, 2, seed=0, step=0)[1].any()


def test_what_cannot_teach_is_refused():
    with pytest.raises(InputError, match="no images"):
        LabelledPatches([], CLASSES)
    with pytest.raises(InputError, match="only 4 pixels"):
        LabelledPatches([plane((4, 20))], CLASSES)
    with pytest.raises(InputError, match="No pixel counts"):
        LabelledPatches([plane((20, 20), weight=np.zeros((20, 20), np.float32))], CLASSES)


def test_classes_change_by_an_amount_of_their_own_in_half_of_the_images():
    truth = torch.zeros(40, 24, 24, dtype=torch.int64)
    truth[:, :, 12:] = 1
    images = torch.full((40, 1, 24, 24), 0.5)
    changed = shift_classes(images, truth, 2, 0.3, torch.Generator().manual_seed(0))
    left, right = changed[:, 0, :, :8], changed[:, 0, :, 16:]
    assert all(torch.allclose(part, part[:, :1, :1], atol=1e-6) for part in (left, right))
    one, other = left[:, 0, 0] - 0.5, right[:, 0, 0] - 0.5
    assert (one - other).abs().max() > 0.2
    assert one.abs().max() <= 0.3
    still = (one == 0) & (other == 0)
    assert 10 <= still.sum() <= 30
    # Between the two it goes softly.
    steps = changed[~still, 0].diff(dim=2).abs().amax(dim=(1, 2))
    assert (steps < 0.7 * (one - other)[~still].abs() + 1e-6).all()
    torch.testing.assert_close(shift_classes(images, truth, 2, 0.0), images)


def test_a_third_of_the_images_get_no_noise():
    flat = torch.full((60, 1, 16, 16), 0.5)
    changed = augment(flat, torch.Generator().manual_seed(0))
    without = changed.flatten(1).std(dim=1) < 1e-6
    assert 10 <= without.sum() <= 30

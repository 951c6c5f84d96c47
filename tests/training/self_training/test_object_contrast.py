"""Objects change their brightness and nothing else does; patches get the look of others."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import max_pool2d

from napari_pseudolabel.training.self_training.object_contrast import (
    blended,
    feather,
    with_amplitudes,
    with_large_shifts,
    with_object_contrast,
)

pytestmark = pytest.mark.usefixtures("one_thread")


def patches(seed: int, count: int = 2, side: int = 24) -> tuple[torch.Tensor, torch.Tensor]:
    """Images, and which pixels are objects."""
    generator = torch.Generator().manual_seed(seed)
    objects = torch.zeros(count, side, side, dtype=torch.bool)
    at = torch.randint(0, side - 6, (count, 2), generator=generator)
    for number, (y, x) in enumerate(at.tolist()):
        objects[number, y : y + 6, x : x + 6] = True
    return torch.rand(count, 1, side, side, generator=generator), objects


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.floats(0.3, 1.6), st.sampled_from([0.5, 0.8, 1.5]))
def test_nothing_changes_but_objects_and_their_seam(seed, sigma, factor):
    images, objects = patches(seed)
    torch.testing.assert_close(blended(images, objects, torch.ones(2), sigma), images, rtol=0, atol=0)
    found = blended(images, objects, torch.full((2,), factor), sigma)
    reach = max(1, math.ceil(3 * sigma))
    near = max_pool2d(objects[:, None].float(), 2 * reach + 1, 1, reach) > 0
    assert torch.equal(found[~near], images[~near])
    assert not torch.equal(found, images)
    assert found.min() >= 0
    assert found.max() <= 1


def test_the_middle_of_a_large_object_has_the_factor():
    objects = torch.ones(1, 9, 9, dtype=torch.bool)
    found = blended(torch.full((1, 1, 9, 9), 0.4), objects, torch.tensor([1.5]), 1.2)
    torch.testing.assert_close(found, torch.full((1, 1, 9, 9), 0.6))
    assert 0 < feather(patches(1)[1][:, None].float(), 1.2).max() <= 1


@pytest.mark.parametrize("every", [True, False])
def test_the_background_keeps_its_grey_levels(every):
    images, objects = patches(5, count=32)
    truth = objects.long() * 2
    found = with_object_contrast(images, truth, 3, 1.0, torch.Generator().manual_seed(2), every=every)
    changed = (found != images).flatten(1).any(1)
    # A fourth keeps its own; of one class at a time, half of the others.
    assert 0.5 < changed.float().mean() < 0.95 if every else 0.15 < changed.float().mean() < 0.7
    assert torch.equal(found[:, :, 0, 0][~objects[:, 3:4, 3]], images[:, :, 0, 0][~objects[:, 3:4, 3]])


def test_slow_changes_of_grey_level_are_those_of_the_others():
    images, _ = patches(7, side=32)
    looks = 0.25 + 0.5 * patches(8, side=32)[0] ** 2
    images = 0.3 + 0.4 * images
    none = with_amplitudes(images, looks, torch.tensor([-1.0, -1.0]))
    torch.testing.assert_close(none, images, rtol=0, atol=1e-5)
    found = with_amplitudes(images, looks, torch.tensor([0.0, -1.0]))
    assert found[0].mean() == pytest.approx(float(looks[0].mean()), abs=1e-4)
    # The rest of the picture is still there.
    assert torch.corrcoef(torch.stack([found[0].flatten(), images[0].flatten()]))[0, 1] > 0.99


def test_large_shifts_stay_images_and_follow_their_seed():
    images, _ = patches(9, count=6, side=32)
    found, again = (
        with_large_shifts(images, images.flip(0), torch.Generator().manual_seed(4)) for _ in range(2)
    )
    assert torch.equal(found, again)
    assert found.min() >= 0
    assert found.max() <= 1
    assert (found != images).flatten(1).any(1).float().mean() > 0.5

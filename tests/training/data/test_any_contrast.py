"""Patches in random contrasts: what must stay true of them whatever is drawn."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pseudolabel.training.data.any_contrast import (
    LEAST_STEP,
    any_contrast,
    random_curves,
    recast_classes,
)


def halves(count=60, side=32):
    """Images of which the right half is class 1, all of the same grey."""
    truth = torch.zeros(count, side, side, dtype=torch.int64)
    truth[:, :, side // 2 :] = 1
    return torch.full((count, 1, side, side), 0.5), truth


def seeded(number=0):
    return torch.Generator().manual_seed(number)


def test_classes_get_grey_levels_that_differ_in_either_direction():
    images, truth = halves()
    made = recast_classes(images, truth, 2, seeded())
    step = made[..., 20:].mean((1, 2, 3)) - made[..., :12].mean((1, 2, 3))
    # Of the textures, which are random, a little stays in the means.
    assert step.abs().min() > LEAST_STEP / 2
    assert 15 < (step > 0).sum() < 45
    assert step.abs().max() > 0.5


def test_order_is_kept_where_it_is_known():
    images, truth = halves()
    truth[:, :8] = 2
    for darkest in (0, 1, 2):
        given = images - 0.3 * (truth == darkest)[:, None]
        made = recast_classes(given, truth, 3, seeded(), in_order=True)
        means = torch.stack(
            [(made[:, 0] * (truth == k)).sum((1, 2)) / (truth == k).sum((1, 2)) for k in range(3)]
        )
        assert (means.argmin(0) == darkest).all()
    ramp = torch.linspace(0, 1, 64).expand(40, 1, 8, 64)
    assert (random_curves(ramp, seeded(), rising=True).diff(dim=3) >= -1e-6).all()


def test_what_is_inside_of_a_class_stays_turned_up_down_or_around():
    images, truth = halves()
    images[:, :, ::2] += 0.1  # stripes in both classes
    made = recast_classes(images, truth, 2, seeded())
    stripes = made[:, :, 1::2].mean((1, 2)) - made[:, :, ::2].mean((1, 2))
    left, right = stripes[:, :12].mean(1), stripes[:, 20:].mean(1)
    for side in (left, right):
        assert (side > 0.01).sum() > 10
        assert (side < -0.01).sum() > 10
    assert ((left > 0) != (right > 0)).any()


def test_borders_stay_soft():
    images, truth = halves()
    # Textures may step anywhere, but the mean over rows and images may not jump at the border.
    made = recast_classes(images, truth, 2, seeded()).mean(2)[:, 0]
    jump = (made[:, 16] - made[:, 15]).abs()
    whole = (made[:, 20:].mean(1) - made[:, :12].mean(1)).abs()
    assert (jump / whole).median() < 0.5


def test_curves_rise_or_fall_from_end_to_end():
    ramp = torch.linspace(0, 1, 64).expand(40, 1, 8, 64)
    steps = random_curves(ramp, seeded()).diff(dim=3)
    rising, falling = steps.amin((1, 2, 3)) >= -1e-6, steps.amax((1, 2, 3)) <= 1e-6
    assert (rising | falling).all()
    assert 10 < rising.sum() < 30
    ends = random_curves(ramp, seeded())[..., [0, -1]]
    torch.testing.assert_close(ends.sum(3), torch.ones(40, 1, 8))


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), shape=st.tuples(*[st.integers(8, 40)] * 2), classes=st.integers(2, 4))
def test_images_stay_images_and_the_same_seed_gives_the_same(seed, shape, classes):
    images = torch.rand(3, 1, *shape, generator=seeded(seed))
    truth = torch.randint(0, classes, (3, *shape), generator=seeded(seed))
    made = any_contrast(images, truth, classes, 1.0, seeded(seed))
    assert made.shape == images.shape
    assert torch.isfinite(made).all()
    assert 0 <= made.min() <= made.max() <= 1
    torch.testing.assert_close(made, any_contrast(images, truth, classes, 1.0, seeded(seed)))


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_as_many_images_change_as_asked(share):
    truth = torch.randint(0, 2, (80, 16, 16), generator=seeded())
    images = torch.rand(80, 1, 16, 16, generator=seeded())
    changed = (any_contrast(images, truth, 2, share, seeded(1)) != images).flatten(1).any(1)
    assert changed.float().mean() == pytest.approx(share, abs=0.15 if share == 0.5 else 0)

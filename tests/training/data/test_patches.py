"""Random patches: shapes, ranges, labels, and the same patches for the same seed and step."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.training.data.patches import PatchPool

VALUES = np.array([0, 1, 4], np.float32)


def pool(seed, sizes, **options):
    rng = np.random.default_rng(seed)
    planes = [
        np.stack([rng.random(size, np.float32), rng.choice(VALUES, size)]).astype(np.float32)
        for size in sizes
    ]
    return PatchPool(planes, **options)


sizes = st.lists(st.tuples(st.integers(8, 50), st.integers(8, 50)), min_size=1, max_size=3)


@given(seed=st.integers(0, 2**31), step=st.integers(0, 10**6), side=st.integers(8, 40), sizes=sizes)
def test_patches_keep_shape_range_and_label_values(seed, step, side, sizes):
    batch = pool(seed, sizes).batch(side, 3, seed=seed, step=step)
    assert batch.shape == (3, 2, side, side)
    assert batch.dtype == torch.float32
    assert 0 <= batch[:, 0].min() <= batch[:, 0].max() <= 1
    assert set(batch[:, 1].unique().tolist()) <= set(VALUES.tolist())


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**31), step=st.integers(0, 10**6), sizes=sizes)
def test_the_same_seed_and_step_give_the_same_batch(seed, step, sizes):
    one, other = (pool(0, sizes).batch(16, 2, seed=seed, step=step) for _ in range(2))
    torch.testing.assert_close(one, other, rtol=0, atol=0)
    # Of a plane as small as a patch there are 64 batches, so one step may bring the same again by chance.
    later = [pool(0, sizes).batch(16, 2, seed=seed, step=step + more) for more in range(1, 9)]
    assert not all(torch.equal(one, other) for other in later)


def test_channels_are_transformed_together():
    image = np.random.default_rng(0).random((40, 40)).astype(np.float32)
    batch = PatchPool([np.stack([image, image])], n_images=2).batch(24, 8, seed=0, step=0)
    torch.testing.assert_close(batch[:, 0], batch[:, 1])


def test_patches_come_in_all_eight_orientations():
    ramp = np.add.outer(np.arange(8.0), np.arange(8.0) / 10).astype(np.float32) / 8
    batch = PatchPool([ramp[None]], zoom=(1.0, 1.0)).batch(8, 200, seed=0, step=0)
    assert len({tuple(patch.ravel().tolist()) for patch in batch}) == 8


def test_planes_are_drawn_by_area_or_by_weight():
    planes = [np.full((1, 20, 60), 0.25, np.float32), np.full((1, 20, 20), 0.75, np.float32)]

    def share(**options):
        batch = PatchPool(planes, **options).batch(8, 2000, seed=0, step=0)
        return (batch[:, 0, 0, 0] > 0.5).float().mean().item()

    assert share() == pytest.approx(0.25, abs=0.04)
    assert share(weights=[0.1, 0.9]) == pytest.approx(0.9, abs=0.04)


def test_an_empty_pool_is_refused():
    with pytest.raises(InputError, match="no images"):
        PatchPool([])

"""The loss: MONAI's where every pixel counts, and blind where a pixel counts nothing."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pseudolabel.training.segmenter.segmenter_training import dice_cross_entropy


def drawn(seed, classes=3):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, classes, 6, 5, generator=generator) * 3
    truth = torch.randint(classes, (2, 6, 5), generator=generator)
    weight = torch.rand(2, 6, 5, generator=generator)
    return logits.requires_grad_(), truth, weight


def gradient(logits, truth, weight):
    losses = dice_cross_entropy(logits, truth, weight)
    total = losses["dice"] + losses["cross_entropy"]
    return torch.autograd.grad(total, logits)[0], total.detach()


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), classes=st.integers(2, 5))
def test_with_full_weights_it_is_the_loss_of_monai(seed, classes):
    logits, truth, _ = drawn(seed, classes)
    from monai.losses import DiceCELoss  # takes seconds to import: not while tests are collected

    reference = DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, batch=True)
    expected = reference(logits, truth[:, None])
    found = dice_cross_entropy(logits, truth, torch.ones(truth.shape))
    torch.testing.assert_close(found["dice"] + found["cross_entropy"], expected)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6))
def test_a_pixel_without_weight_has_no_part_in_any_gradient(seed):
    logits, truth, weight = drawn(seed)
    weight[:, :3] = 0
    before, loss = gradient(logits, truth, weight)
    assert not before[:, :, :3].any()
    other = truth.clone()
    other[:, :3] = (truth[:, :3] + 1) % 3
    after, same = gradient(logits, other, weight)
    assert torch.equal(before, after)
    assert loss == same
    # A pixel that counts a little is seen.
    weight[0, 0, 0] = 0.01
    assert gradient(logits, truth, weight)[0][0, :, 0, 0].any()
    assert not torch.equal(gradient(logits, truth, weight)[0], gradient(logits, other, weight)[0])


def test_weights_are_shares_of_a_pixel():
    # Counting a pixel half in two identical images is counting it fully in one.
    logits, truth, _ = drawn(3)
    one, twice = logits[:1].detach(), logits[:1].detach().expand(2, -1, -1, -1)
    full = dice_cross_entropy(one, truth[:1], torch.ones(1, 6, 5))
    halves = dice_cross_entropy(twice, truth[:1].expand(2, -1, -1), torch.full((2, 6, 5), 0.5))
    for name, value in full.items():
        assert halves[name].item() == pytest.approx(value.item(), rel=1e-4)


def test_a_batch_without_any_weight_teaches_nothing():
    logits, truth, weight = drawn(0)
    found, loss = gradient(logits, truth, torch.zeros_like(weight))
    assert loss == pytest.approx(0.0, abs=1e-6)
    assert not found.any()

"""The optimiser of fast versions: its steps favour no direction, and a training goes on where it was stopped."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from napari_pseudolabel.training.student.orthogonal_steps import OrthogonalSteps, orthogonal


@pytest.mark.parametrize("shape", [(6, 6), (5, 30), (30, 5)])
def test_singular_values_come_near_to_one_and_directions_stay(shape):
    torch.manual_seed(1)
    values = torch.logspace(0, -2, min(shape))
    u, v = (torch.linalg.qr(torch.randn(side, min(shape)))[0] for side in shape)
    made = orthogonal(u * values @ v.T)
    found = u.T @ made @ v
    assert found.diagonal().min() > 0.6
    assert found.diagonal().max() < 1.3
    torch.testing.assert_close(made, u * found.diagonal() @ v.T, atol=1e-3, rtol=0)


def test_small_directions_are_learned_as_quickly_as_large_ones():
    """Of a filter of which one part hardly shows in the loss."""
    seen = torch.tensor([1.0, 0.03])

    def left(optimiser, weight):
        for _ in range(60):
            optimiser.zero_grad()
            ((weight[:, :, 0, 0] - torch.eye(2)) * seen).square().sum().backward()
            optimiser.step()
        return float((weight.detach()[:, :, 0, 0] - torch.eye(2)).abs().max())

    def begun():
        return torch.nn.Parameter(torch.zeros(2, 2, 1, 1))

    ours, theirs = begun(), begun()
    assert left(OrthogonalSteps([ours], 0.05), ours) < 0.2
    assert left(torch.optim.SGD([theirs], 0.05, momentum=0.9), theirs) > 0.8


def test_what_has_no_gradient_stays_and_the_state_goes_on_where_it_was():
    torch.manual_seed(0)
    gradients = torch.randn(4, 3, 5, 3, 3)

    def run(optimiser, weight, given):
        for gradient in given:
            weight.grad = gradient.clone()
            optimiser.step()

    whole, other = (torch.nn.Parameter(torch.zeros(3, 5, 3, 3)) for _ in range(2))
    optimiser = OrthogonalSteps([whole, other], 0.02)
    run(optimiser, whole, gradients[:2])
    kept = torch.nn.Parameter(whole.detach().clone())
    again = OrthogonalSteps([kept, other], 0.02)
    again.load_state_dict(copy.deepcopy(optimiser.state_dict()))
    run(optimiser, whole, gradients[2:])
    run(again, kept, gradients[2:])
    np.testing.assert_array_equal(whole.detach(), kept.detach())
    assert not other.any()
    assert whole.any()

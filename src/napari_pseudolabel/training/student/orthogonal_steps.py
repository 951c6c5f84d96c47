"""An optimiser for the weights of small networks: every step changes all directions of a matrix alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

_ROUNDS = 5
_POLYNOMIAL = 3.4445, -4.7750, 2.0315
"""Of Newton and Schulz, as Jordan and others chose it for "Muon" (2024): singular values come near to 1 within five rounds."""


class OrthogonalSteps(torch.optim.Optimizer):
    """Momentum whose steps are the nearest orthogonal matrix ("Muon"), for weights of two and more dimensions.

    Parameters
    ----------
    weights
        (outputs, inputs, ...) each, such as those of convolutions; biases belong into another optimiser.
    lr
        Size of a step: how much every singular value of a matrix with as many outputs as inputs changes.
    momentum
        Share of the step before that goes on.

    Notes
    -----
    Gradients of convolutions have few large directions, and the small ones hold what is fine. In a network without
    normalisation this learns in a quarter of the steps that AdamW takes (docs/benchmarks.md).
    """

    def __init__(self, weights: Iterable[nn.Parameter], lr: float, momentum: float = 0.95) -> None:
        super().__init__(weights, {"lr": lr, "momentum": momentum})

    @override
    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Change all weights that have a gradient."""
        assert closure is None
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                kept = state.setdefault("momentum", torch.zeros_like(weight))
                kept.mul_(group["momentum"]).add_(weight.grad)
                ahead = (weight.grad + group["momentum"] * kept).flatten(1)
                wide = max(1.0, ahead.shape[0] / ahead.shape[1]) ** 0.5
                weight.add_(orthogonal(ahead).reshape(weight.shape), alpha=-group["lr"] * wide)


def orthogonal(matrix: Tensor) -> Tensor:
    """Return nearly the orthogonal matrix that is nearest to one of (M, N): singular values lie between .7 and 1.2."""
    a, b, c = _POLYNOMIAL
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(_ROUNDS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x

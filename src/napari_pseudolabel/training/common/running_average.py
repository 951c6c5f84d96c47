"""The running average of the weights of a training."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

_Weights = tuple[Tensor, ...] | list[Tensor]


def running_average(decay: float) -> Callable[[_Weights, _Weights, Tensor | int], None]:
    """Return a running average whose decay grows with the steps: the first weights are forgotten quickly."""

    def update(average: _Weights, current: _Weights, count: Tensor | int) -> None:
        share = 1 - min(decay, (1 + int(count)) / (10 + int(count)))
        for kept, new in zip(average, current, strict=True):
            kept.lerp_(new, share)

    return update

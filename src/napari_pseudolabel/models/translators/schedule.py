"""The few-step diffusion schedule of SynDiff and the posterior of one reverse step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from napari_pseudolabel.models.card_files import SCHEDULE_FIELDS
from napari_pseudolabel.types import JsonObject


@dataclass(frozen=True)
class Jump:
    """The posterior of a later state, given the present one and the predicted clean image.

    Attributes
    ----------
    clean, state
        Weights of the predicted clean image and of the present state in its mean.
    deviation
        Of its noise; 0 where it is the result.
    """

    clean: float
    state: float
    deviation: float


class Steps(Protocol):
    """What the sampler asks of a diffusion."""

    @property
    def steps(self) -> int:
        """How many steps can be evaluated."""

    def jump(self, step: int, target: int) -> Jump:
        """Return how the state at `step` becomes the one at `target`, which comes later; -1 is the result."""


@dataclass(frozen=True, eq=False)
class Schedule:
    """Coefficients of the forward and the reverse process, one value per step, float32.

    Attributes
    ----------
    betas
        (T,) variance added from step k - 1 to step k.
    c1, c2
        (T,) weights of the predicted clean image and of the current image in the mean of the
        posterior q(x_{k-1} | x_k, x_0).
    log_variance
        (T,) logarithm of the variance of that posterior, clipped at 1e-20.
    signal, noise
        (T + 1,) amplitudes of the clean image and of the noise after k = 0 .. T forward steps;
        index 0 is the (practically clean) first state.

    Notes
    -----
    Variance-preserving schedule of Xiao et al. 2022 as SynDiff uses it; the arithmetic is float64
    up to the betas, float32 afterwards, as in the published checkpoints' coefficients.
    """

    betas: Tensor
    c1: Tensor
    c2: Tensor
    log_variance: Tensor
    signal: Tensor
    noise: Tensor

    @property
    def steps(self) -> int:
        """Number of steps T."""
        return len(self.betas)

    def jump(self, step: int, target: int) -> Jump:
        """Return how the state before `step` becomes the one before `target`, which comes later; -1 is the result.

        Steps between them are left out: their posterior follows from the same forward process, by the product of what
        they would have added.
        """
        if target == step - 1:
            deviation = float((0.5 * self.log_variance[step]).exp()) if step else 0.0
            return Jump(float(self.c1[step]), float(self.c2[step]), deviation)
        if target < 0:
            return Jump(1.0, 0.0, 0.0)
        product = (1 - self.betas.double()).cumprod(0)
        now, then = float(product[step]), float(product[target])
        added = 1 - now / then
        return Jump(
            added * math.sqrt(then) / (1 - now),
            (1 - then) * math.sqrt(now / then) / (1 - now),
            math.sqrt(added * (1 - then) / (1 - now)),
        )

    @classmethod
    def create(
        cls,
        num_timesteps: int = 4,
        beta_min: float = 0.1,
        beta_max: float = 20.0,
        use_geometric: bool = False,
    ) -> Schedule:
        """Build the schedule.

        Raises
        ------
        ValueError
            If there is no step, or the betas are not variances below 1.
        """
        if num_timesteps < 1:
            raise ValueError(f"A schedule needs at least one step, not {num_timesteps}.")
        first = 1e-3
        time = np.arange(num_timesteps + 1, dtype=np.float64) / num_timesteps * (1 - first) + first
        if use_geometric:
            cumulative = 1 - beta_min * (beta_max / beta_min) ** time
        else:
            cumulative = np.exp(-0.5 * time**2 * (beta_max - beta_min) - time * beta_min)
        steps = 1 - cumulative[1:] / cumulative[:-1]
        if not np.all((steps > 0) & (steps < 1)):
            raise ValueError(
                f"beta_min={beta_min} and beta_max={beta_max} give no valid variances "
                f"(use_geometric={use_geometric})."
            )
        betas = torch.tensor(steps, dtype=torch.float32)
        alphas = 1 - betas
        product = alphas.cumprod(0)
        before = torch.cat([torch.ones(1), product[:-1]])
        variance = betas * (1 - before) / (1 - product)
        forward = torch.cat([torch.tensor([1e-8]), betas])
        signal_squared = (1 - forward).cumprod(0)
        return cls(
            betas=betas,
            c1=betas * before.sqrt() / (1 - product),
            c2=(1 - before) * alphas.sqrt() / (1 - product),
            log_variance=variance.clamp(min=1e-20).log(),
            signal=signal_squared.sqrt(),
            noise=(1 - signal_squared).sqrt(),
        )

    @classmethod
    def from_card(cls, schedule: JsonObject) -> Schedule:
        """Build the schedule from the ``schedule`` entry of a card."""
        return cls.create(**{name: schedule[name] for name in SCHEDULE_FIELDS if name in schedule})

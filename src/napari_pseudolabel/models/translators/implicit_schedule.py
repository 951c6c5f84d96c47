"""Few steps through a diffusion that was trained with many: denoising diffusion implicit models."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_pseudolabel.models.translators.schedule import Jump
from napari_pseudolabel.types import JsonObject

TRAINED = "trained_steps"


@dataclass(frozen=True, eq=False)
class ImplicitSchedule:
    """A diffusion of many steps, and those of them at which an image is looked at.

    Attributes
    ----------
    product
        (T,) float64, share of the clean image in the variance after every trained step.
    visited
        Trained steps that are evaluated; the last is T - 1, where there is nothing but noise.
    beta_min, beta_max
        Variance that the first and the last trained step add.

    Notes
    -----
    DDIM (Song et al., ICLR 2021) without noise: the state goes on in the direction that leads from the predicted clean image to it, so a
    sample depends on the noise that it begins with and on nothing else. Betas are linear (Ho et al. 2020).
    """

    product: Tensor
    visited: tuple[int, ...]
    beta_min: float
    beta_max: float

    @property
    def steps(self) -> int:
        """How many are evaluated."""
        return len(self.visited)

    @property
    def said(self) -> JsonObject:
        """What belongs into the ``schedule`` entry of a card."""
        return {
            TRAINED: len(self.product),
            "num_timesteps": self.steps,
            "beta_min": self.beta_min,
            "beta_max": self.beta_max,
        }

    @property
    def amplitudes(self) -> tuple[Tensor, Tensor]:
        """Of the clean image and of the noise after every trained step: (T,) float32 each."""
        return self.product.sqrt().float(), (1 - self.product).sqrt().float()

    def jump(self, step: int, target: int) -> Jump:
        """Return how the state at `step` becomes that at `target`, numbers of visited steps; -1 is the result."""
        if target < 0:
            return Jump(1.0, 0.0, 0.0)
        now, then = (float(self.product[self.visited[one]]) for one in (step, target))
        kept = math.sqrt((1 - then) / (1 - now))
        return Jump(math.sqrt(then) - kept * math.sqrt(now), kept, 0.0)

    @classmethod
    def create(
        cls,
        trained_steps: int = 1000,
        num_timesteps: int = 20,
        beta_min: float = 1e-4,
        beta_max: float = 0.02,
    ) -> ImplicitSchedule:
        """Build it.

        Raises
        ------
        ValueError
            If there are fewer trained steps than are to be evaluated, none of these, or the betas are no variances below 1.
        """
        if not 1 <= num_timesteps <= trained_steps or not 0 < beta_min <= beta_max < 1:
            raise ValueError(
                f"{num_timesteps} of {trained_steps} steps with variances from {beta_min} to {beta_max} are no diffusion."
            )
        betas = torch.linspace(beta_min, beta_max, trained_steps, dtype=torch.float64)
        visited = tuple((k + 1) * trained_steps // num_timesteps - 1 for k in range(num_timesteps))
        return cls((1 - betas).cumprod(0), visited, beta_min, beta_max)

    @classmethod
    def from_card(cls, schedule: JsonObject) -> ImplicitSchedule:
        """Build it from the ``schedule`` entry of a card."""
        names = (TRAINED, "num_timesteps", "beta_min", "beta_max")
        return cls.create(**{name: schedule[name] for name in names if name in schedule})

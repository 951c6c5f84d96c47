"""The random numbers of a few-step diffusion translator, keyed by position."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_pseudolabel.tiling import PositionNoise

_INITIAL, _POSTERIOR = 0, 1


@dataclass(frozen=True)
class DiffusionNoise:
    """All noise of one sample of one image.

    Attributes
    ----------
    field
        The generator; seed, sample and device.
    origin
        (y, x) of the image in a larger image, so that a crop gets the noise of the whole.
    """

    field: PositionNoise
    origin: tuple[int, int] = (0, 0)

    def initial(self, origins: Tensor, shape: tuple[int, int]) -> Tensor:
        """Return the first state of tiles at `origins` (B, 2) int64 in image coordinates: (B, 1, h, w)."""
        return self.field.normal(0, _INITIAL, self._absolute(origins), shape)

    def posterior(self, step: int, origins: Tensor, shape: tuple[int, int]) -> Tensor:
        """Return the noise that is added after `step`: (B, 1, h, w)."""
        return self.field.normal(step, _POSTERIOR, self._absolute(origins), shape)

    def latent(self, step: int, size: int) -> Tensor:
        """Return the latent of `step`, one for all tiles: (size,)."""
        return self.field.latent(step, size)

    def _absolute(self, origins: Tensor) -> Tensor:
        return origins + torch.tensor(self.origin, dtype=torch.int64, device=origins.device)

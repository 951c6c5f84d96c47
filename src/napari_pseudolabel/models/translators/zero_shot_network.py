"""The network of a zero-shot translator: a denoiser that sees the state of a diffusion and maps without contrast."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import override

from napari_pseudolabel.models.translators.generator_config import GeneratorConfig
from napari_pseudolabel.models.translators.implicit_schedule import ImplicitSchedule
from napari_pseudolabel.models.translators.ncsnpp import NCSNpp
from napari_pseudolabel.models.translators.structure_maps import StructureMaps


class ZeroShotNetwork(nn.Module):
    """Predict the clean image from a noisy one and from what is told of the source.

    Parameters
    ----------
    config
        Of the denoiser; it has as many channels as there are maps, and its latent is not used.
    maps
        What is told of the source.
    schedule
        Which steps are evaluated.
    """

    def __init__(self, config: GeneratorConfig, maps: StructureMaps, schedule: ImplicitSchedule) -> None:
        super().__init__()
        self.config, self.maps, self.schedule = config, maps, schedule
        self.denoiser = NCSNpp(config)

    def denoised(self, state: Tensor, told: Tensor, trained_step: Tensor) -> Tensor:
        """Predict the clean image.

        Parameters
        ----------
        state
            (B, 1, H, W).
        told
            (B, C, H, W), see `StructureMaps.of_source`.
        trained_step
            (B,) int64 or (1,) for all, in 0 .. T - 1 of the diffusion that was trained.

        Returns
        -------
        Tensor
            (B, 1, H, W) in [-1, 1].
        """
        seen = self.maps.with_state(state, told)
        if seen.device.type == "cpu":
            seen = seen.contiguous(memory_format=torch.channels_last)  # as in `translate`
        latent = seen.new_zeros(1, self.config.nz)
        clean: Tensor = self.denoiser(seen, trained_step, latent)
        return clean[:, :1]

    @override
    def forward(self, x: Tensor, step: Tensor, latent: Tensor) -> Tensor:
        """Predict the clean image at a step that is evaluated, as `Translator.network` does; the latent does nothing."""
        visited = torch.tensor(self.schedule.visited, device=step.device)
        return self.denoised(x[:, :1], x[:, 1:], visited[step])

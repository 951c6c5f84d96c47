"""What every translator offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.translators.schedule import Steps
from napari_pseudolabel.tiling import Covering

# Of networks that were trained on no tile in particular; and of those that see all they need whatever the tile is, for which
# larger ones cost less.
_TILE, _FREE_TILE = 256, 768
# With an eighth of a tile in common seams are where they are with three eighths, and so are the labels (docs/benchmarks.md,
# `benchmarks/tiles.py`).
_SHARED = 8
# Statistics of smaller tiles would be too far from those of the training.
_LEAST_TILE, _LEAST_STEPS = 64, 4
_LARGE = 5_000_000  # weights


@dataclass(frozen=True, eq=False)
class Translator(ABC):
    """A model that turns an image of a source modality into one of a target modality.

    Attributes
    ----------
    card
        What the weights mean; lists what was inferred, assumed and is missing.
    sha256
        Of the file.
    network
        In evaluation mode, without gradients. Diffusive: ``network(x, step, latent)`` with x (B, 1 + C, H, W), the state and what
        `told` returned, step (1,) int64 and latent (1, nz), the same for all; channel 0 of the output is the predicted clean target.
        One pass: ``network(x)`` with x (B, 1, H, W). Images in [-1, 1].
    warnings
        Sentences for the person.
    diffusive
        Which of the two.
    """

    card: Card
    sha256: str
    network: Any
    warnings: tuple[str, ...] = ()

    diffusive: ClassVar[bool] = False

    @property
    @abstractmethod
    def stride(self) -> int:
        """Height and width of a tile must be multiples of this."""

    @property
    def reach(self) -> int | None:
        """How far, in pixels, what lies around a pixel matters to it; None where all of a tile does."""
        return None

    @property
    def process(self) -> Steps | None:
        """How a state goes on; None where it is no diffusion."""
        return None

    @property
    def source_channels(self) -> int:
        """Of an image that it is given at once."""
        return 1

    def told(self, source: Tensor) -> Tensor:
        """Return what a diffusion is told of tiles of a source (B, 1, H, W) in [-1, 1], beside its state: (B, C, H, W)."""
        return source

    @property
    def layout(self) -> Covering:
        """Where its tiles lie in a whole plane unless the person says otherwise."""
        trained = self.card.architecture.get("image_size")
        tile = int(trained or (_TILE if self.reach is None else _FREE_TILE))
        least = min(tile, max(_LEAST_TILE, _LEAST_STEPS * self.stride))
        return Covering(tile, tile // _SHARED, self.stride, least, self.reach)

    def to(self, device: torch.device | str) -> Self:
        """Move the network to a device, in place, and return the translator."""
        self.network.to(device)
        if torch.device(device).type == "cpu" and sum(map(torch.numel, self.network.parameters())) > _LARGE:
            # As the pixels lie, or a CPU turns the weights around in every call, a fifth of the time of the published generator.
            self.network.to(memory_format=torch.channels_last)
        return self

"""What every translator offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch

from napari_pseudolabel.models.cards import Card


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
        In evaluation mode, without gradients. Diffusive: ``network(x, step, latent)`` with x (B, 2, H, W), step (B,)
        int64 and latent (B, nz); channel 0 of the output is the predicted clean target. One pass: ``network(x)``
        with x (B, 1, H, W). Images in [-1, 1].
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

    def to(self, device: torch.device | str) -> Self:
        """Move the network to a device, in place, and return the translator."""
        self.network.to(device)
        return self

"""What every translator offers, and the factory that finds the family of a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

import torch
from torch import nn

from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.offers import Offer, choose
from napari_pseudolabel.models.translators.translate import TileTranslator


@runtime_checkable
class Translator(TileTranslator, Protocol):
    """A model that turns an image of a source modality into one of a target modality; see `TileTranslator`.

    Attributes
    ----------
    card
        What the weights mean.
    sha256
        Of the file.
    warnings
        Sentences for the person.
    """

    @property
    def network(self) -> nn.Module: ...
    @property
    def warnings(self) -> tuple[str, ...]: ...
    def to(self, device: torch.device | str) -> Self: ...


def load_translator_file(
    path: str | Path, card: Card | Mapping[str, object] | None = None, which: int | None = None
) -> Translator:
    """Load a translator of any family from a file.

    Parameters
    ----------
    path
        A SynDiff or AxonDeepSynth generator, a ``content.pth``, or our own ``.safetensors``, a curve of grey levels among them.
    card
        What the weights do not reveal.
    which
        Which generator of a ``content.pth``.

    Raises
    ------
    CheckpointError
        If no family knows the file; says what it is instead.
    """
    offer = Offer(Path(path), card, which)
    found: Translator = choose(offer, "translator").loads(offer)
    return found

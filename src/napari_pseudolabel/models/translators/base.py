"""What every translator offers, and the factory that finds the family of a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import torch
from torch import nn

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.translators import grey_levels, resnet, syndiff
from napari_pseudolabel.models.translators.archive import read_contents
from napari_pseudolabel.models.translators.layer_sequence import looks_like_generator
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
    path: str | Path, card: Card | Mapping[str, Any] | None = None, which: int | None = None
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
    contents = read_contents(path, which)
    if looks_like_generator(contents.state):
        return syndiff.load(path, card, which)
    if resnet.looks_like_resnet(contents.state):
        return resnet.load(path, card)
    if grey_levels.looks_like_curve(contents.state):
        return grey_levels.load(path, card)
    raise CheckpointError(f"{Path(path).name} is no translator: {describe_weights(contents.state)}.")


def describe_weights(state: Mapping[str, torch.Tensor]) -> str:
    """Say in words what weights without a known family are, as a clause ("it holds ...")."""
    if is_discriminator(state):
        return "it is a discriminator of SynDiff, which only judges images in training"
    if any(name.startswith("encoder.stages.") for name in state):
        return "it holds nnU-Net weights; open the model folder that holds plans.json"
    names = list(state)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"it holds weights of another network, called {', '.join(names[:3])}{more}"


def is_discriminator(state: Mapping[str, torch.Tensor]) -> bool:
    """Whether weights without prefix are of a discriminator of SynDiff, time-dependent or PatchGAN."""
    if any(n.startswith("t_embed.") for n in state) and any(n.startswith("start_conv.") for n in state):
        return True
    first = state.get("model.0.weight")
    return first is not None and tuple(first.shape[2:]) == (4, 4)

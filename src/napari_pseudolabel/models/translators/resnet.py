"""The one-pass generator of CycleGAN that SynDiff trains beside its diffusive one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import override

from napari_pseudolabel.errors import CheckpointError, InputError
from napari_pseudolabel.models.card_files import complete, unknown_modalities
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.inspection import Inspection, useful
from napari_pseudolabel.models.offers import Offer
from napari_pseudolabel.models.outline import outlined
from napari_pseudolabel.models.safe_load import sha256
from napari_pseudolabel.models.translators.base import Translator
from napari_pseudolabel.models.translators.reading_range import ReadingRange
from napari_pseudolabel.models.translators.weights import (
    Shape,
    describe_mismatch,
    describe_weights,
    finite_float32,
)
from napari_pseudolabel.types import JsonObject

_Array = TypeVar("_Array", np.ndarray, Tensor)
_BLOCK = re.compile(r"model\.(\d+)\.conv_block\.1\.weight")


class ResnetBlock(nn.Module):
    """Two reflected 3 x 3 convolutions with instance normalisation around a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    @override
    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


class ResnetGenerator(nn.Module):
    """Residual image-to-image network (Johnson et al. 2016; Zhu et al. 2017).

    Parameters
    ----------
    width
        Channels after the first convolution.
    blocks
        Residual blocks at a quarter of the resolution.

    Notes
    -----
    Input and output are (B, 1, H, W) in [-1, 1] with H and W multiples of 4. Parameter names equal
    those of the published ``gen_non_diffusive_*`` checkpoints.
    """

    stride = 4

    def __init__(self, width: int = 64, blocks: int = 6) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(1, width, 7)]
        layers += [nn.InstanceNorm2d(width), nn.ReLU(inplace=True)]
        for c in (width, 2 * width):
            layers += [nn.Conv2d(c, 2 * c, 3, 2, 1), nn.InstanceNorm2d(2 * c), nn.ReLU(inplace=True)]
        layers += [ResnetBlock(4 * width) for _ in range(blocks)]
        for c in (4 * width, 2 * width):
            layers += [
                nn.ConvTranspose2d(c, c // 2, 3, 2, 1, output_padding=1),
                nn.InstanceNorm2d(c // 2),
                nn.ReLU(inplace=True),
            ]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, 1, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Translate (B, 1, H, W) in [-1, 1] to the other modality."""
        return self.model(x)


class ResnetTranslator(Translator):
    """A one-pass translator, ready to use."""

    stride = ResnetGenerator.stride

    def sample(self, source: _Array) -> _Array:
        """Translate one batch of tiles: (B, 1, H, W) in [-1, 1] to the same, numpy or tensor.

        Raises
        ------
        InputError
            If the shape does not fit.
        """
        if source.ndim != 4 or source.shape[1] != 1 or source.shape[2] % 4 or source.shape[3] % 4:
            raise InputError(f"A source has shape (B, 1, H, W) in multiples of 4, not {tuple(source.shape)}.")
        device = next(self.network.parameters()).device
        x = torch.as_tensor(source, dtype=torch.float32, device=device)
        with torch.no_grad():
            y: Tensor = self.network(x)
        return y if isinstance(source, Tensor) else y.cpu().numpy()


def looks_like_resnet(names: Mapping[str, object]) -> bool:
    """Whether the names (without prefix) are those of the one-pass generator."""
    return any(_BLOCK.fullmatch(name) for name in names)


def declines(offer: Offer) -> str:
    """Why it is no one-pass generator: what its weights are instead."""
    state = offer.contents.state
    return "" if looks_like_resnet(state) else describe_weights(state)


def describes(offer: Offer) -> Inspection | None:
    """Describe a one-pass generator."""
    if not looks_like_resnet(offer.state):
        return None
    path, contents = offer.path, offer.contents
    card, count = read_card(offer), sum(weight.numel() for weight in contents.state.values())
    what = "one-pass ResNet generator of SynDiff"
    return useful(path, what, card, note=contents.warnings, parameters=count)


def infer_architecture(shapes: Mapping[str, Shape]) -> JsonObject:
    """Find the constructor arguments, by their published names, and check every name and shape.

    Raises
    ------
    CheckpointError
        If the weights are of another network.
    """
    first = shapes.get("model.1.weight", ())
    blocks = sum(1 for name in shapes if _BLOCK.fullmatch(name))
    if len(first) != 4 or not blocks:
        raise CheckpointError(
            "These weights are not of a ResNet generator: the first convolution is missing."
        )
    try:
        shape = outlined(lambda: ResnetGenerator(first[0], blocks))
        expected = {k: tuple(v.shape) for k, v in shape.state_dict().items()}
    except Exception as error:  # numbers that no layer can have raise whatever they like
        raise CheckpointError(f"The weights ask for a network that cannot exist ({error}).") from None
    mismatch = describe_mismatch(shapes, expected)
    if mismatch:
        raise CheckpointError(f"The weights do not fit the ResNet generator they look like: {mismatch}.")
    return {"input_nc": 1, "output_nc": 1, "ngf": first[0], "n_blocks": blocks}


def loads(offer: Offer) -> ResnetTranslator:
    """Load a ``gen_non_diffusive_*.pth`` of SynDiff."""
    path, contents = offer.path, offer.contents
    state = finite_float32(path, contents.state)
    card = read_card(offer)
    network = ResnetGenerator(card.architecture["ngf"], card.architecture["n_blocks"])
    network.load_state_dict(state)
    network.eval().requires_grad_(False)
    return ResnetTranslator(card, sha256(path), network, contents.warnings)


def read_card(offer: Offer) -> Card:
    """Combine what the weights reveal with the card.

    Raises
    ------
    CheckpointError
        If the weights are of another network or contradict the card.
    """
    contents, given = offer.contents, offer.given
    architecture = infer_architecture({name: tuple(weight.shape) for name, weight in contents.state.items()})
    for name, value in given.get("architecture", {}).items():
        if name not in architecture:
            raise CheckpointError(
                f"The card names “{name}”, which is no argument of a ResNet generator; remove it."
            )
        if value != architecture[name]:
            raise CheckpointError(
                f"The card says {name} {value}, but the weights have {architecture[name]}; correct the card."
            )
    reading = ReadingRange.of(offer)
    return complete(
        {**given, **({"normalisation": reading.said} if reading.said is not None else {})},
        offer.path,
        kind="translator",
        family="resnet",
        architecture=architecture,
        schedule={},
        inferred=(*architecture, *contents.inferred, *reading.inferred),
        assumed=reading.assumed,
        missing=tuple(unknown_modalities(given)),
    )

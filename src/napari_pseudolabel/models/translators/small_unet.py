"""The fast version of a translator: a small U-Net of our own that sees every pixel once and nothing far away.

It has neither attention nor a normalisation: what it makes of a pixel depends on what lies within `SmallUNet.reach` and on nothing
else, so tiles of any size agree where they have that much around them. `training.student` makes one from another translator.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.card_files import complete, unknown_modalities
from napari_pseudolabel.models.cards import LARGEST_WIDTH, Card
from napari_pseudolabel.models.inspection import Inspection, useful
from napari_pseudolabel.models.offers import Offer
from napari_pseudolabel.models.outline import outlined
from napari_pseudolabel.models.safe_load import sha256
from napari_pseudolabel.models.translators.base import Translator
from napari_pseudolabel.models.translators.weights import (
    Shape,
    describe_mismatch,
    describe_weights,
    finite_float32,
)
from napari_pseudolabel.types import JsonObject

FAMILY = "small-unet"
WIDTHS = (16, 24, 32, 48)
"""Channels of the levels, the full resolution first: 115,000 weights."""

_MOST_LEVELS = 8
_DOWN = re.compile(r"down\.(\d+)\.weight")


class SmallUNet(nn.Module):
    """A U-Net of 3 x 3 convolutions, SiLU and residual blocks, without any normalisation.

    Parameters
    ----------
    widths
        Channels of two or more levels, the full resolution first.

    Notes
    -----
    Input and output are (B, 1, H, W) in [-1, 1] with H and W multiples of `stride`. Statistics of a tile would be others than those
    of the image, and a network as small as this learns without them.
    """

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        steps = list(pairwise(widths))
        self.enter = _convolution(1, widths[0])
        self.blocks = nn.ModuleList(_convolution(width, width) for width in widths)
        self.down = nn.ModuleList(_convolution(fine, coarse, 2) for fine, coarse in steps)
        self.up = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in steps)
        self.join = nn.ModuleList(_convolution(2 * fine, fine) for fine, _ in steps)
        self.smooth = nn.ModuleList(_convolution(fine, fine) for fine, _ in steps)
        self.leave = _convolution(widths[0], 1)

    @property
    def stride(self) -> int:
        """Height and width of an input must be multiples of this many pixels."""
        return int(2 ** len(self.down))

    @property
    def reach(self) -> int:
        """How far, in pixels, what lies around a pixel matters to it."""
        # Of the full resolution six convolutions see a pixel to each side, of every level below it four and of the coarsest one
        # see twice as many each; what is copied from a coarser pixel begins up to a stride less one away.
        return 6 * self.stride - 3

    @override
    def forward(self, x: Tensor) -> Tensor:
        if x.device.type == "cpu":
            x = x.contiguous(memory_format=torch.channels_last)  # as in `translate`
        h = _residual(self.blocks[0], F.silu(self.enter(x)))
        skips = []
        for down, block in zip(self.down, self.blocks[1:], strict=True):
            skips.append(h)
            h = _residual(block, F.silu(down(h)))
        for level in reversed(range(len(skips))):
            h = F.interpolate(self.up[level](h), scale_factor=2.0, mode="nearest")
            h = F.silu(self.join[level](torch.cat([h, skips[level]], dim=1)))
            h = F.silu(self.smooth[level](h))
        return torch.tanh(self.leave(h))


def _convolution(inputs: int, outputs: int, step: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, step, 1)


def _residual(block: nn.Module, h: Tensor) -> Tensor:
    changed: Tensor = block(h)
    return h + F.silu(changed)


class SmallUNetTranslator(Translator):
    """A fast version of a translator, ready to use."""

    network: SmallUNet

    @property
    @override
    def stride(self) -> int:
        return self.network.stride

    @property
    @override
    def reach(self) -> int:
        return self.network.reach


def looks_like_small_unet(names: Mapping[str, object]) -> bool:
    """Whether the names (without prefix) are those of a fast version."""
    return {"enter.weight", "leave.weight", "blocks.0.weight", "join.0.weight"} <= set(names)


def declines(offer: Offer) -> str:
    """Why it is no fast version: what its weights are instead."""
    state = offer.contents.state
    return "" if looks_like_small_unet(state) else describe_weights(state)


def describes(offer: Offer) -> Inspection | None:
    """Describe a fast version."""
    if not looks_like_small_unet(offer.state):
        return None
    count = sum(weight.numel() for weight in offer.contents.state.values())
    return useful(offer.path, "fast version of a translator", read_card(offer), parameters=count)


def loads(offer: Offer) -> SmallUNetTranslator:
    """Load a fast version, a file as `syndiff.save` writes it."""
    state = finite_float32(offer.path, offer.contents.state)
    card = read_card(offer)
    network = SmallUNet(tuple(card.architecture["widths"]))
    network.load_state_dict(state)
    network.eval().requires_grad_(False)
    return SmallUNetTranslator(card, sha256(offer.path), network)


def read_card(offer: Offer) -> Card:
    """Check the weights and combine them with what is known about them.

    Raises
    ------
    CheckpointError
        If they are of another network, or contradict the card.
    """
    given = offer.given
    architecture = infer_architecture(
        {name: tuple(weight.shape) for name, weight in offer.contents.state.items()}
    )
    said = given.get("architecture", {})
    if said and said != architecture:
        raise CheckpointError(
            f"The card says {said}, but the weights of {offer.path.name} have {architecture}; correct the card."
        )
    return complete(
        given,
        offer.path,
        kind="translator",
        family=FAMILY,
        architecture=architecture,
        schedule={},
        inferred=tuple(architecture),
        assumed=() if "normalisation" in given else ("normalisation",),
        missing=tuple(unknown_modalities(given)),
    )


def infer_architecture(shapes: Mapping[str, Shape]) -> JsonObject:
    """Find the widths of the levels, and check every name and shape.

    Raises
    ------
    CheckpointError
        If the weights are of another network.
    """
    numbers = sorted(int(found[1]) for name in shapes if (found := _DOWN.fullmatch(name)))
    firsts = [shapes.get(name, ()) for name in ("enter.weight", *(f"down.{i}.weight" for i in numbers))]
    widths = [shape[0] for shape in firsts if len(shape) == 4]
    sound = 2 <= len(widths) == len(firsts) <= _MOST_LEVELS and max(widths) <= LARGEST_WIDTH
    if not sound:
        raise CheckpointError(f"These weights are of no fast version: their levels have {widths} channels.")
    expected = outlined(lambda: SmallUNet(tuple(widths))).state_dict()
    if mismatch := describe_mismatch(shapes, {name: tuple(one.shape) for name, one in expected.items()}):
        raise CheckpointError(f"The weights do not fit the fast version they look like: {mismatch}.")
    return {"widths": widths}

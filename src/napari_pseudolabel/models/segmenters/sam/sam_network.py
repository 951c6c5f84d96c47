"""All of Segment Anything as one network: what its checkpoints hold, and how an image has to look for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.outline import outlined
from napari_pseudolabel.models.segmenters.common import check_fit, fill
from napari_pseudolabel.models.segmenters.sam.sam_decoder import MASKS, MaskDecoder, PromptEncoder
from napari_pseudolabel.models.segmenters.sam.tiny_encoder import TinyShape
from napari_pseudolabel.models.segmenters.sam.vit_encoder import EncoderShape

SamShape: TypeAlias = EncoderShape | TinyShape
"""What is known about an image encoder: one of SAM's own, or the small one of MobileSAM."""

_ENCODER, _DECODER = "image_encoder.", "mask_decoder."
_MEAN, _SPREAD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


class SamNetwork(nn.Module):
    """All of Segment Anything, by the names of its checkpoints.

    Parameters
    ----------
    shape
        Of the encoder.
    hidden, within
        As of `PromptEncoder` and `MaskDecoder`.
    """

    def __init__(self, shape: SamShape, hidden: int, within: int) -> None:
        super().__init__()
        self.image_encoder = shape.network()
        self.prompt_encoder = PromptEncoder(shape.features, hidden)
        self.mask_decoder = MaskDecoder(shape.features, within)


def is_sam(weights: Mapping[str, Tensor]) -> bool:
    """Whether a file holds weights of Segment Anything, also such as micro-sam's trainings write them."""
    own = sam_weights(weights)
    return any(name.startswith(_ENCODER) for name in own) and any(name.startswith(_DECODER) for name in own)


def sam_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights by their own names, without what trainings of micro-sam put before them."""
    return {name.removeprefix("sam."): one for name, one in weights.items()}


def sam_shape(weights: Mapping[str, Tensor], name: str) -> SamShape:
    """Return what weights say about the image encoder.

    Raises
    ------
    CheckpointError
        If it is of another kind.
    """
    encoder = {key.removeprefix(_ENCODER): one for key, one in weights.items() if key.startswith(_ENCODER)}
    if any(".w_a_linear" in key or ".qkv_proj." in key for key in encoder):
        raise CheckpointError(
            f"{name} was trained with additional layers (LoRA), which are not read here; choose a model that was trained without."
        )
    kind = TinyShape if TinyShape.fits(encoder) else EncoderShape
    return kind.of(encoder, name)


def sam_network(shape: SamShape, weights: Mapping[str, Tensor], name: str) -> SamNetwork:
    """Build the network and fill it, after a look at what it would be like.

    Raises
    ------
    CheckpointError
        If the weights are not all, or not its own.
    """
    mask_tokens = weights.get("mask_decoder.mask_tokens.weight")
    first = weights.get("prompt_encoder.mask_downscaling.3.bias")
    within = weights.get("mask_decoder.transformer.layers.0.mlp.lin1.bias")
    if mask_tokens is None or len(mask_tokens) != MASKS or first is None or within is None:
        raise CheckpointError(f"{name} is no whole model of Segment Anything; copy or download it again.")

    def make() -> SamNetwork:
        return SamNetwork(shape, len(first), len(within))

    # Compared before it takes memory.
    check_fit(outlined(make), weights, name)
    network = make()
    fill(network, weights, name)
    network.eval()
    return network


def as_seen(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """Return a picture as the network was taught to see it.

    Parameters
    ----------
    picture
        (B, 3, h, w) from 0 to 255.
    size
        How large it will be: the longer side is that of the encoder.

    Returns
    -------
    Tensor
        (B, 3, *size) normalised by colour.
    """
    # Rows, then columns, each in whole numbers and halves upwards, as images were made larger or smaller for its training.
    for between in ((picture.shape[2], size[1]), size):
        picture = (interpolate(picture, between, mode="bilinear", antialias=True) + 0.5).floor()
    mean, spread = (torch.tensor(one, device=picture.device)[:, None, None] for one in (_MEAN, _SPREAD))
    return (picture - mean) / spread


def as_picture(tiles: Tensor) -> Tensor:
    """Return tiles (B, C, h, w) in [0, 1] of one to three channels as pictures (B, 3, h, w) of whole numbers from 0 to 255.

    Grey is shown as grey; of two channels the third colour is missing, as micro-sam has it.
    """
    if tiles.shape[1] == 1:
        tiles = tiles.expand(-1, 3, -1, -1)
    elif tiles.shape[1] < 3:
        tiles = torch.cat([tiles, tiles.new_zeros(len(tiles), 1, *tiles.shape[2:])], 1)
    return (tiles * 255).floor()

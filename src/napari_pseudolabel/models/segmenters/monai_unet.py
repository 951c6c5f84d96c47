"""Our own segmenter: a small U-Net, that of MONAI, in a safetensors file with its card in the header."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import nn
from typing_extensions import override

from napari_pseudolabel.budget import check_header
from napari_pseudolabel.errors import CheckpointError, FileError
from napari_pseudolabel.models.card_files import (
    HEADER_KEY,
    atomic_write,
    complete,
    read_header_card,
    unknown_modalities,
    validated,
)
from napari_pseudolabel.models.cards import LARGEST_TILE, LARGEST_WIDTH, Card
from napari_pseudolabel.models.inspection import Inspection, useful
from napari_pseudolabel.models.offers import Offer
from napari_pseudolabel.models.safe_load import sha256 as hash_of
from napari_pseudolabel.models.segmenters.common import fitted, own_tensors
from napari_pseudolabel.models.segmenters.dynamic_unet import DynamicUNet
from napari_pseudolabel.models.segmenters.tiled import TiledSegmenter, TileRequirements
from napari_pseudolabel.tiling import Covering

FAMILY = "monai-unet"


class MonaiArchitecture(BaseModel):
    """``card.architecture`` of this family; every field has a default.

    Attributes
    ----------
    network
        MONAI's DynUNet, the U-Net of nnU-Net: instance normalisation, LeakyReLU, strided convolutions down,
        transposed ones up.
    in_channels
        Channels of the image.
    filters
        Channels of each level; every level but the first halves the resolution.
    res_block
        Residual blocks instead of plain ones.
    tile
        Side of the tiles in prediction, in pixels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: Literal["DynUNet"] = "DynUNet"
    in_channels: int = Field(default=1, ge=1, le=64)
    filters: tuple[Annotated[int, Field(ge=1, le=LARGEST_WIDTH)], ...] = Field(
        default=(16, 32, 64, 128, 128), min_length=3, max_length=8
    )
    res_block: bool = False
    tile: int = Field(default=256, ge=32, le=LARGEST_TILE)

    @property
    def stride(self) -> int:
        """Sides of the network's input are multiples of this many pixels."""
        return 2 ** (len(self.filters) - 1)


# All tiles that cover a part have to be computed for it, so smaller ones cost less; but it normalises over its tile, and what is
# translated then loses .05 to .1 of Dice and F1 (docs/benchmarks.md). What they have in common changes next to nothing.
LARGEST_PREDICTED, SHARED = 256, 32
_LEAST_COARSE = 4  # pixels across on the coarsest level


class MonaiSegmenter(TiledSegmenter):
    """A network of `build` with its card: normalised pixels to logits; see `Segmenter`."""

    OUTPUT = "logits"

    @property
    def architecture(self) -> MonaiArchitecture:
        """What the card says about the network."""
        return architecture_of(self.card)

    @property
    def tile(self) -> int:
        """Side of the tiles in prediction; see `predicted_tile`."""
        return predicted_tile(self.architecture)

    @property
    @override
    def layout(self) -> Covering:
        return predicted_layout(self.architecture)


def predicted_tile(described: TileRequirements) -> int:
    """Side of the tiles in prediction: that of the card, but not more than `LARGEST_PREDICTED` where that is enough."""
    usual = max(LARGEST_PREDICTED // described.stride, _LEAST_COARSE) * described.stride
    return min(described.tile, usual)


def predicted_layout(described: TileRequirements) -> Covering:
    """Lay tiles over a plane; small planes get whole ones, too, in which they are mirrored."""
    tile = predicted_tile(described)
    return Covering(tile, min(SHARED, tile // 4), described.stride)


def architecture_of(card: Card) -> MonaiArchitecture:
    """Check ``card.architecture`` and fill it up with the defaults.

    Raises
    ------
    CheckpointError
        If it has an unknown or impossible entry.
    """
    return validated(MonaiArchitecture, card.architecture, "The card's architecture")


def build(card: Card) -> nn.Module:
    """Make a network with random weights: (B, C, h, w) -> logits (B, K, h, w), K classes of the card.

    Raises
    ------
    CheckpointError
        If the card names an impossible architecture or fewer than two classes.
    """
    description = architecture_of(card)
    if len(card.classes) < 2:
        raise CheckpointError("The card of a segmenter names at least two classes, background included.")
    return DynamicUNet(
        description.in_channels, len(card.classes), description.filters, residual=description.res_block
    )


def save(network: nn.Module, card: Card, path: str | Path, half: bool = False) -> None:
    """Write a network and its card atomically.

    Parameters
    ----------
    network
        Made by `build` from this card.
    card
        Goes into the header, with the defaults of the architecture spelled out.
    path
        Ends in ``.safetensors``.
    half
        Store weights as float16, in half the space.

    Raises
    ------
    CheckpointError
        If a weight is not finite, or too large for float16.
    """
    tensors = {}
    for name, tensor in own_tensors(network).items():
        kept = tensor.detach().cpu().contiguous()
        if kept.is_floating_point():
            kept = kept.half() if half else kept
            if not kept.isfinite().all():
                raise CheckpointError(f"The weights {name} are not finite; the training has diverged.")
        tensors[name] = kept.clone()
    full = card.model_copy(update={"architecture": architecture_of(card).model_dump(mode="json")})
    header = {HEADER_KEY: json.dumps(full.model_dump(mode="json", exclude_none=True), ensure_ascii=False)}
    atomic_write(path, to_bytes(tensors, header))


def declines(offer: Offer) -> str:
    """Why it is not one of ours: no safetensors file, by its name."""
    return "" if offer.path.suffix == ".safetensors" else "no safetensors file"


def describes(offer: Offer) -> Inspection | None:
    """Describe a safetensors file whose card says that it is a segmenter."""
    if declines(offer) or offer.is_zip or not offer.has_weights or offer.given.get("kind") != "segmenter":
        return None
    return useful(offer.path, "segmenter of napari-pseudolabel", loads(offer).card)


def loads(offer: Offer) -> MonaiSegmenter:
    """Load a segmenter written by `save`.

    Raises
    ------
    CheckpointError
        If the file is damaged, has no card, or is no segmenter of this family.
    """
    path, given = offer.path, offer.given
    if read_header_card(path) is None and "architecture" not in given:
        raise CheckpointError(
            f"{path.name} has no card in its header, so nobody knows which network it holds."
        )
    if "family" not in given or "classes" not in given:
        raise CheckpointError(f"The card of {path.name} does not name a family and classes; add them.")
    full = complete(
        given,
        path,
        kind="segmenter",
        family=FAMILY,
        assumed=(
            *(() if "normalisation" in given else ("normalisation",)),
            *(() if "tile" in given.get("architecture", {}) else ("tile",)),
        ),
        missing=tuple(unknown_modalities(given, ("source",))),
    )
    try:
        check_header(path)
        with safe_open(path, framework="pt") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
    except FileError:
        raise
    except (SafetensorError, OSError):
        raise CheckpointError(f"{path.name} is incomplete or damaged; copy or download it again.") from None
    described = architecture_of(full)
    side = 2 * described.stride  # instance normalisation needs more than one pixel
    network = fitted(lambda: build(full), weights, path.name, (1, described.in_channels, side, side))
    if not all(torch.isfinite(p).all() for p in network.parameters()):
        raise CheckpointError(f"{path.name} holds weights that are not finite.")
    return MonaiSegmenter(full, hash_of(path), network)

"""Our own segmenter: a small U-Net of MONAI in a safetensors file with its card in the header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import nn

from napari_pseudolabel.budget import check_header
from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import CheckpointError, FileError
from napari_pseudolabel.imaging import Need
from napari_pseudolabel.models.cards import LARGEST_TILE, LARGEST_WIDTH, Card, LabelClass
from napari_pseudolabel.models.safe_load import sha256 as hash_of
from napari_pseudolabel.models.segmenters.common import fitted, most_likely, own_tensors
from napari_pseudolabel.models.segmenters.part import Part
from napari_pseudolabel.models.segmenters.tiled import TiledNetwork, need_of
from napari_pseudolabel.models.sidecar import (
    HEADER_KEY,
    atomic_write,
    complete,
    given_card,
    read_header_card,
    unknown_modalities,
)
from napari_pseudolabel.tiling import Covering, TileSettings

FAMILY = "monai-unet"
NOT_RECOGNISED = "no safetensors file"


class Architecture(BaseModel):
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


@dataclass(frozen=True, eq=False)
class MonaiSegmenter:
    """A network of `build` with its card; see `Segmenter`.

    Attributes
    ----------
    network
        (B, C, h, w) float32 in [0, 1] -> logits (B, K, h, w), in evaluation mode.
    """

    network: nn.Module
    card: Card
    sha256: str

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """Classes in the order of the channels."""
        return self.card.classes

    @property
    def channels(self) -> int:
        """Channels of the image."""
        return architecture_of(self.card).in_channels

    @property
    def need(self) -> Need:
        """Which raw values become 0 and 1."""
        return need_of(self.card.normalisation)

    @property
    def layout(self) -> Covering:
        """Its own tiles over the whole plane."""
        description = architecture_of(self.card)
        return Covering(description.tile, stride=description.stride)

    @property
    def zoom(self) -> tuple[float, float]:
        """None."""
        return 1.0, 1.0

    def probabilities(
        self,
        image: ArrayLike,
        *,
        spacing: tuple[float, float] = (1.0, 1.0),
        settings: TileSettings = TileSettings(),
        control: Control = Control(),
        part: Part | None = None,
        mirror: bool = False,
    ) -> NDArray[np.float32]:
        """Segment one plane; see `Segmenter`. `mirror` averages over four flips, four times as slow."""
        description = architecture_of(self.card)
        runner = TiledNetwork(
            self.network,
            channels=description.in_channels,
            classes=len(self.classes),
            tile=description.tile,
            stride=description.stride,
            output="logits",
            key=self.sha256,
        )
        return runner.probabilities(image, self.card.normalisation, settings, control, part, mirror)

    def labels(self, probabilities: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the value of the most probable class: (K, H, W) -> (H, W)."""
        return most_likely(probabilities, self.classes)


def architecture_of(card: Card) -> Architecture:
    """Check ``card.architecture`` and fill it up with the defaults.

    Raises
    ------
    CheckpointError
        If it has an unknown or impossible entry.
    """
    try:
        return Architecture.model_validate(card.architecture)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CheckpointError(f"The card's architecture is wrong at {where}: {first['msg']}.") from None


def build(card: Card) -> nn.Module:
    """Make a network with random weights: (B, C, h, w) -> logits (B, K, h, w), K classes of the card.

    Raises
    ------
    CheckpointError
        If the card names an impossible architecture or fewer than two classes.
    """
    from monai.networks.nets import DynUNet  # takes seconds to import

    description = architecture_of(card)
    if len(card.classes) < 2:
        raise CheckpointError("The card of a segmenter names at least two classes, background included.")
    levels = len(description.filters)
    return DynUNet(
        spatial_dims=2,
        in_channels=description.in_channels,
        out_channels=len(card.classes),
        kernel_size=[3] * levels,
        strides=[1] + [2] * (levels - 1),
        upsample_kernel_size=[2] * (levels - 1),
        filters=description.filters,
        norm_name=("INSTANCE", {"affine": True}),
        res_block=description.res_block,
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


def recognises(path: Path) -> bool:
    """Whether a file is a safetensors file, by its name."""
    return path.suffix == ".safetensors"


def load(path: str | Path, card: Card | Mapping[str, Any] | None = None) -> MonaiSegmenter:
    """Load a segmenter written by `save`.

    Parameters
    ----------
    path
        A ``.safetensors`` file with a card in its header.
    card
        Fields that win over those in the header and the sidecar.

    Raises
    ------
    CheckpointError
        If the file is damaged, has no card, or is no segmenter of this family.
    """
    path = Path(path)
    header = read_header_card(path)
    given = given_card(path, card)
    if header is None and "architecture" not in given:
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
    return MonaiSegmenter(network, full, hash_of(path))

"""A checkpoint of Cellpose as a segmenter: its network predicts flows tile by tile, and flows lead to objects of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from typing_extensions import override

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.imaging import IntensityRange
from napari_pseudolabel.models.card_files import (
    complete,
    named_classes,
    overlay,
    unknown_modalities,
    validated,
)
from napari_pseudolabel.models.cards import LARGEST_TILE, Card
from napari_pseudolabel.models.inspection import Inspection, useful, useless
from napari_pseudolabel.models.offers import Offer
from napari_pseudolabel.models.safe_load import sha256
from napari_pseudolabel.models.segmenters.base import LayerPart
from napari_pseudolabel.models.segmenters.cellpose.cellpose_sam import CellposeSam, encoder_of
from napari_pseudolabel.models.segmenters.cellpose.cellpose_unet import CellposeUNet, widths_of
from napari_pseudolabel.models.segmenters.cellpose.flow_dynamics import FlowThresholds, objects_of_flows
from napari_pseudolabel.models.segmenters.common import fitted
from napari_pseudolabel.models.segmenters.objects_apart import chances_of_objects
from napari_pseudolabel.models.segmenters.tiled import TiledSegmenter
from napari_pseudolabel.tiling import Covering, TileSettings
from napari_pseudolabel.types import JsonObject

FAMILY = "cellpose"

_USUAL_PX = 30.0
_SHARED = 32
# Objects are told apart with so much around, in typical diameters, and what gathers within so many pixels of their ends.
_AROUND, _GATHERED_PX = 3, 16
_SIZES = ("diam_mean", "diam_labels")
_NORMALISATION = {"kind": "percentile", "low": 1.0, "high": 99.0}


class CellposeArchitecture(BaseModel):
    """``card.architecture`` of this family; everything has a default.

    Attributes
    ----------
    network
        The residual U-Net of Cellpose 1 to 3, or the transformer of Cellpose-SAM; known from the weights.
    in_channels
        Channels of the image: 1 where only what is to be segmented is there; 2 for cells and then their nuclei.
    tile
        Side of the tiles in prediction, in pixels; that of Cellpose-SAM cannot be changed.
    cellprob_threshold, flow_threshold, min_size
        As of Cellpose; see `FlowThresholds`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: Literal["CPnet", "CPSAM"] = "CPnet"
    in_channels: int = Field(default=1, ge=1, le=64)
    tile: int = Field(default=224, ge=32, le=LARGEST_TILE, multiple_of=16)
    cellprob_threshold: float = Field(default=0.0, ge=-20, le=20, allow_inf_nan=False)
    flow_threshold: float = Field(default=0.4, ge=0, le=100, allow_inf_nan=False)
    min_size: int = Field(default=15, ge=0, le=10**9)

    @property
    def stride(self) -> int:
        """Sides of the network's input are multiples of this many pixels."""
        return 16

    @property
    def thresholds(self) -> FlowThresholds:
        """When pixels are of an object."""
        return FlowThresholds(self.cellprob_threshold, self.flow_threshold, self.min_size)


@dataclass(frozen=True, eq=False)
class CellposeSegmenter(TiledSegmenter):
    """A network of Cellpose with its card: pixels to flows, flows to objects; see `Segmenter`.

    The image is normalised as Cellpose does it: its 1st percentile becomes 0 and its 99th 1, and nothing is cut off.
    """

    OUTPUT = "logits"

    described: CellposeArchitecture

    @property
    @override
    def architecture(self) -> CellposeArchitecture:
        return self.described

    @property
    @override
    def layout(self) -> Covering:
        source = self.card.source
        wide = (source.object_size_px if source else None) or _USUAL_PX
        around = round(_AROUND * wide) + _GATHERED_PX
        return Covering(self.tile, min(_SHARED, self.tile // 4), self.described.stride, context=around)

    @override
    def limits(self, raw: NDArray[np.float32], part: LayerPart | None) -> list[IntensityRange]:
        return [replace(one, clip=False) for one in super().limits(raw, part)]

    @override
    def probabilities(
        self,
        image: ArrayLike,
        *,
        settings: TileSettings = TileSettings(),
        control: Control = Control(),
        part: LayerPart | None = None,
        mirror: bool = False,
    ) -> NDArray[np.float32]:
        flows = self.flows(image, settings=settings, control=control, part=part)
        place = part.place if part is not None else None
        objects = objects_of_flows(flows, self.described.thresholds, place, control)
        sure = 1 / (1 + np.exp(-np.clip(flows[2], -30, 30)))
        return chances_of_objects(objects, sure, 1.0 if place is None else place.per_pixel)

    def flows(
        self, image: ArrayLike, *, settings: TileSettings, control: Control, part: LayerPart | None
    ) -> NDArray[np.float32]:
        """Return the flow along Y and X, times five, and the logit of being in an object: (3, H, W); see `probabilities`."""

        def answer(tiles: Tensor, _origins: Tensor) -> Tensor:
            found: Tensor = self.network(tiles)[:, -3:]
            return found.float()

        return self.blended(image, answer, settings=settings, control=control, part=part)


def declines(offer: Offer) -> str:
    """Why it is no checkpoint of Cellpose."""
    return "" if _is_cellpose(offer.weights) else "no weights of Cellpose"


def describes(offer: Offer) -> Inspection | None:
    """Describe a checkpoint by its weights."""
    if declines(offer):
        return None
    try:
        card, _, _ = _read(offer)
    except CheckpointError as error:
        return useless(offer.path, "Cellpose segmenter", str(error))
    parameters = sum(one.numel() for one in offer.weights.values())
    return useful(offer.path, "Cellpose segmenter", card, parameters=parameters)


def loads(offer: Offer) -> CellposeSegmenter:
    """Load a checkpoint of Cellpose.

    Raises
    ------
    CheckpointError
        If it is of a network that is not known here, or the weights or the card do not fit it.
    """
    card, described, make = _read(offer)
    example = (1, described.in_channels, described.tile, described.tile)
    weights = {**_usual_sizes(), **offer.weights}
    return CellposeSegmenter(
        card, sha256(offer.path), fitted(make, weights, offer.path.name, example), described
    )


def _is_cellpose(weights: Mapping[str, Tensor]) -> bool:
    return {"output.2.weight", "downsample.down.res_down_0.proj.1.weight"} <= weights.keys() or _is_sam(
        weights
    )


def _is_sam(weights: Mapping[str, Tensor]) -> bool:
    return {"W2", "out.weight", "encoder.patch_embed.proj.weight"} <= weights.keys()


def _usual_sizes() -> dict[str, Tensor]:
    """Return what the oldest files do not hold."""
    return {name: torch.full((1,), _USUAL_PX) for name in _SIZES}


def _read(offer: Offer) -> tuple[Card, CellposeArchitecture, Callable[[], nn.Module]]:
    """Return the card, what it says about the network, and what makes one."""
    weights, path = offer.weights, offer.path
    if _is_sam(weights):
        shape = encoder_of(weights, path.name)
        outputs, most = int(weights["W2"].shape[1]), 3
        inferred: JsonObject = {"network": "CPSAM", "tile": shape.side}

        def make() -> nn.Module:
            return CellposeSam(shape, outputs)
    else:
        widths = widths_of(weights, path.name)
        outputs, most = int(weights["output.2.weight"].shape[0]), widths[0]
        kernel = int(weights["downsample.down.res_down_0.conv.conv_0.2.weight"].shape[-1])
        inferred = {"network": "CPnet"}

        def make() -> nn.Module:
            return CellposeUNet(widths, outputs, kernel)

    if outputs < 3:
        raise CheckpointError(
            f"{path.name} restores images or measures sizes, and segments nothing; choose a Cellpose model that segments."
        )
    given = dict(offer.given)
    said = {**inferred, **given.get("architecture", {})}
    described = validated(CellposeArchitecture, said, f"The architecture in the card of {path.name}")
    wrong = [name for name, value in inferred.items() if getattr(described, name) != value]
    if wrong or described.in_channels > most:
        raise CheckpointError(
            f"The card of {path.name} says {', '.join(wrong) or 'in_channels'} as no network of these weights has it; correct the card."
        )
    if given.get("normalisation", _NORMALISATION) != _NORMALISATION:
        raise CheckpointError(
            f"The card of {path.name} says a normalisation, but Cellpose has one of its own; leave it out of the card."
        )
    size = weights.get("diam_mean")
    known: JsonObject = {
        "classes": named_classes(("background", "object")),
        "source": {
            "name": "",
            "object_size_px": float(size[0]) if size is not None and size.numel() else _USUAL_PX,
        },
    }
    overlay(known, {**given, "architecture": described.model_dump(), "normalisation": _NORMALISATION})
    card = complete(
        known,
        path,
        kind="segmenter",
        family=FAMILY,
        inferred=(
            "normalisation",
            *(() if "object_size_px" in given.get("source", {}) else ("source.object_size_px",)),
        ),
        assumed=(() if "classes" in given else ("classes",)),
        missing=tuple(unknown_modalities(known, ("source",))),
        notes=(
            "The model tells objects apart itself, so it looks once: a mean with mirrored images or other opinions would join them.",
        ),
    )
    if len(card.classes) != 2 or card.classes[0].value != 0:
        raise CheckpointError(
            f"{path.name} finds objects of one class, so its card names two classes, background (0) first; correct the card."
        )
    return card, described, make

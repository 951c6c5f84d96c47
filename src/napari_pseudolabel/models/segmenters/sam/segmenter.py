"""A checkpoint of Segment Anything as a segmenter with objects of its own: by the decoder of micro-sam, else by a grid of clicks."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from typing_extensions import override

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import CheckpointError
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
from napari_pseudolabel.models.segmenters.base import LayerPart, PartPlace
from napari_pseudolabel.models.segmenters.objects_apart import chances_of_objects
from napari_pseudolabel.models.segmenters.sam.distance_decoder import (
    DecoderShape,
    distance_decoder,
    is_decoder,
)
from napari_pseudolabel.models.segmenters.sam.distance_network import DistanceNetwork
from napari_pseudolabel.models.segmenters.sam.distance_objects import DistanceThresholds, objects_of_distances
from napari_pseudolabel.models.segmenters.sam.grid_masks import GridMasks, MaskThresholds, cut_sides, joined
from napari_pseudolabel.models.segmenters.sam.sam_network import is_sam, sam_network, sam_shape, sam_weights
from napari_pseudolabel.models.segmenters.tiled import TiledSegmenter
from napari_pseudolabel.tiling import Covering, TileSettings
from napari_pseudolabel.types import JsonObject

FAMILY = "sam"

# As micro-sam cuts large images: what two tiles share of one with 64 pixels around it on each side.
_TILE, _SHARED_SHARE = 512, 1 / 4
# A mask that a tile cuts is none, so an object has to be whole in one of them.
_MASKS_SHARED_SHARE = 3 / 8
# Nothing is cut off above by one bright pixel in a thousand.
_NORMALISATION = {"kind": "percentile", "low": 0.1, "high": 99.9}
_NOTE = "The model tells objects apart itself, so it looks once: a mean with mirrored images or other opinions would join them."
_SLOW = (
    "It has no decoder for objects, so it is asked at a grid of points for anything that looks like an object: slow, and not only what you "
    "are looking for. A model of micro-sam with its decoder is faster and knows cells."
)


class SamArchitecture(BaseModel):
    """``card.architecture`` of this family; everything has a default.

    Attributes
    ----------
    segmentation_mode
        How objects are found: "ais" by the decoder of micro-sam, "amg" by clicks on a grid; by default the first where there is a decoder.
    in_channels
        Channels of the image: 1 for grey ones, 3 for colours.
    tile
        Side of the tiles in prediction, in pixels; each is magnified to what the network sees.
    center_distance_threshold, boundary_distance_threshold, foreground_threshold, foreground_smoothing, distance_smoothing
        As of micro-sam; see `DistanceThresholds`.
    points_per_side, pred_iou_thresh, stability_score_thresh, stability_score_offset, box_nms_thresh
        As of Segment Anything; see `MaskThresholds`.
    min_size
        Smallest area of an object in pixels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    segmentation_mode: Literal["ais", "amg"] = "ais"
    in_channels: int = Field(default=1, ge=1, le=3)
    tile: int = Field(default=_TILE, ge=16, le=LARGEST_TILE)
    center_distance_threshold: float = Field(default=0.5, ge=0, le=1)
    boundary_distance_threshold: float = Field(default=0.5, ge=0, le=1)
    foreground_threshold: float = Field(default=0.5, ge=0, le=1)
    foreground_smoothing: float = Field(default=1.0, ge=0, le=100)
    distance_smoothing: float = Field(default=1.6, ge=0, le=100)
    points_per_side: int = Field(default=32, ge=1, le=256)
    pred_iou_thresh: float = Field(default=0.88, ge=-1e6, le=1e6)
    stability_score_thresh: float = Field(default=0.95, ge=0, le=1)
    stability_score_offset: float = Field(default=1.0, ge=0, le=1e6)
    box_nms_thresh: float = Field(default=0.7, ge=0, le=1)
    min_size: int = Field(default=0, ge=0, le=10**9)

    @property
    def stride(self) -> int:
        """Smaller tiles would be magnified more, and show something else."""
        return self.tile

    @property
    def distances(self) -> DistanceThresholds:
        """When pixels are of an object, by the decoder."""
        return DistanceThresholds(
            self.center_distance_threshold,
            self.boundary_distance_threshold,
            self.foreground_threshold,
            self.foreground_smoothing,
            self.distance_smoothing,
            self.min_size,
        )

    @property
    def masks(self) -> MaskThresholds:
        """Which masks are kept."""
        return MaskThresholds(
            self.points_per_side,
            self.pred_iou_thresh,
            self.stability_score_thresh,
            self.stability_score_offset,
            self.box_nms_thresh,
        )


@dataclass(frozen=True, eq=False)
class _SamSegmenter(TiledSegmenter):
    """A network on the encoder of Segment Anything, with its card."""

    OUTPUT = "probabilities"

    described: SamArchitecture

    @property
    @override
    def architecture(self) -> SamArchitecture:
        return self.described

    @abstractmethod
    def objects(
        self, image: ArrayLike, *, settings: TileSettings, control: Control, part: LayerPart | None
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return objects (H, W), 1 to n, and how sure it is of something there; see `probabilities`."""

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
        objects, sure = self.objects(image, settings=settings, control=control, part=part)
        return chances_of_objects(objects, sure, _per_pixel(part))

    def _covering(self, shared: float) -> Covering:
        # Objects are told apart with half a tile around them.
        return Covering(self.tile, int(self.tile * shared), self.described.stride, context=self.tile // 2)


@dataclass(frozen=True, eq=False)
class DistanceSegmenter(_SamSegmenter):
    """A model of micro-sam with its decoder: pixels to distances, distances to objects; see `Segmenter`."""

    @property
    @override
    def layout(self) -> Covering:
        return self._covering(_SHARED_SHARE)

    @override
    def objects(
        self, image: ArrayLike, *, settings: TileSettings, control: Control, part: LayerPart | None
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        found = self.distances(image, settings=settings, control=control, part=part)
        return objects_of_distances(found, self.described.distances)

    def distances(
        self, image: ArrayLike, *, settings: TileSettings, control: Control, part: LayerPart | None
    ) -> NDArray[np.float32]:
        """Return what the decoder says: (3, H, W) in [0, 1]; see `distance_decoder.OUTPUTS` and `probabilities`."""

        def answer(tiles: Tensor, _origins: Tensor) -> Tensor:
            found: Tensor = self.network(tiles)
            return found.float()

        return self.blended(image, answer, settings=settings, control=control, part=part)


@dataclass(frozen=True, eq=False)
class MaskSegmenter(_SamSegmenter):
    """Automatic masks of Segment Anything; see `Segmenter`."""

    @property
    @override
    def layout(self) -> Covering:
        return self._covering(_MASKS_SHARED_SHARE)

    @override
    def objects(
        self, image: ArrayLike, *, settings: TileSettings, control: Control, part: LayerPart | None
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        height, width = np.shape(image)[-2:]
        place = (part.place if part is not None else None) or PartPlace(0, 0, (height, width))
        seen: dict[tuple[int, int], NDArray[np.float32]] = {}

        def answer(tiles: Tensor, origins: Tensor) -> Tensor:
            at = origins.numpy() + np.array([place.y0, place.x0])
            cut = torch.from_numpy(cut_sides(at, tiles.shape[-1], place.plane)).to(tiles.device)
            found: Tensor = self.network(torch.cat([tiles, cut], 1))
            for (y, x), one in zip(origins.tolist(), found, strict=True):
                seen[y, x] = one.cpu().numpy()
            return found[:, 1:]

        sure = self.blended(image, answer, settings=settings, control=control, part=part)[0]
        least, alike = self.described.min_size, self.described.box_nms_thresh
        return joined(seen, (height, width), alike, least), sure


def declines(offer: Offer) -> str:
    """Why it is no checkpoint of Segment Anything."""
    if is_sam(offer.weights):
        return ""
    return "a decoder of micro-sam alone" if is_decoder(offer.weights) else "no weights of Segment Anything"


def describes(offer: Offer) -> Inspection | None:
    """Describe a checkpoint by its weights."""
    if is_decoder(offer.weights):
        why = f"{offer.path.name} is the decoder of a micro-sam model alone; choose the model, which finds its decoder beside it."
        return useless(offer.path, "micro-sam decoder", why)
    if declines(offer):
        return None
    what = "Segment Anything segmenter"
    try:
        reading = _Reading.of(offer)
    except CheckpointError as error:
        return useless(offer.path, what, str(error))
    parameters = sum(one.numel() for one in (*offer.weights.values(), *reading.decoder.values()))
    return useful(offer.path, what, reading.card, parameters=parameters)


def loads(offer: Offer) -> DistanceSegmenter | MaskSegmenter:
    """Load a checkpoint of Segment Anything, with the decoder of micro-sam in it or beside it.

    Raises
    ------
    CheckpointError
        If its encoder or decoder is of another kind, or the weights or the card do not fit it.
    """
    reading, name = _Reading.of(offer), offer.path.name
    own, described = sam_weights(offer.weights), reading.described
    shape = sam_shape(own, name)
    network = sam_network(shape, own, name)
    sha = _sha256(offer.path)
    if reading.decoder_shape is not None:
        decoder = distance_decoder(
            reading.decoder_shape, reading.decoder, shape.features, reading.decoder_name
        )
        return DistanceSegmenter(reading.card, sha, DistanceNetwork(network, decoder, shape.side), described)
    return MaskSegmenter(reading.card, sha, GridMasks(network, shape.side, described.masks), described)


def decoder_beside(path: Path) -> tuple[Path, ...]:
    """Return the decoder that micro-sam keeps in a file of its own beside a model; none where there is none."""
    names = dict.fromkeys((f"{path.stem}_decoder{path.suffix}", f"{path.name}_decoder"))
    return tuple(one for one in map(path.with_name, names) if one.is_file())[:1]


@dataclass(frozen=True, eq=False)
class _Reading:
    """What a file, its card and what lies beside it say."""

    card: Card
    described: SamArchitecture
    decoder: Mapping[str, Tensor]
    decoder_name: str
    decoder_shape: DecoderShape | None

    @classmethod
    def of(cls, offer: Offer) -> _Reading:
        path = offer.path
        sam_shape(sam_weights(offer.weights), path.name)
        decoder, holder = offer.entry("decoder_state"), path
        if not decoder and (beside := decoder_beside(path)):
            (holder,) = beside
            decoder = Offer(holder).weights
            if not is_decoder(decoder):
                raise CheckpointError(
                    f"{holder.name} beside {path.name} is called as its decoder, but holds none; move it away or download it again."
                )
        given = dict(offer.given)
        mode = "ais" if decoder else "amg"
        said = {"segmentation_mode": mode, **given.get("architecture", {})}
        described = validated(SamArchitecture, said, f"The architecture in the card of {path.name}")
        if described.segmentation_mode == "ais" and not decoder:
            raise CheckpointError(
                f"The card of {path.name} says segmentation_mode “ais”, but there is no decoder in the file, and no "
                f"{path.stem}_decoder{path.suffix} beside it."
            )
        shape = DecoderShape.of(decoder, holder.name) if described.segmentation_mode == "ais" else None
        known: JsonObject = {
            "classes": named_classes(("background", "object")),
            "normalisation": _NORMALISATION,
            "source": {"name": ""},
        }
        overlay(known, {**given, "architecture": described.model_dump()})
        inferred = () if "normalisation" in given else ("normalisation",)
        card = complete(
            known,
            path,
            kind="segmenter",
            family=FAMILY,
            inferred=inferred,
            assumed=(() if "classes" in given else ("classes",)),
            missing=tuple(one for one in unknown_modalities(known, ("source",)) if one == "source.name"),
            notes=(_NOTE,) if described.segmentation_mode == "ais" else (_NOTE, _SLOW),
        )
        if len(card.classes) != 2 or card.classes[0].value != 0:
            raise CheckpointError(
                f"{path.name} finds objects of one class, so its card names two classes, background (0) first; correct the card."
            )
        return cls(card, described, decoder, holder.name, shape)


def _per_pixel(part: LayerPart | None) -> float:
    return 1.0 if part is None or part.place is None else part.place.per_pixel


def _sha256(path: Path) -> str:
    """Of the file, or of it and the decoder beside it."""
    own, beside = sha256(path), decoder_beside(path)
    return hashlib.sha256("".join([own, *map(sha256, beside)]).encode()).hexdigest() if beside else own

"""Prediction with a network that takes normalised tiles and answers with one channel per class."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from typing_extensions import override

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import IntensityRange, Need, from_array, intensity_range, normalise
from napari_pseudolabel.models.cards import Normalisation
from napari_pseudolabel.models.grids import need_of
from napari_pseudolabel.models.remembering_network import RememberingNetwork
from napari_pseudolabel.models.segmenters.base import LayerPart, Segmenter
from napari_pseudolabel.models.segmenters.common import as_channels, mirrored
from napari_pseudolabel.models.tile_memo import TileMemo
from napari_pseudolabel.tiling import (
    BlendWindow,
    Covering,
    Plan,
    TileFunction,
    TileSettings,
    make_grid,
    make_plan,
    run_tiles,
    with_back_off,
)

Output = Literal["logits", "probabilities"]


class TileRequirements(Protocol):
    """What an architecture says about the network's input."""

    @property
    def in_channels(self) -> int:
        """Channels of the input."""

    @property
    def tile(self) -> int:
        """Side of a tile in pixels."""

    @property
    def stride(self) -> int:
        """Sides are multiples of it."""


@dataclass(frozen=True, eq=False)
class TiledSegmenter(Segmenter):
    """A network that sees its own tiles, normalised as its card says; see `Segmenter`.

    Attributes
    ----------
    network
        (B, C, h, w) float32 -> `OUTPUT` (B, K, h, w), in evaluation mode.
    """

    network: nn.Module

    OUTPUT: ClassVar[Output]

    @property
    @abstractmethod
    def architecture(self) -> TileRequirements:
        """What the card says about the network."""

    @property
    def channels(self) -> int:
        """Channels of the image."""
        return self.architecture.in_channels

    @property
    def need(self) -> Need:
        """Which raw values become 0 and 1."""
        return need_of(self.card)

    @property
    def tile(self) -> int:
        """Side of the tiles in prediction, in pixels."""
        return self.architecture.tile

    @property
    def layout(self) -> Covering:
        """Its own tiles over the whole plane."""
        return Covering(self.tile, stride=self.architecture.stride)

    @override
    def remembering(self, memo: TileMemo) -> TiledSegmenter:
        return replace(self, network=RememberingNetwork(self.network, memo, self.sha256))

    def probabilities(
        self,
        image: ArrayLike,
        *,
        settings: TileSettings = TileSettings(),
        control: Control = Control(),
        part: LayerPart | None = None,
        mirror: bool = False,
    ) -> NDArray[np.float32]:
        """Segment one plane; see `Segmenter`. `mirror` averages over four flips, four times as slow."""

        def chances(tiles: Tensor, _origins: Tensor) -> Tensor:
            return mirrored(lambda x: self._chances(self.network(x)), tiles, (0, 1) if mirror else ())

        result = self.blended(image, chances, settings=settings, control=control, part=part)
        return np.clip(result, 0, 1, out=result)

    def blended(
        self,
        image: ArrayLike,
        answer: TileFunction,
        *,
        settings: TileSettings,
        control: Control,
        part: LayerPart | None,
    ) -> NDArray[np.float32]:
        """Blend what is answered about normalised tiles, by `network` on any device: (K, H, W).

        For the rest, and for what it raises, see `Segmenter.probabilities`.
        """
        stride = self.architecture.stride
        data = self.prepared(as_channels(image, self.channels), part)
        _, height, width = data.shape
        home = next((p.device for p in self.network.parameters()), torch.device("cpu"))

        def attempt(plan: Plan) -> NDArray[np.float32]:
            grid = part.grid if part is not None else None
            if plan.tile != asked.tile:
                grid = make_grid(height, width, plan.tile, plan.overlap, stride)
            elif grid is None:
                grid = self.layout.grid((height, width), settings, None)
            self.network.to(plan.device)
            return run_tiles(
                data,
                answer,
                grid,
                BlendWindow.of(grid),
                batch=plan.batch,
                device=plan.device,
                control_stage=control.stage("Segmenting", len(grid)),
            )

        asked = make_plan(settings, tile=self.tile, overlap=self.layout.overlap, stride=stride)
        try:
            result, _ = with_back_off(attempt, asked, self.sha256, stride=stride)
        finally:
            self.network.to(home)
        return result

    def prepared(self, raw: NDArray[np.float32], part: LayerPart | None) -> NDArray[np.float32]:
        """Return what the network is given of raw values (C, H, W): normalised as the card says, by the whole layer."""
        return np.stack(
            [normalise(channel, own) for channel, own in zip(raw, self.limits(raw, part), strict=True)]
        )

    def limits(self, raw: NDArray[np.float32], part: LayerPart | None) -> list[IntensityRange]:
        """Return which raw values of each channel become 0 and 1: by the whole layer, where it is known."""
        known = [statistics.limits for statistics in part.whole.channels] if part is not None else None
        return known or [_limits(channel, self.card.normalisation) for channel in raw]

    def _chances(self, answer: Tensor) -> Tensor:
        if answer.shape[1] != len(self.classes):
            raise InputError(
                f"The network has {answer.shape[1]} outputs, but its card names {len(self.classes)} classes."
            )
        return answer.float().softmax(1) if self.OUTPUT == "logits" else answer.float()


def _limits(channel: NDArray[np.float32], normalisation: Normalisation) -> IntensityRange:
    return intensity_range(
        from_array(channel), kind=normalisation.kind, low=normalisation.low, high=normalisation.high
    )

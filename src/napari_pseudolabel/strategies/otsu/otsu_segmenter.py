"""Probabilities by distance from the threshold of a layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import override

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import Need
from napari_pseudolabel.labels.thresholding import Threshold
from napari_pseudolabel.models.segmenters.base import LayerPart, Segmenter
from napari_pseudolabel.models.segmenters.common import as_channels
from napari_pseudolabel.tiling import Covering, TileSettings

_CORE_PX = 256


@dataclass(frozen=True, eq=False)
class OtsuSegmenter(Segmenter):
    """A segmenter of one channel; see `Segmenter`.

    Attributes
    ----------
    threshold
        Of the layer; None for a layer that nobody has looked at yet, which cannot be segmented.
    """

    threshold: Threshold | None

    @property
    @override
    def channels(self) -> int:
        return 1

    @property
    @override
    def need(self) -> Need:
        return Need("none", 0, 1)

    @property
    @override
    def layout(self) -> Covering:
        reach = 0 if self.threshold is None else self.threshold.reach_px
        return Covering(_CORE_PX + 2 * reach, reach=reach)

    @override
    def probabilities(
        self,
        image: ArrayLike,
        *,
        settings: TileSettings = TileSettings(),
        control: Control = Control(),
        part: LayerPart | None = None,
    ) -> NDArray[np.float32]:
        control.check()
        assert self.threshold is not None, "the layer was looked at"
        (plane,) = as_channels(image, 1)
        objects = self.threshold.probability(plane)
        return np.stack([1 - objects, objects])

"""Probabilities by distance from the centres of the clusters of a layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage as ndi
from typing_extensions import override

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import Need
from napari_pseudolabel.models.segmenters.base import LayerPart, Segmenter
from napari_pseudolabel.models.segmenters.common import as_channels
from napari_pseudolabel.strategies.regions.clusters import Clusters
from napari_pseudolabel.tiling import Covering, TileSettings

_CORE_PX = 256
# Of a Gaussian, in deviations.
_REACH = 4.0


@dataclass(frozen=True, eq=False)
class GreyRegionSegmenter(Segmenter):
    """A segmenter of one channel; see `Segmenter`.

    Attributes
    ----------
    clusters
        Of the layer; None for a layer that nobody has looked at yet, which cannot be segmented.
    """

    clusters: Clusters | None
    smoothing_px: float

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
        reach = round(_REACH * self.smoothing_px)
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
        known = self.clusters
        assert known is not None, "the layer was looked at"
        (plane,) = as_channels(image, 1)
        points = (smoothed(plane, self.smoothing_px) - known.mean[0]) * known.axes[0, 0]
        regions = known.chances((points[None] - known.centres[:, 0, None, None]) ** 2)
        found = np.zeros((len(self.classes), *plane.shape), np.float32)
        found[len(self.classes) - known.count :] = regions
        return found


def smoothed(plane: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """(H, W) without noise."""
    return ndi.gaussian_filter(plane, sigma, mode="nearest", truncate=_REACH) if sigma else plane

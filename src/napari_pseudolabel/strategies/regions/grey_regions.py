"""Regions of like grey levels, as a segmenter that is made for a layer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import Channel, Image
from napari_pseudolabel.imaging.places import looked_at
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.strategies.regions.clusters import Clusters
from napari_pseudolabel.strategies.regions.region_options import GreyRegionOptions

if TYPE_CHECKING:
    from napari_pseudolabel.models.segmenters.base import Segmenter

KINDS = (
    "These are kinds of regions, not classes yet: in Correct, choose a class and press Name regions, then click on a region of every "
    "kind; Shift+click calls it background."
)


@dataclass(frozen=True)
class GreyRegions:
    """Finds regions by grey levels; see `SegmenterFactory`.

    Attributes
    ----------
    clusters
        Of the layer; None before it was looked at.
    """

    options: GreyRegionOptions
    clusters: Clusters | None = None
    name: str = "Grey-level clusters"

    def of_layer(self, image: Image, channel: Channel | None, factor: float, control: Control) -> GreyRegions:
        """Return the same with the clusters of the whole layer; see `LayerFactory`."""
        from napari_pseudolabel.imaging import resample
        from napari_pseudolabel.strategies.regions.grey_region_segmenter import smoothed

        found = []
        for plane in looked_at(image, channel):
            control.check()
            seen = plane if factor == 1 else resample(plane, factor)
            values = smoothed(np.nan_to_num(seen), self.options.smoothing_px).ravel()
            found.append(values[np.isfinite(seen).ravel()])
        grey = np.concatenate(found)
        if not grey.size:
            grey = np.zeros(1, np.float32)  # nothing is labelled where there are no values
        return replace(self, clusters=Clusters.of(grey[:, None], grey, self.options.kinds))

    @property
    def card(self) -> Card:
        """What it is, and what it found."""
        known = self.clusters
        notes = () if known is None else (KINDS, explained(known))
        count = self.options.kinds if known is None else known.count
        return Card(
            kind="segmenter",
            family="monai-unet",
            name=self.name,
            classes=self.options.classes(count),
            notes=notes,
        )

    def make(self) -> Segmenter:
        """Return the segmenter."""
        from napari_pseudolabel.strategies.regions.grey_region_segmenter import GreyRegionSegmenter

        return GreyRegionSegmenter(self.card, "", self.clusters, self.options.smoothing_px)


def explained(clusters: Clusters) -> str:
    """Return how far the kinds are apart, for the person, who compares it with other ways."""
    return (
        f"The {clusters.count} kinds of regions leave {1 - clusters.explained:.0%} of the differences between pixels inside of a kind; "
        "the confidence says how clearly a pixel belongs to its kind, which nobody compared with how often that is right."
    )

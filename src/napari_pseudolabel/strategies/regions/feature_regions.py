"""Regions that a translator tells apart, as a segmenter that is made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.strategies.regions.clusters import Clusters
from napari_pseudolabel.strategies.regions.grey_regions import KINDS, explained
from napari_pseudolabel.strategies.regions.region_options import RegionOptions

if TYPE_CHECKING:
    from napari_pseudolabel.models.segmenters.base import Segmenter
    from napari_pseudolabel.models.translators.base import Translator

# Of one place; all places together are thinned out once more.
_SAMPLES = 10_000


@dataclass(frozen=True)
class FeatureRegions:
    """Finds regions by the features of a translator; see `DerivedFactory`.

    Attributes
    ----------
    translator
        Its reference.
    clusters
        Of the layer; None before it was looked at.
    """

    options: RegionOptions
    translator: str
    clusters: Clusters | None = None
    name: str = "Feature clusters"

    @property
    def learned(self) -> bool:
        """Whether it knows all it must."""
        return self.clusters is not None

    def learn(
        self, places: Sequence[NDArray[np.float32]], translator: Translator, control: Control
    ) -> FeatureRegions:
        """Return the same with the clusters of the layer; see `DerivedFactory`."""
        from napari_pseudolabel.strategies.regions.feature_region_segmenter import features_of

        samples, grey = [], []
        for place in places:
            features = features_of(translator, place, control)
            every = np.linspace(0, place.size - 1, min(place.size, _SAMPLES)).round().astype(int)
            samples.append(features.reshape(len(features), -1)[:, every].T)
            grey.append(place.ravel()[every])
        found = Clusters.of(np.concatenate(samples), np.concatenate(grey), self.options.kinds)
        return replace(self, clusters=found)

    def make_of(self, translator: Translator) -> Segmenter:
        """Return the segmenter; see `DerivedFactory`."""
        from napari_pseudolabel.strategies.regions.feature_region_segmenter import FeatureRegionSegmenter

        return FeatureRegionSegmenter.of(translator, self._card(translator.card), self.clusters)

    def _card(self, of: Card) -> Card:
        """Describe it: it takes what the translator takes."""
        known = self.clusters
        return Card(
            kind="segmenter",
            family="monai-unet",
            name=f"{self.name} of {of.name}" if of.name else self.name,
            classes=self.options.classes(self.options.kinds if known is None else known.count),
            source=of.source,
            normalisation=of.normalisation,
            inferred=of.inferred,
            assumed=of.assumed,
            notes=() if known is None else (KINDS, explained(known)),
        )

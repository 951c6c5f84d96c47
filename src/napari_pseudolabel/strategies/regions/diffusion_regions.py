"""Regions that a text-to-image model tells apart, without a phrase: by what attends to the same, and by what asks for the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from napari_pseudolabel.control import Control
from napari_pseudolabel.options import Option
from napari_pseudolabel.strategies.diffusion_options import NO_FOLDER, DiffusionOptions, use_of
from napari_pseudolabel.strategies.label_settings import ModelUse
from napari_pseudolabel.strategies.regions.clusters import Clusters
from napari_pseudolabel.strategies.regions.plane_regions import PlaneRegions
from napari_pseudolabel.strategies.regions.region_options import RegionOptions

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels
    from napari_pseudolabel.models.text_to_image.phrase_model import PhraseModel


@dataclass(frozen=True)
class DiffusionRegionOptions(RegionOptions, DiffusionOptions):
    """How many kinds of regions a text-to-image model tells apart."""

    @property
    def lacking(self) -> str:
        """What is missing before anything can be labelled, in a sentence; empty if nothing is."""
        return NO_FOLDER if self.diffusion is None else ""


@dataclass(frozen=True)
class AttentionRegionOptions(DiffusionRegionOptions):
    """How different the attention within a region may be."""

    tau: Annotated[
        float | None,
        Option(
            "The largest distance within a region, in nats; papers take .9 to 1.1. Without a number it is the smallest that leaves "
            "no more kinds of regions than are asked for.",
            title="Merge nearer than",
            term="tau",
            least=0,
            most=100,
            step=0.01,
            special="by the image",
            group="advanced",
        ),
    ] = None


@dataclass(frozen=True)
class DiffusionRegions(PlaneRegions):
    """Looks through the model of a folder; see `PlaneFactory`."""

    options: DiffusionRegionOptions

    @property
    @override
    def checkpoint(self) -> str | None:
        return str(self.options.diffusion)

    @override
    def made_of(self, models: LoadedModels) -> ModelUse:
        return use_of(str(self.options.diffusion), models)

    def _model(self, models: LoadedModels, device: str) -> PhraseModel:
        from napari_pseudolabel.tiling import pick_device

        model = models.phrase_model(str(self.options.diffusion))
        model.to(pick_device(device))
        return model


@dataclass(frozen=True)
class AttentionRegions(DiffusionRegions):
    """Finds regions by self-attention, after DiffSeg; see `PlaneFactory`."""

    options: AttentionRegionOptions
    name: str = "Attention regions (DiffSeg)"

    @override
    def regions_in(
        self, picture: NDArray[np.float32], models: LoadedModels, device: str, control: Control
    ) -> tuple[NDArray[np.intp], str]:
        from napari_pseudolabel.models.text_to_image.picture_features import merged_regions, self_attention

        attention = self_attention(self._model(models, device), picture, control)
        shape = picture.shape[0], picture.shape[1]
        numbers, tau, share = merged_regions(attention, shape, self.options.kinds, self.options.tau)
        return numbers, (
            f"Regions nearer than tau = {tau:.3g} were merged; {share:.0%} of the distances in the image are shorter."
        )


@dataclass(frozen=True)
class QueryRegions(DiffusionRegions):
    """Finds regions by queries of the cross-attention, after FreeSeg-Diff; see `PlaneFactory`."""

    name: str = "Query regions (FreeSeg-Diff)"

    @override
    def regions_in(
        self, picture: NDArray[np.float32], models: LoadedModels, device: str, control: Control
    ) -> tuple[NDArray[np.intp], str]:
        from napari_pseudolabel.imaging import resample_to
        from napari_pseudolabel.models.text_to_image.picture_features import query_features

        features = query_features(self._model(models, device), picture, control)
        shape = picture.shape[0], picture.shape[1]
        grey = resample_to(picture, (features.shape[1], features.shape[2])).ravel()
        points = features.reshape(len(features), -1).T
        found = Clusters.of(points, grey, self.options.kinds)
        # Distances between features are interpolated, so that borders are smooth.
        where = (points - found.mean) @ found.axes
        squares = ((where[None] - found.centres[:, None]) ** 2).sum(-1)
        large = resample_to(squares.reshape(found.count, *features.shape[1:]).astype(np.float32), shape)
        return large.argmin(axis=0), ""

"""Regions to be named: pixels that look alike, found without any training; what they are a person says, by one click for all of a kind."""

from __future__ import annotations

from dataclasses import replace

from napari_pseudolabel.imaging import Image
from napari_pseudolabel.strategies.fixed_settings import (
    AS_A_WHOLE,
    NO_OBJECT_SIZE,
    NO_SEARCH,
    NO_SMALLEST,
    UNMIRRORED,
)
from napari_pseudolabel.strategies.jobs import LabelJob
from napari_pseudolabel.strategies.regions.diffusion_regions import (
    AttentionRegionOptions,
    AttentionRegions,
    DiffusionRegionOptions,
    QueryRegions,
)
from napari_pseudolabel.strategies.regions.feature_regions import FeatureRegions
from napari_pseudolabel.strategies.regions.grey_regions import GreyRegions
from napari_pseudolabel.strategies.regions.plane_regions import PlaneRegions
from napari_pseudolabel.strategies.regions.region_options import GreyRegionOptions, RegionOptions
from napari_pseudolabel.strategies.regions.slic_regions import SlicOptions, SlicRegions
from napari_pseudolabel.strategies.strategy import LabelRequest, RequiredModel, Strategy


def _by_grey(image: Image, asked: LabelRequest) -> LabelJob:
    # No size of a model has to be met.
    scale = asked.settings.scale
    settings = replace(asked.settings, scale=scale.at(scale.factor or 1.0))
    factory = GreyRegions(asked.options or GreyRegionOptions())
    return replace(asked, settings=settings, found=None).job(image, segmenter=factory)


def _by_features(image: Image, asked: LabelRequest) -> LabelJob:
    assert asked.translator is not None
    factory = FeatureRegions(asked.options or RegionOptions(), asked.translator)
    return asked.job(image, segmenter=factory)


def _of_planes(image: Image, asked: LabelRequest, factory: PlaneRegions) -> LabelJob:
    return replace(asked, found=None).job(image, segmenter=factory)


# Mirrored, an image has mirrored regions.
_OF_GREY = (UNMIRRORED, NO_OBJECT_SIZE, NO_SEARCH, NO_SMALLEST)
_OF_PLANES = (AS_A_WHOLE, *_OF_GREY)


GREY_REGIONS = Strategy(
    "grey-regions",
    "Regions to name, by grey level",
    "finds regions of like grey levels, to be named by hand; needs no model and no labels",
    "Divides your image into kinds of regions by their grey levels. Choose it where you have neither labels nor a model: in Correct, "
    "one click names all regions of a kind.",
    captions=("your image", "kinds of regions", "named"),
    options=GreyRegionOptions,
    label=_by_grey,
    fixes=_OF_GREY,
    size_by="not needed: the image is used as it is",
    term="Grey-level clusters",
)
FEATURE_REGIONS = Strategy(
    "feature-regions",
    "Regions to name, as a translator sees them",
    "finds regions that a translator tells apart, to be named by hand; needs no labels",
    "Divides your image into kinds of regions by what a translator computes of it. Choose it where grey levels do not tell things "
    "apart, such as bright myelin beside bright tissue; in Correct, one click names all regions of a kind.",
    needs=(RequiredModel("translator", "a translator that takes images like yours"),),
    captions=("your image", "kinds of regions", "named"),
    options=RegionOptions,
    label=_by_features,
    fixes=(UNMIRRORED, NO_SEARCH),  # no segmenter's agreement with itself would tell the scale
    term="Feature clusters",
    by_features=True,
)
SLIC_REGIONS = Strategy(
    "slic-regions",
    "Pieces to name, one by one",
    "divides planes into connected pieces of like grey levels, each to be named by hand; needs no model and no labels",
    "Divides your image into connected pieces with edges where grey levels change. Choose it where kinds of regions mix what you want to "
    "keep apart; in Correct, every piece is named by a click of its own.",
    captions=("your image", "pieces", "named"),
    options=SlicOptions,
    label=lambda image, asked: _of_planes(image, asked, SlicRegions(asked.options or SlicOptions())),
    size_by="not needed: it is looked at as a whole",
    term="SLIC superpixels",
    regions_of_plane=True,
    fixes=_OF_PLANES,
)
ATTENTION_REGIONS = Strategy(
    "attention-regions",
    "Regions to name, by attention",
    "finds regions by the self-attention of a text-to-image model on disk, to be named by hand (experimental)",
    "Divides your image into what a text-to-image model of yours sees as one. Experimental: no real weights were measured on microscopy; "
    "compare it with regions by grey level.",
    captions=("your image", "kinds of regions", "named"),
    options=AttentionRegionOptions,
    label=lambda image, asked: _of_planes(
        image, asked, AttentionRegions(asked.options or AttentionRegionOptions())
    ),
    lacking=lambda options: options.lacking,
    size_by="not needed: it is looked at as a whole",
    term="DiffSeg",
    regions_of_plane=True,
    fixes=_OF_PLANES,
)
QUERY_REGIONS = Strategy(
    "query-regions",
    "Regions to name, by queries",
    "finds regions by the cross-attention queries of a text-to-image model on disk, to be named by hand (experimental)",
    "Divides your image into kinds of regions by what a text-to-image model of yours would ask of a phrase. Experimental: no real weights "
    "were measured on microscopy; compare it with regions by grey level.",
    captions=("your image", "kinds of regions", "named"),
    options=DiffusionRegionOptions,
    label=lambda image, asked: _of_planes(
        image, asked, QueryRegions(asked.options or DiffusionRegionOptions())
    ),
    lacking=lambda options: options.lacking,
    size_by="not needed: it is looked at as a whole",
    term="FreeSeg-Diff",
    regions_of_plane=True,
    fixes=_OF_PLANES,
)

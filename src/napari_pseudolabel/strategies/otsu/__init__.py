"""Otsu and watershed: what is brighter or darker than its surroundings is labelled, without any model.

It comes before every strategy that trains something, because on clean images nothing that was trained beats it (docs/no_labels.md).
"""

from __future__ import annotations

from dataclasses import replace

from napari_pseudolabel.imaging import Image
from napari_pseudolabel.strategies.fixed_settings import NO_OBJECT_SIZE, NO_SEARCH, UNMIRRORED
from napari_pseudolabel.strategies.jobs import LabelJob
from napari_pseudolabel.strategies.otsu.otsu_factory import OtsuFactory
from napari_pseudolabel.strategies.otsu.otsu_options import OtsuOptions
from napari_pseudolabel.strategies.strategy import LabelRequest, Strategy


def _label(image: Image, asked: LabelRequest) -> LabelJob:
    # No size of a model has to be met.
    scale = asked.settings.scale
    settings = replace(asked.settings, scale=scale.at(scale.factor or 1.0))
    factory = OtsuFactory(asked.options or OtsuOptions())
    return replace(asked, settings=settings, found=None).job(image, segmenter=factory)


OTSU = Strategy(
    "otsu",
    "Bright or dark objects",
    "labels what is brighter or darker than its surroundings, and needs no model and no labels",
    "Divides your image at one grey level, found in the whole image, and cuts objects that touch where they are narrow. "
    "Choose it first for clean images of nuclei or cells; it takes seconds.",
    captions=("your image", "above the level", "labels"),
    options=OtsuOptions,
    label=_label,
    fixes=(UNMIRRORED, NO_OBJECT_SIZE, NO_SEARCH),  # a mirrored image gets mirrored labels
    size_by="measured in the image",
    term="Otsu and watershed",
)

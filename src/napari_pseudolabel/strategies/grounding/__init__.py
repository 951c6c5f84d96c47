"""Phrase grounding: where a text-to-image model sees what a phrase says, without any training."""

from __future__ import annotations

from dataclasses import replace

from napari_pseudolabel.imaging import Image
from napari_pseudolabel.strategies.grounding.phrase_factory import PhraseFactory
from napari_pseudolabel.strategies.grounding.phrase_options import PhraseOptions
from napari_pseudolabel.strategies.jobs import LabelJob
from napari_pseudolabel.strategies.strategy import LabelRequest, Strategy


def _label(image: Image, asked: LabelRequest) -> LabelJob:
    options = asked.options or PhraseOptions()
    # A mirrored image is another one to such a model, and no size of a model has to be met.
    settings = replace(
        asked.settings, flips=0, samples=1, scale=asked.settings.scale.at(1.0), find_scale="never"
    )
    return replace(asked, settings=settings, found=None).job(image, segmenter=PhraseFactory(options))


PHRASES = Strategy(
    "phrases",
    "Things you name in words",
    "finds what a phrase says by a text-to-image model on disk, as a hint where to look (experimental)",
    "Asks a text-to-image model of yours where in the image it sees what you say. Experimental: choose it for a hint where to look, "
    "with a model that was trained on images like yours; it finds something for every phrase.",
    captions=("your image", "heat map", "labels"),
    options=PhraseOptions,
    label=_label,
    lacking=lambda options: options.lacking,
    size_by="not needed: it is looked at as a whole",
    term="Phrase grounding",
)

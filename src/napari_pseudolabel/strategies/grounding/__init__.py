"""Phrase grounding: where a text-to-image model sees what a phrase says, without any training."""

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
from napari_pseudolabel.strategies.grounding.phrase_factory import PhraseFactory
from napari_pseudolabel.strategies.grounding.phrase_options import PhraseOptions
from napari_pseudolabel.strategies.jobs import LabelJob
from napari_pseudolabel.strategies.strategy import LabelRequest, Strategy


def _label(image: Image, asked: LabelRequest) -> LabelJob:
    options = asked.options or PhraseOptions()
    return replace(asked, found=None).job(image, segmenter=PhraseFactory(options))


PHRASES = Strategy(
    "phrases",
    "Things you name in words",
    "finds what a phrase says by a text-to-image model on disk, as a hint where to look (experimental)",
    "Asks a text-to-image model of yours where in the image it sees what you say. Experimental: choose it for a hint where to look, "
    "with a model that was trained on images like yours; it finds something for every phrase.",
    captions=("your image", "heat map", "labels"),
    options=PhraseOptions,
    label=_label,
    fixes=(
        UNMIRRORED,
        AS_A_WHOLE,
        NO_OBJECT_SIZE,
        NO_SEARCH,
        NO_SMALLEST,
    ),  # mirrored, it is another one to such a model
    lacking=lambda options: options.lacking,
    size_by="not needed: it is looked at as a whole",
    term="Phrase grounding",
)

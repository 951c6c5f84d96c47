"""Rendered fields: draw objects that look like those of the image, with exact labels, and learn from them."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_pseudolabel.strategies.object_options import ObjectOptions
from napari_pseudolabel.strategies.strategy import LabelRequest, Preparation, Strategy
from napari_pseudolabel.strategies.unlabelled_images import by_learned, learned_from, settled, with_learned
from napari_pseudolabel.training.training_jobs import RenderedJob
from napari_pseudolabel.training.unlabelled.unlabelled_task import RenderedSettings


@dataclass(frozen=True)
class RenderedOptions(ObjectOptions):
    """What is drawn, and how a segmenter learns from it."""

    training: RenderedSettings = field(default_factory=RenderedSettings)


def _job(asked: LabelRequest, modality: str) -> RenderedJob:
    options: RenderedOptions = asked.options or RenderedOptions()
    return RenderedJob(**learned_from(asked, modality, options), settings=settled(options.training, asked))


RENDERED = Strategy(
    "rendered",
    "Learn from drawn objects",
    "draws objects that look like those of the images, and learns a segmenter from the drawings; no labels are needed",
    "Measures how large, dense, bright and noisy the objects of your image are, draws images like it, and learns from them what "
    "objects are. Choose it where a grey level alone finds too much or too little; it takes about a minute.",
    captions=("your image", "drawn like it", "labels"),
    options=RenderedOptions,
    preparation=Preparation(_job, with_learned, sees_images=True, takes="about a minute"),
    label=by_learned,
    size_by="measured in the image",
    term="Rendered fields",
)

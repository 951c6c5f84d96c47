"""Cycled masks: drawn masks learn to look like the images, and a segmenter learns from the masks that come back.

Source: a CycleGAN between synthetic masks and images with a low-pass between its generators (arXiv 2308.01769); see `training.cycled`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_pseudolabel.strategies.object_options import ObjectOptions
from napari_pseudolabel.strategies.strategy import LabelRequest, Preparation, Strategy
from napari_pseudolabel.strategies.unlabelled_images import by_learned, learned_from, settled, with_learned
from napari_pseudolabel.training.cycled.cycled_task import CycledSettings
from napari_pseudolabel.training.training_jobs import CycledJob


@dataclass(frozen=True)
class CycledOptions(ObjectOptions):
    """What the masks are, and how images and segmenter are learned."""

    training: CycledSettings = field(default_factory=CycledSettings)


def _job(asked: LabelRequest, modality: str) -> CycledJob:
    options: CycledOptions = asked.options or CycledOptions()
    return CycledJob(**learned_from(asked, modality, options), settings=settled(options.training, asked))


CYCLED = Strategy(
    "cycled",
    "Masks made real (experimental)",
    "lets drawn masks learn to look like the images, and learns a segmenter from what comes back; no labels are needed",
    "Two networks learn to turn drawn masks into images like yours and back, and a segmenter learns from the pairs. Choose it where "
    "drawn objects look too unlike yours; it takes minutes, and is not always better.",
    captions=("drawn masks", "made real", "labels"),
    options=CycledOptions,
    preparation=Preparation(_job, with_learned, sees_images=True, takes="some minutes"),
    label=by_learned,
    size_by="measured in the image",
    term="Cycled masks",
)

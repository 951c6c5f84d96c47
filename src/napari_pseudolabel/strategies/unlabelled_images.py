"""What strategies share that learn a segmenter from the images to be labelled: what they see of them, and how it labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Channel, Image, Need, measure, normalise
from napari_pseudolabel.imaging.places import looked_at
from napari_pseudolabel.strategies.jobs import LabelJob, Origin
from napari_pseudolabel.strategies.object_options import ObjectOptions
from napari_pseudolabel.strategies.strategy import LabelRequest
from napari_pseudolabel.training.unlabelled.unlabelled_task import (
    RenderedSettings,
    UnlabelledResult,
    UnlabelledTask,
)
from napari_pseudolabel.workspace import write_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

T = TypeVar("T")
S = TypeVar("S", bound=RenderedSettings)

MOST_IMAGES = 16
_MOST_PX = 2**20


def spread(images: Sequence[T]) -> list[T]:
    """Return so many of the images, or of their files, as are learned from, evenly spread."""
    return [images[i] for i in np.unique(np.linspace(0, len(images) - 1, MOST_IMAGES).round().astype(int))]


def places_of(images: Sequence[Image], channel: Channel | None) -> Iterator[NDArray[np.float32]]:
    """Read places of some images, (h, w) float32 in [0, 1], each normalised as its whole layer.

    Raises
    ------
    InputError
        If there is no image, or one cannot be read.
    """
    if not images:
        raise InputError("There is no image to learn from; choose one.")
    seen = spread(images)
    for image in seen:
        (known,) = measure(image, [channel], Need()).channels
        for plane in looked_at(image, channel, _MOST_PX // len(seen)):
            yield normalise(plane, known.limits)


def learned_from(asked: LabelRequest, modality: str, options: ObjectOptions) -> dict[str, Any]:
    """Return what every `UnlabelledTask` is made with, but its settings.

    Parameters
    ----------
    modality
        What the images show; empty if unknown.
    options
        What the objects are.

    Raises
    ------
    InputError
        If there is no image, one cannot be read, or nobody said where to keep what is learned.
    """
    if asked.folder is None:
        raise InputError("What is learned has to be kept; name a folder for it.")
    return {
        "places": tuple(places_of(asked.images, asked.settings.channel)),
        "folder": asked.folder.resolve(),
        "classes": options.classes,
        "contrast": options.contrast,
        "modality": modality,
        "names": tuple(image.name for image in spread(asked.images)),
    }


def settled(training: S, asked: LabelRequest) -> S:
    """Return settings of a training with the seed and the device of the request."""
    return replace(training, seed=asked.settings.seed, device=asked.settings.tiles.device)


def with_learned(asked: LabelRequest, job: UnlabelledTask, made: UnlabelledResult) -> LabelRequest:
    """Return what is asked for, with the segmenter that was learned, at the magnification that it learned at."""
    if not made.path.is_file():  # a worker elsewhere has trained it
        made.path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(made.path, made.checkpoint)
    said = asked.settings.scale
    # A pixel size does not tell how large the objects were that it learned; it counts for what is written.
    scale = said if said.factor or said.object_size_px else said.at(made.factor)
    return replace(asked, segmenter=str(made.path), settings=replace(asked.settings, scale=scale))


def by_learned(image: Image, asked: LabelRequest) -> LabelJob:
    """Return the job that labels an image with what was learned."""
    job = asked.job(image, segmenter=asked.segmenter)
    return replace(job, origin=Origin(synthetic=True, of_these=True))

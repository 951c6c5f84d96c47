"""What a self-training is asked for, and what labels the images afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.options import Option
from napari_pseudolabel.strategies.strategy import LabelRequest
from napari_pseudolabel.training.data.labelled_sets import LabelledSet
from napari_pseudolabel.training.self_training.self_training_task import (
    Round,
    SelfTrained,
    SelfTrainingSettings,
    Verdict,
)
from napari_pseudolabel.training.training_jobs import SelfTrainingJob
from napari_pseudolabel.workspace import write_bytes


@dataclass(frozen=True)
class SelfTrainingOptions:
    """The options that only self-training takes."""

    learning: SelfTrainingSettings = field(default_factory=SelfTrainingSettings)
    corrected_labels: Annotated[
        Path | None,
        Option(
            "Folder of label images of the same names for some of the images: what is labelled in them is right. A quarter of each "
            "is kept to decide whether the new segmenter is better.",
            seen="shell",
        ),
    ] = None
    source_images: Annotated[
        Path | None, Option("Folder of labelled images to learn from as well.", seen="shell")
    ] = None
    source_labels: Annotated[
        Path | None, Option("Folder of their label images, of the same names.", seen="shell")
    ] = None
    source_translator: Annotated[
        str | None,
        Option(
            "Translator that makes the labelled images look like these; leave it out where they do.",
            seen="shell",
            form="NAME",
        ),
    ] = None
    source_pixel_size: Annotated[
        float | None, Option("Pixel size of the labelled images in micrometres.", seen="shell")
    ] = None

    @property
    def labelled(self) -> LabelledSet | None:
        """The labelled set; None without.

        Raises
        ------
        InputError
            If only a part of it was given.
        """
        images, labels = self.source_images, self.source_labels
        if images is None and labels is None:
            if self.source_translator is not None:
                raise InputError("--source-translator is for labelled images; give --source-images as well.")
            return None
        if images is None or labels is None:
            raise InputError("Give both --source-images and --source-labels, or neither.")
        return LabelledSet(
            images.resolve(),
            labels.resolve(),
            self.source_translator,
            Scale(pixel_size_um=self.source_pixel_size),
        )


def self_training_job(request: LabelRequest, target: str) -> SelfTrainingJob:
    """Return what to learn from, and how; `target` is what the images show, empty if unknown.

    Raises
    ------
    InputError
        If something is missing or cannot be used.
    """
    options: SelfTrainingOptions = request.options or SelfTrainingOptions()
    if request.segmenter is None:
        raise InputError(
            "Self-training needs a segmenter that labels these images already; give --segmenter."
        )
    if request.second_opinions:
        raise InputError("Self-training trains one segmenter; leave out --second-opinion.")
    if request.folder is None:
        raise InputError("Self-training keeps what it trains; name a folder for it.")
    if request.targets is None:
        raise InputError("Self-training learns from the images that are to be labelled; give some.")
    corrected = options.corrected_labels
    return SelfTrainingJob(
        replace(request.targets, corrected=corrected.resolve() if corrected is not None else None),
        request.segmenter,
        request.folder.resolve(),
        replace(options.learning, seed=request.settings.seed, device=request.settings.tiles.device),
        options.labelled,
        target,
    )


def with_trained(request: LabelRequest, job: SelfTrainingJob, made: SelfTrained) -> LabelRequest:
    """Return what is asked for, with the new segmenter where it is better, else with the one from before."""
    # How it was trained stands in its card.
    request = replace(request, options=None, targets=None, notes=(made.sentence,))
    if made.checkpoint is None:
        return replace(request, segmenter=job.segmenter)
    if not made.path.is_file():  # a worker elsewhere has trained it
        made.path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(made.path, made.checkpoint)
    return replace(request, segmenter=str(made.path))


def sources(job: SelfTrainingJob) -> tuple[Path, ...]:
    """Folders of labels, into which no result may go."""
    labelled = (job.labelled.images, job.labelled.labels) if job.labelled is not None else ()
    corrected = () if job.images.corrected is None else (job.images.corrected,)
    return tuple(folder.resolve() for folder in (*labelled, *corrected))


def event_text(event: object) -> str:
    """How each round does, and what became of it."""
    return event.sentence if isinstance(event, (Round, Verdict)) else ""

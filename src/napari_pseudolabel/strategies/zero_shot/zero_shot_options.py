"""What a zero-shot translation is asked for, and what labels the images afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.options import Option
from napari_pseudolabel.strategies.strategy import LabelRequest
from napari_pseudolabel.training.data.folder_names import folder_name
from napari_pseudolabel.training.training_jobs import ZeroShotJob
from napari_pseudolabel.training.translator.tune_translator import ModalityImages
from napari_pseudolabel.training.translator.zero_shot_settings import ZeroShotSettings
from napari_pseudolabel.training.translator.zero_shot_task import ZeroShotResult
from napari_pseudolabel.workspace import write_bytes


@dataclass(frozen=True)
class ZeroShotOptions:
    """The options that only this strategy takes."""

    known_images: Annotated[
        Path | None,
        Option(
            "Folder of images of the kind that the segmenter knows; labels are not needed.",
            title="Images to learn from",
            form="DIR",
        ),
    ] = None
    known_pixel_size: Annotated[
        float | None,
        Option(
            "Pixel size of these images in micrometres, where their files do not say it.",
            title="Their pixel size",
            unit="µm",
            above=0,
            step=1e-5,
            typical=0.01,
            special="as in the files",
        ),
    ] = None
    training: ZeroShotSettings = field(default_factory=ZeroShotSettings)

    @property
    def lacking(self) -> str:
        """What is missing, in a sentence; empty if nothing is."""
        told = "Give a folder of images of the kind that the segmenter knows; how they look is learned from them."
        return "" if self.known_images else told


def zero_shot_job(request: LabelRequest, target: str) -> ZeroShotJob:
    """Return what to learn from, and how; what the images to be labelled show does not matter.

    Raises
    ------
    InputError
        If something is missing or cannot be used.
    """
    options: ZeroShotOptions = request.options or ZeroShotOptions()
    if options.known_images is None:
        raise InputError(options.lacking)
    if request.segmenter is None:
        raise InputError("Zero-shot needs a segmenter of the labelled modality; choose one.")
    if request.folder is None:
        raise InputError("Zero-shot keeps what it learns; name a folder for it.")
    folder = options.known_images.resolve()
    images = ModalityImages(
        folder_name(folder), folder=folder, scale=Scale(pixel_size_um=options.known_pixel_size)
    )
    return ZeroShotJob(
        images,
        request.folder.resolve(),
        request.segmenter,
        replace(options.training, seed=request.settings.seed, device=request.settings.tiles.device),
    )


def with_translator(request: LabelRequest, job: ZeroShotJob, made: ZeroShotResult) -> LabelRequest:
    """Return what is asked for, with the translator and the segmenter that it was made for."""
    if not made.path.is_file():  # a worker elsewhere has trained it
        made.path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(made.path, made.checkpoint)
    # How it was trained stands in its card.
    return replace(request, translator=str(made.path), segmenter=job.segmenter, options=None)


def sources(job: ZeroShotJob) -> tuple[Path, ...]:
    """Folder of images, into which no result may go."""
    return () if job.images.folder is None else (job.images.folder,)

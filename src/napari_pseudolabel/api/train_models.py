"""Train from Python: carry labels to a folder of images, and fine-tune a segmenter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_pseudolabel.api.checked_arguments import checked_arguments
from napari_pseudolabel.api.compare_labels import checked_classes
from napari_pseudolabel.api.python_inputs import ImageInput, LabelsInput, class_values, opened
from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image, Intensities, ReadOptions
from napari_pseudolabel.imaging.plane_key import plane_key
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.classes import classes_of
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.strategies.carry.carry_task import CarryOptions, CarryTask
from napari_pseudolabel.strategies.label_settings import LabelSettings, Region
from napari_pseudolabel.training.data.annotated_plane import AnnotatedPlane
from napari_pseudolabel.training.segmenter.fine_tune_task import FineTuneResult, FineTuneSettings
from napari_pseudolabel.training.training_jobs import FineTuneJob
from napari_pseudolabel.workspace import WorkspaceSplit

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels
    from napari_pseudolabel.strategies.carry.carrying import Carried

SPLIT = "split.json"


@checked_arguments
def carry(
    images: str | Path,
    out: str | Path,
    labelled_images: str | Path,
    labelled_labels: str | Path,
    classes: dict[str, int],
    *,
    modality: str = "",
    axes: str | None = None,
    options: CarryOptions | None = None,
    settings: LabelSettings | None = None,
    segmenter: str | Path | None = None,
    translator: str | Path | None = None,
    control: Control | None = None,
    models: LoadedModels | None = None,
) -> Carried:
    """Carry the labels of one modality to a folder of images of another; the same call goes on where it was stopped.

    Parameters
    ----------
    images
        Folder of the images to be labelled.
    out
        Gets ``labels``, ``models`` and ``work``, ``report.json``, and the page ``index.html``, as from the shell.
    labelled_images, labelled_labels
        Folders of images of the labelled modality, and of their labels of the same names.
    classes
        Label value of each class by name: ``{"myelin": 1, "axon": 2}``.
    modality
        What the images show; empty to call it after their folder.
    axes
        One letter per axis (T, Z, C, Y, X, S), where their files do not tell.
    options, settings
        How it is trained, and how the images are labelled.
    segmenter, translator
        To be used instead of what would be trained, or of all that fit.
    control, models
        As for `pseudo_label`.

    Returns
    -------
    Carried
        What was tried, which way was taken and why, and the images with their labels.

    Raises
    ------
    PseudolabelError
        With one sentence that says what is wrong and what to do.
    """
    from napari_pseudolabel.models.loaded import LoadedModels
    from napari_pseudolabel.strategies.carry.carried_folder import carry_to_folder

    task = CarryTask(
        Path(images),
        Path(out),
        replace(
            options or CarryOptions(),
            labelled_images=Path(labelled_images),
            labelled_labels=Path(labelled_labels),
            classes=[f"{name}={value}" for name, value in classes.items()],
        ),
        modality,
        None if segmenter is None else str(segmenter),
        None if translator is None else str(translator),
        settings or LabelSettings(),
        ReadOptions(axes),
    )
    return carry_to_folder(task, control or Control(), models or LoadedModels())


@checked_arguments
def fine_tune(
    images: Sequence[ImageInput],
    labels: Sequence[LabelsInput],
    folder: str | Path,
    *,
    segmenter: str | Path | None,
    translator: str | Path | None = None,
    regions: Sequence[Region | None] | None = None,
    classes: dict[str, int] | None = None,
    pixel_size_um: float | None = None,
    settings: FineTuneSettings | None = None,
    control: Control | None = None,
    models: LoadedModels | None = None,
) -> FineTuneResult:
    """Fine-tune a segmenter on labels that are right; the same call goes on where it was stopped.

    A quarter of every region, one of its corners, is kept for validation, always the same of a folder. The best step is in
    ``best.safetensors`` of the folder, and `FineTuneResult.promoted` says whether it beats the segmenter that it started from.

    Parameters
    ----------
    images
        As for `pseudo_label`, at least one.
    labels
        Class values of each, of its shape.
    folder
        Gets the state, the curve and the checkpoint.
    segmenter
        Where it starts: a name or path; None to train a new one, which `classes` describe.
    translator
        Brings the images into the modality of the segmenter; None where it sees them as they are.
    regions
        The part of each image whose labels are right; None for all of it. Outside nothing is learned.
    classes
        Value of each class by name, for a new segmenter.
    pixel_size_um
        Side of a pixel of the images in micrometres; None for what they say.
    settings
        See docs/options.md.
    control, models
        As for `pseudo_label`.

    Raises
    ------
    PseudolabelError
        With one sentence that says what is wrong and what to do.
    """
    from napari_pseudolabel.models.loaded import LoadedModels

    if not len(images) == len(labels) == len(images if regions is None else regions):
        raise InputError("Give labels, and a region or None, for every image.")
    named = classes_of(checked_classes(classes or {}, objects=True))
    place = Path(folder).resolve()
    place.mkdir(parents=True, exist_ok=True)
    split = WorkspaceSplit(place / SPLIT)
    known = [opened(image) for image in images]
    planes = [
        plane
        for image, values, region in zip(known, labels, regions or [None] * len(known), strict=True)
        for plane in _planes(image, values, region, split)
    ]
    given = settings or FineTuneSettings()
    if pixel_size_um is not None:
        given = replace(given, scale=Scale(pixel_size_um=pixel_size_um))
    job = FineTuneJob(
        tuple(planes),
        "" if segmenter is None else str(segmenter),
        None if translator is None else str(translator),
        place,
        given,
        classes=named and (LabelClass(name="background", value=0), *named),
    )
    return job.run(control or Control(), models or LoadedModels())


def _planes(
    image: Image, labels: LabelsInput, region: Region | None, split: WorkspaceSplit
) -> list[AnnotatedPlane]:
    """Return the planes of an image, with a corner of its region kept for validation."""
    values = class_values(labels, image)
    intensities = Intensities.of(image)
    height, width = values.shape[-2:]
    part = Region(0, 0, height, width) if region is None else region.clipped(height, width)
    touched = np.zeros((height, width), bool)
    touched[part.window] = True
    try:
        pixel_size_um = image.placement.pixel_size_um()
    except InputError:
        pixel_size_um = None  # pixels that are not square have no single size
    found = []
    for index in image.planes():
        key = plane_key(image, index)
        split.assign(key, (part.y0, part.x0, part.y1, part.x1))
        found.append(
            AnnotatedPlane(
                name=f"{image.name}, plane {', '.join(map(str, index))}" if index else image.name,
                key=key,
                image=image.plane(index),
                limits=intensities.limits(),
                pixel_size_um=pixel_size_um,
                labels=values[index],
                touched=touched,
                confidence=None,
                validation=split.validation(key, (height, width)),
                modality=image.modality,
                intensities=intensities,
            )
        )
    return found

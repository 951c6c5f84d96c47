"""The segmenter at the end of every training without labels: trained on fields, written with an honest card."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.objects import to_classes
from napari_pseudolabel.models.cards import Card, Modality, Training
from napari_pseudolabel.models.offers import Offer
from napari_pseudolabel.models.segmenters import monai_unet
from napari_pseudolabel.tiling import pick_device
from napari_pseudolabel.training.common.score_measures import measures_of
from napari_pseudolabel.training.common.training_record import today
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.segmenter.fine_tuning import check_patch
from napari_pseudolabel.training.segmenter.segmenter_settings import SegmenterSettings
from napari_pseudolabel.training.segmenter.segmenter_training import BEST, SegmenterTraining
from napari_pseudolabel.training.unlabelled.seen_images import TYPICAL_PX
from napari_pseudolabel.training.unlabelled.unlabelled_task import (
    RESULT,
    SEGMENTER,
    RenderedSettings,
    UnlabelledResult,
    UnlabelledTask,
    result_of,
)
from napari_pseudolabel.wording import some
from napari_pseudolabel.workspace import write_text

_LEVELS = (1, 2, 4, 8)
_WARM_UP = 10
_VALIDATED = 6
_EPOCHS = 5


def labelled(name: str, image: NDArray[np.float32], numbered: NDArray[np.int32]) -> LabelledPlane:
    """Return a field to learn from: its image (H, W), and its numbered objects as classes, with gaps where they touch."""
    return LabelledPlane(
        name, np.clip(image, 0, 1).astype(np.float32), to_classes(numbered, (numbered > 0).astype(np.uint8))
    )


def train_segmenter(
    task: UnlabelledTask,
    settings: RenderedSettings,
    fields: Sequence[LabelledPlane],
    command: str,
    made: str,
    control: Control,
) -> None:
    """Train a segmenter on fields, or go on with it, and write it into the folder of a task.

    Parameters
    ----------
    fields
        On the grid of the segmenter; the last ones validate.
    command
        Of the shell, for the card.
    made
        What the fields are, as a clause for the card: "fields that were rendered after ...".

    Raises
    ------
    InputError
        If the patches do not fit the network.
    Cancelled
        If `control` says so; the same task goes on from there.
    """
    name = task.classes[-1].name
    shown = task.modality or "images of one kind"
    card = Card(
        kind="segmenter",
        family=monai_unet.FAMILY,
        name=f"{name} in {shown}, learned without labels",
        description=f"{name} in {shown}; trained on {made}, on no label of a person.",
        architecture={"filters": tuple(settings.width * factor for factor in _LEVELS)},
        source=Modality(name=task.modality, object_size_px=TYPICAL_PX),
        classes=task.classes,
        training=Training(
            data=(f"{made}, after {some(task.names, 5)}",), seed=settings.seed, date=today(), command=command
        ),
    )
    check_patch(settings.patch, card)
    kept = min(_VALIDATED, max(len(fields) // 4, 1))
    run = SegmenterTraining(
        fields[:-kept],
        fields[-kept:],
        card,
        SegmenterSettings(
            settings.steps,
            settings.batch,
            settings.patch,
            seed=settings.seed,
            validate_every=max(settings.steps // _EPOCHS, 1),
            warm_up=min(_WARM_UP, settings.steps // 2),
            ema=settings.ema,
        ),
        device=pick_device(settings.device),
        learned="translations",
    )
    best = run.run(task.folder, control)
    if not best.step:
        raise InputError("The training was finished before its first step; start it again.")
    segmenter = monai_unet.loads(Offer(task.folder / BEST))
    quality = measures_of(
        best, f"{kept} fields of the same kind, which chose the step", on="synthetic images"
    )
    card = segmenter.card.model_copy(update={"quality": quality})
    monai_unet.save(segmenter.network, card, task.folder / SEGMENTER, half=True)


def conclude(task: UnlabelledTask, factor: float, notes: Sequence[str]) -> UnlabelledResult:
    """Write down that a task is done, and return its result; comes last."""
    write_text(task.folder / RESULT, json.dumps({"factor": factor, "notes": list(notes)}, indent=1) + "\n")
    found = result_of(task)
    assert found is not None
    return found

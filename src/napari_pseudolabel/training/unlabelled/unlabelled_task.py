"""What is learned from images that nobody has labelled, and what comes of it. Importable without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.budget import read_json
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.options import Checked, Option
from napari_pseudolabel.training.common.training_options import Ema, OwnSeed
from napari_pseudolabel.types import Contrast, JsonObject

RESULT = "result.json"
SEGMENTER = "segmenter.safetensors"

SizePx = Annotated[
    float | None,
    Option(
        "Typical diameter of the objects in pixels of the image, where what is measured is wrong.",
        title="Objects are wide",
        unit="px",
        least=4,
        most=2000,
        typical=20,
        special="measured",
        group="advanced",
    ),
]
Covered = Annotated[
    float | None,
    Option(
        "Share of the image that objects cover, where what is measured is wrong.",
        title="Objects cover",
        unit="%",
        above=0,
        most=0.8,
        typical=0.2,
        special="measured",
        group="advanced",
    ),
]


@dataclass(frozen=True)
class RenderedSettings(Checked):
    """How a segmenter learns from rendered fields."""

    size_px: SizePx = None
    covered: Covered = None
    steps: Annotated[
        int,
        Option("Optimiser steps; 250 take about a minute on one core.", least=1, step=50, group="advanced"),
    ] = 250
    fields: Annotated[int, Option("Fields that are drawn to learn from.", least=2, seen="shell")] = 40
    batch: Annotated[int, Option("Patches per step.", least=1, seen="python")] = 4
    patch: Annotated[int, Option("Side of a patch in pixels.", least=1, seen="python")] = 96
    width: Annotated[int, Option("Channels of the first level of the network.", least=1, seen="python")] = 12
    ema: Ema = 0.95
    seed: OwnSeed = 0
    device: Annotated[str, Option("A name such as auto, cpu or cuda.", seen="python")] = "auto"


@dataclass(frozen=True)
class UnlabelledResult:
    """A segmenter that has seen no label of a person.

    Attributes
    ----------
    path
        Where it was written, in the folder of the job.
    checkpoint
        Content of that ``.safetensors`` file with its card, for where the folder cannot be seen.
    factor
        Pixels of the segmenter per pixel of the images.
    notes
        Sentences for the person.
    """

    path: Path
    checkpoint: bytes
    factor: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class UnlabelledTask:
    """Images to learn from without labels.

    Attributes
    ----------
    places
        (h, w) float32 in [0, 1]: places of the images, each normalised as its layer.
    folder
        Gets what is made; the same job goes on from there, and hands out the same result once it is done.
    classes
        Background, and what is labelled.
    contrast
        Of the objects.
    modality
        What the images show; empty if unknown.
    names
        Of the images, for the card.
    """

    places: tuple[NDArray[np.float32], ...]
    folder: Path
    classes: tuple[LabelClass, ...]
    contrast: Contrast = "auto"
    modality: str = ""
    names: tuple[str, ...] = ()

    lane: ClassVar[str] = "train"
    checkpoints: ClassVar[tuple[str, ...]] = ()

    @property
    def done(self) -> bool:
        """Whether all that it makes is there."""
        return all((self.folder / name).is_file() for name in (RESULT, SEGMENTER))

    @property
    def told(self) -> JsonObject:
        """By what a folder knows the same task again, beside its settings and pixels."""
        return {
            "classes": {one.name: one.value for one in self.classes},
            "contrast": self.contrast,
            "modality": self.modality,
        }


@dataclass(frozen=True, eq=False)
class RenderedTask(UnlabelledTask):
    """Draw fields that look like the images, and train a segmenter on them; `RenderedJob` does it."""

    settings: RenderedSettings = field(default_factory=RenderedSettings)
    title: str = "Learning from rendered fields"


def result_of(task: UnlabelledTask) -> UnlabelledResult | None:
    """Return what a task has made; None if it is not done."""
    if not task.done:
        return None
    path = task.folder / SEGMENTER
    try:
        told: JsonObject = read_json(task.folder / RESULT)
        return UnlabelledResult(
            path, path.read_bytes(), float(told["factor"]), tuple(map(str, told["notes"]))
        )
    except (ValueError, KeyError, TypeError):
        return None  # damaged: ended again from its state

"""Fine-tuning of a segmenter from corrected labels: what is asked, and what comes of it. Importable without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np

from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.models.evaluations import Evaluations
from napari_pseudolabel.options import Checked, Option
from napari_pseudolabel.training.common.training_events import Score
from napari_pseudolabel.training.common.training_options import Device, OwnSeed
from napari_pseudolabel.training.data.annotated_plane import AnnotatedPlane
from napari_pseudolabel.training.data.labelled_sets import LabelledSet


@dataclass(frozen=True)
class FineTuneSettings(Checked):
    """How a segmenter is fine-tuned; the defaults were chosen with ``benchmarks/effort_fine_tuning.py``."""

    steps: Annotated[
        int,
        Option(
            "Steps of the training at most; the best one is kept, not the last.",
            least=1,
            step=60,
            group="advanced",
            seen="dock",
        ),
    ] = 200
    batch: Annotated[int, Option("Patches per step.", least=1, seen="python")] = 3
    patch: Annotated[
        int, Option("Side of a patch in pixels of the segmenter's grid.", least=1, seen="python")
    ] = 128
    lr: Annotated[
        float,
        Option(
            "Size of the steps of the optimiser; less forgets less, more learns faster.",
            title="Learning speed",
            term="learning rate",
            above=0,
            below=1,
            step=1e-6,
            group="advanced",
            seen="dock",
        ),
    ] = 1e-3
    trust: Annotated[
        float,
        Option(
            "How much labels that nobody has touched count, times the confidence of the model in them. At 0 % only what "
            "you painted or confirmed is learned; at 100 % a sure prediction counts like your work.",
            title="Learn also from unchecked labels",
            term="trust",
            unit="%",
            least=0,
            most=1,
            step=0.05,
            widget="FloatSlider",
            seen="dock",
        ),
    ] = 0.1
    epoch_steps: Annotated[int, Option("Steps between two validations.", least=1, seen="python")] = 20
    patience: Annotated[
        int,
        Option(
            "The training ends early after so many validations without a better one.",
            title="End after checks without gain",
            term="patience",
            least=1,
            group="advanced",
            seen="dock",
        ),
    ] = 6
    seed: OwnSeed = 0
    scale: Annotated[Scale, Option("Sizes in the images, as in the pseudo labels.", seen="python")] = Scale()
    samples: Annotated[
        int,
        Option(
            "Translations drawn per plane; all are trained on, the first is validated.",
            least=1,
            seen="python",
        ),
    ] = 1
    evaluations: Annotated[
        Evaluations,
        Option(
            "How thoroughly they are translated; as the labels are made, so that the segmenter learns what it will see.",
            seen="python",
        ),
    ] = "auto"
    device: Device = "auto"


@dataclass(frozen=True, eq=False)
class FineTuneResult:
    """The result of a fine-tuning.

    Attributes
    ----------
    before, best
        Scores of the model at the start (None when there was none) and of the best step, on the same pixels.
    promoted
        Whether the best step is strictly better.
    sentence
        For the person, with both numbers.
    checkpoint
        Content of a ``.safetensors`` file with its card, of the best step; None if nothing was trained.
    stopped
        Why the training ended: all steps done, no longer getting better, or the person finished it.
    notes
        Sentences for the person.
    """

    before: Score | None
    best: Score | None
    promoted: bool
    sentence: str
    checkpoint: bytes | None
    stopped: Literal["steps", "early", "finish"]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class FineTuneTask:
    """Fine-tune a segmenter, or train one from nothing, on what a person corrected; `FineTuneJob` does it.

    Attributes
    ----------
    planes
        What is known.
    segmenter
        Where the training starts: a reference as in `models.registry`, or empty to start from nothing.
    translator
        Brings `planes` into the segmenter's modality; None where the segmenter sees them as they are.
    folder
        Gets the state, the curve and ``best.safetensors``. The same job goes on from there.
    sets
        Further labelled folders. Half of the patches come from them.
    classes
        Used when the training starts from nothing; otherwise those of the segmenter count.
    inputs
        Keeps translated images by their content, so that neither a resume nor a later training translates them
        again; by default in `folder`.
    title
        Of the job.
    """

    planes: tuple[AnnotatedPlane, ...]
    segmenter: str
    translator: str | None
    folder: Path
    settings: FineTuneSettings = field(default_factory=FineTuneSettings)
    sets: tuple[LabelledSet, ...] = ()
    classes: tuple[LabelClass, ...] = ()
    inputs: Path | None = None
    title: str = "Training the segmenter"

    lane: ClassVar[str] = "train"

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """References of the models that it needs."""
        refs = (self.segmenter, self.translator, *(labelled_set.translator for labelled_set in self.sets))
        return tuple(dict.fromkeys(ref for ref in refs if ref))


def missing(
    planes: Sequence[AnnotatedPlane], classes: Sequence[LabelClass], sets: Sequence[LabelledSet] = ()
) -> str | None:
    """Say in one sentence why the training cannot start yet; None if it can.

    Parameters
    ----------
    planes
        What is known about the open layers.
    classes
        Those that the segmenter tells apart.
    sets
        Further labelled folders; they are not opened, and taken to hold every class.
    """
    learned, held_out = np.zeros(256, np.int64), np.zeros(256, np.int64)
    for plane in planes:
        learned += np.bincount(plane.labels[plane.touched & ~plane.validation], minlength=256)
        held_out += np.bincount(plane.labels[plane.held_out], minlength=256)
    wanted = [c for c in classes if c.value]
    if not learned.any() and not held_out.any():
        return "Nothing is corrected or confirmed yet; correct a few objects and confirm the region."
    if not sets:
        for label_class in wanted:
            if learned[label_class.value]:
                continue
            if held_out[label_class.value]:
                return (
                    f"The class {label_class.name} was confirmed only where pixels are kept for validation; "
                    "confirm another region that holds it."
                )
            return (
                f"No corrected or confirmed region holds the class {label_class.name} yet; "
                "correct a few and confirm the region."
            )
    if not held_out.any():
        return "No pixels are kept for validation yet; confirm a region, of which a quarter will be kept for that."
    if not any(held_out[label_class.value] for label_class in wanted):
        names = " or ".join(label_class.name for label_class in wanted)
        return f"The pixels kept for validation hold no {names} yet; confirm another region."
    return None


# Dice that differs by less is the same; F1 of objects that falls by as much is worth a word.
_LEVEL, NOTICEABLE_F1 = 0.0005, 0.01


@dataclass(frozen=True)
class Promotion:
    """The verdict, and a sentence with both numbers."""

    promoted: bool
    sentence: str


def promotion(before: Score | None, best: Score) -> Promotion:
    """Compare the best step of a training with the model it started from.

    Parameters
    ----------
    before
        The model before, on the same validation pixels as `best`; None when the training began from nothing.
    best
        The best validation of the training; its step is 0 if nothing was trained.

    Returns
    -------
    Promotion
        Promoted only if the mean Dice is strictly better. Where it is the same up to `_LEVEL`, the F1 of objects decides;
        where objects got noticeably worse although pixels got better, the sentence says so.
    """
    if best.step == 0:
        return Promotion(False, "The training was stopped before its first step, so nothing was learned.")
    if before is None:
        return Promotion(
            True,
            f"Dice {best.mean:.3f} on the validation pixels; there is no model before to compare with, "
            "so the new one is used from now on.",
        )
    digits = 3 if f"{best.mean:.3f}" != f"{before.mean:.3f}" or best.mean == before.mean else 6
    new, old = f"{best.mean:.{digits}f}", f"{before.mean:.{digits}f}"
    gained = gained_f1(before, best)
    level = abs(best.mean - before.mean) < _LEVEL
    better = gained > 0 if level and gained else best.mean > before.mean
    if level and gained:
        told = f"Dice on the validation pixels stayed at {best.mean:.3f}, and the F1 of objects {_change(before, best)}"
    elif best.mean > before.mean:
        told = f"Dice on the validation pixels rose from {old} to {new}"
        if gained <= -NOTICEABLE_F1:
            told += f", but the F1 of objects {_change(before, best)}: compare both on your image"
    else:
        told = f"Dice on the validation pixels is {new} and was {old} before"
    use = "the new model is used from now on" if better else "the model before stays in use"
    return Promotion(better, f"{told}; {use}.")


def gained_f1(before: Score, best: Score) -> float:
    """Return by how much the mean F1 of objects grew; 0 where either was not measured."""
    old, new = before.mean_f1, best.mean_f1
    return 0.0 if old is None or new is None else new - old


def _change(before: Score, best: Score) -> str:
    verb = "rose" if gained_f1(before, best) > 0 else "fell"
    return f"{verb} from {before.mean_f1 or 0:.3f} to {best.mean_f1 or 0:.3f}"

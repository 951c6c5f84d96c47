"""The fast version of a translator: what is asked, and what comes of it. Importable without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.options import Checked, Option
from napari_pseudolabel.training.common.training_events import Score
from napari_pseudolabel.training.common.training_options import Device, Seed
from napari_pseudolabel.training.translator.tune_translator import ModalityImages

FAMILY = "small-unet"
"""Of fast versions; `models.translators.small_unet` has it, which imports torch."""

LEAST_DICE = 0.97
"""Of the labels of every class, below which a fast version is not kept."""


@dataclass(frozen=True)
class DistilSettings(Checked):
    """How a fast version learns from its translator; the defaults were chosen on the images of the models that come along."""

    steps: Annotated[
        int,
        Option(
            "Steps of the training at most; the best one is kept, not the last.",
            least=1,
            step=250,
            group="advanced",
        ),
    ] = 1500
    samples: Annotated[
        int,
        Option(
            "First predictions of the translator per image, whose mean is learned: what it makes up differs between them.",
            title="Tries of the translator",
            least=1,
            most=64,
            group="advanced",
        ),
    ] = 4
    compared_samples: Annotated[
        int,
        Option(
            "First predictions of the translator whose labels together are those to agree with; the more, the less chance matters.",
            title="Tries to compare with",
            least=1,
            most=64,
            group="advanced",
        ),
    ] = 12
    most_crops: Annotated[
        int,
        Option(
            "Parts of the images that are translated at most; a quarter, but not more than eight, is kept to compare the labels on.",
            title="Parts of the images",
            least=4,
            group="advanced",
        ),
    ] = 24
    crop: Annotated[int, Option("Side of such a part in pixels at most.", least=64, seen="python")] = 256
    patch: Annotated[int, Option("Side of a training patch in pixels.", least=16, seen="python")] = 96
    batch: Annotated[int, Option("Patches per step.", least=1, seen="python")] = 8
    learning_rate: Annotated[
        float,
        Option(
            "Largest steps of the optimiser; they rise for a tenth of the training and then fall along a cosine.",
            above=0,
            below=1,
            seen="python",
        ),
    ] = 4e-3
    edges: Annotated[
        float,
        Option(
            "How much differences between neighbouring pixels count beside the pixels themselves; labels depend on edges.",
            least=0,
            seen="python",
        ),
    ] = 0.5
    labels: Annotated[
        float,
        Option(
            "How much the probabilities of the segmenter count beside the image in the second half of the training, where "
            "its network can be asked for gradients.",
            least=0,
            seen="python",
        ),
    ] = 0.5
    ema: Annotated[
        float,
        Option(
            "Decay of the average of the weights, which is what is kept.",
            title="EMA",
            least=0,
            below=1,
            seen="python",
        ),
    ] = 0.99
    checks: Annotated[
        int, Option("How often the labels are compared during the training.", least=1, seen="python")
    ] = 3
    seed: Seed = 0
    device: Device = "auto"


@dataclass(frozen=True, eq=False)
class FastVersion:
    """What became of a fast version.

    Attributes
    ----------
    score
        Dice of its labels with those of the translator, of the best step, by class; see `least`.
    again
        The same of a single first prediction of the translator, which is what chance makes of it; empty if it has only one answer.
    kept
        Whether every class reaches `LEAST_DICE`.
    sentence
        Whether it is kept, and why.
    checkpoint
        Content of a ``.safetensors`` file with its card; None where it is not kept.
    name
        File name for it without suffix.
    steps, resumed_at
        Steps done in all, and before this call.
    stopped
        ``finish`` if the person wanted to stop and keep what there is.
    notes
        Further sentences for the person.
    """

    score: Score
    again: dict[str, float]
    kept: bool
    sentence: str
    checkpoint: bytes | None
    name: str
    steps: int
    resumed_at: int = 0
    stopped: Literal["steps", "finish"] = "steps"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class DistilTask:
    """Make a fast version of a translator; `DistilJob` does it.

    Attributes
    ----------
    images
        Unlabelled images that the translator takes: planes of an open layer, or a folder.
    translator, segmenter
        References as in `models.registry`. The labels of the segmenter decide whether the fast version is kept.
    folder
        Gets what the translator made, the state and the curves. The same job goes on from there.
    modality
        What the images show, empty if unknown.
    licence
        Of the checkpoint.
    title
        Of the job.
    """

    images: ModalityImages
    translator: str
    segmenter: str
    folder: Path
    settings: DistilSettings = field(default_factory=DistilSettings)
    modality: str = ""
    licence: str = ""
    title: str = "Making a fast version"

    lane: ClassVar[Literal["train"]] = "train"

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """References of the models that it needs."""
        return self.translator, self.segmenter


def could_be_faster(card: Card) -> bool:
    """Whether a translator has a network that is no fast version."""
    return card.kind == "translator" and bool(card.architecture) and card.family != FAMILY


def verdict(score: Score, again: dict[str, float], translator: str, evaluations: int) -> tuple[bool, str]:
    """Say whether a fast version is good enough, and one sentence about it.

    Parameters
    ----------
    score, again
        As of `FastVersion`.
    translator
        Its name.
    evaluations
        How often its network sees every pixel.
    """
    if not score.per_class:
        return False, (
            f"The fast version was not kept: “{translator}” leads to no labels at all on the parts of the images that were kept for "
            "the comparison; give images that hold objects, or another segmenter."
        )
    worst = min(score.per_class, key=lambda name: score.per_class[name])
    value = score.per_class[worst]
    where = "on parts of the images that it has not learned from"
    if value >= LEAST_DICE:
        instead = f" instead of {evaluations} times" if evaluations > 1 else ""
        return True, (
            f"Its labels agree with those of “{translator}” with a Dice of {value:.3f} or more ({worst}) {where}; it sees every pixel "
            f"once{instead}."
        )
    told = (
        f"The fast version was not kept: its labels agree with those of “{translator}” with a Dice of only {value:.3f} ({worst}) "
        f"{where}, and {LEAST_DICE:g} is asked"
    )
    own = again.get(worst)
    if own is not None and own < value:
        return False, f"{told}; a single try of the translator itself reaches {own:.3f}."
    return False, f"{told}; give more images of this kind, or more steps."

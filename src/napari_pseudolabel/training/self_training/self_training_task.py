"""Self-training: what is asked, and what comes of it. Importable without torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from napari_pseudolabel.options import Checked, Option
from napari_pseudolabel.training.common.training_events import Score
from napari_pseudolabel.training.common.training_options import OwnSeed
from napari_pseudolabel.training.data.labelled_sets import LabelledSet
from napari_pseudolabel.training.data.target_images import TargetImages
from napari_pseudolabel.training.segmenter.fine_tune_task import promotion
from napari_pseudolabel.types import JsonObject

RESULT = "self-trained.safetensors"
SUMMARY = "result.json"


@dataclass(frozen=True)
class SelfTrainingSettings(Checked):
    """How a segmenter learns from its own labels."""

    rounds: Annotated[
        int,
        Option(
            "How often the images are labelled anew and learned from at most; it ends before where the looks agree no more than before.",
            title="Rounds at most",
            least=1,
            most=50,
        ),
    ] = 3
    round_steps: Annotated[
        int, Option("Optimiser steps of each round.", title="Steps per round", least=1, step=20)
    ] = 150
    least_confidence: Annotated[
        float,
        Option(
            "How sure the segmenter has to be of a pixel, mirrored and not, to learn from it.",
            unit="%",
            least=0,
            below=1,
            step=0.05,
            seen="shell",
        ),
    ] = 0.7
    blending: Annotated[
        Literal["off", "one", "all"],
        Option(
            "Whether objects are made brighter and darker at random while it learns: those of one class at a time, of all together, "
            "or none.",
            title="Object-contrast blending",
            seen="shell",
        ),
    ] = "one"
    seam: Annotated[
        float,
        Option(
            "Deviation of the Gaussian that softens the border of what is made brighter or darker.",
            unit="px",
            above=0,
            most=5,
            seen="python",
        ),
    ] = 1.2
    harmonise: Annotated[
        bool,
        Option(
            "Let a tiny network that learns how one of the images looks redraw objects that were made brighter or darker, and what is "
            "around them, instead of only softening their border. Experimental; takes up to a minute more, once.",
            title="Redraw changed objects",
            term="SinGAN harmonisation",
            seen="shell",
        ),
    ] = False
    harmonise_steps: Annotated[
        int, Option("Steps of each of the two scales of that network.", least=1, seen="python")
    ] = 150
    large_shift: Annotated[
        bool,
        Option(
            "For images that look much unlike those that the segmenter learned from: patches get the slow changes of grey level of "
            "your images, strong changes of contrast, and blur.",
            title="My images look very different",
            term="FDA, intensity and blur augmentation",
        ),
    ] = False
    batch: Annotated[int, Option("Patches per step.", least=1, seen="python")] = 4
    patch: Annotated[
        int, Option("Side of a patch in pixels of the segmenter's grid.", least=1, seen="python")
    ] = 96
    lr: Annotated[
        float, Option("Highest learning rate.", title="Learning rate", above=0, below=1, seen="python")
    ] = 6e-4
    ema: Annotated[
        float,
        Option(
            "Decay of the average of the weights within a round: the average is the teacher of the next.",
            title="EMA",
            least=0,
            below=1,
            seen="python",
        ),
    ] = 0.99
    patience: Annotated[
        int,
        Option("Rounds without more agreement after which it ends.", least=1, seen="python"),
    ] = 2
    most_parts: Annotated[
        int,
        Option(
            "Parts of the images, of at most 512 pixels, that are learned from at most.",
            least=1,
            seen="python",
        ),
    ] = 48
    seed: OwnSeed = 0
    device: Annotated[str, Option("A name such as auto, cpu or cuda.", seen="python")] = "auto"

    @property
    def identity(self) -> JsonObject:
        """By what a folder with a training of these settings is known."""
        told = asdict(self)
        del told["device"]
        return told


@dataclass(frozen=True)
class Round:
    """How the segmenter labels the images after a round.

    Attributes
    ----------
    number
        0 before any.
    agreement
        Mean Dice between its labels of the images and of the mirrored images, each with their neighbours, in [0, 1].
    gated
        Share of the predicted pixels that it may be taught from.
    changed
        Share of the predicted pixels with another label than at the start.
    surviving
        Share of the false positive pixels of the start that are still there, on corrected pixels that nothing learns from;
        None where there are none.
    areas
        Share of the predicted pixels of each class, by name.
    score
        On the same corrected pixels; None where there are none.
    """

    number: int
    agreement: float
    gated: float
    changed: float
    areas: dict[str, float]
    surviving: float | None = None
    score: Score | None = None

    @property
    def sentence(self) -> str:
        """For the person; no number is called what it is not."""
        told = [
            f"looks agree by {self.agreement:.3f}",
            f"{self.gated:.0%} of the pixels are sure enough to learn from",
        ]
        if self.number:
            told.append(f"{self.changed:.1%} have another label than at the start")
        if self.score is not None:
            told.append(f"Dice {self.score.mean:.3f} on corrected pixels that it does not learn from")
        if self.number and self.surviving is not None:
            told.append(f"{self.surviving:.0%} of what it wrongly found at the start is still found")
        name = f"Round {self.number}" if self.number else "Before the first round"
        return f"{name}: {', '.join(told)}."


@dataclass(frozen=True)
class Verdict:
    """Whether the new segmenter is used, and why."""

    sentence: str


@dataclass(frozen=True, eq=False)
class SelfTrained:
    """The result of a self-training.

    Attributes
    ----------
    rounds
        The start, and every round.
    best
        Number of the round that is handed out; 0 if none is better than the start.
    checkpoint
        Content of a ``.safetensors`` file with its card; None where `best` is 0.
    sentence
        Whether the new segmenter is used, and by what that was decided.
    path
        Where the checkpoint is written, in the folder of the job.
    notes
        Further sentences for the person.
    """

    rounds: tuple[Round, ...]
    best: int
    checkpoint: bytes | None
    sentence: str
    path: Path
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class SelfTrainingTask:
    """Train a segmenter further on images without labels; `SelfTrainingJob` does it.

    Attributes
    ----------
    images
        Without labels, but for what a person has corrected in them.
    segmenter
        That labels these images already: a reference as in `models.registry`.
    folder
        Gets the rounds and ``self-trained.safetensors``. The same job goes on from there, and hands out the same result once
        it is done.
    labelled
        Labelled images, of the modality of the segmenter or with a translator into it, of which half of the patches come; None
        without.
    modality
        What the images show; empty if unknown.
    title
        Of the job.
    """

    images: TargetImages
    segmenter: str
    folder: Path
    settings: SelfTrainingSettings = field(default_factory=SelfTrainingSettings)
    labelled: LabelledSet | None = None
    modality: str = ""
    title: str = "Training on your images"

    lane: ClassVar[str] = "train"

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """References of the models that it needs."""
        translator = self.labelled.translator if self.labelled is not None else None
        return (self.segmenter,) if translator is None else (self.segmenter, translator)

    @property
    def done(self) -> bool:
        """Whether all that it makes is there."""
        return (self.folder / SUMMARY).is_file()


# Agreement that differs by less is the same.
LEVEL = 0.002
# A class that shrinks or grows by more was lost or made up, however much the looks agree about that.
_LARGEST_CHANGE = 1.5


def judged(rounds: tuple[Round, ...]) -> tuple[int, str]:
    """Choose a round, and say by what; 0 keeps the segmenter as it was.

    Where corrected pixels judge, they decide as after a fine-tuning. Elsewhere the agreement of the looks does, if no class has
    shrunk or grown by more than half; agreement is no truth, and the sentence says so.
    """
    start, *after = rounds
    if not after:
        return 0, "No round was finished, so the segmenter stays as it was."
    if start.score is not None:
        best = max(after, key=lambda one: one.score.mean if one.score else 0.0)
        assert best.score is not None, "the same pixels judge every round"
        verdict = promotion(start.score, best.score)
        return best.number if verdict.promoted else 0, verdict.sentence
    kept = [one for one in after if not _lost(start, one)]
    told = "Nobody has corrected these images, so only the agreement of its looks could be compared, which is no proof"
    if not kept:
        return (
            0,
            f"A class nearly vanished or spread in every round, so the segmenter stays as it was. {told}.",
        )
    best = max(kept, key=lambda one: one.agreement)
    if best.agreement > start.agreement + LEVEL:
        return best.number, (
            f"{told}: it rose from {start.agreement:.3f} to {best.agreement:.3f}, and the new segmenter is used. Correct a "
            "region or two, and that decides."
        )
    return 0, (
        f"{told}: it was {start.agreement:.3f} and is {best.agreement:.3f} at best, so the segmenter stays as it was."
    )


def stalled(rounds: tuple[Round, ...], patience: int) -> bool:
    """Whether the last `patience` rounds have brought no more agreement than those before."""
    if len(rounds) <= patience:
        return False
    before = max(one.agreement for one in rounds[:-patience])
    return all(one.agreement <= before + LEVEL for one in rounds[-patience:])


def _lost(start: Round, one: Round) -> bool:
    """Whether a class has nearly vanished or spread."""
    return any(
        not 1 / _LARGEST_CHANGE <= (one.areas[name] + _NEARLY_NONE) / (area + _NEARLY_NONE) <= _LARGEST_CHANGE
        for name, area in start.areas.items()
    )


_NEARLY_NONE = 1e-3  # of the pixels: rare classes may come and go

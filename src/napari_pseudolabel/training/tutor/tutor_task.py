"""Tutorship: how a proxy segmenter is trained, and what comes of it. Importable without torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.models.evaluations import Evaluations
from napari_pseudolabel.options import Checked, Option
from napari_pseudolabel.training.common.training_events import Score
from napari_pseudolabel.training.common.training_options import ClassShift, Ema, OwnSeed, Patience
from napari_pseudolabel.training.data.labelled_sets import Source, name_of
from napari_pseudolabel.types import JsonObject


@dataclass(frozen=True)
class TutorSettings(Checked):
    """How a proxy segmenter is trained."""

    steps: Annotated[
        int, Option("Optimiser steps of each proxy; more take longer and learn more.", least=1, step=100)
    ] = 1000
    batch: Annotated[int, Option("Patches per step.", least=1, seen="shell", flag="--train-batch")] = 8
    patch: Annotated[
        int, Option("Side of a training patch in pixels of the target's grid.", least=1, seen="shell")
    ] = 128
    lr: Annotated[
        float, Option("Highest learning rate.", title="Learning rate", above=0, below=1, seen="python")
    ] = 1e-3
    width: Annotated[int, Option("Channels of the first level of the network.", least=1, seen="shell")] = 16
    epoch_steps: Annotated[
        int, Option("Steps between validations and saves.", least=1, seen="shell", flag="--validate-every")
    ] = 100
    patience: Patience = None
    folds: Annotated[
        int,
        Option(
            "One proxy, with a share of the labelled images kept for its validation, or several, each validated on "
            "other images, which are averaged: five take five times the time and label somewhat better.",
            title="Segmenters trained",
            term="folds",
            least=1,
            most=20,
            names=((1, "One"), (5, "Five, averaged")),
        ),
    ] = 1
    validation_share: Annotated[
        float,
        Option(
            "Share of the labelled files that one fold keeps for validation, at least one file.",
            above=0,
            below=1,
            seen="shell",
        ),
    ] = 0.2
    samples: Annotated[
        int,
        Option(
            "Translations drawn of each labelled image; more are more variety.",
            title="Translations per image",
            term="samples",
            least=1,
            flag="--train-samples",
        ),
    ] = 2
    evaluations: Annotated[
        Evaluations,
        Option(
            "How thoroughly each labelled image is translated for the training; see evaluations.",
            title="Speed of translation",
            seen="shell",
            flag="--train-evaluations",
        ),
    ] = "quality"
    class_shift: ClassShift = 0.2
    ema: Ema = 0.99
    seed: OwnSeed = 0
    device: Annotated[str, Option("A name such as auto, cpu or cuda.", seen="python")] = "auto"

    @property
    def identity(self) -> JsonObject:
        """By what a folder with a training of these settings is known; the same for what was begun before there was a choice."""
        told = asdict(self)
        del told["device"]
        if self.evaluations == "quality":
            del told["evaluations"]
        return told


@dataclass(frozen=True, eq=False)
class Proxy:
    """A proxy segmenter of one fold.

    Attributes
    ----------
    path
        Where it was written, in the folder of the job.
    checkpoint
        Content of that ``.safetensors`` file with its card, for where the folder cannot be seen.
    score
        Of the best step, on synthetic images that it was not trained on. It says nothing about real ones.
    stopped
        Why the training ended.
    """

    path: Path
    checkpoint: bytes
    score: Score
    stopped: Literal["steps", "early", "finish"]


@dataclass(frozen=True, eq=False)
class TutorResult:
    """The result of a tutorship.

    Attributes
    ----------
    proxies
        One per fold, in the order of the folds.
    translator_name, translator_sha256
        Of the translator that made the synthetic images.
    notes
        Sentences for the person.
    """

    proxies: tuple[Proxy, ...]
    translator_name: str
    translator_sha256: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class TutorTask:
    """Translate a labelled set into the target modality and train proxy segmenters on it; `TutorJob` does it.

    Attributes
    ----------
    sources
        The labelled images, all of the modality that `translator` starts from.
    translator
        From the labelled modality to the target: a reference as in `models.registry`.
    folder
        Gets the translations, and ``fold-N/proxy.safetensors``. The same job goes on from there, and hands out
        the same result once it is done.
    classes
        Label values and names, background included or not. Empty: those that the nnU-Net data set names.
    licence
        Of the proxies, for their cards.
    validation
        Parts of file names, such as those of animals: the files that hold one are kept out of the training
        instead of a share. Empty, and with several folds, the split is drawn by `seed`.
    target
        What the images to be labelled show, so that a translator into another modality is refused; empty if unknown.
    nnunet
        Where to keep the synthetic set as a raw data set of nnU-Net, a folder called as nnU-Net wants it,
        such as ``Dataset501_SEM``; None keeps none.
    title
        Of the job.
    """

    sources: tuple[Source, ...]
    translator: str
    folder: Path
    classes: tuple[LabelClass, ...] = ()
    settings: TutorSettings = field(default_factory=TutorSettings)
    licence: str = ""
    validation: tuple[str, ...] = ()
    nnunet: Path | None = None
    target: str = ""
    title: str = "Training a proxy segmenter"

    lane: ClassVar[str] = "train"

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """References of the models that it needs."""
        return (self.translator,)

    @property
    def done(self) -> bool:
        """Whether all that it makes is there."""
        folds = [self.folder / f"fold-{number}" for number in range(1, self.settings.folds + 1)]
        # A set that was to be kept may have been deleted.
        kept = self.nnunet is None or self.nnunet.is_dir()
        files = ("proxy.safetensors", "result.json")
        return kept and all((fold / name).is_file() for fold in folds for name in files)

    @property
    def names(self) -> tuple[str, ...]:
        """What the labelled sets are called, for cards and reports."""
        return tuple(name_of(source) for source in self.sources)

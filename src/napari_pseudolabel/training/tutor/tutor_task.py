"""Tutorship: how a proxy segmenter is trained, and what comes of it. Importable without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.training.common.training_events import Score
from napari_pseudolabel.training.data.labelled_sets import Source, name_of

MOST_FOLDS = 20


@dataclass(frozen=True)
class TutorSettings:
    """How a proxy segmenter is trained.

    Attributes
    ----------
    steps, batch, patch
        Optimiser steps of each fold, patches per step, and side of a patch in pixels of the target's grid.
    lr
        Highest learning rate.
    width
        Channels of the first level of the network.
    epoch_steps
        Steps between two validations.
    patience
        Epochs without a better validation after which a fold ends; None never ends early.
    folds
        1: one proxy, and a `validation_share` of the files is kept out of its training. More: so many proxies,
        each of which validates on other files; they are averaged later.
    validation_share
        Of the files, in (0, 1); at least one file.
    samples
        Translations drawn per image. All are trained on, which is augmentation; the first is validated.
    class_shift, ema
        See `SegmenterSettings`; both help a proxy to read real images after synthetic ones (docs/tutorship.md).
    seed
        Of the split, translations, patches and augmentation.
    device
        A name such as "auto", "cpu" or "cuda".
    """

    steps: int = 1000
    batch: int = 8
    patch: int = 128
    lr: float = 1e-3
    width: int = 16
    epoch_steps: int = 100
    patience: int | None = None
    folds: int = 1
    validation_share: float = 0.2
    samples: int = 2
    class_shift: float = 0.2
    ema: float = 0.99
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "patch", "width", "epoch_steps", "patience", "folds", "samples"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} must be 1 or more, not {value}.")
        if self.folds > MOST_FOLDS:
            raise InputError(f"{self.folds} folds are too many; ask for {MOST_FOLDS} or fewer.")
        if not 0 < self.validation_share < 1:
            raise InputError(
                f"The share kept for validation lies between 0 and 1, not at {self.validation_share:g}."
            )
        if not 0 < self.lr < 1:
            raise InputError(f"The learning rate lies between 0 and 1, not at {self.lr:g}.")
        for name in ("class_shift", "ema"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"{name} is 0 or more and below 1, not {getattr(self, name):g}.")


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
class Tutored:
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
        return kept and all((one / name).is_file() for one in folds for name in files)

    @property
    def names(self) -> tuple[str, ...]:
        """What the labelled sets are called, for cards and reports."""
        return tuple(name_of(one) for one in self.sources)

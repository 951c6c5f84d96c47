"""What a training tells while it runs; small frozen values, importable without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Score:
    """How good a model is on the validation pixels at one step.

    Attributes
    ----------
    mean, per_class
        Dice: over the classes without the background, and of each.
    f1
        Of the objects that people count (`labels.metrics.counted`), by name; empty in what was measured before they were.
    """

    step: int
    mean: float
    per_class: dict[str, float]
    f1: dict[str, float] = field(default_factory=dict)

    @property
    def mean_f1(self) -> float | None:
        """Mean F1 of what people count, in [0, 1]; None if that was not measured."""
        return sum(self.f1.values()) / len(self.f1) if self.f1 else None


@dataclass(frozen=True)
class TrainStart:
    """The training starts, or goes on after a kill.

    Attributes
    ----------
    resumed_at
        Steps done before.
    before
        The model the training starts from, on the same validation pixels; None when it starts from nothing.
    notes
        Sentences for the person.
    """

    resumed_at: int
    before: Score | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Loss:
    """Mean of the training losses, by name, over the steps since the last report."""

    step: int
    losses: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Epoch:
    """A validation of the segmenter.

    Attributes
    ----------
    best
        Whether it is the best so far.
    checkpoint
        Content of a ``.safetensors`` file with its card, when `best`; None otherwise.
    """

    number: int
    score: Score
    best: bool
    checkpoint: bytes | None = None


@dataclass(frozen=True, eq=False)
class TranslatorPreview:
    """The same crops after some steps of a translator training.

    Attributes
    ----------
    crops
        (2, 3, H, W) float32 in [0, 1]: for each modality the real crop, its translation, and the way back.
    measures
        By name, see `training.translator.translation_measures`.
    best
        Whether it is the best so far by the measure ``quality``.
    warning
        One sentence when the measures diverge, empty otherwise.
    """

    step: int
    crops: NDArray[np.float32]
    measures: Mapping[str, float]
    best: bool
    warning: str = ""


@dataclass(frozen=True, eq=False)
class SyntheticPair:
    """A labelled image and its translation, small, for the eye.

    Attributes
    ----------
    name
        Of the image.
    source, translation
        (H, W) uint8, at most 192 pixels a side, the same part of both.
    labels
        (H, W) uint8, class values of that part.
    """

    name: str
    source: NDArray[np.uint8]
    translation: NDArray[np.uint8]
    labels: NDArray[np.uint8]


@dataclass(frozen=True)
class Fold:
    """One of several trainings of the same kind begins, or is done.

    Attributes
    ----------
    number, total
        Which, counted from 1, and how many there are.
    score
        Of its best step; None as it begins.
    """

    number: int
    total: int
    score: Score | None = None

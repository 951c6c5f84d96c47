"""How good labels probably are, for a part of a plane or a pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError

_NOTHING = 255


@dataclass(frozen=True)
class Agreement:
    """Mean pairwise Dice of the members of an ensemble, in [0, 1].

    Attributes
    ----------
    mean
        Over the classes; 1 where no member says anything.
    classes
        By class value, without the background.
    """

    mean: float
    classes: dict[int, float]


def agreement_of(candidates: NDArray[np.uint8]) -> Agreement:
    """How well the members of an ensemble agree in a part of a plane.

    Parameters
    ----------
    candidates
        (K, H, W) class values, K at least 2; 255 where a member says nothing.

    Raises
    ------
    InputError
        With fewer than two members.

    Notes
    -----
    Pairs are put together before they are divided, so that a member that lacks a small object does not count as much
    as one that lacks a large one.
    """
    if len(candidates) < 2:
        raise InputError(
            f"{len(candidates)} member cannot agree with anything; draw more samples or add flips."
        )
    scores = {}
    for value in np.unique(candidates).tolist():
        if value in (0, _NOTHING):
            continue
        votes = (candidates == value).sum(axis=0, dtype=np.int64)
        scores[value] = float((votes * (votes - 1)).sum() / ((len(candidates) - 1) * votes.sum()))
    return Agreement(float(np.mean(list(scores.values()))) if scores else 1.0, scores)


def region_dice(predicted: NDArray[np.integer], corrected: NDArray[np.integer]) -> float:
    """Dice between what was predicted and what a person left there, mean over the classes that either has.

    What `Calibration` learns from. 1 where both hold nothing but background.
    """
    values = sorted({*np.unique(predicted).tolist(), *np.unique(corrected).tolist()} - {0})
    scores = []
    for value in values:
        one, other = predicted == value, corrected == value
        scores.append(2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other)))
    return float(np.mean(scores)) if scores else 1.0

"""How good labels probably are, for a part of a plane, an object, or a pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import expand_labels

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.review.doubt import doubt_of

_NOTHING = 255
# An object that was drawn too small has more of itself within this part of its diameter.
_REACH = 0.25
_LEAST_REACH_PX = 2


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


@dataclass(frozen=True)
class ObjectScore:
    """What is known about one object.

    Attributes
    ----------
    number
        Of the object in the instances.
    box
        y0, x0, y1, x1 in pixels, half open.
    pixels
        Its area.
    quality
        Expected Dice of the object and its nearest surroundings, in [0, 1], mean over its classes.
    """

    number: int
    box: tuple[int, int, int, int]
    pixels: int
    quality: float


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


def disagreement(labels: NDArray[np.integer], candidates: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W) float32 in [0, 1]: share of the members that say something else than the labels.

    Parameters
    ----------
    labels
        (H, W) class values.
    candidates
        (K, H, W) class values of the members, 255 where one says nothing, which counts as agreement.
    """
    differing = (candidates != labels) & (candidates != _NOTHING)
    return np.asarray(differing.sum(axis=0) / np.float32(max(len(candidates), 1)), np.float32)


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


def object_scores(
    labels: NDArray[np.integer],
    instances: NDArray[np.integer],
    *,
    confidence: NDArray[np.floating] | None = None,
    candidates: NDArray[np.uint8] | None = None,
    touched: NDArray[np.bool_] | None = None,
) -> tuple[ObjectScore, ...]:
    """Score every object of a plane.

    Parameters
    ----------
    labels
        (H, W) class values.
    instances
        (H, W) numbers of objects from 1, 0 for none, such as `objects.to_instances` makes them.
    confidence, candidates, touched
        As for `review.measure`.

    Returns
    -------
    tuple of ObjectScore
        In the order of their numbers.

    Raises
    ------
    InputError
        When the arrays do not have the same shape, or the labels are no class values.
    """
    if instances.shape != labels.shape:
        raise InputError(
            f"The objects are {instances.shape} but the labels {labels.shape}; give those of the same plane."
        )
    boxes = ndimage.find_objects(instances)
    areas = np.bincount(instances.ravel(), minlength=len(boxes) + 1)
    if not boxes:
        return ()
    diameter = 2 * np.sqrt(np.median(areas[1:][areas[1:] > 0]) / np.pi)
    doubt = doubt_of(labels, confidence, candidates, touched)
    around = expand_labels(instances, max(_LEAST_REACH_PX, _REACH * diameter))
    quality = doubt.quality(_Territories(around, len(boxes) + 1))
    return tuple(
        ObjectScore(
            number,
            (box[0].start, box[1].start, box[0].stop, box[1].stop),
            int(areas[number]),
            float(quality[number]),
        )
        for number, box in enumerate(boxes, start=1)
        if box is not None
    )


@dataclass(frozen=True, eq=False)
class _Territories:
    """Objects with their surroundings as parts of a plane; part 0 is what is far from all of them."""

    numbers: NDArray[np.integer]
    count: int

    def sums(self, values: NDArray[np.generic]) -> NDArray[np.float64]:
        found = np.bincount(self.numbers.ravel(), values.ravel(), self.count)
        return found.astype(np.float64)

    def number_at(self, y: NDArray[np.generic], x: NDArray[np.generic]) -> NDArray[np.intp]:
        return self.numbers[y, x].astype(np.intp)

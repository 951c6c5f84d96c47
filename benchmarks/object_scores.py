"""How good every object of a plane probably is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import expand_labels

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.review.uncertainty import uncertainty_of

# An object that was drawn too small has more of itself within this part of its diameter.
_REACH = 0.25
_LEAST_REACH_PX = 2


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
    doubt = uncertainty_of(labels, confidence, candidates, touched)
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

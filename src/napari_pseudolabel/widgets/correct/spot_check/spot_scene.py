"""What is looked at for one question, found beside the window: the objects, and the part of the plane around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_pseudolabel.labels.objects import ObjectMask, Scheme, object_at, objects_in
from napari_pseudolabel.labels.objects.object_mask import object_mask
from napari_pseudolabel.labels.spot_check import BoxQuestion, ObjectQuestion
from napari_pseudolabel.labels.spot_check.spot_questions import SpotObject
from napari_pseudolabel.labels.windows import box_of, padded, window_of
from napari_pseudolabel.types import Array
from napari_pseudolabel.widgets.correct.review.state import ReviewRegion

# An object is seen with about as much around it on every side, and never larger than life.
_AROUND, _LEAST_MARGIN_PX = 1.0, 24


@dataclass(frozen=True, eq=False)
class SpotScene:
    """What is looked at for one question.

    Attributes
    ----------
    region
        What the canvas shows.
    asked
        The object in question, or those that belong to the box, in the order of `BoxQuestion.found`.
    inner
        Of those that are asked about and have a sheath: what lies in it.
    beside
        Other objects that reach into the box.
    """

    region: ReviewRegion
    asked: tuple[ObjectMask, ...]
    inner: tuple[ObjectMask, ...]
    beside: tuple[ObjectMask, ...] = ()


def scene_of(labels: Array, question: ObjectQuestion | BoxQuestion, scheme: Scheme) -> SpotScene:
    """Return what is looked at for a question.

    Parameters
    ----------
    labels
        (..., Y, X) class values, as they were when the question was drawn.
    """
    plane = np.asarray(labels[question.plane])
    if isinstance(question, BoxQuestion):
        found = objects_in(plane, window_of(question.box), scheme)
        asked = tuple(
            next((other for other in found if other.holds(one.place)), None) or _pixel(one)
            for one in question.found
        )
        sheaths = {fibre.outer for fibre in scheme.fibres}
        beside = tuple(one for one in found if one not in asked and one.value not in sheaths)
        region = ReviewRegion(plane=question.plane, box=question.box)
        return SpotScene(region, asked, _inner(plane, asked), beside)
    target = object_at(plane, question.place, scheme) or _pixel(question)
    margin = max(_LEAST_MARGIN_PX, round(_AROUND * max(target.mask.shape)))
    region = ReviewRegion(plane=question.plane, box=box_of(padded(target.window, margin, plane.shape)))
    return SpotScene(region, (target,), _inner(plane, (target,)))


def _inner(plane: Array, asked: Sequence[ObjectMask]) -> tuple[ObjectMask, ...]:
    """Return the axons of fibres."""
    masks = [one.mask & (plane[one.window] == one.value) for one in asked]
    return tuple(
        object_mask(one.value, one.window, mask)
        for one, mask in zip(asked, masks, strict=True)
        if mask.any() and not mask[one.mask].all()
    )


def _pixel(lost: SpotObject) -> ObjectMask:
    """Return the middle alone of an object that is not there any more; the check is about to be void."""
    row, column = lost.place
    return ObjectMask(lost.value, (slice(row, row + 1), slice(column, column + 1)), np.ones((1, 1), bool))

"""What is known about the open layers, counted and gathered away from the window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.collection.decided_images import DecidedPlanes
from napari_pseudolabel.errors import InputError, PseudolabelError
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.labels.classes import BACKGROUND, nameless
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.training.data.annotated_plane import AnnotatedPlane
from napari_pseudolabel.training.data.labelled_sets import LabelledSet
from napari_pseudolabel.training.segmenter.fine_tune_task import missing
from napari_pseudolabel.viewer.annotated_planes import AnnotatedLayers

if TYPE_CHECKING:
    from napari_pseudolabel.workspace import WorkspaceSplit

Classes = Sequence[LabelClass]
Decided = Callable[[bool], DecidedPlanes]

# Regions are counted on a coarse copy; what somebody confirms is larger than its pixels.
_COARSE = 1024


@dataclass(frozen=True)
class AnnotationCounts:
    """How much is known about an image.

    Attributes
    ----------
    regions
        Confirmed regions of which a part is kept for validation.
    share
        Of the pixels of the open image that a person corrected or confirmed, in [0, 1].
    listed
        Images of the list that are learned from as well.
    left
        Names of images of the list that cannot be, and why.
    """

    regions: int = 0
    share: float = 0.0
    listed: int = 0
    left: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class LabelReadiness:
    """What is known about some labels, and why they cannot be learned from yet (None: they can)."""

    counts: AnnotationCounts
    why_not: str | None


def check_readiness(
    layers: AnnotatedLayers,
    split: WorkspaceSplit,
    classes: Classes,
    sets: Sequence[LabelledSet],
    decided: Decided | None = None,
) -> LabelReadiness:
    """Count what is known, and find out what is missing.

    Parameters
    ----------
    decided
        Reads what was decided in other images of the list, without them if its argument is true; None to leave them out.
    """
    try:
        planes = [layers.plane(index, touched, split) for index, touched in layers.touched_planes()]
    except PseudolabelError as error:
        return LabelReadiness(AnnotationCounts(), str(error))
    known = sum(int(np.count_nonzero(plane.touched)) for plane in planes)
    more = DecidedPlanes() if decided is None else decided(True)
    planes += more.planes
    counts = AnnotationCounts(
        sum(_regions(plane.held_out) for plane in planes),
        known / _pixels(layers.image),
        more.images,
        more.left,
    )
    return LabelReadiness(counts, missing(planes, classes or classes_in(planes), sets))


def gather_planes(
    layers: AnnotatedLayers,
    split: WorkspaceSplit,
    classes: Classes,
    sets: Sequence[LabelledSet],
    decided: Decided | None = None,
) -> tuple[tuple[AnnotatedPlane, ...], tuple[LabelClass, ...]]:
    """Copy what is known, and note in the split that a training sees it; parameters as of `check_readiness`.

    Returns
    -------
    planes, classes
        `classes` are those given, or those that occur.

    Raises
    ------
    InputError
        When something is missing, cannot be read, or the workspace cannot be written to.
    """
    planes = layers.planes(split) + (() if decided is None else decided(False).planes)
    found = tuple(classes) or classes_in(planes)
    if why := missing(planes, found, sets):
        raise InputError(why)
    for plane in planes:
        split.assign_to_training(plane.key, plane.touched & ~plane.validation)
    return planes, found


def classes_in(planes: Sequence[AnnotatedPlane]) -> tuple[LabelClass, ...]:
    """Nameless classes of labels about which nobody knows more than their values."""
    values = sorted({int(v) for plane in planes for v in np.unique(plane.labels[plane.touched])} - {0})
    return (LabelClass(name=BACKGROUND, value=0), *nameless(values))


def _regions(mask: NDArray[np.bool_]) -> int:
    from scipy import ndimage

    step = max(1, max(mask.shape) // _COARSE)
    coarse = mask[::step, ::step]
    return int(ndimage.label(coarse)[1]) if coarse.any() else 0


def _pixels(image: Image) -> int:
    return max(1, int(np.prod(image.shape)))

"""Islands of labels that are too small to be objects, crumbs inside of objects, and holes in objects that have none."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.labels.object_size import LARGEST_CRUMB
from napari_pseudolabel.labels.objects.components import CROSS, SQUARE
from napari_pseudolabel.labels.objects.scheme import Fibre
from napari_pseudolabel.labels.windows import ALL_OPEN, Sides, rims

# A pixel counts by how sure models are of it: not at all at one half, whole from nine tenths on (docs/benchmarks.md).
_COUNTS_FROM, _WHOLE_FROM = 0.5, 0.9


def specks(
    labels: NDArray[np.integer],
    least_px: float,
    sure: NDArray[np.floating] | None = None,
    goes_on: Sides = ALL_OPEN,
) -> NDArray[np.bool_]:
    """Find the islands that have less area than `least_px`.

    An island is what is connected over edges or corners, whatever its classes: a thin axon with its myelin is one. What
    touches the edge of the array is spared where the plane goes on, because it may go on beyond.

    Parameters
    ----------
    labels
        (H, W) class values, 0 is background.
    least_px
        Area in pixels; nothing is a speck at 1 or below.
    sure
        (H, W) in [0, 1]: probability of these labels. Pixels of which models are unsure count less, so an island that they half
        believe in has to be up to `LARGEST_CRUMB` times as large. All count alike when None.
    goes_on
        On which sides the plane goes on beyond the array.

    Returns
    -------
    NDArray
        (H, W) bool.
    """
    if least_px <= 1:
        return np.zeros(labels.shape, bool)
    islands, small = _islands(labels != 0, least_px, SQUARE, sure, goes_on)
    small[0] = False
    found: NDArray[np.bool_] = small[islands]
    return found


def without_crumbs(
    labels: NDArray[np.uint8],
    sure: NDArray[np.floating],
    least_px: float,
    fibre: Fibre,
    goes_on: Sides = ALL_OPEN,
) -> NDArray[np.uint8]:
    """Give the crumbs of axons and myelin to what is around them.

    A crumb is an island of one of the two classes that is too small to be an axon, or the sheath of one, which has about
    the area of its axon. Pixels of which models are unsure count less, so a thin axon stays where they are sure, while
    an island that they half believe in has to be up to `LARGEST_CRUMB` times as large. A crumb of axon becomes what most
    pixels around it are, myelin or background; a crumb of myelin goes only where there is nothing but axon around it. What
    touches the edge of the array is spared where the plane goes on, because it may go on beyond.

    Parameters
    ----------
    labels
        (H, W) class values, 0 is background.
    sure
        (H, W) in [0, 1]: probability of these labels.
    least_px
        Area in pixels; nothing is a crumb at 1 or below.
    fibre
        The two classes.
    goes_on
        On which sides the plane goes on beyond the array.

    Returns
    -------
    NDArray
        (H, W) uint8; the labels themselves where there is no crumb.
    """
    if least_px <= 1 or not (labels == fibre.inner).any():
        return labels
    found = labels.copy()
    for value, other in ((fibre.inner, fibre.outer), (fibre.outer, fibre.inner)):
        islands, small = _islands(found == value, least_px, SQUARE, sure, goes_on)
        small[0] = False
        boxes = ndi.find_objects(islands)
        before = found.copy()
        for number in np.flatnonzero(small).tolist():
            # One pixel more on every side.
            window = tuple(slice(max(one.start - 1, 0), one.stop + 1) for one in boxes[number - 1])
            crumb = islands[window] == number
            around = before[window][ndi.binary_dilation(crumb, SQUARE) & ~crumb]
            if not around.size or (value == fibre.outer and not (around == other).all()):
                continue
            values, counts = np.unique(around, return_counts=True)
            found[window][crumb] = values[counts.argmax()]
    return found


def holes(labels: NDArray[np.integer], least_px: float, solid: Collection[int]) -> NDArray[np.integer]:
    """Find the holes that have less area than `least_px` and lie in one class that has none.

    A hole is background that is connected over edges, and of which every neighbour, over edges or corners, has the same class.
    It may lie between several objects of that class; those of people never enclose one (docs/benchmarks.md).

    Parameters
    ----------
    labels
        (H, W) class values, 0 is background.
    least_px
        Area in pixels; nothing is a hole at 1 or below.
    solid
        Class values of objects without holes.

    Returns
    -------
    NDArray
        (H, W) of the type of `labels`: in holes the class around them, elsewhere 0.
    """
    filling = np.zeros_like(labels)
    if least_px <= 1 or not np.isin(labels, list(solid)).any():
        return filling
    islands, small = _islands(labels == 0, least_px, CROSS)
    for number, box in enumerate(ndi.find_objects(islands), start=1):
        if not small[number]:
            continue
        # One pixel more on every side: the island touches no edge.
        window = tuple(slice(one.start - 1, one.stop + 1) for one in box)
        hole = islands[window] == number
        around = np.unique(labels[window][ndi.binary_dilation(hole, SQUARE) & ~hole])
        classes = around[around != 0]
        if len(classes) == 1 and int(classes[0]) in solid:
            filling[window][hole] = classes[0]
    return filling


def _islands(
    mask: NDArray[np.bool_],
    least_px: float,
    structure: NDArray[np.bool_],
    sure: NDArray[np.floating] | None = None,
    goes_on: Sides = ALL_OPEN,
) -> tuple[NDArray[np.integer], NDArray[np.bool_]]:
    """Return the numbered islands of a mask, and which numbers are those of small ones that end within the plane."""
    islands, count = ndi.label(mask, structure)
    areas = np.bincount(islands.ravel(), minlength=count + 1)
    small = areas < least_px
    if sure is not None:
        # Most pixels lie in islands that are too large, however sure.
        possible = areas < LARGEST_CRUMB * least_px
        there = possible[islands]
        weight = np.clip((sure[there] - _COUNTS_FROM) / (_WHOLE_FROM - _COUNTS_FROM), 0, 1)
        small = possible & (np.bincount(islands[there], weight, count + 1) < least_px)
    for open_side, rim in zip(goes_on, rims(islands), strict=True):
        if open_side:
            small[rim] = False
    return islands, small

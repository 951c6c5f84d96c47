"""Halves of fibres: axons without myelin around them, and myelin without an axon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.labels.objects.components import SQUARE
from napari_pseudolabel.labels.objects.object_mask import Place
from napari_pseudolabel.labels.objects.scheme import Fibre
from napari_pseudolabel.labels.windows import rims
from napari_pseudolabel.types import Array

# Of an axon that people drew all but a hundredth of the border is myelin; of one with less than this share models made
# up every second, and the others lack their sheath (docs/benchmarks.md).
_COVERED = 0.25


@dataclass(frozen=True)
class HalfFibre:
    """An axon without myelin, or myelin without an axon.

    Attributes
    ----------
    value
        The class that it has.
    place
        Row and column of one of its pixels, the first in reading order.
    pixels
        Its area.
    """

    value: int
    place: Place
    pixels: int


def half_fibres(
    labels: Array, fibre: Fibre, unknown: NDArray[np.bool_] | None = None
) -> tuple[HalfFibre, ...]:
    """Find axons of whose border less than a quarter is myelin, and groups of myelin that no axon touches.

    Parameters
    ----------
    labels
        (H, W) class values.
    fibre
        The two classes.
    unknown
        (H, W) bool: where nobody knows what there is. What touches that, or the edge of the plane, may have its other half
        beyond, and is left out.

    Returns
    -------
    tuple of HalfFibre
        Axons, then myelin, each in reading order.
    """
    inner, outer = labels == fibre.inner, labels == fibre.outer
    hidden = np.zeros(labels.shape, bool) if unknown is None else ndi.binary_dilation(unknown, SQUARE)
    axons, count = ndi.label(inner, SQUARE)
    bare = np.concatenate([[False], covered_shares(axons, count, outer, fibre.aspect) < _COVERED])
    groups, others = ndi.label(inner | outer, SQUARE)
    hollow = np.ones(others + 1, bool)
    hollow[groups[inner]] = False
    return (
        *_found(axons, bare, hidden, fibre.inner),
        *_found(groups, hollow, hidden, fibre.outer),
    )


def covered_shares(
    axons: NDArray[np.integer], count: int, outer: NDArray[np.bool_], aspect: float = 1.0
) -> NDArray[np.float64]:
    """Share of the border of every axon that is myelin.

    Parameters
    ----------
    axons
        (H, W) numbers from 1 to `count`, 0 is none. Edges of the plane are no border.
    outer
        (H, W) bool: the myelin.
    aspect
        Height of a pixel by its width.

    Returns
    -------
    NDArray
        (count,), in [0, 1]; 1 where an axon has no border.
    """
    border, covered = np.zeros((2, count + 1))
    inner = axons > 0
    for axis, length in enumerate((1.0, aspect)):  # of the edge over which a step leads
        for one, other in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
            own, beside = ((slice(None),) * axis + (part,) for part in (one, other))
            leaving = inner[own] & ~inner[beside]
            border += length * np.bincount(axons[own][leaving], minlength=count + 1)
            covered += length * np.bincount(axons[own][leaving & outer[beside]], minlength=count + 1)
    return np.divide(covered, border, out=np.ones(count + 1), where=border > 0)[1:]


def _found(
    parts: Array, wanted: NDArray[np.bool_], hidden: NDArray[np.bool_], value: int
) -> tuple[HalfFibre, ...]:
    """Return the wanted parts that are seen as a whole."""
    wanted[0] = False
    wanted[parts[hidden]] = False
    for rim in rims(parts):
        wanted[rim] = False
    areas = np.bincount(parts.ravel(), minlength=len(wanted))
    boxes = ndi.find_objects(parts)
    found = []
    for number in np.flatnonzero(wanted).tolist():
        box = boxes[number - 1]
        row, column = np.argwhere(parts[box] == number)[0]
        place = int(row) + box[0].start, int(column) + box[1].start
        found.append(HalfFibre(value, place, int(areas[number])))
    return tuple(found)

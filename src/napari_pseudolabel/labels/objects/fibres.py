"""Axons with their myelin as one object each."""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.labels.objects.components import SQUARE
from napari_pseudolabel.labels.objects.scheme import Fibre
from napari_pseudolabel.labels.windows import Sides
from napari_pseudolabel.types import Array


def fibres(
    labels: Array, fibre: Fibre, sides: Sides = (False, False, False, False)
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return number the fibres of a window.

    Every component of the inner class is a fibre. Pixels of the outer class belong to the nearest one, in the order
    of the distance and without leaving the outer class; what no fibre reaches are objects of their own.

    Parameters
    ----------
    labels
        (h, w) class values.
    fibre
        The two classes.
    sides
        Where the plane goes on beyond the window.

    Returns
    -------
    instances, unsure
        (h, w) int32: 1 to n, 0 elsewhere; (h, w) bool: pixels of the outer class that may belong to a fibre which
        is not in the window. Their number means nothing.
    """
    from skimage.segmentation import watershed  # the shell and the docks start without

    inner, outer = labels == fibre.inner, labels == fibre.outer
    markers, count = ndi.label(inner, SQUARE, output=np.int32)
    farthest = float(sum(labels.shape))
    distance = ndi.distance_transform_edt(~inner) if count else np.full(labels.shape, farthest)
    unseen = _distance(labels.shape, sides)
    # A fibre beyond the border could be nearer: it is let in as early as it possibly comes.
    early = outer & (distance >= unseen)
    order = np.where(early, unseen, distance)
    # Equal distances are settled by the order of the first pixels, which is the same in every window.
    order[inner] = np.arange(-np.count_nonzero(inner), 0, dtype=float)
    markers[early] = count + 1
    instances = watershed(order, markers, connectivity=SQUARE, mask=inner | outer).astype(
        np.int32, copy=False
    )
    unsure = instances == count + 1
    instances[unsure] = 0
    alone, _ = ndi.label(outer & (instances == 0) & ~unsure, SQUARE, output=np.int32)
    lonely = alone > 0
    instances[lonely] = alone[lonely] + count
    return instances, unsure


def _distance(shape: tuple[int, ...], sides: Sides) -> NDArray[np.float64]:
    """(h, w): how far a pixel is from what is not seen, infinite if all is seen."""
    rows, columns = np.ogrid[1 : shape[0] + 1, 1 : shape[1] + 1]
    counts = zip(sides, (rows, rows[::-1], columns, columns[:, ::-1]), strict=True)
    nearest = reduce(np.minimum, (count for goes_on, count in counts if goes_on), np.array(np.inf))
    return np.broadcast_to(nearest, shape)

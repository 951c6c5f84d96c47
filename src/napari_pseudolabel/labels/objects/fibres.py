"""Axons with their myelin as one object each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.segmentation import watershed

from napari_pseudolabel.labels.objects.components import SQUARE
from napari_pseudolabel.labels.objects.scheme import Fibre


@dataclass(frozen=True)
class Sides:
    """At which borders of a window the plane goes on."""

    top: bool = False
    bottom: bool = False
    left: bool = False
    right: bool = False

    def distance(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        """(h, w): how far a pixel is from what is not seen, infinite if all is seen."""
        distances = [np.full(size, np.inf) for size in shape]
        for along, before, after in zip(
            distances, (self.top, self.left), (self.bottom, self.right), strict=True
        ):
            count = np.arange(1, len(along) + 1, dtype=float)
            if before:
                np.minimum(along, count, out=along)
            if after:
                np.minimum(along, count[::-1], out=along)
        return np.minimum(distances[0][:, None], distances[1])


def fibres(
    labels: NDArray[Any], fibre: Fibre, sides: Sides = Sides()
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Number the fibres of a window.

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
    inner, outer = labels == fibre.inner, labels == fibre.outer
    markers, count = ndi.label(inner, SQUARE, output=np.int32)
    farthest = float(sum(labels.shape))
    distance = ndi.distance_transform_edt(~inner) if count else np.full(labels.shape, farthest)
    unseen = sides.distance(labels.shape)
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

"""Islands of labels that are too small to be objects."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.labels.objects.components import SQUARE


def specks(labels: NDArray[np.integer], least_px: float) -> NDArray[np.bool_]:
    """Find the islands that have less area than `least_px`.

    An island is what is connected over edges or corners, whatever its classes: a thin axon with its myelin is one. What
    touches the edge of the array is spared, because it may go on beyond.

    Parameters
    ----------
    labels
        (H, W) class values, 0 is background.
    least_px
        Area in pixels; nothing is a speck at 1 or below.

    Returns
    -------
    NDArray
        (H, W) bool.
    """
    if least_px <= 1:
        return np.zeros(labels.shape, bool)
    islands, count = ndi.label(labels != 0, SQUARE)
    small = np.bincount(islands.ravel(), minlength=count + 1) < least_px
    small[0] = False
    for edge in (islands[0], islands[-1], islands[:, 0], islands[:, -1]):
        small[edge] = False
    found: NDArray[np.bool_] = small[islands]
    return found

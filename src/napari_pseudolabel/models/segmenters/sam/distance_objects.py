"""Objects from distances: a flood from their middles, within what is an object at all.

The method of micro-sam (Archit et al., Nature Methods 2025) as its package 1.8 and torch-em 0.10 do it, in own code; with the package's
own answers it finds the same objects (docs/micro_sam.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.models.segmenters.objects_apart import large_objects

_CUT = 3.0
"""Where a Gaussian ends, in its deviations."""


@dataclass(frozen=True)
class DistanceThresholds:
    """When pixels are of an object, and where objects begin; by the names and with the values of micro-sam.

    Attributes
    ----------
    center_distance_threshold, boundary_distance_threshold
        Objects begin where both distances are below.
    foreground_threshold
        Probability from which a pixel is in an object.
    foreground_smoothing, distance_smoothing
        Deviation of the Gaussian, in pixels.
    min_size
        Smallest area in pixels.
    """

    center_distance_threshold: float = 0.5
    boundary_distance_threshold: float = 0.5
    foreground_threshold: float = 0.5
    foreground_smoothing: float = 1.0
    distance_smoothing: float = 1.6
    min_size: int = 0


def objects_of_distances(
    answer: NDArray[np.float32], thresholds: DistanceThresholds
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Find the objects.

    Parameters
    ----------
    answer
        (3, H, W) in [0, 1]: probability of an object, distance to its middle, distance to its edge.

    Returns
    -------
    tuple
        (H, W) int32: 1 to n, 0 where there is none; and the probability of an object as it was judged.
    """
    from skimage.segmentation import watershed

    sure = _smooth(answer[0], thresholds.foreground_smoothing)
    middle, edge = (_smooth(one, thresholds.distance_smoothing) for one in answer[1:])
    inside = sure > thresholds.foreground_threshold
    begin = inside & (middle < thresholds.center_distance_threshold)
    begin &= edge < thresholds.boundary_distance_threshold
    seeds, _ = ndi.label(begin, np.ones((3, 3)))
    objects = watershed(edge, seeds, mask=inside).astype(np.int32)
    return large_objects(objects, thresholds.min_size), sure


def _smooth(plane: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    if deviation <= 0:
        return plane
    smooth: NDArray[np.float32] = ndi.gaussian_filter(plane, deviation, mode="mirror", truncate=_CUT)
    return smooth

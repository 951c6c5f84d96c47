"""Numbered objects as one grey channel that a network can make, and back: touching objects stay apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.morphology import h_maxima
from skimage.segmentation import watershed

from napari_pseudolabel.labels.objects.components import SQUARE

_DEPTH_PX = 4.0
_LEAST_INSIDE = -0.5
_OBJECT_ABOVE = -0.6
_DEEP, _DEEPEST_PX = 0.15, 12.0
_PEAK = 0.3
_CRUMB_PX = 12


def encoded(numbered: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return (H, W) float32 in [-1, 1]: -1 outside, and inside the depth in the own object, up to four pixels."""
    padded = np.pad(numbered, 1, mode="edge")
    apart = (
        (ndi.minimum_filter(padded, 3) == padded) & (ndi.maximum_filter(padded, 3) == padded) & (padded > 0)
    )
    # A pixel at a border is half a pixel deep, wherever the other object begins.
    depth = ndi.distance_transform_edt(apart)[1:-1, 1:-1] + 0.5
    inside = np.maximum(2 * np.minimum(depth / _DEPTH_PX, 1) - 1, _LEAST_INSIDE)
    return np.where(numbered > 0, inside, -1).astype(np.float32)


def decoded(code: NDArray[np.floating]) -> NDArray[np.int32]:
    """Return the numbered objects of a code (H, W), made by a network or not: (H, W) int32, 0 is background."""
    mask = code > _OBJECT_ABOVE
    depth = ndi.distance_transform_edt(mask)
    height = ndi.gaussian_filter(np.asarray(code, np.float64), 1) + _DEEP * np.minimum(depth, _DEEPEST_PX)
    height = np.where(mask, ndi.gaussian_filter(height, 1), height.min() - 1)
    seeds, _ = ndi.label(h_maxima(height, _PEAK) * mask, SQUARE)
    numbered = watershed(-height, seeds, mask=mask)
    areas = np.bincount(numbered.ravel())
    small = areas < _CRUMB_PX
    return np.where(small[numbered], 0, numbered).astype(np.int32)

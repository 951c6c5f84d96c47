"""Measure whether a translation lies on its source, or is shifted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError

_SIGMA = 1.5  # pixels; keeps the noise of single pixels out of the gradients
_LARGEST_SIDE = 1024
_UPSAMPLING = 20


def shift(source: NDArray[np.floating], translation: NDArray[np.floating]) -> tuple[float, float]:
    """Measure how far a translation is displaced from its source.

    Gradient magnitudes are compared, so inverted contrast does not matter, by phase correlation
    of the central part of the planes.

    Parameters
    ----------
    source, translation
        (H, W), same shape, any intensities.

    Returns
    -------
    dy, dx
        What lies at (y, x) in the source lies at (y + dy, x + dx) in the translation, in pixels,
        to 1/20 pixel. (0, 0) if one of the planes is constant.

    Raises
    ------
    InputError
        If the shapes differ.
    """
    from scipy.ndimage import gaussian_gradient_magnitude
    from skimage.filters import window
    from skimage.registration import phase_cross_correlation

    if source.shape != translation.shape or source.ndim != 2:
        raise InputError(
            f"A shift is measured between two planes of the same size, not {source.shape} and "
            f"{translation.shape}."
        )
    cut = [max(side - _LARGEST_SIDE, 0) // 2 for side in source.shape]
    centre = tuple(slice(start, start + _LARGEST_SIDE) for start in cut)
    edges = []
    for plane in (source, translation):
        magnitude = gaussian_gradient_magnitude(np.asarray(plane[centre], np.float64), _SIGMA)
        if np.ptp(magnitude) == 0:
            return 0.0, 0.0
        # Without a taper the borders of the planes, which do not move, correlate best.
        edges.append((magnitude - magnitude.mean()) * window("hann", magnitude.shape))
    moved, _, _ = phase_cross_correlation(edges[0], edges[1], upsample_factor=_UPSAMPLING, normalization=None)
    return -float(moved[0]), -float(moved[1])

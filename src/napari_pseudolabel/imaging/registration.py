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
        edges.append((magnitude - magnitude.mean()) * _taper(magnitude.shape))
    return _correlated(*edges)


def _taper(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Fall from 1 in the middle of a plane to 0 at the ellipse inside its borders, as a cosine."""
    rows, columns = (np.linspace(-1, 1, side + 2)[1:-1] for side in shape)
    radius = np.minimum(np.hypot(rows[:, None], columns), 1)
    return (1 + np.cos(np.pi * radius)) / 2


def _correlated(source: NDArray[np.float64], moved: NDArray[np.float64]) -> tuple[float, float]:
    """Where the cross-correlation of two planes (H, W) peaks, to a part of a pixel.

    Notes
    -----
    The peak among whole pixels first, then the same Fourier sum at finer steps around it, as a product of
    matrices (Guizar-Sicairos et al. 2008). scikit-image has it too, but takes half as long as torch to import for it.
    """
    product = np.conj(np.fft.fft2(source)) * np.fft.fft2(moved)
    frequencies = [np.fft.fftfreq(side) for side in product.shape]
    peak = np.unravel_index(np.abs(np.fft.ifft2(product)).argmax(), product.shape)
    # What lies beyond the middle is a shift to the other side.
    whole = [int(p) - (side if p > side // 2 else 0) for p, side in zip(peak, product.shape, strict=True)]
    around = np.arange(-_UPSAMPLING, _UPSAMPLING + 1) / _UPSAMPLING
    rows, columns = (
        np.exp(2j * np.pi * np.outer(centre + around, own))
        for centre, own in zip(whole, frequencies, strict=True)
    )
    fine = np.abs(rows @ product @ columns.T)
    y, x = np.unravel_index(fine.argmax(), fine.shape)
    return float(whole[0] + around[y]), float(whole[1] + around[x])

"""Grain, blur and noise that all generated looks share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi


def smooth(
    shape: tuple[int, ...], rng: np.random.Generator, size: float, amplitude: float
) -> NDArray[np.float64]:
    """Gaussian texture of a given grain in pixels and standard deviation."""
    texture = ndi.gaussian_filter(rng.standard_normal(shape), size, mode="wrap")
    # On a field smaller than the grain the mean would shift the whole image.
    texture -= texture.mean()
    return texture / max(texture.std(), 1e-9) * amplitude


def finish(
    image: NDArray[np.float64], rng: np.random.Generator, *, blur: float, noise: float
) -> NDArray[np.uint8]:
    """Blur of the optics in pixels, and shot noise of this standard deviation at half of the range; (Y, X) uint8."""
    image = ndi.gaussian_filter(image, blur)
    # Shot noise: grows with the signal.
    image = image + rng.standard_normal(image.shape) * noise * np.sqrt(np.clip(image, 0.1, 1) / 0.5)
    return (np.clip(image, 0, 1) * 255).round().astype(np.uint8)

"""What tools that follow an image see of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.imaging import IntensityRange, normalise
from napari_pseudolabel.types import Array


def channels_of(image: Array, probability: NDArray[np.floating] | None) -> NDArray[np.float32]:
    """(h, w, C) float32 in [0, 1]: smoothed intensities in units of their spread, and the probability, if there is one."""
    planes = np.asarray(image, np.float32)
    planes = planes[..., None] if planes.ndim == 2 else planes
    smoothed = ndi.gaussian_filter(planes, (1, 1, 0))
    limits = [
        IntensityRange(low, high) for low, high in np.percentile(smoothed, (1, 99), axis=(0, 1)).T.tolist()
    ]
    channels = np.stack([normalise(smoothed[..., c], own) for c, own in enumerate(limits)], axis=-1)
    if probability is not None:
        channels = np.concatenate((channels, np.asarray(probability, np.float32)[..., None]), axis=-1)
    return np.asarray(channels, np.float32)

"""Which magnification makes the texture of an image that of a training set; no model looks at it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.imaging.resampling import resample
from napari_pseudolabel.imaging.scale.texture import Texture, coarseness

SMALLEST, LARGEST = 1 / 32, 8.0
"""Magnifications that are looked for."""

# First whole octaves are tried, then thirds around the best.
_FINE = 3
_LEAST_CROP_PX, _LEAST_SIDE_PX = 16, 24
# So many pixels on the model's grid are compared at most, over all crops.
_MOST_PX = 400 * 400
_THINNED = 7


@dataclass(frozen=True)
class TextureEstimates:
    """Magnifications that the texture of an image suggests.

    Attributes
    ----------
    by_correlation, by_spectrum
        Pixels on the model's grid per pixel of the image; None where the image says nothing.
    """

    by_correlation: float | None = None
    by_spectrum: float | None = None

    @property
    def all(self) -> tuple[float, ...]:
        """Those that there are."""
        return tuple(one for one in (self.by_correlation, self.by_spectrum) if one is not None)

    @property
    def middle(self) -> float | None:
        """Their geometric mean; None without any."""
        return float(np.exp(np.mean(np.log(self.all)))) if self.all else None

    @property
    def octaves_apart(self) -> float:
        """By how much they differ; 0 with fewer than two."""
        return abs(math.log2(self.all[0] / self.all[-1])) if self.all else 0.0


def compare(crops: Sequence[NDArray[np.floating]], texture: Texture | None) -> TextureEstimates:
    """Magnify crops of an image by many factors and compare each with the images of a training set.

    Parameters
    ----------
    crops
        (H, W) each, pixels of the image, in any unit.
    texture
        Of the training images on the model's grid; None if unknown.
    """
    if texture is None or not crops:
        return TextureEstimates()
    crops = _without_extremes(crops)
    low, high = math.ceil(math.log2(SMALLEST)), math.floor(math.log2(LARGEST))
    tried: dict[float, _Likeness] = {}
    for whole in range(low, high + 1):
        _try(float(whole), crops, texture, tried)
    if not tried:
        return TextureEstimates()
    near = {
        round(best + number / _FINE, 6)
        for best in (_best(tried, "longer"), _best(tried, "distance"))
        for number in range(1 - _FINE, _FINE)
    }
    for octave in sorted(near - set(tried)):
        if low <= octave <= high:
            _try(octave, crops, texture, tried)
    ordered = sorted(tried)
    return TextureEstimates(
        _crossing(ordered, [tried[one].longer for one in ordered]),
        _least(ordered, [tried[one].distance for one in ordered]),
    )


def octaves_longer(crops: Sequence[NDArray[np.floating]], texture: Texture, factor: float) -> float | None:
    """By how many octaves structures of an image, magnified by a factor, are longer than those of a training set.

    Much faster than `compare`, and less certain; None where the image says nothing.
    """
    tried: dict[float, _Likeness] = {}
    _try(math.log2(factor), _without_extremes(crops), texture, tried)
    return next((one.longer for one in tried.values()), None)


def _without_extremes(crops: Sequence[NDArray[np.floating]]) -> list[NDArray[np.floating]]:
    """Clip crops as images are that models learn from: single hot pixels are no texture."""
    values = np.concatenate([crop[np.isfinite(crop)].ravel()[::_THINNED] for crop in crops])
    if not values.size:
        return list(crops)
    low, high = np.percentile(values, (0.5, 99.5))
    return [np.clip(crop, low, high) for crop in crops] if low < high else list(crops)


@dataclass(frozen=True)
class _Likeness:
    """How an image compares at one magnification.

    Attributes
    ----------
    longer
        By how many octaves its correlation length is longer than that of the training set.
    distance
        Between the spectra, in octaves.
    """

    longer: float
    distance: float


def _try(
    octave: float,
    crops: Sequence[NDArray[np.floating]],
    texture: Texture,
    tried: dict[float, _Likeness],
) -> None:
    factor = 2.0**octave
    side = math.ceil(math.sqrt(_MOST_PX / len(crops)) / factor)
    found = coarseness(
        [
            resample(_middle(crop, side), factor)
            for crop in crops
            if min(crop.shape) >= _LEAST_CROP_PX and min(crop.shape) * factor >= _LEAST_SIDE_PX
        ]
    )
    if found is not None:
        tried[octave] = _Likeness(
            math.log2(found.correlation_px / texture.correlation_px),
            _distance(found.spectrum, np.array(texture.spectrum)),
        )


def _best(tried: dict[float, _Likeness], what: Literal["longer", "distance"]) -> float:
    return min(tried, key=lambda octave: abs(getattr(tried[octave], what)))


def _middle(crop: NDArray[np.floating], side: int) -> NDArray[np.floating]:
    """Return the middle of a crop, no larger than it has to be."""
    height, width = crop.shape
    y, x = max(0, (height - side) // 2), max(0, (width - side) // 2)
    return crop[y : y + side, x : x + side]


def _distance(found: NDArray[np.float64], wanted: NDArray[np.float64]) -> float:
    """Return how far the power of one spectrum has to be moved to become the other, in octaves (earth mover)."""
    return float(np.abs(np.cumsum(found - wanted / wanted.sum())).sum() / 2)


def _crossing(octaves: Sequence[float], lengths: Sequence[float]) -> float | None:
    """Return where the correlation length is that of the training set: the nearest of the crossings to the best."""
    best = int(np.argmin(np.abs(lengths)))
    neighbours = [at for at in (best - 1, best + 1) if 0 <= at < len(lengths)]
    for at in neighbours:
        if lengths[at] * lengths[best] < 0:
            share = lengths[best] / (lengths[best] - lengths[at])
            return float(2 ** (octaves[best] + share * (octaves[at] - octaves[best])))
    # At an end of what could be looked at there is no estimate, only a bound.
    return float(2 ** octaves[best]) if lengths[best] == 0 else None


def _least(octaves: Sequence[float], distances: Sequence[float]) -> float | None:
    """Return where the spectrum is most like that of the training set; None at an end of what could be looked at."""
    best = int(np.argmin(distances))
    return float(2 ** octaves[best]) if 0 < best < len(distances) - 1 else None

"""Which magnification makes the texture of an image that of a training set; no model looks at it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.imaging.resampling import resample
from napari_pseudolabel.imaging.scale.texture import Texture, coarseness

SMALLEST, LARGEST = 1 / 32, 8.0
"""Magnifications that are looked for."""

_PER_OCTAVE = 3
_LEAST_SIDE_PX = 24
_MOST_SIDE_PX = 512
_FLOOR = 1e-3


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
    count = round(math.log2(LARGEST / SMALLEST) * _PER_OCTAVE) + 1
    lengths, distances, octaves = [], [], []
    wanted = np.array(texture.spectrum)
    for octave in np.linspace(math.log2(SMALLEST), math.log2(LARGEST), count):
        factor = 2.0**octave
        magnified = [
            resample(_middle(crop, factor), factor)
            for crop in crops
            if min(crop.shape) * factor >= _LEAST_SIDE_PX
        ]
        found = coarseness(magnified)
        if found is None:
            continue
        octaves.append(float(octave))
        lengths.append(math.log2(found.correlation_px / texture.correlation_px))
        distances.append(_distance(found.spectrum, wanted))
    if not octaves:
        return TextureEstimates()
    return TextureEstimates(_crossing(octaves, lengths), _least(octaves, distances))


def _middle(crop: NDArray[np.floating], factor: float) -> NDArray[np.floating]:
    """Return the middle of a crop, no larger than it has to be on the model's grid."""
    side = math.ceil(_MOST_SIDE_PX / factor)
    height, width = crop.shape
    y, x = max(0, (height - side) // 2), max(0, (width - side) // 2)
    return crop[y : y + side, x : x + side]


def _distance(found: NDArray[np.float64], wanted: NDArray[np.float64]) -> float:
    """Return how much two spectra differ, on a scale where a tenth of little counts as a tenth of much."""
    one, other = found + _FLOOR, wanted + _FLOOR
    return float(np.abs(np.log(one / one.sum()) - np.log(other / other.sum())).mean())


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
    """Return where the spectrum is most like that of the training set, between the factors by a parabola."""
    best = int(np.argmin(distances))
    if not 0 < best < len(distances) - 1:
        return None
    before, here, after = distances[best - 1 : best + 2]
    bend = before - 2 * here + after
    shift = 0.0 if bend <= 0 else 0.5 * (before - after) / bend
    step = octaves[best + 1] - octaves[best]
    return float(2 ** (octaves[best] + shift * step))

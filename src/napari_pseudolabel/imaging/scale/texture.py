"""How coarse images are: correlation length and power spectrum, the same for an image and its negative. And which of both it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

BANDS = 12
"""Bands of the spectrum: half octaves below 0.5 cycles per pixel."""

LEAN_PX = (1, 2, 4, 8, 16)
"""Sizes of details, in pixels, whose lean is measured: what a Gaussian so wide keeps and one twice as wide does not."""

_LEAST_SIDE = 16
_FALLEN = 0.5
# A plane has to be so many times as wide as its largest details.
_LEAST_TIMES = 8

_Length = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_Lean = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]


@dataclass(frozen=True)
class Texture:
    """How coarse the images of a training set are, on a model's grid.

    Attributes
    ----------
    correlation_px
        Distance at which the autocorrelation has fallen to a half, in pixels; geometric mean over the images.
    spectrum
        Share of the variance in each half octave of spatial frequency, from 0.5 cycles per pixel downward; mean over
        the images.
    spread
        Standard deviation of the correlation length over the images, in octaves: how little it says about one of them.
    images
        How many there were.
    lean
        As `lean_of` measures it; empty where nobody did.
    """

    correlation_px: _Length
    spectrum: Annotated[tuple[_Share, ...], Field(min_length=BANDS, max_length=BANDS)]
    spread: Annotated[float, Field(ge=0, le=64, allow_inf_nan=False)] = 0.0
    images: Annotated[int, Field(ge=1)] = 1
    lean: Annotated[tuple[_Lean, ...], Field(max_length=len(LEAN_PX))] = ()


@dataclass(frozen=True, eq=False)
class Coarseness:
    """Of one image: correlation length in pixels, and shares of the variance in the bands of `Texture`."""

    correlation_px: float
    spectrum: NDArray[np.float64]


def texture_of(planes: Sequence[NDArray[np.floating]]) -> Texture | None:
    """Measure the images that a model learns from.

    Parameters
    ----------
    planes
        (H, W) or (C, H, W) each, on the model's grid; in any unit.

    Returns
    -------
    Texture or None
        None where no image is large enough and varies.
    """
    found = [one for plane in planes if (one := coarseness((plane,))) is not None]
    if not found:
        return None
    lengths = np.log2([one.correlation_px for one in found])
    spectrum = np.mean([one.spectrum for one in found], axis=0)
    return Texture(
        round(float(2 ** lengths.mean()), 4),
        tuple(round(float(share), 5) for share in spectrum),
        round(float(lengths.std()), 4),
        len(found),
        tuple(round(one, 4) for one in lean_of(planes)),
    )


def lean_of(planes: Sequence[NDArray[np.floating]]) -> tuple[float, ...]:
    """Measure whether details stick out bright or dark, for each size of `LEAN_PX`: the opposite for an image and its negative.

    Parameters
    ----------
    planes
        (H, W) or (C, H, W) each, on one grid; in any unit.

    Returns
    -------
    tuple of float
        Skewness of what is of that size, mean over the planes; of sizes that are too large for all of them nothing.
    """
    leans = [_lean(one) for one in planes]
    sizes = range(max((len(one) for one in leans), default=0))
    return tuple(float(np.mean([one[size] for one in leans if len(one) > size])) for size in sizes)


def _lean(plane: NDArray[np.floating]) -> list[float]:
    from scipy.ndimage import gaussian_filter  # cards are read by what imports little

    values = np.asarray(plane, np.float32)
    if values.ndim > 2:  # colours
        values = values.mean(axis=tuple(range(values.ndim - 2)))
    known = np.isfinite(values)
    if not known.any():
        return []
    values = np.where(known, values, values[known].mean())
    values = np.clip(values, *np.percentile(values, (0.5, 99.5)))  # a speck is no detail of the image
    found: list[float] = []
    for size in LEAN_PX:
        if min(values.shape) < _LEAST_TIMES * size:
            break
        inside = (slice(2 * size, -2 * size),) * 2
        details = (gaussian_filter(values, size) - gaussian_filter(values, 2 * size))[inside]
        details = details - details.mean()
        spread = float(details.std())
        if spread <= 1e-6 * max(float(np.abs(values).max()), 1e-30):
            break
        found.append(float(((details / spread) ** 3).mean()))
    return found


def coarseness(crops: Sequence[NDArray[np.floating]]) -> Coarseness | None:
    """Measure crops of one image together.

    Parameters
    ----------
    crops
        (H, W) each; values that are not finite count as the mean of the others.

    Returns
    -------
    Coarseness or None
        None where no crop is at least 16 pixels wide, or nothing varies.
    """
    from scipy import fft  # cards are read by what imports little

    shares, profile = np.zeros(BANDS), _Profile()
    variance = 0.0
    for crop in crops:
        values = _centred(crop)
        if values is None:
            continue
        power = np.abs(fft.fft2(values, workers=1)) ** 2
        power[0, 0] = 0.0
        total = float(power.sum())
        if total <= 0:
            continue
        variance += total
        shares += _bands(power)
        profile.add(power)
    if variance <= 0 or shares.sum() <= 0:
        return None
    return Coarseness(profile.length(), shares / shares.sum())


def _centred(crop: NDArray[np.floating]) -> NDArray[np.float64] | None:
    """Return a crop without its mean and without edges, which would be structure of its own."""
    values = np.asarray(crop, np.float64)
    if values.ndim > 2:  # colours
        values = values.mean(axis=tuple(range(values.ndim - 2)))
    if min(values.shape) < _LEAST_SIDE:
        return None
    known = np.isfinite(values)
    if not known.any():
        return None
    if not known.all():
        values = np.where(known, values, values[known].mean())
    rows, columns = (np.hanning(side + 2)[1:-1] for side in values.shape)
    weight = rows[:, None] * columns
    values = values - (values * weight).sum() / weight.sum()
    scale = float(np.abs(values).max())
    return None if scale == 0 else values / scale * weight


def _bands(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum the power of each half octave below 0.5 cycles per pixel."""
    rows, columns = (np.fft.fftfreq(side) for side in power.shape)
    radius = np.hypot(rows[:, None], columns)
    radius[0, 0] = 1.0
    band = np.floor(-2 * np.log2(2 * np.minimum(radius, 0.5 - 1e-9))).astype(int)
    inside = (radius < 0.5) & (band < BANDS)
    return np.bincount(band[inside], power[inside], BANDS).astype(np.float64)


class _Profile:
    """Adds up autocorrelations of crops of any size, by distance."""

    def __init__(self) -> None:
        self._sums = np.zeros(0)

    def add(self, power: NDArray[np.float64]) -> None:
        """Add that of a power spectrum (H, W)."""
        from scipy import fft

        correlation = fft.ifft2(power, workers=1).real
        rows, columns = (np.abs(np.fft.fftfreq(side) * side) for side in power.shape)
        distance = np.hypot(rows[:, None], columns)
        most = min(power.shape) // 2
        near = distance < most
        ring = np.rint(distance[near]).astype(int)
        sums = np.bincount(ring, correlation[near]) / np.maximum(np.bincount(ring), 1)
        if len(sums) > len(self._sums):
            self._sums = np.pad(self._sums, (0, len(sums) - len(self._sums)))
        self._sums[: len(sums)] += sums

    def length(self) -> float:
        """Return the distance at which it has fallen to a half, in pixels."""
        profile = self._sums / self._sums[0]
        below = np.flatnonzero(profile < _FALLEN)
        if not below.size:
            return float(len(profile))
        at = int(below[0])
        high, low = profile[at - 1], profile[at]
        return max(at - 1 + float((high - _FALLEN) / (high - low)), 1e-3) if high > low else math.nan

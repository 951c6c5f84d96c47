"""Fields of axons with exact labels, packed as densely as in nerve tissue; nuclei: `training.data.nuclei_fields`.

They follow published statistics of myelinated fibres and those measured on the TEM labels: axon
diameters are lognormal, the g-ratio (axon over fibre diameter) is near 0.7, fibres touch but do not overlap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.draw import polygon

BACKGROUND, MYELIN, AXON = 0, 1, 2


@dataclass(frozen=True)
class FieldParams:
    """Statistics of a field.

    Attributes
    ----------
    axon_diameter_px
        Median axon diameter.
    diameter_spread
        Standard deviation of the logarithm of the diameter.
    g_ratio, g_ratio_spread
        Mean and standard deviation of axon over fibre diameter.
    fibre_fraction
        Share of the area that fibres (axon and myelin) cover at most.
    elongation
        Standard deviation of the logarithm of the aspect ratio.
    irregularity
        Amplitude of the deviation from an ellipse, relative to the radius.
    """

    axon_diameter_px: float = 19.0
    diameter_spread: float = 0.45
    g_ratio: float = 0.7
    g_ratio_spread: float = 0.06
    fibre_fraction: float = 0.7
    elongation: float = 0.25
    irregularity: float = 0.07


def axon_field(
    shape: tuple[int, int], *, seed: int, params: FieldParams = FieldParams()
) -> NDArray[np.uint8]:
    """Draw a field.

    Parameters
    ----------
    shape
        (Y, X) in pixels.
    seed
        The same seed gives the same field.

    Returns
    -------
    NDArray
        (Y, X) uint8: 0 background, 1 myelin, 2 axon.
    """
    rng = np.random.default_rng(seed)
    margin = int(3 * params.axon_diameter_px)
    height, width = (side + 2 * margin for side in shape)
    labels = np.zeros((height, width), np.uint8)
    mean_area = (
        np.pi / 4 * (params.axon_diameter_px / params.g_ratio) ** 2 * np.exp(2 * params.diameter_spread**2)
    )
    count = int(1.15 * height * width * params.fibre_fraction / mean_area)
    diameters = params.axon_diameter_px * np.exp(rng.normal(0, params.diameter_spread, count))
    # Large fibres first: small ones then fill the gaps, as in tissue.
    for diameter in np.sort(diameters)[::-1]:
        if (labels > 0).mean() > params.fibre_fraction:
            break
        _place(labels, diameter, params, rng)
    return labels[margin:-margin, margin:-margin].copy()


def _place(labels: NDArray[np.uint8], diameter: float, params: FieldParams, rng: np.random.Generator) -> None:
    g = float(np.clip(rng.normal(params.g_ratio, params.g_ratio_spread), 0.5, 0.88))
    radius = diameter / g / 2
    # Thinned distances: a fibre fits where the nearest one is at least its radius away.
    room = ndi.distance_transform_edt(labels[::2, ::2] == 0) * 2
    fits = np.argwhere((room >= radius) & (room < radius * 1.25 + 2))
    if not len(fits):
        fits = np.argwhere(room >= radius)
    if not len(fits):
        return
    y, x = fits[rng.integers(len(fits))] * 2
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    outline = np.ones_like(angle)
    for order in (2, 3, 4, 5):
        outline += rng.normal(0, params.irregularity / order) * np.cos(
            order * angle + rng.uniform(0, 2 * np.pi)
        )
    aspect = np.exp(rng.normal(0, params.elongation) / 2)
    turn = rng.uniform(0, np.pi)
    dy, dx = outline * np.sin(angle) * aspect, outline * np.cos(angle) / aspect
    dy, dx = dy * np.cos(turn) + dx * np.sin(turn), dx * np.cos(turn) - dy * np.sin(turn)
    fibre = polygon(y + radius * dy, x + radius * dx, labels.shape)
    free = labels[fibre] == 0
    fibre = fibre[0][free], fibre[1][free]
    # The axon keeps the myelin's thickness from the free outline, so neighbours never merge.
    mask = np.zeros(labels.shape, bool)
    mask[fibre] = True
    y0, x0 = max(int(y - 2 * radius), 0), max(int(x - 2 * radius), 0)
    window = (slice(y0, int(y + 2 * radius) + 1), slice(x0, int(x + 2 * radius) + 1))
    inside = ndi.distance_transform_edt(np.pad(mask[window], 1))[1:-1, 1:-1]
    labels[window][mask[window]] = MYELIN
    # At least one pixel of myelin, or the smallest axons would lie bare.
    labels[window][inside > max(radius * (1 - g), 1.0)] = AXON

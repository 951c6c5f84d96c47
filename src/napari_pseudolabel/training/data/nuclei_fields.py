"""Fields of cell nuclei, single and in crowds, with exact labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon


@dataclass(frozen=True)
class NucleiParams:
    """Statistics of a field.

    Attributes
    ----------
    diameter_px
        Median diameter.
    diameter_spread
        Standard deviation of the logarithm of the diameter.
    covered
        Share of the area that nuclei cover at most.
    grouping
        Probability that a nucleus is laid beside one that is there already.
    elongation
        Standard deviation of the logarithm of the aspect ratio.
    irregularity
        Amplitude of the deviation from an ellipse, relative to the radius.
    """

    diameter_px: float = 20.0
    diameter_spread: float = 0.28
    covered: float = 0.3
    grouping: float = 0.5
    elongation: float = 0.35
    irregularity: float = 0.12


@dataclass(frozen=True, eq=False)
class NucleiField:
    """What was drawn.

    Attributes
    ----------
    labels
        (Y, X) int32: 0 background, 1 … N nuclei.
    density
        (N + 1,) in [0, 1], how much dye each nucleus takes; 0 for the background. Both looks follow it.
    """

    labels: NDArray[np.int32]
    density: NDArray[np.float64]


def nuclei_field(shape: tuple[int, int], *, seed: int, params: NucleiParams = NucleiParams()) -> NucleiField:
    """Draw a field of `shape` (Y, X); the same seed gives the same field."""
    rng = np.random.default_rng(seed)
    margin = int(2 * params.diameter_px)
    outer = tuple(side + 2 * margin for side in shape)
    labels = np.zeros(outer, np.int32)
    middles: list[tuple[float, float, float]] = []
    area, covered = outer[0] * outer[1], 0
    most = int(4 * area * params.covered / params.diameter_px**2)
    for _ in range(most):
        if covered >= params.covered * area:
            break
        radius = params.diameter_px / 2 * np.exp(rng.normal(0, params.diameter_spread))
        if middles and rng.random() < params.grouping:
            y, x, other = middles[rng.integers(len(middles))]
            angle, away = rng.uniform(0, 2 * np.pi), (radius + other) * rng.uniform(0.85, 1.15)
            y, x = y + away * np.sin(angle), x + away * np.cos(angle)
        else:
            y, x = rng.uniform(0, outer[0]), rng.uniform(0, outer[1])
        rows, columns = _outline(y, x, radius, outer, params, rng)
        free = labels[rows, columns] == 0
        # A nucleus that is mostly hidden would be a sliver that nobody could tell from a border.
        if not len(rows) or free.mean() < 0.75:
            continue
        middles.append((y, x, radius))
        labels[rows[free], columns[free]] = len(middles)
        covered += int(free.sum())
    density = np.r_[0.0, rng.beta(2.2, 1.6, len(middles))]
    return NucleiField(labels[margin:-margin, margin:-margin].copy(), density)


def _outline(
    y: float, x: float, radius: float, shape: tuple[int, ...], params: NucleiParams, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    shift = rng.uniform(0, 2 * np.pi, 4)
    size = rng.normal(0, params.irregularity, 4) / np.arange(2, 6)
    waves = 1 + sum(size[k] * np.cos((k + 2) * angle + shift[k]) for k in range(4))
    aspect = np.exp(rng.normal(0, params.elongation) / 2)
    dy, dx = radius * waves * np.sin(angle) * aspect, radius * waves * np.cos(angle) / aspect
    turn = rng.uniform(0, np.pi)
    return polygon(
        y + dy * np.cos(turn) + dx * np.sin(turn), x + dx * np.cos(turn) - dy * np.sin(turn), shape
    )

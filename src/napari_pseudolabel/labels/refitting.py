"""A temperature from regions that a person confirmed: there it is known where models were right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.windows import Box

LEAST_REGIONS, LEAST_PX = 3, 5_000
"""From less nothing is fitted."""

# The usual temperature counts as much as so many regions (docs/benchmarks.md).
_USUAL_REGIONS = 6
# Of the logarithm of the odds, before any temperature; what is surer than that is not told apart.
_EDGES = np.linspace(-10, 10, 81)
_MIDDLES = (_EDGES[:-1] + _EDGES[1:]) / 2
_WIDEST = 3.0


@dataclass(frozen=True)
class ConfirmedRegion:
    """How often models were right in a region, by how sure they were.

    Attributes
    ----------
    plane, box
        Where.
    models
        Which models labelled it; numbers of others say nothing about them.
    counts, right
        Pixels in each of 80 steps of the odds of their label before any temperature, and those that the person left as they were.
    """

    plane: tuple[int, ...]
    box: Box
    models: str
    counts: tuple[int, ...]
    right: tuple[int, ...]

    @classmethod
    def of(
        cls,
        place: tuple[tuple[int, ...], Box],
        models: str,
        sure: NDArray[np.floating],
        right: NDArray[np.bool_],
        temperature: float,
    ) -> ConfirmedRegion:
        """Count pixels.

        Parameters
        ----------
        sure
            (N,) in [0, 1]: probability of what was predicted, at a temperature.
        right
            (N,) bool: whether it was that.
        """
        held = np.clip(np.asarray(sure, np.float64), 1e-6, 1 - 1e-6)
        odds = np.clip(np.log(held / (1 - held)) * temperature, _EDGES[0], _EDGES[-1])
        counts, _ = np.histogram(odds, _EDGES)
        good, _ = np.histogram(odds[right], _EDGES)
        return cls(*place, models, tuple(counts.tolist()), tuple(good.tolist()))


@dataclass(frozen=True)
class ConfidenceFit:
    """The temperature of a run, and where it comes from.

    Attributes
    ----------
    temperature
        By which confidence was made from probabilities.
    usual
        That of the cards.
    regions, pixels
        Confirmed ones that it was fitted on; 0 for that of the cards.
    """

    temperature: float
    usual: float
    regions: int = 0
    pixels: int = 0


def refitted(regions: Sequence[ConfirmedRegion], usual: float) -> ConfidenceFit:
    """Fit the temperature at which models are as often right as they say, held to the usual one.

    Parameters
    ----------
    regions
        All by the models in question.
    usual
        Temperature of their cards.

    Returns
    -------
    ConfidenceFit
        The usual one from fewer than three regions, or 5,000 pixels.

    Notes
    -----
    Of the probabilities only that of the label is known afterwards, so it counts against all others together, which is exact where
    two classes are likely. Logarithms of the temperature that explains the regions best, every region counting alike, and of the
    usual one are averaged by the number of regions: few regions are like each other by accident.
    """
    pixels = sum(sum(one.counts) for one in regions)
    if len(regions) < LEAST_REGIONS or pixels < LEAST_PX:
        return ConfidenceFit(usual, usual)
    counts = np.array([one.counts for one in regions], float)
    right = np.array([one.right for one in regions], float)
    share = 1 / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    good, wrong = (right * share).sum(axis=0), ((counts - right) * share).sum(axis=0)

    def loss(of_log: float) -> float:
        odds = _MIDDLES * np.exp(-of_log)
        return float((good * np.logaddexp(0, -odds) + wrong * np.logaddexp(0, odds)).sum())

    from scipy.optimize import minimize_scalar  # labelling does without

    middle, width = np.log(usual), np.log(_WIDEST)
    best = minimize_scalar(loss, bounds=(middle - width, middle + width), method="bounded").x
    weight = len(regions) / (len(regions) + _USUAL_REGIONS)
    found = float(np.exp(middle + weight * (best - middle)))
    return ConfidenceFit(round(found, 3), usual, len(regions), pixels)

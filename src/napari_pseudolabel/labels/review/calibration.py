"""From the estimated quality of a region to the true one, learned from regions that a person corrected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_REGIONS = 10
_DIGITS = 6


@dataclass(frozen=True)
class Calibration:
    """A rising curve from estimates to true Dice; without any points it leaves estimates as they are.

    Attributes
    ----------
    estimates, truths
        Points of the curve, both rising, in [0, 1].
    regions
        Number of regions that it was learned from.
    """

    estimates: tuple[float, ...] = ()
    truths: tuple[float, ...] = ()
    regions: int = 0

    @classmethod
    def fitted(cls, estimates: Sequence[float], truths: Sequence[float]) -> Calibration:
        """Learn from corrected regions.

        Parameters
        ----------
        estimates
            What the quality was estimated to be before each region was corrected.
        truths
            Dice between what was predicted and what the person left there, see `confidence.mean_dice`.

        Returns
        -------
        Calibration
            One without points from fewer than ten regions, or where all estimates are the same.

        Notes
        -----
        Isotonic regression: the only assumption is that a higher estimate does not mean a lower truth.
        """
        from scipy.optimize import isotonic_regression  # a fifth of the time in which a dock opens

        # Between estimates that hardly differ the slope of the curve would overflow.
        x, y = np.round(np.asarray(estimates, float), _DIGITS), np.asarray(truths, float)
        places, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
        if len(x) < LEAST_REGIONS or len(places) < 2:
            return cls(regions=len(x))
        means = np.bincount(inverse, weights=y) / counts
        curve = np.clip(isotonic_regression(means, weights=counts).x, 0, 1)
        return cls(tuple(places.tolist()), tuple(curve.tolist()), len(estimates))

    @property
    def known(self) -> bool:
        """Whether it has learned anything."""
        return bool(self.estimates)

    def apply(self, estimates: NDArray[np.floating]) -> NDArray[np.float64]:
        """Calibrated estimates, in the shape of the given ones; outside of the curve its ends hold."""
        values = np.asarray(estimates, np.float64)
        return np.interp(values, self.estimates, self.truths) if self.known else values

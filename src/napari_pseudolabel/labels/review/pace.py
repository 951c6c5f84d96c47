"""How long a person takes to correct a region, from the boundary that has to be redrawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Before anybody has worked: looking at a region, and drawing along a boundary at half a pixel per centisecond.
_LOOKING_SECONDS, _SECONDS_PER_PX = 5.0, 0.02
# As many regions as these two guesses weigh against what was measured.
_GUESSES = 5
_LEAST_REGIONS = 3


@dataclass(frozen=True)
class Pace:
    """Seconds for a region: ``looking_seconds + seconds_per_px * path_px``."""

    looking_seconds: float = _LOOKING_SECONDS
    seconds_per_px: float = _SECONDS_PER_PX

    @classmethod
    def fitted(cls, path_px: Sequence[float], seconds: Sequence[float]) -> Pace:
        """Pace of a person from regions that they reviewed.

        Parameters
        ----------
        path_px
            What `RegionScore.path_px` said before each was reviewed.
        seconds
            What each took, from the effort log.

        Returns
        -------
        Pace
            The default with fewer than three regions. Both numbers are at least 0, and not both are 0.
        """
        if len(path_px) < _LEAST_REGIONS:
            return cls()
        from scipy.optimize import nnls  # which takes a while, and docks import this

        path, taken = np.asarray(path_px, float), np.asarray(seconds, float)
        # The default as a few more observations, so that three odd regions do not make odd predictions.
        guessed = np.quantile(path, np.linspace(0, 1, _GUESSES))
        rows = np.concatenate([path, guessed])
        values = np.concatenate([taken, _LOOKING_SECONDS + _SECONDS_PER_PX * guessed])
        (looking, per_px), _ = nnls(np.column_stack([np.ones_like(rows), rows]), values)
        return cls(float(looking), float(per_px))

    def seconds(self, path_px: float) -> float:
        """Return expected seconds for a region with so much boundary to redraw; more than 0."""
        return max(self.looking_seconds + self.seconds_per_px * path_px, 0.1)

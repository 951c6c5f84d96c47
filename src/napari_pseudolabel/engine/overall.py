"""One progress of a job whose parts report each for itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from napari_pseudolabel.control import Progress, WorkRate

_STEPS = 1000
# The stages after the first, such as the segmentation of what was translated, take about this share.
_LATER_STAGES = 0.1


class Overall:
    """Adds up parts that run at the same time.

    Parameters
    ----------
    weights
        Of each part: about how much work it is.
    clock
        Seconds.
    """

    def __init__(self, weights: Sequence[float], clock: Callable[[], float] = time.monotonic) -> None:
        self._parts = len(weights)
        self._weights = dict(enumerate(weights, start=1))
        self._all = sum(weights)
        self._first_stage: dict[int, str] = {}
        self._shares: dict[int, float] = {}
        self._share = 0.0
        self._rate = WorkRate(clock)
        self._lock = threading.Lock()

    def heard(self, part: int, progress: Progress) -> Progress:
        """Return what the whole job says when one of its parts says `progress`."""
        with self._lock:
            if self._parts == 1:
                return progress
            if progress.total > 1:
                first = self._first_stage.setdefault(part, progress.stage)
                share = progress.done / progress.total
                if progress.stage == first:
                    share *= 1 - _LATER_STAGES
                else:
                    share = 1 - _LATER_STAGES + _LATER_STAGES * share
                self._shares[part] = max(share, self._shares.get(part, 0.0))
            return self._now(progress.stage)

    def finished(self, part: int) -> Progress:
        """Return what the whole job says when a part is done."""
        with self._lock:
            self._shares[part] = 1.0
            return self._now("Labelling")

    def _now(self, stage: str) -> Progress:
        share = sum(self._weights[part] * one for part, one in self._shares.items()) / self._all
        done = sum(one >= 1 for one in self._shares.values())
        self._rate.did(share - self._share)
        self._share = share
        left = self._rate.seconds_for(1 - share)
        name = stage if self._parts == 1 else f"{stage}, part {min(done + 1, self._parts)} of {self._parts}"
        return Progress(name, int(share * _STEPS), _STEPS, left)

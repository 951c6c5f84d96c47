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
        self._share, self._done = 0.0, 0
        self._rate = WorkRate(clock)
        self._lock = threading.Lock()

    def heard(self, part: int, progress: Progress) -> Progress:
        """Return what the whole job says when one of its parts says `progress`."""
        with self._lock:
            if self._parts == 1:
                return progress
            if not self._share:
                self._rate.did(0)  # what came before the first work is no measure for it
            if progress.total > 1:
                first = self._first_stage.setdefault(part, progress.stage)
                share = progress.done / progress.total
                if progress.stage == first:
                    share *= 1 - _LATER_STAGES
                else:
                    share = 1 - _LATER_STAGES + _LATER_STAGES * share
                self._reach(part, share)
            return self._now(progress.stage)

    def finished(self, part: int) -> Progress:
        """Return what the whole job says when a part is done."""
        with self._lock:
            self._reach(part, 1.0)
            return self._now("Labelling")

    def _reach(self, part: int, share: float) -> None:
        """Count what a part has done more; sums over all parts would cost more than the parts where there are 100,000."""
        before = self._shares.get(part, 0.0)
        if share > before:
            self._shares[part] = share
            self._rate.did(self._weights[part] * (share - before) / self._all)
            self._share = min(self._share + self._weights[part] * (share - before) / self._all, 1.0)
            self._done += share >= 1

    def _now(self, stage: str) -> Progress:
        left = self._rate.seconds_for(1 - self._share) if self._share else None
        at = min(self._done + 1, self._parts)
        name = stage if self._parts == 1 else f"{stage}, part {at} of {self._parts}"
        return Progress(name, int(self._share * _STEPS + 1e-6), _STEPS, left)

"""How long to wait for a process: not by the clock alone, which says nothing on a busy machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import psutil

STUCK_S = 60.0
"""A process that has not computed anything for so long is stuck."""
MOST_S = 300.0
"""So much computing starts any worker; one that needs more goes round in circles."""
_STEP_S = 0.01


class Patience:
    """Ends when processes do not get on, however slow the machine is.

    Parameters
    ----------
    processes
        Tells which ones are waited for.
    """

    def __init__(self, processes: Callable[[], Iterable[psutil.Process]]) -> None:
        self._processes = processes
        self._spent = 0.0
        self._since = time.monotonic()

    @property
    def ended(self) -> bool:
        """Whether waiting any longer is of no use; to be asked again and again."""
        spent = sum(map(_computed_s, self._processes()))
        if spent > self._spent + _STEP_S:
            self._spent, self._since = spent, time.monotonic()
        return self._spent > MOST_S or time.monotonic() - self._since > STUCK_S


def _computed_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)

"""How many threads a worker computes with: as many as there are cores that nobody else wants, at every moment."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

# Often enough to give way before anybody minds, and long enough that shares of a core can be told.
_LOOK_EVERY_S = 1.0
# What others may take of a core for which they are not left one: threads wait for each other at every layer of a network,
# so one that has to share its core holds up all.
_TOLERATED_CORES = 0.25


@dataclass(frozen=True)
class Spent:
    """Seconds of computing since some moment, of all cores together.

    Attributes
    ----------
    everybody
        By all programs.
    own
        By this process.
    """

    everybody: float
    own: float

    @classmethod
    def now(cls) -> Spent:
        """Ask the system."""
        machine, own = psutil.cpu_times(), psutil.Process().cpu_times()
        idle = ("idle", "iowait", "guest", "guest_nice")  # guests count as users already
        busy = sum(value for name, value in machine._asdict().items() if name not in idle)
        return cls(busy, own.user + own.system)


def cores() -> int:
    """Return on how many cores this process may compute; two threads of one core count once."""
    allowed = psutil.cpu_count() or 1
    affinity = getattr(psutil.Process(), "cpu_affinity", None)
    if affinity is not None:
        allowed = len(affinity())
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


class ThreadShare:
    """Looks from time to time what other programs leave, and sets the threads of torch to that.

    Numbers of threads change no label: a convolution adds up in the same order whatever they are, or differs in the last bits.

    Parameters
    ----------
    set_threads
        Called with the number, again and again, in the thread that computes.
    spent, clock, available
        Ask the system.
    """

    def __init__(
        self,
        set_threads: Callable[[int], None],
        spent: Callable[[], Spent] = Spent.now,
        clock: Callable[[], float] = time.monotonic,
        available: int | None = None,
    ) -> None:
        self._set, self._spent, self._clock = set_threads, spent, clock
        self._cores = cores() if available is None else available
        self._since, self._before = clock(), spent()
        self._others = 0.0
        self.threads = 1

    def look(self, least: int = 1) -> None:
        """Count again, where the last time is long enough ago; to be called between two batches.

        Parameters
        ----------
        least
            So many in any case, where those that compute beside are known to give way.
        """
        elapsed = self._clock() - self._since
        if elapsed >= _LOOK_EVERY_S:
            now = self._spent()
            busy = now.everybody - self._before.everybody - (now.own - self._before.own)
            self._others = min(max(busy / elapsed, 0.0), self._cores)
            self._since, self._before = self._clock(), now
        wanted = math.floor(self._cores - self._others + _TOLERATED_CORES)
        self.threads = min(max(wanted, least, 1), self._cores)
        self._set(self.threads)

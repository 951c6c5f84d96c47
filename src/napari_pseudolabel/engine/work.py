"""A job under way, as the engine sees it."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import Future
from typing import TYPE_CHECKING

from napari_pseudolabel.engine.handle import Handle
from napari_pseudolabel.engine.overall import Overall

if TYPE_CHECKING:
    from distributed import Future as Task

ALLOWED_LOSSES = 1

_KILLED = {
    "label": "A worker process ended unexpectedly; the part of the image it was at is computed again.",
    "train": "The worker process ended unexpectedly; the training goes on from its last checkpoint.",
    "local": "The worker process ended unexpectedly; the work is done again.",
}
KILLED_TWICE = (
    "The worker process ended twice at the same work, most likely because the computer ran out of memory; "
    "close other programs, or choose a smaller region, tile or batch, and start again."
)


class Work:
    """What becomes of one job.

    Parameters
    ----------
    handle
        How others see it.
    lane
        Name of its workers.

    Attributes
    ----------
    overall
        Progress of all parts, if there are parts.
    futures
        What workers were asked to do and have not done, by number of the part.
    started
        Parts that a worker has begun with, and not lost.
    drive
        Resolved when the thread that drives the job ends.
    """

    def __init__(self, handle: Handle, lane: str) -> None:
        self.handle = handle
        self.lane = lane
        self.overall: Overall | None = None
        self.futures: dict[int, Task] = {}
        self.started: set[int] = set()
        self.drive: Future[None] | None = None
        self._losses: Counter[int] = Counter()
        self._lock = threading.Lock()

    def key(self, part: int, attempt: int) -> str:
        """Name of a task among all tasks of a scheduler."""
        return f"{self.handle.name}-{part}-{attempt}"

    @staticmethod
    def told_by(key: object) -> tuple[str, int] | None:
        """Name of the job, and number of the part, that a key of ours stands for; None for keys of others."""
        name, _, rest = key.rpartition("-") if isinstance(key, str) else ("", "", "")
        name, _, part = name.rpartition("-")
        return (name, int(part)) if name and part.isdecimal() and rest.isdecimal() else None

    def lose(self, part: int) -> str | None:
        """Count that the worker of a part is gone.

        Returns
        -------
        str or None
            A sentence for the person if the part may be tried again.
        """
        with self._lock:
            self.started.discard(part)
            self._losses[part] += 1
            return _KILLED[self.lane] if self._losses[part] <= ALLOWED_LOSSES else None

    def given_up(self, part: int) -> bool:
        """Whether a part has cost too many workers."""
        with self._lock:
            return self._losses[part] > ALLOWED_LOSSES

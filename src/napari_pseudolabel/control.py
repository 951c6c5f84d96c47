"""How long work tells its caller how far it is, and learns that it should stop.

Every function that may take longer than a blink accepts a `Control`. The caller decides what
happens with the progress (a bar in the shell, a signal in the dock, an event of a cluster).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from napari_pseudolabel.errors import Cancelled


@dataclass(frozen=True)
class Progress:
    """One progress report.

    Attributes
    ----------
    stage
        What is being done, as shown to the person ("Translating").
    done, total
        Finished and expected units of the stage; ``0 <= done <= total``.
    seconds_left
        Estimated seconds until the stage ends, None until one unit is finished.
    """

    stage: str
    done: int
    total: int
    seconds_left: float | None = None


def _ignore(progress: Progress) -> None:
    return None


def _never() -> bool:
    return False


Wish = Literal["run", "pause", "finish"]
"""What the person wants of a training: go on, wait, or stop here and keep the best."""

_LOOK_AGAIN_S = 0.1
# So finely the work that is done is remembered, by shares of it.
_MARKS = 200


def _drop(event: object) -> None:
    return None


def _run() -> Wish:
    return "run"


class WorkRate:
    """How fast work goes, by the newer half of it: the first part holds starting and loading, and is no measure for the rest.

    Parameters
    ----------
    clock
        Seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._done = 0.0
        self._marks = deque([(clock(), 0.0)])

    def did(self, units: float) -> None:
        """Count work that is done now."""
        self._done += units
        if self._done - self._marks[-1][1] >= self._done / _MARKS:
            self._marks.append((self._clock(), self._done))
        while len(self._marks) > 2 and self._marks[1][1] <= self._done / 2:
            self._marks.popleft()

    def waited(self, seconds: float) -> None:
        """So many seconds were no work."""
        self._marks = deque((at + seconds, done) for at, done in self._marks)

    def seconds_for(self, units: float) -> float | None:
        """Return how long so much work will take; None before any is done."""
        at, done = self._marks[0]
        fresh = self._done - done
        return (self._clock() - at) / fresh * units if fresh > 0 else None


@dataclass
class Stage:
    """A counted part of a job, made by `Control.stage`."""

    name: str
    total: int
    control: Control
    done: int = 0
    _rate: WorkRate = field(default_factory=WorkRate)

    def resume_at(self, done: int) -> None:
        """Count `done` units as finished earlier; they do not enter the estimate of the time left."""
        self.skip(done - self.done)

    def skip(self, units: int) -> None:
        """Count more units as finished earlier."""
        self.done += units
        self.control.check()

    def expect(self, units: int) -> None:
        """Make the stage so many units longer than was thought, or shorter."""
        self.total += units

    def advance(self, units: int = 1) -> None:
        """Count finished units, report them and raise `Cancelled` if the person asked to stop."""
        units = min(units, self.total - self.done)
        self.done += units
        self._rate.did(units)
        left = self._rate.seconds_for(self.total - self.done)
        self.control.report(Progress(self.name, self.done, self.total, left))
        self.control.check()

    def hold(self) -> bool:
        """Wait for as long as the person has paused the work; the time does not enter the estimate.

        Returns
        -------
        bool
            True once the person asked to stop here and keep what there is.

        Raises
        ------
        Cancelled
            If the person asked to stop.
        """
        began = time.monotonic()
        while (wish := self.control.wish()) == "pause":
            self.control.check()
            time.sleep(_LOOK_AGAIN_S)
        self._rate.waited(time.monotonic() - began)
        return wish == "finish"


@dataclass(frozen=True)
class Control:
    """The wires between a job and whoever started it.

    Attributes
    ----------
    report
        Called with every `Progress`, in the thread of the job.
    cancelled
        Asked often and cheaply; True once the job should stop.
    emit
        Called with everything else that is worth hearing while the job runs: small frozen values that
        can be pickled, such as the score of an epoch.
    wish
        Asked between two steps of a training; see `Stage.hold`.
    """

    report: Callable[[Progress], None] = _ignore
    cancelled: Callable[[], bool] = _never
    emit: Callable[[object], None] = _drop
    wish: Callable[[], Wish] = _run

    def check(self) -> None:
        """Raise `Cancelled` if the job should stop."""
        if self.cancelled():
            raise Cancelled

    def part(self, words: str) -> Control:
        """Return the same control, whose stages say which part of the work they belong to: "Labelling, part 2 of 3"."""

        def report(progress: Progress) -> None:
            self.report(replace(progress, stage=f"{progress.stage}, {words}"))

        return replace(self, report=report)

    def stage(self, name: str, total: int) -> Stage:
        """Start a counted stage and report that it begins."""
        self.check()
        self.report(Progress(name, 0, total))
        return Stage(name, total, self)

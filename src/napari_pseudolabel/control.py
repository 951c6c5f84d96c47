"""How long work tells its caller how far it is, and learns that it should stop.

Every function that may take longer than a blink accepts a `Control`. The caller decides what
happens with the progress (a bar in the shell, a signal in the dock, an event of a cluster).
"""

from __future__ import annotations

import time
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


def _drop(event: object) -> None:
    return None


def _run() -> Wish:
    return "run"


@dataclass
class Stage:
    """A counted part of a job, made by `Control.stage`."""

    name: str
    total: int
    control: Control
    done: int = 0
    _started: float = field(default_factory=time.monotonic)
    _skipped: int = 0

    def resume_at(self, done: int) -> None:
        """Count `done` units as finished earlier; they do not enter the estimate of the time left."""
        self.done = self._skipped = done

    def advance(self, units: int = 1) -> None:
        """Count finished units, report them and raise `Cancelled` if the person asked to stop."""
        self.done = min(self.done + units, self.total)
        elapsed = time.monotonic() - self._started
        fresh = self.done - self._skipped
        left = elapsed / fresh * (self.total - self.done) if fresh else None
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
        self._started += time.monotonic() - began
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

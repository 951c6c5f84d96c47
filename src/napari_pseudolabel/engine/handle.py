"""A submitted job, as whoever submitted it sees it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_pseudolabel.control import Progress

if TYPE_CHECKING:
    from napari_pseudolabel.strategies import PseudoLabel, ViewCentre


def _ignore(_: object) -> None:
    return None


@dataclass(frozen=True)
class Listener:
    """What is called while a job runs, always in the same thread of the engine, in order.

    Attributes
    ----------
    progress
        With every `Progress`.
    event
        With what the job tells, such as the score of an epoch.
    draft
        With a first look at a part, which comes soon and is not to be kept.
    part
        With every finished part of a job that is made of parts.
    notice
        With a sentence for the person about something that went wrong and was dealt with.
    done, error
        Exactly one of them at the end; `error` with `Cancelled` if the job was cancelled.
    """

    progress: Callable[[Progress], None] = _ignore
    event: Callable[[object], None] = _ignore
    draft: Callable[[PseudoLabel], None] = _ignore
    part: Callable[[PseudoLabel], None] = _ignore
    notice: Callable[[str], None] = _ignore
    done: Callable[[Any], None] = _ignore
    error: Callable[[Exception], None] = _ignore

    @property
    def wants_drafts(self) -> bool:
        """Whether anybody looks at drafts; they cost a little."""
        return self.draft is not _ignore


class Handle:
    """Controls one job.

    Parameters
    ----------
    name
        Unique.
    listener
        Hears what happens.
    say
        Brings a wish to the workers; must not block.
    """

    def __init__(self, name: str, listener: Listener, say: Callable[[Handle], None]) -> None:
        self.name = name
        self.listener = listener
        self.outcome: Future[Any] = Future()
        self.wish = "run"
        self.focus: ViewCentre | None = None
        self._say = say
        self._settled = False
        self._lock = threading.Lock()

    @property
    def running(self) -> bool:
        """True until the job has a result or an error."""
        return not self.outcome.done()

    @property
    def cancelled(self) -> bool:
        """Whether the person asked to stop."""
        return self.wish == "cancel"

    def cancel(self) -> None:
        """Ask the job to stop; it does within one batch of tiles or one step, and ends with `Cancelled`."""
        self._want("cancel")

    def pause(self) -> None:
        """Ask a training to wait after this step."""
        self._want("pause")

    def resume(self) -> None:
        """Let a paused training go on."""
        self._want("run")

    def finish(self) -> None:
        """Ask a training to stop after this step and to keep its best."""
        self._want("finish")

    def look_at(self, focus: ViewCentre | None) -> None:
        """Say which part of the image matters most now; parts near it are worked on first."""
        self.focus = focus

    def wait(self, timeout: float | None = None) -> bool:
        """Wait at most `timeout` seconds; True once the job has ended."""
        return not wait([self.outcome], timeout).not_done

    def result(self) -> Any:
        """Wait for the result.

        Raises
        ------
        Exception
            Whatever the job raised; `Cancelled` if it was cancelled.
        """
        return self.outcome.result()

    def settle(self) -> bool:
        """Hear no more wishes, because the outcome is about to be told; whether it was cancelled before."""
        with self._lock:
            self._settled = True
            return self.cancelled

    def _want(self, wish: str) -> None:
        with self._lock:
            if self._settled or self.cancelled:
                return
            self.wish = wish
        self._say(self)

"""The way from a dock to the engine and back: started without holding up the window, heard as Qt signals."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from qtpy.QtCore import QObject, Signal

from napari_pseudolabel.control import Progress
from napari_pseudolabel.errors import Cancelled, PseudolabelError


class RunnerLike(Protocol):
    """What docks need of an engine."""

    def submit(
        self,
        job: Any,
        *,
        on_progress: Callable[[Progress], None],
        on_done: Callable[[Any], None],
        on_error: Callable[[Exception], None],
    ) -> Any: ...

    def shutdown(self, timeout: float = ...) -> bool: ...


def make_runner() -> RunnerLike:
    """The engine; importing it imports torch."""
    from napari_pseudolabel.engine import Runner

    return Runner()


@dataclass(frozen=True)
class Failure:
    """An error as the person sees it."""

    sentence: str
    details: str
    cancelled: bool = False

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Sentences of our own errors as they are; anything else is announced as our mistake."""
        details = "".join(traceback.format_exception(error)).rstrip()
        if isinstance(error, Cancelled):
            return cls(str(error), "", cancelled=True)
        if isinstance(error, PseudolabelError):
            return cls(str(error), details)
        return cls(
            f"Something unexpected went wrong ({type(error).__name__}: {error}). "
            "Please copy the details into a report.",
            details,
        )


class Background(QObject):
    """Runs jobs for one dock; its signals arrive in the thread of the window.

    The engine is imported in a thread, because that takes seconds the first time. Jobs submitted
    before it is there wait for it.

    Parameters
    ----------
    make_runner
        Makes the engine; called in that thread.
    """

    progressed = Signal(int, object)
    finished = Signal(int, object)
    failed = Signal(int, object)

    def __init__(self, make_runner: Callable[[], RunnerLike]) -> None:
        super().__init__()
        self._make_runner = make_runner
        self._lock = threading.RLock()
        self._runner: RunnerLike | None = None
        self._starter: threading.Thread | None = None
        self._waiting: list[tuple[int, Any]] = []
        self._handles: dict[int, Any] = {}
        self._closed = True
        self._last = 0

    def start(self) -> None:
        """Begin to load the engine; does nothing if it is there or on its way."""
        with self._lock:
            if self._starter is not None:
                return
            self._closed = False
            self._starter = threading.Thread(target=self._load, name="pseudolabel-start", daemon=True)
            self._starter.start()

    def submit(self, job: Any) -> int:
        """Queue a job; the number returned comes with its signals."""
        self._last += 1
        number = self._last
        self.start()
        with self._lock:
            if self._runner is None:
                self._waiting.append((number, job))
                return number
        self._hand_over(number, job)
        return number

    def cancel(self, number: int) -> None:
        """Ask a job to stop; `failed` follows with a cancelled failure."""
        with self._lock:
            waiting = [job for job in self._waiting if job[0] == number]
            self._waiting = [job for job in self._waiting if job[0] != number]
            handle = self._handles.get(number)
        if handle is not None:
            handle.cancel()
        elif waiting:
            self._tell(self.failed, number, Failure.of(Cancelled()))

    def shutdown(self, timeout: float = 10.0) -> bool:
        """Stop everything and end all threads; may be called any number of times.

        Returns
        -------
        bool
            True once no thread is left.
        """
        with self._lock:
            self._closed = True
            self._waiting.clear()
            starter, runner = self._starter, self._runner
        ended = True
        if starter is not None and starter is not threading.current_thread():
            starter.join(timeout)
            ended = not starter.is_alive()
        with self._lock:
            runner, self._runner, self._starter = self._runner, None, None
            self._handles.clear()
        return (runner.shutdown(timeout) if runner is not None else True) and ended

    def _load(self) -> None:
        try:
            runner = self._make_runner()
        except Exception as error:
            with self._lock:
                waiting, self._waiting, self._starter = self._waiting, [], None
            for number, _ in waiting:
                self._tell(self.failed, number, Failure.of(error))
            return
        with self._lock:
            if self._closed:
                self._runner = runner  # `shutdown` waits for this thread and ends it
                return
            self._runner = runner
            waiting, self._waiting = self._waiting, []
        for number, job in waiting:
            self._hand_over(number, job)

    def _hand_over(self, number: int, job: Any) -> None:
        with self._lock:
            if self._runner is None or self._closed:
                return
            self._handles = {n: h for n, h in self._handles.items() if h.running}
            self._handles[number] = self._runner.submit(
                job,
                on_progress=lambda progress: self._tell(self.progressed, number, progress),
                on_done=lambda result: self._tell(self.finished, number, result),
                on_error=lambda error: self._tell(self.failed, number, Failure.of(error)),
            )

    def _tell(self, signal: Any, number: int, value: object) -> None:
        if self._closed:
            return
        try:
            signal.emit(number, value)
        except RuntimeError:
            # Qt has deleted this object together with the window; nobody is there to hear.
            return

"""The way from a dock to the engine and back: started without holding up the window, heard as Qt signals."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol

from qtpy.QtCore import QObject, Signal

from napari_pseudolabel.errors import Cancelled, message_for
from napari_pseudolabel.wording import shown

if TYPE_CHECKING:
    from qtpy.QtCore import SignalInstance

    from napari_pseudolabel.engine import Engine, Handle
    from napari_pseudolabel.strategies import Job, ViewCentre

Listening = Callable[[Any], None]
LaneName = Literal["label", "train", "local"]

_PATIENCE_S = 10.0


class EngineHolder(Protocol):
    """Lends an engine to docks; see `session.Session`."""

    def borrow(self) -> Engine:
        """Return the engine, for one dock; takes a while the first time."""
        ...

    def give_back(self, timeout: float) -> bool:
        """Take note that a dock is closed; True once nothing of the engine is left."""
        ...


@dataclass(frozen=True)
class Failure:
    """An error as the person sees it."""

    sentence: str
    details: str
    cancelled: bool = False
    error: BaseException | None = None

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Sentences of our own errors as they are; anything else is announced as our mistake."""
        details = "".join(traceback.format_exception(error)).rstrip()
        if isinstance(error, Cancelled):
            return cls(shown(error), "", cancelled=True, error=error)
        if (known := message_for(error)) is not None:
            return cls(shown(known, keep="\n"), details, error=error)
        return cls(
            f"Something unexpected went wrong ({type(error).__name__}: {error}). "
            "Please copy the details into a report.",
            details,
            error=error,
        )


class JobSignals(QObject):
    """What jobs tell, with their numbers, and who of a dock wants to hear it."""

    progressed = Signal(int, object)
    event_sent = Signal(int, object)
    drafted = Signal(int, object)
    parted = Signal(int, object)
    noticed = Signal(int, object)
    finished = Signal(int, object)
    failed = Signal(int, object)

    def __init__(self) -> None:
        super().__init__()
        self._listeners: dict[int, dict[str, Listening]] = {}
        for name in ("progressed", "event_sent", "drafted", "parted", "noticed", "finished", "failed"):
            getattr(self, name).connect(partial(self._dispatch, name))

    def listen(self, number: int, **listeners: Listening) -> None:
        """Call functions with what a job tells, by the names of the signals, until it has ended."""
        self._listeners[number] = listeners

    def forget(self, number: int | None) -> None:
        """Whatever a job still tells is stale."""
        self._listeners.pop(number or 0, None)

    def _dispatch(self, name: str, number: int, value: object) -> None:
        heard = self._listeners.get(number, {})
        if name in ("finished", "failed"):
            self.forget(number)
        if name in heard:
            heard[name](value)


class JobRunner(JobSignals):
    """Runs jobs for one dock; what they tell arrives in the thread of the window.

    The engine is fetched in a thread, because importing it takes a while the first time. Jobs
    submitted before it is there wait for it.

    Parameters
    ----------
    holder
        Lends the engine that all docks of the viewer share.
    """

    def __init__(self, holder: EngineHolder) -> None:
        super().__init__()
        self._holder = holder
        self._lock = threading.RLock()
        self._engine: Engine | None = None
        self._starter: threading.Thread | None = None
        self._waiting: list[tuple[int, Any, LaneName]] = []
        self._handles: dict[int, Handle] = {}
        self._closed = True
        self._last = 0

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        with self._lock:
            return bool(self._waiting) or any(handle.running for handle in self._handles.values())

    def start(self) -> None:
        """Begin to fetch the engine and to start its workers; does nothing if that was begun."""
        with self._lock:
            if self._starter is not None:
                return
            self._closed = False
            self._starter = threading.Thread(target=self._load, name="pseudolabel-start", daemon=True)
            self._starter.start()

    def submit(self, job: Any, lane: LaneName = "label", **listeners: Listening) -> int:
        """Queue a job, and `listen` to it; the number returned comes with its signals."""
        self._last += 1
        number = self._last
        self.listen(number, **listeners)
        self.start()
        with self._lock:
            if self._engine is None:
                self._waiting.append((number, job, lane))
                return number
        self._hand_over(number, job, lane)
        return number

    def cancel(self, number: int) -> None:
        """Ask a job to stop; `failed` follows with a cancelled failure."""
        with self._lock:
            waiting = [entry for entry in self._waiting if entry[0] == number]
            self._waiting = [entry for entry in self._waiting if entry[0] != number]
            handle = self._handles.get(number)
        if handle is not None:
            handle.cancel()
        elif waiting:
            self._notify(self.failed, number, Failure.of(Cancelled()))

    def pause(self, number: int) -> None:
        """Let a training wait after this step."""
        self._with(number, lambda handle: handle.pause())

    def resume(self, number: int) -> None:
        """Let a paused training go on."""
        self._with(number, lambda handle: handle.resume())

    def finish(self, number: int) -> None:
        """Let a training stop after this step and keep its best."""
        self._with(number, lambda handle: handle.finish())

    def look_at(self, number: int, focus: ViewCentre) -> None:
        """Say where the person looks, so that this part comes first."""
        self._with(number, lambda handle: handle.look_at(focus))

    def shutdown(self, timeout: float = _PATIENCE_S) -> bool:
        """Stop the jobs of this dock and give the engine back; may be called any number of times.

        Returns
        -------
        bool
            True once no thread is left.
        """
        with self._lock:
            self._closed = True
            self._listeners.clear()
            self._waiting.clear()
            starter = self._starter
        ended = True
        if starter is not None and starter is not threading.current_thread():
            starter.join(timeout)
            ended = not starter.is_alive()
        with self._lock:
            engine, self._engine, self._starter = self._engine, None, None
            handles, self._handles = list(self._handles.values()), {}
        for handle in handles:
            handle.cancel()
        return (self._holder.give_back(timeout) if engine is not None else True) and ended

    def _load(self) -> None:
        try:
            engine = self._holder.borrow()
            engine.warm()
        except Exception as error:
            with self._lock:
                waiting, self._waiting = self._waiting, []
                if self._starter is threading.current_thread():
                    self._starter = None  # the next job tries again
            for number, _, _ in waiting:
                self._notify(self.failed, number, Failure.of(error))
            return
        with self._lock:
            # The dock may have been closed meanwhile, and even opened again, which started another thread.
            wanted = self._starter is threading.current_thread()
            if wanted:
                self._engine = engine
                waiting, self._waiting = self._waiting, []
        if not wanted:
            self._holder.give_back(_PATIENCE_S)
            return
        for entry in waiting:
            self._hand_over(*entry)

    def _hand_over(self, number: int, job: Job, lane: LaneName) -> None:
        from napari_pseudolabel.engine import Listener

        with self._lock:
            if self._engine is None or self._closed:
                return
            self._handles = {n: h for n, h in self._handles.items() if h.running}
            drafts = "drafted" in self._listeners.get(number, {})
            self._handles[number] = self._engine.submit(
                job,
                lane,
                Listener(
                    # A draft costs a little, so it is made for those who look at it.
                    **({"draft": partial(self._notify, self.drafted, number)} if drafts else {}),
                    progress=lambda progress: self._notify(self.progressed, number, progress),
                    event=lambda event: self._notify(self.event_sent, number, event),
                    part=lambda part: self._notify(self.parted, number, part),
                    notice=lambda sentence: self._notify(self.noticed, number, sentence),
                    done=lambda result: self._notify(self.finished, number, result),
                    error=lambda error: self._notify(self.failed, number, Failure.of(error)),
                ),
            )

    def _with(self, number: int, action: Callable[[Handle], None]) -> None:
        with self._lock:
            handle = self._handles.get(number)
        if handle is not None:
            action(handle)

    def _notify(self, signal: SignalInstance, number: int, value: object) -> None:
        if self._closed:
            return
        try:
            signal.emit(number, value)
        except RuntimeError:
            # Qt has deleted this object together with the window; nobody is there to hear.
            return

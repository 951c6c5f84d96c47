"""Small things that read or count, done beside the window one after the other."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from qtpy.QtCore import QObject, Signal

from napari_pseudolabel.widgets.common.job_runner import Failure

T = TypeVar("T")


class SerialExecutor(QObject):
    """A thread for work that is too long for the window and too short for the engine.

    Files of the workspace are only touched here, so that they are touched in the order in which the person
    did things. Results arrive in the thread of the window.
    """

    _ended = Signal(object)

    def __init__(self, name: str = "pseudolabel-aside") -> None:
        super().__init__()
        self._name = name
        self._pool: ThreadPoolExecutor | None = None
        self._pending = 0
        self._ended.connect(self._on_ended)

    @property
    def busy(self) -> bool:
        """Whether something is under way."""
        return self._pending > 0

    def run(
        self,
        work: Callable[[], T],
        done: Callable[[T], None] = lambda _: None,
        failed: Callable[[Failure], None] = lambda _: None,
    ) -> Future[None]:
        """Call `work` in the thread, then `done` with its result, or `failed`, in the window.

        Returns
        -------
        Future
            Of the work; has its error.
        """
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, self._name)
        self._pending += 1
        pool = self._pool

        def call() -> None:
            try:
                result = work()
            except Exception as error:
                failure = Failure.of(error)
                self._notify((pool, lambda: failed(failure)))
                raise
            self._notify((pool, lambda: done(result)))

        return pool.submit(call)

    def shutdown(self, *, wait: bool = True, drop: bool = False) -> None:
        """Finish what was asked for, drop its results, and end the thread; may be called any number of times.

        What was begun are files of the workspace, which must not be left out because a dock closes.

        Parameters
        ----------
        wait
            Until it is finished; the thread ends in any case.
        drop
            Do no more than what is being done now: for what only reads, of which there may be much.
        """
        pool, self._pool = self._pool, None
        self._pending = 0
        if pool is not None:
            pool.shutdown(wait=wait, cancel_futures=drop)

    def _notify(self, what: object) -> None:
        try:
            self._ended.emit(what)
        except RuntimeError:
            # Qt has deleted this object together with the window; nobody is there to hear.
            return

    def _on_ended(self, what: Any) -> None:
        pool, then = what
        if pool is self._pool:
            self._pending -= 1
            then()

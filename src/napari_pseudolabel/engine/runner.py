"""The in-process engine: one background thread per runner, jobs one after the other."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from napari_pseudolabel.control import Control, Progress
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import Job, PseudoLabel


def _ignore(_: object) -> None:
    return None


def _leave_a_core() -> None:
    """Keep one core free for the window and for whatever else runs.

    Threads that wait for each other at every layer become many times slower as soon as another
    process holds one of their cores.
    """
    cores = os.cpu_count() or 1
    torch.set_num_threads(max(1, min(torch.get_num_threads(), cores - 1)))


class Handle:
    """A submitted job."""

    def __init__(self, future: Future[PseudoLabel], stop: threading.Event) -> None:
        self._future = future
        self._stop = stop

    @property
    def running(self) -> bool:
        """True until the job has a result or an error."""
        return not self._future.done()

    def cancel(self) -> None:
        """Ask the job to stop; it does within one batch of tiles and ends with `Cancelled`."""
        self._stop.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait at most `timeout` seconds; True once the job has ended."""
        finished = threading.Event()
        self._future.add_done_callback(lambda _: finished.set())
        return finished.wait(timeout)

    def result(self) -> PseudoLabel:
        """Wait for the result.

        Raises
        ------
        Exception
            Whatever the job raised; `Cancelled` if it was cancelled.
        """
        return self._future.result()


class Runner:
    """Runs jobs in a thread of its own and keeps their models loaded.

    One per viewer or command. The thread starts with the first job and ends with `shutdown`.
    """

    def __init__(self) -> None:
        self.models = LoadedModels()
        self._pool = ThreadPoolExecutor(1, "pseudolabel", initializer=_leave_a_core)
        self._handles: list[Handle] = []

    def submit(
        self,
        job: Job,
        *,
        on_progress: Callable[[Progress], None] = _ignore,
        on_done: Callable[[PseudoLabel], None] = _ignore,
        on_error: Callable[[Exception], None] = _ignore,
    ) -> Handle:
        """Queue a job.

        Parameters
        ----------
        job
            Frozen description of the work.
        on_progress, on_done, on_error
            Called in the thread of the job. Exactly one of `on_done` and `on_error` is called,
            `on_error` with `Cancelled` if the job was cancelled.
        """
        stop = threading.Event()

        def work() -> PseudoLabel:
            try:
                control = Control(on_progress, stop.is_set)
                control.check()
                result = job.run(control, self.models)
                control.check()
            except Exception as error:
                on_error(error)
                raise
            on_done(result)
            return result

        handle = Handle(self._pool.submit(work), stop)
        self._handles = [*(h for h in self._handles if h.running), handle]
        return handle

    def shutdown(self, timeout: float = 10.0) -> bool:
        """Cancel everything and end the thread; True once it has ended. May be called twice."""
        for handle in self._handles:
            handle.cancel()
        self._pool.shutdown(wait=False)
        ended = [handle.wait(timeout) for handle in self._handles]
        self.models.clear()
        return all(ended)

"""Submit a job, hear how it goes, stop it: the one way in which all heavy work is done."""

from __future__ import annotations

import os
import queue
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Any, Literal

from napari_pseudolabel.control import Control, Progress
from napari_pseudolabel.engine.connection import Connection
from napari_pseudolabel.engine.handle import Handle, Listener
from napari_pseudolabel.engine.lane import Lane
from napari_pseudolabel.engine.overall import Overall
from napari_pseudolabel.errors import Cancelled, WorkerError

LaneName = Literal["label", "train", "local"]
_JOBS_AT_ONCE = 16
_URGENT = 10

_KILLED = {
    "label": "A worker process ended unexpectedly; the part of the image it was at is computed again.",
    "train": "The worker process ended unexpectedly; the training goes on from its last checkpoint.",
    "local": "The worker process ended unexpectedly; the work is done again.",
}
_KILLED_TWICE = (
    "The worker process ended twice at the same work, most likely because the computer ran out of memory; "
    "close other programs, or choose a smaller region, tile or batch, and start again."
)


class Engine:
    """Runs jobs in worker processes.

    There are three lanes: "label" for what the person waits for, "train" for trainings, so that one never
    waits for the other, and "local" for jobs that need the files of this machine. Workers start with
    the first job of their lane. With a remote scheduler "label" and "train" are its workers.

    Parameters
    ----------
    connection
        Where the workers are.
    """

    def __init__(self, connection: Connection = Connection()) -> None:
        self.connection = connection
        local = self._lane_to(Connection())
        if connection.remote:
            elsewhere = self._lane_to(connection)
            self._lanes: dict[str, Lane] = {"local": local, "label": elsewhere, "train": elsewhere}
        else:
            self._lanes = {"local": local, "label": local, "train": self._lane_to(Connection())}
        self._pool = ThreadPoolExecutor(_JOBS_AT_ONCE, "pseudolabel")
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._caller: threading.Thread | None = None
        self._work: dict[str, _Work] = {}
        self._lock = threading.Lock()
        self._closed = False

    # What the person does.

    def warm(self) -> None:
        """Begin to start workers for labelling, so that the first job need not wait for them."""
        if not self._closed:
            self._pool.submit(self._warm)

    def submit(self, job: Any, lane: LaneName = "label", listener: Listener = Listener()) -> Handle:
        """Queue a job; returns at once.

        Parameters
        ----------
        job
            Frozen description of the work: a `strategies.Job`, or a `strategies.ChunkedJob`, whose parts
            are handed to ``listener.part`` as they come and whose result is a `RunReport`.
        lane
            Which workers.
        listener
            What is called while the job runs.
        """
        name = f"{type(job).__name__}-{uuid.uuid4().hex}"
        handle = Handle(name, listener, self._say)
        with self._lock:
            if self._closed:
                raise WorkerError("The engine was shut down; open the dock again.")
            self._work[name] = _Work(handle, lane)
            if self._caller is None:
                self._caller = threading.Thread(target=self._call, name="pseudolabel-events", daemon=True)
                self._caller.start()
        self._pool.submit(self._drive, self._work[name], job)
        return handle

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return bool(self._work)

    def memory_bytes(self) -> int:
        """Main memory that the workers of this machine take."""
        import psutil

        total = 0
        for lane in set(self._lanes.values()):
            for pid in lane.pids():
                try:
                    total += psutil.Process(pid).memory_info().rss
                except psutil.NoSuchProcess:
                    continue
        return total

    def pids(self) -> tuple[int, ...]:
        """Processes of this machine that the engine has started and that live."""
        return tuple(pid for lane in set(self._lanes.values()) for pid in lane.pids())

    def release(self) -> None:
        """Cancel everything and close the workers, which gives back all their memory; the next job starts new ones.

        Blocks until the processes are gone.
        """
        self._cancel_all()
        for lane in set(self._lanes.values()):
            lane.close()

    def shutdown(self, timeout: float = 10.0) -> bool:
        """Cancel everything, end all threads and processes; True once they have ended. May be called twice."""
        with self._lock:
            self._closed = True
        handles = self._cancel_all()
        closers = [threading.Thread(target=lane.close) for lane in set(self._lanes.values())]
        for closer in closers:
            closer.start()
        deadline = time.monotonic() + timeout
        for closer in closers:
            closer.join(max(0.0, deadline - time.monotonic()))
        ended = all(handle.wait(max(0.0, deadline - time.monotonic())) for handle in handles)
        self._pool.shutdown(wait=False)
        if self._caller is not None:
            self._calls.put(None)
            if self._caller is not threading.current_thread():
                self._caller.join(max(0.0, deadline - time.monotonic()))
        return ended and not any(closer.is_alive() for closer in closers)

    # Driving a job; in a thread of the pool.

    def _drive(self, work: _Work, job: Any) -> None:
        handle = work.handle
        try:
            if hasattr(job, "chunks"):
                result = self._in_parts(work, job)
            else:
                result = self._one(work, job, 0)
            if handle.cancelled:
                raise Cancelled
        except CancelledError:
            self._end(work, Cancelled() if handle.cancelled else WorkerError(_KILLED_TWICE))
        except Exception as error:
            self._end(work, Cancelled() if handle.cancelled else error)
        else:
            self._end(work, None, result)

    def _in_parts(self, work: _Work, job: Any) -> Any:
        """Ask what the models are, cut the image, and keep every worker busy with the part that matters most."""
        handle, listener = work.handle, work.handle.listener
        started = time.monotonic()
        control = Control(
            lambda progress: self._calls.put(lambda: listener.progress(progress)), lambda: handle.cancelled
        )
        control.report(Progress("Loading the models", 0, 1))
        plan = job.plan(self._one(work, job.survey, 0), control)
        waiting = list(enumerate(plan.chunks, start=1))
        overall = work.overall = Overall(len(waiting))
        reports = []
        lock = threading.Lock()

        def feed() -> None:
            while not handle.cancelled:
                with lock:
                    if not waiting or failed:
                        return
                    waiting.sort(key=lambda item: plan.distance(item[1], handle.focus))
                    number, chunk = waiting.pop(0)
                result = self._one(work, plan.load(chunk), number)
                if handle.cancelled:
                    return
                with lock:
                    reports.append(result.report)
                progress = overall.finished(number)
                self._calls.put(lambda: listener.part(result))
                self._calls.put(lambda: listener.progress(progress))

        failed: list[Exception] = []

        def feed_and_tell() -> None:
            try:
                feed()
            except Exception as error:
                failed.append(error)

        feeders = [
            threading.Thread(target=feed_and_tell, name=f"pseudolabel-feed-{i}", daemon=True)
            for i in range(min(self._width(work.lane), len(waiting)))
        ]
        for feeder in feeders:
            feeder.start()
        for feeder in feeders:
            feeder.join()
        if failed:
            raise failed[0]
        if handle.cancelled:
            raise Cancelled
        return plan.conclude(reports, time.monotonic() - started)

    def _one(self, work: _Work, job: Any, part: int) -> Any:
        """Run one task on a worker and wait for it; once more if the workers were lost altogether."""
        from distributed import KilledWorker
        from distributed.comm import CommClosedError

        from napari_pseudolabel.engine.worker import Ticket
        from napari_pseudolabel.engine.worker import work as function

        lane = self._lanes[work.lane]
        for attempt in (1, 2):
            if work.handle.cancelled:
                raise Cancelled
            client = lane.client()
            lane.ship(getattr(job, "checkpoints", ()))
            ticket = Ticket(work.handle.name, part, client.id, self._threads(work.lane))
            future = client.submit(
                function,
                job,
                ticket,
                key=f"{work.handle.name}-{part}-{attempt}",
                pure=False,
                priority=_URGENT if part == 0 and work.lane != "train" else 0,
            )
            work.futures[part] = future
            try:
                return future.result()
            except KilledWorker as error:
                raise WorkerError(_KILLED_TWICE) from error
            except (CancelledError, CommClosedError, OSError, TimeoutError) as error:
                if work.handle.cancelled:
                    raise Cancelled from error
                if lane.alive:
                    raise
                if attempt == 2:
                    raise WorkerError(_KILLED_TWICE) from error
                self._notice(work)
            finally:
                work.futures.pop(part, None)
        raise AssertionError("unreachable")

    def _end(self, work: _Work, error: Exception | None, result: Any = None) -> None:
        """Tell the outcome after everything that was told before."""
        handle = work.handle

        def tell() -> None:
            with self._lock:
                self._work.pop(handle.name, None)
            try:
                if error is None:
                    handle.listener.done(result)
                else:
                    handle.listener.error(error)
            finally:
                if error is None:
                    handle.outcome.set_result(result)
                else:
                    handle.outcome.set_exception(error)

        self._calls.put(tell)
        if handle.wish != "run" and not self._closed:
            self._pool.submit(self._forget, work)

    # Hearing and saying.

    def _call(self) -> None:
        """Thread of all callbacks, so that they come in order and never hold up the network."""
        while (call := self._calls.get()) is not None:
            try:
                call()
            except Exception:
                # A listener that fails must not make the engine deaf for all others.
                import logging

                logging.getLogger(__name__).exception("a listener failed")

    def _heard(self, event: tuple[float, dict[str, Any]]) -> None:
        """In the thread of the network: hand over."""
        self._calls.put(lambda: self._dispatch(event[1]))

    def _dispatch(self, message: dict[str, Any]) -> None:
        from distributed.protocol import deserialize_bytes

        from napari_pseudolabel.engine.worker import Started

        work = self._work.get(message["job"])
        if work is None:
            return
        event, part = deserialize_bytes(message["event"]), int(message["part"])
        listener = work.handle.listener
        if isinstance(event, Progress):
            listener.progress(work.overall.heard(part, event) if work.overall and part else event)
        elif isinstance(event, Started):
            again = part in work.started
            work.started.add(part)
            if again:
                self._notice(work)
            if work.handle.wish != "run":
                self._say(work.handle)
        else:
            listener.told(event)

    def _notice(self, work: _Work) -> None:
        self._calls.put(lambda: work.handle.listener.notice(_KILLED[work.lane]))

    def _say(self, handle: Handle) -> None:
        if not self._closed:
            self._pool.submit(self._tell_workers, handle)

    def _tell_workers(self, handle: Handle) -> None:
        from napari_pseudolabel.engine.worker import set_wish

        work = self._work.get(handle.name)
        if work is None:
            return
        lane = self._lanes[work.lane]
        if not lane.alive:
            return
        if handle.cancelled:
            # What no worker has begun needs none to be stopped.
            for part, future in list(work.futures.items()):
                if part not in work.started:
                    future.cancel()
        lane.client().run(set_wish, handle.name, handle.wish, on_error="ignore")

    def _forget(self, work: _Work) -> None:
        from napari_pseudolabel.engine.worker import forget

        lane = self._lanes[work.lane]
        if lane.alive:
            lane.client().run(forget, work.handle.name, on_error="ignore")

    # Small things.

    def _lane_to(self, connection: Connection) -> Lane:
        def listen(client: Any) -> None:
            from napari_pseudolabel.engine.worker import TOPIC

            client.subscribe_topic(TOPIC + client.id, self._heard)

        return Lane(connection, listen)

    def _warm(self) -> None:
        from napari_pseudolabel.engine.worker import warm_up

        self._lanes["label"].client().submit(warm_up, pure=False, key=f"warm-{uuid.uuid4().hex}").result()

    def _width(self, lane: str) -> int:
        """How many tasks the workers of a lane run at the same time."""
        return max(1, sum(self._lanes[lane].client().nthreads().values()))

    def _threads(self, lane: str) -> int | None:
        """Threads for torch: all cores of this machine but one, shared with the other lane while it works.

        Threads that wait for each other at every layer become many times slower as soon as another
        process holds one of their cores; and the window wants one for itself.
        """
        if self._lanes[lane].connection.remote:
            return None
        spare = max(1, (os.cpu_count() or 1) - 1)
        training = any(work.lane == "train" for work in list(self._work.values()))
        return max(1, spare // 2) if training and lane != "train" else spare

    def _cancel_all(self) -> Sequence[Handle]:
        handles = [work.handle for work in list(self._work.values())]
        for handle in handles:
            handle.cancel()
        return handles


class _Work:
    """A job under way, as the engine sees it."""

    def __init__(self, handle: Handle, lane: str) -> None:
        self.handle = handle
        self.lane = lane
        self.overall: Overall | None = None
        self.futures: dict[int, Any] = {}
        self.started: set[int] = set()

"""Submit a job, hear how it goes, stop it: the one way in which all heavy work is done."""

from __future__ import annotations

import queue
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal, TypeGuard

from napari_pseudolabel.control import Control, Progress
from napari_pseudolabel.engine.connection import Connection
from napari_pseudolabel.engine.handle import Handle, Listener
from napari_pseudolabel.engine.lane import Lane
from napari_pseudolabel.engine.overall import Overall
from napari_pseudolabel.engine.parts import run_parts
from napari_pseudolabel.engine.thread_share import cores
from napari_pseudolabel.engine.work import KILLED_TWICE, Work
from napari_pseudolabel.errors import Cancelled, PseudolabelError, WorkerError
from napari_pseudolabel.types import JsonObject

if TYPE_CHECKING:
    from distributed import Client

    from napari_pseudolabel.strategies import AnsweringJob, ChunkedJob, Job, PseudoLabel, RunReport
    from napari_pseudolabel.strategies.jobs import SurveyedJob
    from napari_pseudolabel.strategies.survey import Survey

LaneName = Literal["label", "train", "local"]
_JOBS_AT_ONCE = 16
_URGENT = 10
_ALL = "all"
# Parts are numbered from 1 and the survey is 0; further surveys are no parts either, and need keys of their own.
_SECOND_SURVEY = 10**9
_DRAFT = _SECOND_SURVEY - 1

_LOST = "The connection to the scheduler was lost; it is made again, and the work is done again."
_LOST_TWICE = "The connection to the scheduler was lost twice; check that it still runs, and the network, and start again."


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
        self._work: dict[str, Work] = {}
        self._lock = threading.Lock()
        self._closed = False

    # What the person does.

    def warm(self) -> None:
        """Begin to start workers for labelling, so that the first job need not wait for them."""
        with self._lock:
            if not self._closed:
                self._pool.submit(self._warm)

    def submit(self, job: Job, lane: LaneName = "label", listener: Listener = Listener()) -> Handle:
        """Queue a job; returns at once.

        Parameters
        ----------
        job
            Frozen description of the work. Parts of a `strategies.ChunkedJob` are handed to ``listener.part`` as
            they come, and its result is a `RunReport`.
        lane
            Which workers.
        listener
            What is called while the job runs.

        Raises
        ------
        WorkerError
            After `shutdown`.
        """
        name = f"{type(job).__name__}-{uuid.uuid4().hex}"
        handle = Handle(name, listener, self._say)
        with self._lock:
            if self._closed:
                raise WorkerError("The engine was shut down; open the dock again.")
            work = self._work[name] = Work(handle, lane)
            if self._caller is None:
                self._caller = threading.Thread(target=self._call, name="pseudolabel-events", daemon=True)
                self._caller.start()
            work.drive = self._pool.submit(self._drive, work, job)
        return handle

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return bool(self._work)

    def memory_bytes(self) -> int:
        """Return main memory that the workers of this machine take."""
        import psutil

        total = 0
        for pid in self.pids():
            try:
                total += psutil.Process(pid).memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return total

    def pids(self) -> tuple[int, ...]:
        """Return processes of this machine that the engine has started and that live."""
        return tuple(pid for lane in set(self._lanes.values()) for pid in lane.pids())

    def release(self) -> None:
        """Cancel everything and close the workers, which gives back all their memory; the next job starts new ones.

        Blocks until the processes are gone.
        """
        self._cancel_all()
        for closer in self._close_lanes(for_good=False):
            closer.join()

    def shutdown(self, timeout: float = 10.0) -> bool:
        """Cancel everything, end all threads and processes; True once they have ended. May be called twice."""
        with self._lock:
            self._closed = True
        handles = self._cancel_all()
        closers = self._close_lanes(for_good=True)
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

    def _drive(self, work: Work, job: Job) -> None:
        try:
            if work.handle.cancelled:
                raise Cancelled
            if _is_chunked(job):
                result: object = self._in_parts(work, job)
            elif _is_answering(job):
                control = self._control(work)
                survey = self._loaded(work, job, control)
                result = job.answer(self._known(work, job, survey, control))
            else:
                result = self._one(work, job, 0)
        except Exception as error:
            self._end(work, error)
        else:
            self._end(work, None, result)

    def _in_parts(self, work: Work, job: ChunkedJob) -> RunReport:
        """Ask what the models are, cut the image, and run the parts."""
        handle, listener = work.handle, work.handle.listener
        started = time.monotonic()
        control = self._control(work)
        survey = self._loaded(work, job, control)
        ready = time.monotonic() - started
        plan = job.plan(self._known(work, job, survey, control), control)
        plan = plan.begun_at(handle.focus)
        if listener.wants_drafts and (draft := plan.draft(handle.focus)) is not None:
            self._draft(work, draft)
        overall = work.overall = Overall([chunk.region.area for chunk in plan.chunks])

        def finished(number: int, result: PseudoLabel) -> None:
            progress = overall.finished(number)

            def tell() -> None:
                if not handle.cancelled:
                    listener.part(result)
                    listener.progress(progress)

            self._calls.put(tell)

        width = len(self._lanes[work.lane].client(lambda: not handle.cancelled).nthreads())
        reports = run_parts(
            work, plan, lambda part, number: self._one(work, part, number), finished, max(1, width)
        )
        return plan.conclude(reports, time.monotonic() - started, ready)

    def _control(self, work: Work) -> Control:
        """Through which what is done here, where the image is, reports and hears of a cancel."""
        handle, listener = work.handle, work.handle.listener
        return Control(
            lambda progress: self._calls.put(lambda: listener.progress(progress)),
            lambda: handle.cancelled,
            emit=lambda event: self._calls.put(lambda: listener.event(event)),
        )

    def _loaded(self, work: Work, job: SurveyedJob, control: Control) -> Survey:
        """Have the models loaded, by a worker that may have to start first, and ask what they are."""
        control.report(Progress("Loading the models", 0, 1))
        survey: Survey = self._one(work, job.survey, 0)
        return survey

    def _known(self, work: Work, job: SurveyedJob, survey: Survey, control: Control) -> Survey:
        """Ask whatever else has to be known of the image first."""
        number = _SECOND_SURVEY
        while (more := job.second_survey(survey, control)) is not None:
            survey = self._one(work, more, number)
            number += 1
        return survey

    def _draft(self, work: Work, draft: Job) -> None:
        """Show something before the first part is there."""
        handle = work.handle
        result = self._one(work, draft, _DRAFT)
        self._calls.put(lambda: None if handle.cancelled else handle.listener.draft(result))

    def _one(self, work: Work, job: Job, part: int) -> Any:
        """Run one task on a worker and wait for it; once more if the workers were lost altogether."""
        import cloudpickle
        from distributed import KilledWorker

        from napari_pseudolabel.engine.worker import Ticket
        from napari_pseudolabel.engine.worker import work as function

        lane, handle = self._lanes[work.lane], work.handle
        for attempt in (1, 2):
            future = None
            try:
                client = lane.client(lambda: not handle.cancelled)
                packages = lane.ship(client, getattr(job, "checkpoints", None) or ())
                if part == 0:
                    self._look_for_workers(work, client)
                ticket = Ticket(
                    handle.name, part, client.id, work.lane, self._least_threads(work.lane), packages
                )
                urgent = (part == 0 or part >= _DRAFT) and work.lane != "train"
                future = lane.submit(
                    client,
                    function,
                    cloudpickle.dumps(job),
                    ticket,
                    key=work.key(part, attempt),
                    priority=_URGENT if urgent else 0,
                )
                work.futures[part] = future
                if handle.cancelled:  # perhaps before there was a future to cancel
                    future.cancel()
                return future.result()
            except KilledWorker as error:
                raise WorkerError(KILLED_TWICE) from error
            except Exception as error:
                if handle.cancelled:
                    raise Cancelled from error
                # Errors of the job itself, and of starting the workers, are what they are.
                if isinstance(error, PseudolabelError) or (future is not None and future.status == "error"):
                    raise
                if lane.alive and not isinstance(error, CancelledError | OSError):
                    raise
                if work.given_up(part):
                    raise WorkerError(KILLED_TWICE) from error
                if lane.connection.remote:
                    sentence: str | None = _LOST if attempt == 1 else None
                else:
                    sentence = work.lose(part) if attempt == 1 else None
                if sentence is None:
                    raise WorkerError(_LOST_TWICE if lane.connection.remote else KILLED_TWICE) from error
                work.started.discard(part)
                self._notice(work, sentence)
            finally:
                work.futures.pop(part, None)
        raise AssertionError("unreachable")

    def _look_for_workers(self, work: Work, client: Client) -> None:
        address = self._lanes[work.lane].connection.address
        if address is not None and not client.nthreads():
            self._notice(work, f"The scheduler at {address} has no workers yet; the work begins when it has.")

    def _end(self, work: Work, error: Exception | None, result: object = None) -> None:
        """Tell the outcome after everything that was told before."""
        handle = work.handle

        def tell() -> None:
            with self._lock:
                self._work.pop(handle.name, None)
            outcome: Exception | None = Cancelled() if handle.settle() else error
            # Dask's word for what was cancelled from elsewhere.
            if isinstance(outcome, CancelledError):
                outcome = WorkerError(KILLED_TWICE)
            try:
                if outcome is None:
                    handle.listener.done(result)
                else:
                    handle.listener.error(outcome)
            finally:
                if outcome is None:
                    handle.outcome.set_result(result)
                else:
                    handle.outcome.set_exception(outcome)

        self._calls.put(tell)

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

    def _heard(self, event: tuple[float, JsonObject]) -> None:
        """In the thread of the network: hand over."""
        self._calls.put(lambda: self._dispatch(event[1]))

    def _dispatch(self, message: JsonObject) -> None:
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
            work.started.add(part)
            if work.handle.wish != "run":
                self._say(work.handle)
        else:
            listener.event(event)

    def _heard_of_all(self, event: tuple[float, object]) -> None:
        """In the thread of the network: what the scheduler says of workers."""
        message = event[1]
        if isinstance(message, dict) and message.get("action") == "remove-worker":
            self._calls.put(lambda: self._removed(message))

    def _removed(self, message: JsonObject) -> None:
        for name, part in filter(None, map(Work.told_by, message.get("processing-tasks", ()))):
            work = self._work.get(name)
            if work is None:
                continue
            if message.get("expected"):  # a cluster that becomes smaller; the task goes elsewhere
                work.started.discard(part)
            elif (sentence := work.lose(part)) is not None:
                work.handle.listener.notice(sentence)
            elif (future := work.futures.get(part)) is not None:
                # Schedulers elsewhere may have more patience.
                self._lanes[work.lane].say(future.cancel)
            if work.handle.cancelled:
                self._say(work.handle)

    def _notice(self, work: Work, sentence: str) -> None:
        self._calls.put(lambda: work.handle.listener.notice(sentence))

    def _say(self, handle: Handle) -> None:
        work = self._work.get(handle.name)
        if work is not None:
            self._lanes[work.lane].say(lambda: self._tell_workers(work))

    def _tell_workers(self, work: Work) -> None:
        from napari_pseudolabel.engine.worker import set_wish

        handle = work.handle
        if handle.cancelled:
            if work.drive is not None and work.drive.cancel():
                self._end(work, Cancelled())
                return
            # What no worker has begun needs none to be stopped.
            for part, future in list(work.futures.items()):
                if part not in work.started:
                    future.cancel()
        self._lanes[work.lane].run(set_wish, handle.name, handle.wish)

    # Small things.

    def _lane_to(self, connection: Connection) -> Lane:
        def listen(client: Client) -> None:
            from napari_pseudolabel.engine.worker import TOPIC

            client.subscribe_topic(TOPIC + client.id, self._heard)
            client.subscribe_topic(_ALL, self._heard_of_all)

        return Lane(connection, listen)

    def _close_lanes(self, for_good: bool) -> list[threading.Thread]:
        closers = [
            threading.Thread(target=lane.close, args=(for_good,)) for lane in set(self._lanes.values())
        ]
        for closer in closers:
            closer.start()
        return closers

    def _warm(self) -> None:
        from napari_pseudolabel.engine.worker import warm_up

        lane = self._lanes["label"]
        lane.submit(lane.client(), warm_up, key=f"warm-{uuid.uuid4().hex}").result()

    def _least_threads(self, lane: str) -> int | None:
        """Threads for torch in any case; None where the machine is not ours.

        A worker takes the cores that are idle, and a training does so, too: what the person waits for gets half of them
        while one goes on, which the training then leaves.
        """
        if self._lanes[lane].connection.remote:
            return None
        training = any(work.lane == "train" for work in list(self._work.values()))
        return max(1, cores() // 2) if training and lane != "train" else 1

    def _cancel_all(self) -> Sequence[Handle]:
        handles = [work.handle for work in list(self._work.values())]
        for handle in handles:
            handle.cancel()
        return handles


def _is_chunked(job: Job) -> TypeGuard[ChunkedJob]:
    return hasattr(job, "chunks")


def _is_answering(job: Job) -> TypeGuard[AnsweringJob]:
    return hasattr(job, "answer")

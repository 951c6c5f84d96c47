"""What runs inside of a worker: one function, and what it keeps between calls."""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from distributed import WorkerPlugin, get_worker
from distributed.protocol import serialize_bytes

from napari_pseudolabel.control import Control, Progress, Wish
from napari_pseudolabel.engine.thread_share import ThreadShare

if TYPE_CHECKING:
    from distributed import Worker

    from napari_pseudolabel.models.loaded import LoadedModels

NAME = "napari-pseudolabel"
TOPIC = "napari-pseudolabel-"
_PROGRESS_EVERY_S = 0.1
_FIRST_TO_BE_KILLED = "500"
_WISHES_KEPT = 1000


@dataclass(frozen=True)
class Ticket:
    """What a task is told beside its job.

    Attributes
    ----------
    job
        Unique name of the submission.
    part
        Which of its tasks.
    client
        Who listens.
    lane
        Of two tasks of a lane, one waits for the other, even in a worker that has threads for both: they
        share models and a GPU.
    least_threads
        For torch on a CPU, however busy the machine is; it gets more where cores are idle. None leaves them as they are.
    packages
        Reference and package of the checkpoints that were sent: the file behind a reference may change.
    """

    job: str
    part: int
    client: str
    lane: str
    least_threads: int | None = None
    packages: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Started:
    """A worker begins with a task.

    Attributes
    ----------
    pid, address
        Of the worker.
    """

    pid: int
    address: str


class Keeper(WorkerPlugin):
    """What a worker keeps: loaded models, and what the person wants of each job."""

    name = NAME
    # A second client on the same scheduler must not replace what the first one's jobs are using.
    idempotent = True

    def __init__(self) -> None:
        self.wishes: dict[str, str] = {}
        self.packages: dict[str, Path] = {}
        self._models: LoadedModels | None = None

    def setup(self, worker: Worker) -> None:
        """Offer this process first, should the system run out of memory: napari shall live."""
        self.turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self.share = ThreadShare(_set_threads)
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_BE_KILLED)

    def models(self, ticket: Ticket) -> LoadedModels:
        """Return loaded models, for a job; imports torch."""
        from napari_pseudolabel.models.loaded import LoadedModels

        if self._models is None:
            self._models = LoadedModels()
        if not ticket.packages:
            return self._models
        # What is loaded is shared by all jobs, what a reference means is not.
        return replace(self._models, shipped={ref: self.packages[name] for ref, name in ticket.packages})


class ModelPackage(WorkerPlugin):
    """A checkpoint on its way to workers that may not see the file.

    Parameters
    ----------
    sha256
        Of its content; the folder on the worker is named so.
    main
        Path of the checkpoint inside of the package.
    files
        Content by relative path.
    """

    idempotent = True

    def __init__(self, sha256: str, main: str, files: dict[str, bytes]) -> None:
        self.sha256, self.main, self.files = sha256, main, files
        self.name = f"{NAME}-{sha256}"

    def setup(self, worker: Worker) -> None:
        """Unpack, and say where."""
        folder = Path(worker.local_directory) / self.sha256
        for relative, content in self.files.items():
            path = folder / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        _keeper(worker).packages[self.name] = folder / self.main
        self.files = {}


def _keeper(worker: Worker) -> Keeper:
    keeper = worker.plugins[NAME]
    assert isinstance(keeper, Keeper)
    return keeper


def set_wish(job: str, wish: str, dask_worker: Worker) -> None:
    """Tell a worker what the person wants of a job; run on workers by `Client.run`."""
    wishes = _keeper(dask_worker).wishes
    wishes[job] = wish
    # Of jobs that ended long ago; not at once, because a cancelled one may not have heard it yet.
    while len(wishes) > _WISHES_KEPT:
        del wishes[next(iter(wishes))]


def work(packed: bytes, ticket: Ticket) -> object:
    """Run one job; see `strategies.Job`.

    Parameters
    ----------
    packed
        The job, pickled, so that a scheduler on the way need not know what it is.
    """
    worker = get_worker()
    keeper = _keeper(worker)
    tell = _teller(worker, ticket)

    def cancelled() -> bool:
        # Asked between two batches or steps, by the thread that computes.
        if ticket.least_threads is not None:
            keeper.share.look(ticket.least_threads)
        return keeper.wishes.get(ticket.job) == "cancel"

    def wish() -> Wish:
        found = keeper.wishes.get(ticket.job)
        return "pause" if found == "pause" else "finish" if found == "finish" else "run"

    control = Control(_throttled(tell), cancelled, tell, wish)
    with keeper.turns[ticket.lane]:
        control.check()
        tell(Started(os.getpid(), worker.address))
        result = pickle.loads(packed).run(control, keeper.models(ticket))
        control.check()
        return result


def _set_threads(count: int) -> None:
    """Tell torch, once somebody has imported it; not every job needs it, and it may be on its way (`warm_up`)."""
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "set_num_threads") and torch.get_num_threads() != count:
        torch.set_num_threads(count)


def _teller(worker: Worker, ticket: Ticket) -> Callable[[object], None]:
    topic = TOPIC + ticket.client

    def tell(event: object) -> None:
        worker.log_event(topic, {"job": ticket.job, "part": ticket.part, "event": serialize_bytes(event)})

    return tell


def _throttled(tell: Callable[[object], None]) -> Callable[[Progress], None]:
    """Progress often enough for an eye; the begin and the end of a stage always get through."""
    last = 0.0

    def report(progress: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if 0 < progress.done < progress.total and now - last < _PROGRESS_EVERY_S:
            return
        last = now
        tell(progress)

    return report


def warm_up() -> None:
    """Begin to import what every job needs, beside the first small jobs, which need less."""

    def load() -> None:
        import napari_pseudolabel.models.loaded
        import napari_pseudolabel.models.safe_load
        import napari_pseudolabel.models.translators.translate  # noqa: F401

    threading.Thread(target=load, name="pseudolabel-warm", daemon=True).start()

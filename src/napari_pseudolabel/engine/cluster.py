"""The workers of this machine and their scheduler, on the loopback address, with nothing that others could read."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import dask
from distributed import Nanny, Scheduler, Security, SpecCluster, Worker, scheduler, worker

SETTINGS: dict[str, object] = {
    # A part whose worker was killed runs once more; the second time is an error.
    "distributed.scheduler.allowed-failures": 1,
    "distributed.scheduler.work-stealing": False,
    # Closed connections tell that a process died; silence comes from a computer that slept.
    "distributed.scheduler.worker-ttl": None,
    # By default it ends the nanny of a worker that takes 15 s to start again.
    "distributed.deploy.lost-worker-timeout": "1 day",
    # Processes of a busy machine answer late, and whoever waits for them sees when they die.
    "distributed.comm.timeouts.connect": "10 minutes",
    "distributed.admin.log-length": 10,
    "distributed.admin.low-level-log-length": 10,
    "distributed.admin.large-graph-warning-threshold": "10GiB",
    "distributed.worker.profile.enabled": False,
    # What watches itself for pages that nobody sees: fifty times a second a look whether the loop is late, which alone kept a
    # few hundredths of a core busy, and numbers of every half second for an hour.
    "distributed.admin.tick.interval": "1 s",
    "distributed.admin.system-monitor.interval": "10 s",
    "distributed.admin.system-monitor.log-length": 10,
    "distributed.admin.system-monitor.disk": False,
    "distributed.diagnostics.computations.max-history": 1,
    # It looks for copies of results on several workers; ours go to the client and are let go.
    "distributed.scheduler.active-memory-manager.start": False,
}
# Its records of every computation are never dropped: 4 KB for each part of each image.
_NEVER_FORGETS = "spans"


class _WithoutPages:
    """Dask serves logs and call stacks by plain HTTP, to everybody who is logged in on this machine."""

    def start_http_server(self, *_: object, **__: object) -> None:
        """Start none."""


class QuietScheduler(_WithoutPages, Scheduler):
    """A scheduler without pages, that remembers nothing of what is done."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, extensions=_forgetting(scheduler.DEFAULT_EXTENSIONS), **options)


class QuietWorker(_WithoutPages, Worker):
    """A worker of such a scheduler."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, extensions=_forgetting(worker.DEFAULT_EXTENSIONS), **options)


def _forgetting(extensions: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in extensions.items() if name != _NEVER_FORGETS}


def start(workers: int, folder: str, security: Security) -> SpecCluster:
    """Start a scheduler and worker processes; returns when they are there.

    Parameters
    ----------
    folder
        For temporary files.
    security
        Whoever can talk to a worker can run code in it, and other people may be logged in here.
    """
    dask.config.set({**SETTINGS, "temporary-directory": folder})
    common = {"host": "127.0.0.1", "protocol": "tls://", "security": security}
    described = {
        "cls": Nanny,
        "options": {
            **common,
            "worker_class": QuietWorker,
            "nthreads": 1,
            "memory_limit": 0,
            "local_directory": folder,
            "silence_logs": logging.CRITICAL,
        },
    }
    return SpecCluster(
        scheduler={"cls": QuietScheduler, "options": {**common, "port": 0, "dashboard": False}},
        workers=dict.fromkeys(range(workers), described),
        security=security,
        silence_logs=logging.CRITICAL,
    )

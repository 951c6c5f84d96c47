"""The workers of this machine and their scheduler, on the loopback address, with nothing that others could read."""

from __future__ import annotations

import logging

import dask
from distributed import Nanny, Scheduler, Security, SpecCluster, Worker

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
}


class _WithoutPages:
    """Dask serves logs and call stacks by plain HTTP, to everybody who is logged in on this machine."""

    def start_http_server(self, *_: object, **__: object) -> None:
        """Start none."""


class QuietScheduler(_WithoutPages, Scheduler):
    """A scheduler without pages."""


class QuietWorker(_WithoutPages, Worker):
    """A worker without pages."""


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
    worker = {
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
        workers=dict.fromkeys(range(workers), worker),
        security=security,
        silence_logs=logging.CRITICAL,
    )

"""The process that holds the workers of this machine: ``python -m napari_pseudolabel.engine.host``.

It runs a `LocalCluster` on the loopback address, below normal priority, prints as one JSON line how to
connect, and ends with everything it started as soon as its standard input closes, which happens
however the process that started it ends. Keeping the scheduler out of the window's process keeps
its work out of the window's event loop; and a new interpreter, unlike multiprocessing, does not run
the script of the person again.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading

import psutil

_NICENESS = 10


def main(workers: int) -> None:
    """Start, say where, and wait for the end."""
    _lower_priority()
    # Ctrl-C in a shell reaches every process of the group; only the one at the shell decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    import dask
    from distributed import LocalCluster, Security

    dask.config.set(
        {
            # A part whose worker was killed runs once more; the second time is an error.
            "distributed.scheduler.allowed-failures": 1,
            "distributed.scheduler.work-stealing": False,
            "distributed.admin.log-length": 10,
            "distributed.admin.low-level-log-length": 10,
            "distributed.admin.large-graph-warning-threshold": "10GiB",
            "distributed.worker.profile.enabled": False,
        }
    )
    # Whoever can talk to a worker can run code in it, and other people may be logged in here.
    security = Security.temporary()
    cluster = LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        memory_limit=0,
        security=security,
        silence_logs=logging.CRITICAL,
    )
    told = {
        "address": cluster.scheduler_address,
        "ca": security.tls_ca_file,
        "certificate": security.tls_client_cert,
        "key": security.tls_client_key,
    }
    print(json.dumps(told), flush=True)
    try:
        sys.stdin.read()
    finally:
        # An orderly end may hang in a worker that computes; nobody waits for it here.
        threading.Timer(5.0, _end_now).start()
        cluster.close(timeout=3)
        _end_now()


def _lower_priority() -> None:
    process = psutil.Process()
    process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if os.name == "nt" else _NICENESS)


def _end_now() -> None:
    for child in psutil.Process().children(recursive=True):
        child.kill()
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))

"""The process that holds the workers of this machine: ``python -m napari_pseudolabel.engine.host 1 FOLDER``.

It runs a cluster on the loopback address, below normal priority, prints as one JSON line how to
connect, and ends with everything it started as soon as its standard input closes, which happens
however the process that started it ends. Keeping the scheduler out of the window's process keeps
its work out of the window's event loop; and a new interpreter, unlike multiprocessing, does not run
the script of the person again.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING

import psutil

from napari_pseudolabel.engine.patience import Patience

if TYPE_CHECKING:
    from distributed import SpecCluster

# A share, not what others leave: by Linux's weights (335 and 110 to 1024) a quarter of a core that a busy program of
# normal priority wants as well, where 10 would get a tenth; not measured. The window still comes first.
_NICENESS = 5
_DIE_S = 2


def main(workers: int, folder: str) -> None:
    """Start, say where, and wait for the end; the folder is for temporary files."""
    _lower_priority()
    # Nobody reads what workers print: a pipe that is full would stop them.
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # Ctrl-C in a shell reaches every process of the group; only the one at the shell decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    host = _Host(folder)
    threading.Thread(target=host.wait_for_the_end, daemon=True).start()

    from distributed import Security

    from napari_pseudolabel.engine import cluster

    security = Security.temporary()
    host.cluster = started = cluster.start(workers, host.folder, security)
    told = {
        "address": started.scheduler_address,
        "ca": security.tls_ca_file,
        "certificate": security.tls_client_cert,
        "key": security.tls_client_key,
    }
    print(json.dumps(told), file=answer, flush=True)
    host.watch(started)


class _Host:
    """What has to be taken down.

    Parameters
    ----------
    folder
        Where workers put temporary files.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.cluster: SpecCluster | None = None

    def wait_for_the_end(self) -> None:
        """End all processes as soon as standard input closes, whatever they are doing.

        An orderly end would wait for workers that compute; what they have to say, nobody hears.
        """
        sys.stdin.read()
        self.end()

    def watch(self, cluster: SpecCluster) -> None:
        """End when there are no workers any more; whoever waits for them notices, and starts others.

        A nanny starts workers again that die, but may give up on those that die while they start.
        """
        workers = psutil.Process()
        patience: Patience | None = None
        while not any(
            nanny.status.name in ("closing", "closed", "failed") for nanny in list(cluster.workers.values())
        ):
            if cluster.scheduler is not None and cluster.scheduler.workers:
                patience = None
            elif patience is None:
                patience = Patience(lambda: workers.children(recursive=True))
            elif patience.ended:
                break
            time.sleep(1)
        self.end()

    def end(self) -> None:
        """Take everything down, and this process."""
        loop = None if self.cluster is None else self.cluster.loop
        if loop is not None:
            # A nanny would start a new worker.
            loop.add_callback(loop.stop)
        # The tracker ends after all others, and gives semaphores back.
        tracker = getattr(resource_tracker._resource_tracker, "_pid", None)
        workers = [child for child in psutil.Process().children(recursive=True) if child.pid != tracker]
        for worker in workers:
            worker.kill()
        psutil.wait_procs(workers, timeout=_DIE_S)
        shutil.rmtree(self.folder, ignore_errors=True)
        os._exit(0)


def _lower_priority() -> None:
    process = psutil.Process()
    # Below that of the window, whatever that one was started with.
    process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if os.name == "nt" else process.nice() + _NICENESS)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])

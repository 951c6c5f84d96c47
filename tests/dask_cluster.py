"""A cluster as somebody else runs it: a Dask scheduler and its workers, each a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_PATIENCE_S = 60


@dataclass
class Cluster:
    """A running cluster.

    Attributes
    ----------
    folder
        Where its processes are; paths relative to another folder mean nothing to them.
    tls
        Options of the commands that name PEM files.
    """

    folder: Path
    tls: tuple[str, ...] = ()
    address: str = ""
    scheduler: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start_scheduler(self) -> None:
        """Start it on any free port of the loopback address, and wait until it says which."""
        told = self.folder / "scheduler.json"
        protocol = "tls" if self.tls else "tcp"
        where = ("--host", f"{protocol}://127.0.0.1", "--port", "0", "--scheduler-file", str(told))
        self.scheduler = self._run("scheduler", *where, "--no-dashboard")
        end = time.monotonic() + _PATIENCE_S
        while not self.address:
            assert time.monotonic() < end, "the scheduler did not start"
            assert self.scheduler.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.05)
            if told.exists() and (text := told.read_text()).rstrip().endswith("}"):
                self.address = json.loads(text)["address"]

    def start_worker(self, threads: int = 1) -> subprocess.Popen[bytes]:
        """Start one more worker, without a nanny that would start another in its place; does not wait."""
        options = ("--no-nanny", "--nthreads", str(threads), "--no-dashboard", "--host", "127.0.0.1")
        worker = self._run("worker", self.address, *options, "--local-directory", str(self.folder))
        self.workers.append(worker)
        return worker

    def end(self) -> None:
        """Kill what is left."""
        processes = [*self.workers, *([self.scheduler] if self.scheduler else [])]
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()

    def _run(self, what: str, *options: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", f"distributed.cli.dask_{what}", *options, *self.tls],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )


def certificates(folder: Path) -> tuple[list[Path], tuple[str, ...]]:
    """PEM files for TLS (authority, certificate, key), and the options of commands that name them."""
    from distributed import Security

    security, files = Security.temporary(), []
    for name in ("tls_ca_file", "tls_client_cert", "tls_client_key"):
        files.append(folder / f"{name}.pem")
        files[-1].write_text(getattr(security, name))
    named = zip(("--tls-ca-file", "--tls-cert", "--tls-key"), files, strict=True)
    return files, tuple(str(word) for pair in named for word in pair)


@contextmanager
def cluster(folder: Path, workers: int, tls: tuple[str, ...] = ()) -> Iterator[Cluster]:
    """Run a cluster; its workers may still be starting.

    Parameters
    ----------
    folder
        Empty.
    """
    found = Cluster(folder, tls)
    try:
        found.start_scheduler()
        for _ in range(workers):
            found.start_worker()
        yield found
    finally:
        found.end()

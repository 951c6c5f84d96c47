"""A cluster as somebody else runs it: a Dask scheduler and its workers, each a process of its own."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing.process import BaseProcess
from pathlib import Path

from few_looks import few_looks
from warm_process import warm

_TESTS = Path(__file__).parent
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
    brief
        Whether trainings measure with few looks, as in this process.
    """

    folder: Path
    tls: tuple[str, ...] = ()
    brief: bool = False
    address: str = ""
    scheduler: BaseProcess | None = None
    workers: list[BaseProcess] = field(default_factory=list)

    def start_scheduler(self) -> None:
        """Start it on any free port of the loopback address, and wait until it says which."""
        told = self.folder / "scheduler.json"
        protocol = "tls" if self.tls else "tcp"
        where = ("--host", f"{protocol}://127.0.0.1", "--port", "0", "--scheduler-file", str(told))
        self.scheduler = self._run("scheduler", *where, "--no-dashboard")
        end = time.monotonic() + _PATIENCE_S
        while not self.address:
            assert time.monotonic() < end, "the scheduler did not start"
            assert self.scheduler.is_alive(), (self.folder / "log").read_text()
            time.sleep(0.05)
            if told.exists() and (text := told.read_text()).rstrip().endswith("}"):
                self.address = json.loads(text)["address"]

    def start_worker(self, threads: int = 1) -> BaseProcess:
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
            process.join()

    def _run(self, what: str, *options: str) -> BaseProcess:
        words = (*options, *self.tls)
        return warm(_elsewhere, what, words, str(self.folder), self.brief, log=self.folder / "log")


def _elsewhere(what: str, words: tuple[str, ...], folder: str, brief: bool) -> None:
    """Be a program of Dask, in a folder of its own, that cannot import what lies beside the tests."""
    sys.path[:] = [path for path in sys.path if not Path(path).is_relative_to(_TESTS)]
    os.chdir(folder)
    program = import_module(f"distributed.cli.dask_{what}").main
    with few_looks() if brief else nullcontext():
        program(words)


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
def cluster(folder: Path, workers: int, tls: tuple[str, ...] = (), brief: bool = False) -> Iterator[Cluster]:
    """Run a cluster; its workers may still be starting.

    Parameters
    ----------
    folder
        Empty.
    """
    found = Cluster(folder, tls, brief)
    try:
        found.start_scheduler()
        for _ in range(workers):
            found.start_worker()
        yield found
    finally:
        found.end()

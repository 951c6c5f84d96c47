"""What a task costs besides its work: how large do chunks have to be, and what would a million tiles cost?

    python benchmarks/scheduler.py [--tasks 2000] [--pixels 0 --pixels 700] [--parts 10000 --parts 1000000] [--json FILE]

Tasks that compute nothing go through the engine as chunks do: pickled with their pixels, handed to Dask one by one with as
many under way as there are workers, answered with labels, reported. Counted are the CPU seconds of the process that submits
and of those that it started (scheduler, worker), so that what else the machine does matters little. From two sizes of tasks
follow the overhead of a task and of its pixels; from these what a million tiles cost, in chunks of as many as are usual, and the
least work that a task must hold for the overhead to stay below 3 %. Half of the tasks against the other half says whether a task
costs more the more there were before.

With --parts, jobs of so many parts go through the engine's own bookkeeping alone (what comes next, progress and time left of the
whole), with no process behind it: what a part costs there must not depend on how many there are.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from napari_pseudolabel.control import Progress
from napari_pseudolabel.engine import Engine, Listener
from napari_pseudolabel.engine.handle import Handle
from napari_pseudolabel.engine.overall import Overall
from napari_pseudolabel.engine.parts import run_parts
from napari_pseudolabel.engine.work import Work
from napari_pseudolabel.strategies.chunks import TILES_PER_CHUNK

MILLION = 10**6
SHARE = 0.03


@dataclass(frozen=True)
class Nothing:
    """A job that only carries pixels there and labels back."""

    pixels: NDArray[np.float32]
    title: str = "Nothing"

    def run(self, control: Any, models: Any) -> NDArray[np.uint8]:
        """Return as many labels."""
        return np.zeros(self.pixels.shape, np.uint8)


@dataclass(frozen=True)
class Row:
    """Tasks of one size; CPU milliseconds per task, and resident memory after each half."""

    side: int
    tasks: int
    client: float
    cluster: float
    slope: float
    memory_mb: tuple[float, float]

    @property
    def both(self) -> float:
        """All of it."""
        return self.client + self.cluster


def cpu_seconds(engine: Engine) -> tuple[float, float]:
    """CPU seconds of this process, and of those of the engine."""
    others = 0.0
    for pid in engine.pids():
        times = psutil.Process(pid).cpu_times()
        others += times.user + times.system
    return time.process_time(), others


def measured(engine: Engine, side: int, tasks: int) -> Row:
    """Hand over so many tasks, one after the other."""
    job = Nothing(np.zeros((side, side), np.float32))
    engine.submit(job).result()
    halves, memory = [], []
    for _ in range(2):
        before = cpu_seconds(engine)
        for _ in range(tasks // 2):
            engine.submit(job).result()
        after = cpu_seconds(engine)
        halves.append([1000 * (b - a) / (tasks // 2) for a, b in zip(before, after, strict=True)])
        memory.append((psutil.Process().memory_info().rss + engine.memory_bytes()) / 2**20)
    client, cluster = (sum(both) / 2 for both in zip(*halves, strict=True))
    return Row(side, tasks, client, cluster, sum(halves[1]) / sum(halves[0]), (memory[0], memory[1]))


@dataclass(frozen=True)
class Done:
    """Stands for what a worker has made."""

    report: None = None


class ManyParts:
    """Stands for the plan of a job with so many parts, which do nothing."""

    def __init__(self, count: int) -> None:
        self.chunks = range(count)

    def distance(self, chunk: int, focus: object) -> tuple[int, float]:
        """Return what comes first."""
        return 0, float(chunk)

    def load(self, chunk: int) -> int:
        """Return the part."""
        return chunk

    sent = load

    def arrived(self, part: Done) -> None:
        """Hear of it."""


def bookkeeping(parts: int) -> float:
    """Return CPU microseconds per part."""
    plan: Any = ManyParts(parts)
    began = time.process_time()
    work = Work(Handle("parts", Listener(), lambda *_: None), "label")
    overall = Overall([1.0] * parts)

    def finished(number: int, result: object) -> None:
        overall.heard(number, Progress("Labelling", 1, 2))
        overall.finished(number)

    run: Any = lambda job, part: Done()  # noqa: E731
    run_parts(work, plan, run, finished, 2)
    return 1e6 * (time.process_time() - began) / parts


def main(
    tasks: Annotated[int, typer.Option(help="Of each size.")] = 2000,
    pixels: Annotated[list[int] | None, typer.Option(help="Sides of the images that tasks carry.")] = None,
    parts: Annotated[
        list[int] | None, typer.Option(help="Parts of jobs whose bookkeeping is measured.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Measure, and tell what follows."""
    for count in parts or ():
        print(f"bookkeeping of {count:,} parts: {bookkeeping(count):.1f} CPU microseconds each", flush=True)
    if not tasks:
        return
    engine = Engine()
    try:
        rows = [measured(engine, side, tasks) for side in pixels or (1, 700)]
    finally:
        engine.shutdown()
    table = Table(
        "side px",
        "tasks",
        "client ms",
        "scheduler + worker ms",
        "together ms",
        "second half / first",
        "MB after each half",
    )
    for row in rows:
        table.add_row(
            str(row.side),
            str(row.tasks),
            *(f"{one:.2f}" for one in (row.client, row.cluster, row.both, row.slope)),
            " / ".join(f"{one:.0f}" for one in row.memory_mb),
        )
    console = Console(width=120)
    console.print(table)
    largest = rows[-1]
    told: dict[str, Callable[[], float]] = {
        "chunks of a million tiles": lambda: MILLION / TILES_PER_CHUNK**2,
        "CPU minutes that they cost besides their work": lambda: (
            MILLION / TILES_PER_CHUNK**2 * largest.both / 60_000
        ),
        "CPU minutes if every tile were a task": lambda: MILLION * rows[0].both / 60_000,
        "least CPU seconds of work in a task": lambda: largest.both / 1000 / SHARE,
    }
    found = {name: value() for name, value in told.items()}
    for name, value in found.items():
        console.print(f"{name}: {value:,.2f}")
    if json_file:
        machine = {"machine": platform.machine(), "date": date.today().isoformat()}
        json_file.write_text(
            json.dumps({**machine, "rows": [asdict(row) for row in rows], **found}, indent=2)
        )


if __name__ == "__main__":
    typer.run(main)

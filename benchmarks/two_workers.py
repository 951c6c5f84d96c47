"""How much faster are two workers than one, on two cores that nothing else uses?

    python benchmarks/two_workers.py [--side 5000] [--repeats 1] [--segmenter sample:sem-axons] [--json FILE]

Two clusters are started here, of one worker and of two, each worker a process with one thread, as behind `--scheduler ADDRESS`,
and all load the model. Then the same job labels images of the same size (new noise in each, so that nobody remembers a tile), on
one cluster and on the other in turns. Printed are wall seconds, the CPU seconds of all processes that take part, how many cores
were busy, and the ratio. A ratio that falls short says by these why: CPU seconds that grow are cores that slow each other down,
cores that idle are waiting. The whole takes about three minutes on a quiet machine; on one that others use it means nothing, so the
load is printed, too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import Annotated

import numpy as np
import psutil
import typer
from rich.console import Console
from rich.table import Table

from napari_pseudolabel.engine import Connection, Engine, Listener
from napari_pseudolabel.imaging import Image, from_array
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.sample_data.fields import axon_field
from napari_pseudolabel.sample_data.looks import render_sem
from napari_pseudolabel.strategies import LabelJob, LabelSettings
from napari_pseudolabel.tiling import TileSettings

GOAL = 1.7
_FIELD = 512
_PATIENCE_S = 120


@dataclass(frozen=True)
class WorkersRow:
    """One run."""

    workers: int
    seconds: float
    cpu: float
    client_cpu: float
    parts: int

    @property
    def cores(self) -> float:
        """How many were busy, on average."""
        return (self.cpu + self.client_cpu) / self.seconds


class Workers:
    """A scheduler and so many workers."""

    def __init__(self, folder: Path, count: int) -> None:
        folder.mkdir()
        self.count, self._folder = count, folder
        told = folder / "scheduler.json"
        self._all = [
            self._run("scheduler", "--host", "tcp://127.0.0.1", "--port", "0", "--scheduler-file", str(told))
        ]
        until = time.monotonic() + _PATIENCE_S
        while not told.exists() or not told.read_text().rstrip().endswith("}"):
            if time.monotonic() > until:
                raise SystemExit(f"The scheduler did not start; see {folder / 'log'}.")
            time.sleep(0.1)
        address = json.loads(told.read_text())["address"]
        for _ in range(count):
            self._all.append(
                self._run(
                    "worker",
                    address,
                    "--no-nanny",
                    "--nthreads",
                    "1",
                    "--host",
                    "127.0.0.1",
                    "--death-timeout",
                    "60",
                )
            )
        self.engine = Engine(Connection(address))

    def _run(self, what: str, *options: str) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            words = [sys.executable, "-m", f"distributed.cli.dask_{what}", *options, "--no-dashboard"]
            env = {**os.environ, "OMP_NUM_THREADS": "1"}
            return subprocess.Popen(words, cwd=self._folder, stdout=log, stderr=log, env=env)

    def cpu(self) -> float:
        """CPU seconds of scheduler and workers until now."""
        times = [psutil.Process(one.pid).cpu_times() for one in self._all]
        return sum(one.user + one.system for one in times)

    def end(self) -> None:
        """Kill all of it."""
        self.engine.shutdown()
        for one in self._all:
            one.kill()
            one.wait()


@contextmanager
def clusters(*counts: int) -> Iterator[list[Workers]]:
    """Start clusters of so many workers."""
    made: list[Workers] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            for count in counts:
                made.append(Workers(Path(folder) / str(count), count))
            yield made
        finally:
            for one in made:
                one.end()


def image(side: int, seed: int) -> Image:
    """Return a field that is repeated, with noise of its own everywhere."""
    field = render_sem(axon_field((_FIELD, _FIELD), seed=5), seed=5).astype(np.float32)
    across = -(-side // _FIELD)
    noise = np.random.default_rng(seed).integers(-4, 5, (side, side), dtype=np.int8)
    return from_array(
        np.clip(np.tile(field, (across, across))[:side, :side] + noise, 0, 255).astype(np.uint8)
    )


def run(workers: Workers, looked: Image, segmenter: str) -> WorkersRow:
    """Label it all."""
    settings = LabelSettings(flips=0, scale=Scale(1.0), tiles=TileSettings(device="cpu"))
    parts: list[object] = []
    before, own, began = workers.cpu(), time.process_time(), time.perf_counter()
    job = LabelJob(looked, None, segmenter, settings=settings, across=True)
    workers.engine.submit(job, listener=Listener(part=parts.append)).result()
    seconds = time.perf_counter() - began
    return WorkersRow(workers.count, seconds, workers.cpu() - before, time.process_time() - own, len(parts))


def main(
    side: Annotated[int, typer.Option(help="Of the images, in pixels.")] = 5000,
    repeats: Annotated[int, typer.Option(help="Of each number of workers.")] = 1,
    segmenter: Annotated[str, typer.Option(help="A segmenter.")] = "sample:sem-axons",
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Measure and print."""
    load = os.getloadavg()[0]
    rows: list[WorkersRow] = []
    with clusters(1, 2) as made:
        for one in made:
            for seed in range(3):  # whichever worker it meets
                told = run(one, image(900, seed), segmenter)
                print(
                    f"warm: {told.parts} parts by {one.count} in {told.seconds:.1f} s",
                    file=sys.stderr,
                    flush=True,
                )
        for repeat in range(repeats):
            for one in made:
                rows.append(run(one, image(side, 100 + 2 * repeat + one.count), segmenter))
    table = Table("workers", "parts", "wall s", "CPU s, workers", "CPU s, client", "cores busy")
    for row in rows:
        table.add_row(
            str(row.workers),
            str(row.parts),
            *(f"{one:.1f}" for one in (row.seconds, row.cpu, row.client_cpu)),
            f"{row.cores:.2f}",
        )
    one, two = (median(row.seconds for row in rows if row.workers == count) for count in (1, 2))
    console = Console(width=100)
    console.print(table)
    console.print(
        f"Two workers are {one / two:.2f} times as fast as one (goal {GOAL}); load before {load:.1f}, {os.cpu_count()} cores."
    )
    if json_file:
        told = {
            "date": date.today().isoformat(),
            "load": load,
            "times": one / two,
            "rows": [asdict(row) for row in rows],
        }
        json_file.write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    typer.run(main)

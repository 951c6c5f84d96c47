"""Does the window stay fluent while models work? And how soon does the first part of a result appear?

    python benchmarks/latency.py [--seconds 60] [--size 1024] [--data IMAGE] [--where] [--json FILE]
    python benchmarks/latency.py --only-first-chunk

A real napari window (without a screen: on Xvfb, drawn by the CPU) shows an image, the docks Pseudo-label and Train, and
a simulated person, who paints strokes into the labels, drags the view, zooms and pauses, by mouse events of Qt, 30 a
second. Meanwhile a timer ticks every 5 ms; how much later than that a tick comes is how long the window stood still.

first run   from the first Run after the docks were opened until it ends: the layers are made
idle        workers are there and have nothing to do; the person goes on, so this holds what napari and drawing cost
busy        labelling (Run again as soon as it ends) and training (the Train dock, curves and live preview) at once
thread      the same labelling in a thread of the window's process, as it was before there were workers

p50 and p99 are over time, not over ticks: how long something that comes at any moment would wait, so that a stall counts
as long as it lasts. The first chunk is timed in a process of its own per repetition: cold is the first Run,
pressed as soon as it is enabled; warm is the second one. Configuration and data of the person are not touched.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import typer
from meter import STALLS_MS, Lags, Meter, Stall
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from napari_pseudolabel.demo import has_screen, virtual_screen, wait_for

GOAL_P99_MS, GOAL_MAX_MS = 50, 200
PATIENCE_S = 600


class Desk:
    """The window with image and docks, and what is counted in it."""

    def __init__(self, pixels: NDArray[Any], pixel_um: float, window: tuple[int, int]) -> None:
        import napari

        from napari_pseudolabel.widgets.common.opening import PLUGIN
        from napari_pseudolabel.widgets.open_samples import open_dock

        self.viewer = napari.Viewer()
        self.viewer.window.resize(*window)
        self.image = self.viewer.add_image(
            pixels, name="SEM", scale=(pixel_um, pixel_um), units=("um", "um"), metadata={"modality": "SEM"}
        )
        wait_for(lambda: False, 1.0)
        self.opened = time.perf_counter()
        self._open: Callable[[str], Any] = lambda name: self.viewer.window.add_plugin_dock_widget(
            PLUGIN, name
        )[1]
        self.label = open_dock(self.viewer)
        self.label.view.regions.choose("all")
        self.train: Any = None
        self.came: Counter[str] = Counter()
        self.first_part: float | None = None
        self.label.controller._runner.parted.connect(self._on_part)

    def open_train(self) -> None:
        """Open the Train dock, too."""
        self.train = self._open("Train")
        self.train.controller._runner.event_sent.connect(self._on_told)

    def until(self, done: Callable[[], bool], what: str) -> None:
        """Wait, but not for ever."""
        wait_for(done, PATIENCE_S)
        sentence = self.label.view.error.sentence or (self.train and self.train.view.error.sentence)
        if sentence or not done():
            raise RuntimeError(f"{what}: {sentence or 'took too long'}")

    def run(self) -> None:
        """Press Run."""
        self.first_part = None
        self.label.view.run_button.click()

    def keep_busy(self) -> None:
        """Press Run and Start where they can be pressed."""
        if self.label.view.run_button.isEnabled() and not self.label.controller.busy:
            self.run()
        if self.train.view.state == "idle" and self.train.view.start_button.isEnabled():
            self.train.view.start_button.click()

    def stop(self) -> None:
        """Cancel both and wait."""
        self.label.controller.cancel()
        self.train.controller.cancel()
        self.until(lambda: not self.label.controller.busy and self.train.view.state == "idle", "cancelling")

    def close(self) -> None:
        """End everything."""
        for dock in (self.label, self.train):
            if dock is not None:
                dock.controller.shutdown()
        self.viewer.close()

    def _on_part(self, number: int, part: Any) -> None:
        # The dock was connected before, so the part is in the layers; the next drawing shows it.
        self.came["chunks"] += 1
        if self.first_part is None:
            self.first_part = time.perf_counter()

    def _on_told(self, number: int, event: object) -> None:
        self.came[type(event).__name__] += 1


def picture(data: Path | None, size: int) -> tuple[NDArray[Any], float]:
    """The image and its pixel size in micrometres; one that is too small is mirrored."""
    from napari_pseudolabel.sample_data.samples import SEM_LIKE

    if data is None:
        pixels = SEM_LIKE.draw()[0]
    else:
        from napari_pseudolabel.imaging import read

        pixels = read(data).plane((), None)
    rows, columns = (max(0, size - length) for length in pixels.shape)
    return np.pad(pixels, ((0, rows), (0, columns)), "symmetric")[:size, :size], SEM_LIKE.pixel_size_um


def first_chunk(desk: Desk) -> dict[str, float]:
    """Seconds from Run, and from opening the dock, to the first part in the layers."""
    desk.until(desk.label.view.run_button.isEnabled, "starting")
    pressed = time.perf_counter()
    desk.run()
    desk.until(lambda: desk.first_part is not None, "first run")
    assert desk.first_part is not None
    cold, opened = desk.first_part - pressed, desk.first_part - desk.opened
    desk.label.controller.cancel()
    desk.until(lambda: not desk.label.controller.busy, "cancelling")
    pressed = time.perf_counter()
    desk.run()
    desk.until(lambda: desk.first_part is not None, "second run")
    warm = desk.first_part - pressed
    desk.label.controller.cancel()
    desk.until(lambda: not desk.label.controller.busy, "cancelling")
    return {"dock to first chunk": opened, "Run to first chunk, cold": cold, "Run to first chunk, warm": warm}


def first_chunks(arguments: list[str], repeats: int) -> list[dict[str, float]]:
    """`first_chunk` in processes of their own."""
    found = []
    for _ in range(repeats):
        command = [sys.executable, __file__, "--only-first-chunk", "--repeats", "0", *arguments]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        found.append(json.loads(output.splitlines()[-1]))
    return found


def lags(desk: Desk, seconds: float, where: bool, thread: bool) -> Iterator[tuple[Lags, Meter]]:
    """Measure phase after phase."""
    from person import Person  # imports napari, which must find our folders

    meter, person = Meter(where), Person(desk.viewer)

    def phase(
        name: str, until: Callable[[], bool] = lambda: False, at_most: float = seconds
    ) -> tuple[Lags, Meter]:
        desk.came.clear()
        person.start()
        began = time.perf_counter()
        with meter.measuring() as found:
            live_until(until, at_most)
        person.stop()
        measured = time.perf_counter() - began
        return Lags.of(name, measured, np.array(found), dict(person.did + desk.came), meter.own_worst), meter

    desk.open_train()
    desk.until(desk.label.view.run_button.isEnabled, "starting")
    desk.run()
    yield phase("first run", lambda: not desk.label.controller.busy, PATIENCE_S)
    desk.until(lambda: not desk.label.controller.busy, "first run")
    page = desk.train.view.segmenter
    page.advanced.edits["steps"].value = 100_000
    page.advanced.edits["patience"].value = 1000
    desk.until(page.confirm["view"].isEnabled, "looking at the layers")
    page.confirm["view"].click()
    desk.until(desk.train.view.start_button.isEnabled, desk.train.view.hint)
    desk.train.view.start_button.click()
    person.start()  # what napari makes with the first stroke belongs to no phase
    desk.until(lambda: desk.came["Loss"] > 0, "training")
    person.stop()
    desk.stop()
    yield phase("idle")
    from qtpy.QtCore import QTimer

    again = QTimer()
    again.timeout.connect(desk.keep_busy)
    desk.keep_busy()
    again.start(500)
    yield phase("busy")
    again.stop()
    desk.stop()
    if thread:
        desk.label.session.release()
        with labelling_in_a_thread(desk):
            yield phase("thread")


def live_until(done: Callable[[], bool], seconds: float) -> None:
    """Let Qt's own event loop run, as napari does."""
    from qtpy.QtCore import QEventLoop, QTimer

    loop, timer = QEventLoop(), QTimer()
    end = time.perf_counter() + seconds
    timer.timeout.connect(lambda: loop.quit() if done() or time.perf_counter() > end else None)
    timer.start(50)
    loop.exec()


@contextmanager
def labelling_in_a_thread(desk: Desk) -> Iterator[None]:
    """What the engine replaced: the same job, over and over, beside the window in its own process."""
    from napari_pseudolabel.control import Control
    from napari_pseudolabel.errors import Cancelled
    from napari_pseudolabel.models.loaded import LoadedModels
    from napari_pseudolabel.viewer.image_layers import image_of
    from napari_pseudolabel.widgets.pseudo_label.label_choice import make_label_job

    job, models = make_label_job(desk.label.view.choice(), image_of(desk.image), None, None), LoadedModels()
    ended, working = threading.Event(), threading.Event()

    def work() -> None:
        while not ended.is_set():
            try:
                job.run(Control(lambda progress: working.set(), ended.is_set), models)
            except Cancelled:
                return

    worker = threading.Thread(target=work)
    worker.start()
    desk.until(working.is_set, "the thread")
    try:
        yield
    finally:
        ended.set()
        worker.join()


def show(found: list[Lags]) -> Table:
    """One line per phase."""
    stalls = [f"stalls > {limit} ms" for limit in STALLS_MS]
    table = Table(
        "phase",
        "s",
        "p50 ms",
        "p99 ms",
        "max ms",
        "own max ms",
        *stalls,
        "p99 / idle",
        "max / idle",
        "meanwhile",
    )
    idle = next((one for one in found if one.phase == "idle"), None)
    for one in found:
        table.add_row(
            one.phase,
            f"{one.seconds:.0f}",
            f"{one.p50:.1f}",
            f"{one.p99:.0f}",
            f"{one.worst:.0f}",
            f"{one.own_worst:.0f}",
            *map(str, one.stalls),
            f"{one.p99 / idle.p99:.2f}" if idle else "",
            f"{one.worst / idle.worst:.2f}" if idle else "",
            ", ".join(f"{count} {name}" for name, count in one.did.items()),
        )
    return table


def goals(found: list[Lags]) -> list[str]:
    """Whether the goals are met wherever workers are busy, and whether idling alone would meet them."""
    return [
        f"{one.phase}: p99 under {GOAL_P99_MS} ms: {'pass' if one.p99 < GOAL_P99_MS else 'FAIL'} ({one.p99:.0f}); "
        f"no stall above {GOAL_MAX_MS} ms: {'pass' if one.worst <= GOAL_MAX_MS else 'FAIL'} ({one.worst:.0f})"
        for one in found
    ]


def offenders(phase: str, stalls: list[Stall]) -> Iterator[str]:
    """The longest stalls, and what the window was doing in them."""
    for stall in sorted(stalls, key=lambda stall: -stall.lag)[:10]:
        garbage = f", {stall.garbage:.0f} ms garbage collection" if stall.garbage > 1 else ""
        yield f"{phase}: {stall.lag:.0f} ms, {stall.own:.0f} ms on the CPU{garbage}"
        yield from (f"    {count} x {name}" for name, count in stall.places.most_common(3))


def machine() -> str:
    """Where the numbers come from."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}{load}"


@contextmanager
def own_folders() -> Iterator[None]:
    """Neither read nor change what belongs to the person."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "settings.yaml")
        for what in ("CONFIG", "DATA", "STATE", "CACHE"):
            os.environ[f"XDG_{what}_HOME"] = str(Path(folder) / what.lower())
        yield


def main(
    seconds: float = typer.Option(60, help="Length of a phase."),
    size: int = typer.Option(1024, help="Side of the image in pixels."),
    data: Path | None = typer.Option(None, help="A real image instead of the generated field."),
    window: str = typer.Option("1100x700", help="Size of napari's window."),
    repeats: int = typer.Option(3, help="Times that the first chunk is waited for; 0 for not at all."),
    thread: bool = typer.Option(True, help="Measure labelling in a thread as well."),
    where: bool = typer.Option(
        False, "--where", help="Print what the window was doing in its longest stalls."
    ),
    only_first_chunk: bool = typer.Option(False, help="Do not measure lags."),
    json_path: Path = typer.Option(Path("runs/latency.json"), "--json"),
) -> None:
    """Print the tables and write every number as JSON."""
    console = Console(width=160)
    facts: dict[str, Any] = {
        "date": date.today().isoformat(),
        "machine": machine(),
        "command": " ".join(sys.argv),
    }
    width, height = map(int, window.split("x"))
    if not has_screen():
        # In a process of its own, which must end before the screen does.
        with virtual_screen(width, height + 40, for_children=True):
            raise typer.Exit(subprocess.run([sys.executable, *sys.argv], check=False).returncode)
    with own_folders():
        if repeats:
            same = ["--size", str(size), "--window", window, *(("--data", str(data)) if data else ())]
            facts["first chunk, seconds"] = waits = first_chunks(same, repeats)
            table = Table("seconds", "median", "each")
            for name in waits[0] if waits else ():
                each = [wait[name] for wait in waits]
                table.add_row(name, f"{median(each):.1f}", ", ".join(f"{one:.1f}" for one in each))
            console.print(table)
        if only_first_chunk and repeats == 0:  # a repetition
            desk = Desk(*picture(data, size), (width, height))
            typer.echo(json.dumps(first_chunk(desk)))
            desk.close()
        if not only_first_chunk:
            desk = Desk(*picture(data, size), (width, height))
            found = []
            for one, meter in lags(desk, seconds, where, thread):
                found.append(one)
                for line in offenders(one.phase, meter.stalls):
                    console.print(line, highlight=False, markup=False, soft_wrap=True)
            canvas = desk.viewer.window._qt_viewer.canvas.native
            facts["canvas"] = f"{canvas.width()} x {canvas.height()}"
            facts["lags, ms"] = [asdict(one) for one in found]
            console.print(f"image {size} x {size}, canvas {facts['canvas']}")
            console.print(show(found))
            console.print("\n".join(goals(found)), highlight=False)
            desk.close()
    if repeats or not only_first_chunk:
        console.print(f"{facts['date']}, {facts['machine']}", highlight=False)
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps(facts, indent=1))


if __name__ == "__main__":
    typer.run(main)

"""Does painting stay smooth while everything is recorded? And how much is written for it?

    python benchmarks/painting.py [--size 8192] [--blocks 8] [--drags 12] [--json FILE]

A real napari window (without a screen: on Xvfb, drawn by the CPU) shows a Labels layer with many objects. A simulated
person drags the brush over it, by mouse events of Qt. Blocks of drags with and without the plugin alternate on the
same layer; with the plugin, corrections are tracked and the autosave of its docks writes a session.

without   the time that napari takes for one brush event
with      the same, and on top all of the time that the autosave has taken of the window since the event before: each
          event is blamed for work that a person would mostly not notice, because it is done between two events
tick      what the autosave takes of the window at a time

Times are of the clock, and of the processor (of the thread of the window), which does not count what other programs do
on the same machine. Configuration and data of the person are not touched.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import typer
from latency import machine, own_folders
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication
from rich.console import Console
from rich.table import Table

from napari_pseudolabel.demo import has_screen, virtual_screen, wait_for

GOAL_MS = 5.0
PATIENCE_S = 300
MOVES = 30
PAUSE_S = 0.012


@dataclass(frozen=True)
class Times:
    """Milliseconds of one kind of events."""

    what: str
    events: int
    p50: float
    p99: float
    worst: float
    cpu_p50: float
    cpu_p99: float
    cpu_worst: float

    @classmethod
    def of(cls, what: str, pairs: list[tuple[float, float]]) -> Times:
        """Out of (clock, processor) seconds of each event."""
        clock, cpu = np.array(pairs).T * 1000
        return cls(
            what,
            len(pairs),
            *(float(np.percentile(clock, q)) for q in (50, 99, 100)),
            *(float(np.percentile(cpu, q)) for q in (50, 99, 100)),
        )


class Stopwatch:
    """Adds up what passes inside of a function, by the clock and by the processor."""

    def __init__(self) -> None:
        self.each: list[tuple[float, float]] = []
        self.since = np.zeros(2)

    def wrapped(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with the watch around it."""
        depth = 0

        def timed(*arguments: Any) -> Any:
            nonlocal depth
            depth += 1
            begun = time.perf_counter(), time.thread_time()
            try:
                return function(*arguments)
            finally:
                depth -= 1
                if depth == 0:
                    passed = time.perf_counter() - begun[0], time.thread_time() - begun[1]
                    self.each.append(passed)
                    self.since += passed

        return timed

    def take(self) -> NDArray[np.float64]:
        """What has passed since this was asked last."""
        since, self.since = self.since, np.zeros(2)
        return since


class Desk:
    """The window, and a hand with a brush."""

    def __init__(self, labels: NDArray[np.uint8]) -> None:
        import napari

        self.viewer = napari.Viewer()
        self.viewer.window.resize(1100, 700)
        self.layer = self.viewer.add_labels(labels, name="labels")
        self.layer.mode, self.layer.brush_size = "paint", 20
        self.viewer.scene.camera.zoom = 0.5
        self._canvas = self.viewer.window._qt_viewer.canvas.native
        self._rng = np.random.default_rng(1)
        wait_for(lambda: False, 1.0)

    def drag(self, before: Callable[[], Any]) -> Iterator[tuple[float, float]]:
        """One stroke; yields the time of each of its events. `before` is called before each."""
        height, width = self.layer.data.shape
        centre = self._rng.uniform(0.2, 0.8, 2) * (height, width)
        self.viewer.scene.camera.center = (0.0, *centre)
        self.layer.selected_label = int(self._rng.integers(0, 3))
        wait_for(lambda: False, 0.1)
        at, step = self._rng.uniform(0.3, 0.7, 2), self._rng.normal(0, 0.012, 2)
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        self._send(QEvent.Type.MouseMove, at, none, none)
        self._send(QEvent.Type.MouseButtonPress, at, left, left)
        for number in range(MOVES):
            wait_for(lambda: False, PAUSE_S)
            before()
            yield self._send(QEvent.Type.MouseMove, at + step * number, none, left)
        before()
        yield self._send(QEvent.Type.MouseButtonRelease, at + step * (MOVES - 1), left, none)

    def _send(self, kind: Any, where: Any, button: Any, buttons: Any) -> tuple[float, float]:
        at = QPointF(float(where[1]) * self._canvas.width(), float(where[0]) * self._canvas.height())
        keys = Qt.KeyboardModifier.NoModifier
        event = QMouseEvent(kind, at, self._canvas.mapToGlobal(at), button, buttons, keys)
        begun = time.perf_counter(), time.thread_time()
        QApplication.sendEvent(self._canvas, event)
        return time.perf_counter() - begun[0], time.thread_time() - begun[1]


@contextmanager
def recorded(desk: Desk) -> Iterator[Any]:
    """With the plugin: corrections and autosave, in a workspace of the person."""
    from napari_pseudolabel.viewer import Corrections
    from napari_pseudolabel.widgets.common.autosave import Autosave
    from napari_pseudolabel.workspace import Workspace

    Corrections.of(desk.layer)
    autosave = Autosave(desk.viewer, Workspace.default())
    autosave.start()
    wait_for(lambda: autosave.path is not None and autosave.state == "saved", PATIENCE_S)
    wait_for(lambda: False, 2.0)
    try:
        yield autosave
    finally:
        autosave.close(PATIENCE_S)
        forget(desk.layer)


def forget(layer: Any) -> None:
    """Take everything of the plugin off a layer."""
    for key in [key for key in layer.metadata if str(key).startswith("napari_pseudolabel")]:
        companion = layer.metadata.pop(key)
        for emitter in (layer.events.paint, layer.events.set_data, layer.events.labels_update):
            emitter.disconnect(companion)


def objects(size: int) -> NDArray[np.uint8]:
    """Rings around discs, as axons and their myelin are."""
    rng = np.random.default_rng(0)
    labels = np.zeros((size, size), np.uint8)
    y, x = np.mgrid[:128, :128]
    for top in range(0, size - 127, 128):
        for left in range(0, size - 127, 128):
            distance, radius = np.hypot(y - 64, x - 64), rng.uniform(20, 60)
            labels[top : top + 128, left : left + 128] = np.digitize(-distance, (-radius, -0.6 * radius))
    return labels


def measure(size: int, blocks: int, drags: int) -> dict[str, Any]:
    """Everything that the table and the file tell."""
    from napari_pseudolabel.widgets.common.saving import Saving

    watch = Stopwatch()
    Saving._next = watch.wrapped(Saving._next)  # type: ignore[method-assign]
    desk = Desk(objects(size))
    plain: list[tuple[float, float]] = []
    with_plugin: list[tuple[float, float]] = []
    ticks: list[tuple[float, float]] = []
    written = grown = 0
    for _ in range(blocks):
        for _ in range(drags):
            plain += desk.drag(lambda: None)
        with recorded(desk) as autosave:
            bytes_before, size_before = autosave.bytes_written, autosave.path.stat().st_size
            watch.each.clear()
            watch.take()
            for _ in range(drags):
                added: list[NDArray[np.float64]] = []
                times = list(desk.drag(lambda added=added: added.append(watch.take())))
                with_plugin += [tuple(np.add(one, two)) for one, two in zip(times, added, strict=True)]
            wait_for(lambda: autosave.state == "saved" and not autosave.flush(), 2.0)
            ticks += watch.each
            written += autosave.bytes_written - bytes_before
            grown += autosave.path.stat().st_size - size_before
    desk.viewer.close()
    strokes = blocks * drags
    found = [Times.of("without", plain), Times.of("with", with_plugin), Times.of("tick", ticks)]
    return {
        "times, ms": [asdict(one) for one in found],
        "added p99, ms": {
            "clock": found[1].p99 - found[0].p99,
            "processor": found[1].cpu_p99 - found[0].cpu_p99,
        },
        "strokes": strokes,
        "bytes of tiles written per stroke": written / strokes,
        "growth of the file per stroke, bytes": grown / strokes,
    }


def show(found: dict[str, Any]) -> Table:
    """The times as a table."""
    names = ("p50", "p99", "worst", "cpu_p50", "cpu_p99", "cpu_worst")
    table = Table("ms", "events", "p50", "p99", "worst", "p50 (CPU)", "p99 (CPU)", "worst (CPU)")
    for one in found["times, ms"]:
        table.add_row(one["what"], str(one["events"]), *(f"{one[name]:.2f}" for name in names))
    return table


def main(
    size: int = typer.Option(8192, help="Side of the labels in pixels."),
    blocks: int = typer.Option(8, help="How often both are measured in turns."),
    drags: int = typer.Option(12, help="Strokes in each block."),
    json_path: Path = typer.Option(Path("runs/painting.json"), "--json"),
) -> None:
    """Print the table and write every number as JSON."""
    if not has_screen():
        with virtual_screen(1100, 740, for_children=True):
            raise typer.Exit(subprocess.run([sys.executable, *sys.argv], check=False).returncode)
    console = Console(width=140)
    facts: dict[str, Any] = {
        "date": date.today().isoformat(),
        "machine": machine(),
        "command": " ".join(sys.argv),
    }
    with own_folders():
        facts |= measure(size, blocks, drags)
    console.print(f"labels {size} x {size}, {facts['strokes']} strokes each")
    console.print(show(facts))
    for name, added in facts["added p99, ms"].items():
        met = "met" if added < GOAL_MS else "missed"
        console.print(f"added at p99 ({name}): {added:.2f} ms; goal {GOAL_MS:.0f} ms: {met}", highlight=False)
    for name in ("bytes of tiles written per stroke", "growth of the file per stroke, bytes"):
        console.print(f"{name}: {facts[name]:.0f}", highlight=False)
    console.print(f"{facts['date']}, {facts['machine']}", highlight=False)
    json_path.parent.mkdir(parents=True, exist_ok=True)
    json_path.write_text(json.dumps(facts, indent=1))


if __name__ == "__main__":
    typer.run(main)

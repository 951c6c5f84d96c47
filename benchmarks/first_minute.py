"""How long is the first minute: from opening the dock to models, to the first labels, to a labelled view?

    python benchmarks/first_minute.py [--data IMAGE --pixel UM] [--models proposed] [--models adaptation] [--view 350] [--json FILE]

A real napari window (without a screen: on Xvfb, drawn by the CPU) shows an image whose modality is told, and with --pixel its pixel
size; without one the scale is looked for before the first labels. The dock is opened, and Run is pressed as soon as it can be: *cold*,
the first job of the process. Then the view moves to another place, and Run is pressed again: *warm*.

models      from opening the dock until models can be chosen
first       from Run to the first labels on the canvas, drafts included
final       from Run to the first labels that stay
view        from Run until the view is labelled
said        what the dock said before Run about how long the view would take

Wall seconds, CPU seconds of all processes (window, drawing, scheduler, worker), and of them those of the workers. Every
repetition has processes of its own. Configuration and data of the person are not touched.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
import typer
from latency import live_until, machine, own_folders, picture
from rich.console import Console
from rich.table import Table

from napari_pseudolabel.demo import has_screen, virtual_screen

PATIENCE_S = 900
# CPU seconds of all processes from Run to the first labels.
GOALS = {"cold": 8.0, "warm": 3.0}
WINDOW = (1100, 760)


@dataclass(frozen=True)
class Clock:
    """Seconds that have passed at one moment: of the wall, of all our processes, of the workers among them."""

    wall: float
    cpu: float
    workers: float

    @classmethod
    def now(cls) -> Clock:
        """Read the clocks."""
        own = psutil.Process()
        mine = _cpu(own)
        rest = sum(_cpu(child) for child in own.children(recursive=True))
        return cls(time.perf_counter(), mine + rest, rest)

    def since(self, before: Clock) -> dict[str, float]:
        """What has passed since another moment."""
        return {name: round(value - getattr(before, name), 2) for name, value in vars(self).items()}


def _cpu(process: psutil.Process) -> float:
    """Seconds of a process and of its children that have ended."""
    try:
        return float(sum(process.cpu_times()[:4]))
    except psutil.NoSuchProcess:
        return 0.0


class Minute:
    """A window with an image, the dock, and what happened when."""

    def __init__(self, pixels: np.ndarray, modality: str, pixel: float, view: int) -> None:
        import napari

        self.viewer = napari.Viewer()
        self.viewer.window.resize(*WINDOW)
        metadata = {"modality": modality} if modality else {}
        size = {"scale": (pixel, pixel), "units": ("um", "um")} if pixel else {}
        self.viewer.add_image(pixels, name="image", metadata=metadata, **size)
        live_until(lambda: False, 1.0)
        self.view = view
        self.dock: Any = None
        self.seen: dict[str, Clock] = {}
        self.said = ""

    def open(self) -> dict[str, float]:
        """Open the dock and wait for models."""
        from napari_pseudolabel.widgets.open_samples import open_dock

        began = Clock.now()
        self.dock = open_dock(self.viewer)
        self.until(lambda: not self.dock.controller.models.loading, "models")
        listed = Clock.now().since(began)
        runner = self.dock.controller._runner
        runner.parted.connect(lambda *_: self.note("final"))
        if hasattr(runner, "drafted"):
            runner.drafted.connect(lambda *_: self.note("first"))
        return listed

    def choose(self, models: str) -> None:
        """Take what the dock proposes, or what is named: STRATEGY, TRANSLATOR, SEGMENTER."""
        view = self.dock.view
        if models == "adaptation":
            models = "adaptation,sample:sem-to-tem,sample:tem-axons"
        if models != "proposed":
            strategy, translator, segmenter = models.split(",")
            view.strategy.setCurrentIndex(view.strategy.findData(strategy))
            for kind, ref in (("translator", translator), ("segmenter", segmenter)):
                if ref:
                    view.models[kind].setCurrentIndex(view.models[kind].findData(ref))
        view.regions.choose("view")

    def look(self, y: float, x: float) -> None:
        """Look at so many pixels around a place, given as shares of the image."""
        height, width = self.viewer.layers["image"].data.shape[:2]
        canvas = min(self.dock.canvas_px())
        step = self.viewer.layers["image"].scale[0]
        self.viewer.camera.center = (0, y * height * step, x * width * step)
        self.viewer.camera.zoom = canvas / self.view / step
        live_until(lambda: False, 0.5)

    def run(self) -> dict[str, dict[str, float]]:
        """Press Run and wait until the view is labelled."""
        view, controller = self.dock.view, self.dock.controller
        self.until(view.run_button.isEnabled, f"Run ({view.hint})")
        self.seen.clear()
        self.said = view.expected
        pressed = Clock.now()
        view.run_button.click()
        self.until(lambda: not controller.busy, "the view")
        self.note("view")
        found = {what: moment.since(pressed) for what, moment in self.seen.items()}
        return {"first": found["final"], **found}

    def note(self, what: str) -> None:
        """Something was shown, for the first time in this run."""
        self.seen.setdefault(what, Clock.now())
        self.seen.setdefault("first", self.seen[what])

    def until(self, done: Callable[[], bool], what: str) -> None:
        """Wait, but not for ever."""
        live_until(done, PATIENCE_S)
        if self.dock.view.error.sentence or not done():
            raise RuntimeError(f"{what}: {self.dock.view.error.sentence or 'took too long'}")

    def close(self) -> None:
        """End everything."""
        self.dock.controller.shutdown()
        self.viewer.close()


def measured(
    data: Path | None, size: int, modality: str, pixel: float, models: str, view: int
) -> dict[str, Any]:
    """One first minute."""
    minute = Minute(picture(data, size)[0] if size else _whole(data), modality, pixel, view)
    found: dict[str, Any] = {"models": minute.open()}
    minute.choose(models)
    choice = minute.dock.view.choice()
    translator = choice.translator if choice.strategy == "adaptation" else None
    found["used"] = [choice.strategy, translator, choice.segmenter]
    minute.look(0.5, 0.5)
    found["said"] = {}
    found["cold"] = minute.run()
    found["said"]["cold"] = minute.said
    minute.look(0.25, 0.25)
    found["warm"] = minute.run()
    found["said"]["warm"] = minute.said
    minute.close()
    return found


def _whole(data: Path | None) -> np.ndarray:
    from napari_pseudolabel.imaging import read

    assert data is not None
    return np.asarray(read(data).plane((), None))


def show(found: dict[str, list[dict[str, Any]]]) -> Table:
    """Medians over the repetitions."""
    table = Table(
        "models", "", "first labels", "labels that stay", "view complete", "goal (CPU)", "said before"
    )
    for models, each in found.items():
        listed = " / ".join(f"{median(one['models'][key] for one in each):.1f}" for key in ("wall", "cpu"))
        table.add_row(
            f"{models}: {', '.join(filter(None, each[0]['used']))}", f"listed {listed}", "", "", "", "", ""
        )
        for when in ("cold", "warm"):
            cells = [
                " / ".join(
                    f"{median(one[when][what][key] for one in each):.1f}"
                    for key in ("wall", "cpu", "workers")
                )
                for what in ("first", "final", "view")
            ]
            first = median(one[when]["first"]["cpu"] for one in each)
            reached = f"≤ {GOALS[when]:g}: {'reached' if first <= GOALS[when] else 'missed'}"
            table.add_row("", when, *cells, reached, each[0]["said"][when])
    return table


def main(
    data: Path | None = typer.Option(None, help="An image; a generated field without one."),
    size: int = typer.Option(1024, help="Side to which the image is cut or mirrored; 0 leaves it."),
    modality: str = typer.Option("SEM", help="What the image shows, as if the person had said so."),
    pixel: float = typer.Option(0.0, help="Pixel size in micrometres; 0 for an image that does not say it."),
    models: list[str] = typer.Option(
        ["proposed", "adaptation"], help="proposed, adaptation, or STRATEGY,TRANSLATOR,SEGMENTER."
    ),
    view: int = typer.Option(350, help="Pixels of the image along the shorter side of the canvas."),
    repeats: int = typer.Option(1, help="First minutes of each kind."),
    json_path: Path = typer.Option(Path("runs/first_minute.json"), "--json"),
    one: str = typer.Option("", hidden=True),
) -> None:
    """Print the table and write every number as JSON."""
    if not has_screen():
        with virtual_screen(WINDOW[0], WINDOW[1] + 40, for_children=True):
            raise typer.Exit(subprocess.run([sys.executable, *sys.argv], check=False).returncode)
    if one:
        with own_folders():
            typer.echo(json.dumps(measured(data, size, modality, pixel, one, view)))
        return
    console = Console(width=150)
    found: dict[str, list[dict[str, Any]]] = {}
    for kind in models:
        for _ in range(repeats):
            output = subprocess.run(
                [sys.executable, *sys.argv, "--one", kind], check=True, stdout=subprocess.PIPE, text=True
            ).stdout
            found.setdefault(kind, []).append(json.loads(output.splitlines()[-1]))
    console.print(show(found))
    console.print("seconds: wall / CPU of all processes / CPU of the workers", highlight=False)
    facts = {"date": date.today().isoformat(), "machine": machine(), "command": " ".join(sys.argv)}
    console.print(f"{facts['date']}, {facts['machine']}", highlight=False)
    json_path.parent.mkdir(parents=True, exist_ok=True)
    json_path.write_text(json.dumps({**facts, "found": found}, indent=1))


if __name__ == "__main__":
    typer.run(main)

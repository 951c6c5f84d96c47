"""A whole slide in one window: labelled with real models, corrected while that goes on, exported and read back.

    python benchmarks/slide_round_trip.py --data DIR --folder FOLDER [--side 20480] [--image NAME] [--known] [--where] [--json FILE]

A TEM image with known labels is laid out by reflection over a whole slide, whose brightness changes slowly, and written as Zarr
with levels. A real napari window (without a screen: on Xvfb, drawn by the CPU) opens it; the docks are pressed as a person presses
them: Run on all of the image, with the models that the dock proposes or with --models; meanwhile the camera moves, a region is opened
where not all labels have come yet, painted, confirmed and closed; another one when all are there; then the Export dock writes
all, objects numbered. What was written is read back by zarr and compared with what was painted and with the known labels.

FOLDER keeps image, workspace and export, so the same command goes on where it stopped. Reported are how late the event loop was (see
`meter`), CPU seconds of the workers, peak resident memory of every process, and what the comparison found.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import typer
from first_minute import Clock
from latency import live_until, machine
from meter import Lags, Meter
from rich.console import Console
from slide_window import show

from napari_pseudolabel.demo import has_screen, virtual_screen

WINDOW = (1400, 900)
PIXEL_UM = 0.00493
CLASSES = {"myelin": 1, "axon": 2}
PATIENCE_S = 4 * 3600
# No fibre of these images is as wide: an object that is wider is two of one number.
WIDEST_PX = 1200


def mirrored(tile: np.ndarray, rows: slice, side: int) -> np.ndarray:
    """Return rows of a plane of so many columns that a tile fills by reflection."""
    height, width = tile.shape
    y, x = np.arange(rows.start, rows.stop), np.arange(side)
    y, x = (
        np.where(at // length % 2, length - 1 - at % length, at % length)
        for at, length in ((y, height), (x, width))
    )
    return tile[y[:, None], x[None]]


def write_slide(path: Path, tile: np.ndarray, side: int) -> None:
    """Write it with its levels, band by band; brightness changes by up to a fifth over some thousand pixels."""
    from napari_pseudolabel.imaging.pyramid import Pyramid, open_group

    pyramid = Pyramid.create(open_group(str(path)), (side, side), "u1", letters="YX")
    x = np.arange(side)
    for index, window in pyramid.bands():
        y = np.arange(window[0].start, window[0].stop)[:, None]
        light = 1 + 0.1 * np.sin(2 * np.pi * y / 7000) + 0.1 * np.sin(2 * np.pi * x / 9000)
        pyramid.write(
            index, window, np.clip(mirrored(tile, window[0], side) * light, 0, 255).astype(np.uint8)
        )


@dataclass
class Peaks:
    """Largest resident memory of the window and of its largest children, looked at every few seconds."""

    window_mb: float = 0.0
    children_mb: dict[int, float] = field(default_factory=dict)
    ended: bool = False

    def watch(self) -> None:
        """Look until it ends; in a thread."""
        own = psutil.Process()
        while not self.ended:
            self.window_mb = max(self.window_mb, own.memory_info().rss / 2**20)
            for child in own.children(recursive=True):
                try:
                    size = child.memory_info().rss / 2**20
                except psutil.NoSuchProcess:
                    continue
                self.children_mb[child.pid] = max(self.children_mb.get(child.pid, 0.0), size)
            time.sleep(5)


class Walk:
    """A person who looks around: the camera moves over the slide, nearer and farther, 20 times a second."""

    def __init__(self, viewer: Any, side: int, step: float) -> None:
        from qtpy.QtCore import QTimer

        self._camera, self._extent, self._turn = viewer.scene.camera, side * step, 0
        self._near = min(WINDOW) / (side * step)
        self.timer = QTimer()
        self.timer.setInterval(50)
        self.timer.timeout.connect(self._move)

    def _move(self) -> None:
        self._turn += 1
        at, middle = self._turn / 40, self._extent / 2
        self._camera.center = (0, middle + middle / 2 * np.sin(at), middle + middle / 2 * np.cos(at))
        self._camera.zoom = self._near * 2 ** (2 + 2 * np.sin(at * 0.7))


class RoundTrip:
    """The window, what is done in it, and what was found."""

    def __init__(
        self, folder: Path, side: int, models: str, flips: int, where: bool, facts: dict[str, Any]
    ) -> None:
        import napari

        from napari_pseudolabel.widgets.common.opening import show_dock
        from napari_pseudolabel.widgets.correct.dock import CorrectDock
        from napari_pseudolabel.widgets.export.dock import ExportDock
        from napari_pseudolabel.widgets.open_samples import open_dock

        self.folder, self.side, self.facts = folder, side, facts
        self.meter, self.lags = Meter(where), list[Lags]()
        self.viewer = napari.Viewer()
        self.viewer.window.resize(*WINDOW)
        (self.image,) = self.viewer.open(
            str(folder / "tem_slide.zarr"), plugin="napari", scale=(PIXEL_UM,) * 2, units=("um",) * 2
        )
        self.walk = Walk(self.viewer, side, PIXEL_UM)
        live_until(lambda: False, 1)
        self.label = open_dock(self.viewer)
        self.correct = show_dock(self.viewer, CorrectDock, "Correct")
        self.export = show_dock(self.viewer, ExportDock, "Export")
        self.label.raise_()
        self.parts = 0
        self.decided: list[tuple[Any, np.ndarray, np.ndarray]] = []
        self.label.controller._runner.parted.connect(self._on_part)
        self.until(lambda: not self.label.controller.models.loading, "models")
        if models:
            strategy, translator, segmenter = models.split(",")
            view = self.label.view
            view.strategy.setCurrentIndex(view.strategy.findData(strategy))
            for kind, ref in (("translator", translator), ("segmenter", segmenter)):
                if ref:
                    view.models[kind].setCurrentIndex(view.models[kind].findData(ref))
        self.label.view.settings.edits["flips"].value = flips
        self.label.view.regions.choose("all")

    def _on_part(self, *_: object) -> None:
        self.parts += 1

    @property
    def slide(self) -> Any:
        """The layer with the labels; None before there are any."""
        from napari_pseudolabel.viewer.slide_layers import slide_layer

        return slide_layer(self.viewer, self.image)

    def until(self, done: Callable[[], bool], what: str, at_most: float = PATIENCE_S) -> None:
        """Wait, but not for ever, and not after an error."""
        views = self.label.view, self.correct.view, self.export.view

        def wrong() -> str:
            return next((view.error.sentence for view in views if view.error.sentence), "")

        live_until(lambda: done() or bool(wrong()), at_most)
        if wrong() or not done():
            raise RuntimeError(f"{what}: {wrong() or 'took too long'}")

    def phase(
        self, name: str, done: Callable[[], bool], *, moving: bool, at_most: float = PATIENCE_S
    ) -> None:
        """Measure how late the event loop is until something is done, or so many seconds have passed."""
        if moving:
            self.walk.timer.start()
        began = time.perf_counter()
        with self.meter.measuring() as found:
            live_until(lambda: done() or bool(self.label.view.error.sentence), at_most)
        self.walk.timer.stop()
        lags = Lags.of(name, time.perf_counter() - began, np.array(found), {}, self.meter.own_worst)
        self.lags.append(lags)
        stalls = sorted(self.meter.stalls, key=lambda one: -one.lag)[:4]
        self.facts.setdefault("lags, ms", []).append(asdict(lags))
        self.facts.setdefault("stalls", []).append(
            [
                name,
                [
                    [round(one.lag), round(one.own), round(one.garbage), one.places.most_common(3)]
                    for one in stalls
                ],
            ]
        )
        self.told(name)

    def told(self, what: str) -> None:
        """Keep what was found until now."""
        self.facts["last"] = what
        (self.folder / "found.json").write_text(json.dumps(self.facts, indent=1, default=str))
        self.viewer.screenshot(str(self.folder / f"{len(self.lags):02d}.png"), canvas_only=False, flash=False)

    def look_at(self, y: int, x: int, across: int) -> None:
        """Look at so many pixels around one."""
        self.viewer.scene.camera.center = (0, y * PIXEL_UM, x * PIXEL_UM)
        self.viewer.scene.camera.zoom = min(self.label.canvas_px()) / across / PIXEL_UM
        live_until(lambda: False, 0.5)

    def run(self) -> None:
        """Label everything; a region is corrected meanwhile."""
        view, controller = self.label.view, self.label.controller
        self.phase("camera moves, nothing runs", lambda: False, moving=True, at_most=15)
        self.look_at(self.side // 2, self.side // 2, 1500)
        self.until(view.run_button.isEnabled, f"Run ({view.hint})")
        choice = view.choice()
        self.facts["used"] = [choice.strategy, choice.translator, choice.segmenter, choice.settings.flips]
        self.facts["said before"] = view.expected
        began = Clock.now()
        view.run_button.click()
        live_until(lambda: False, 0.1)
        self.facts["asked"] = view.long_question.sentence
        if view.long_question.sentence:
            view.long_question.run_button.click()
        self.phase(
            "Run, until the first labels", lambda: self.slide is not None or not controller.busy, moving=False
        )
        self.facts["first labels"] = Clock.now().since(began)
        self.phase("parts come, nobody moves", lambda: not controller.busy, moving=False, at_most=30)
        self.phase("parts come, camera moves", lambda: not controller.busy, moving=True, at_most=20)
        self.look_at(self.side // 2, self.side // 2, 1800)
        self.correct_view("a region, while parts come", (0.3, 0.6))
        while controller.busy:
            self.phase("parts come, nobody moves", lambda: not controller.busy, moving=False, at_most=240)
            self.phase("parts come, camera moves", lambda: not controller.busy, moving=True, at_most=20)
            self.facts["until now"] = [Clock.now().since(began), self.parts, view.stage]
        self.until(lambda: not controller.busy, "Run")
        found = Clock.now().since(began)
        found["workers per Mpx"] = found["workers"] / (self.side**2 / 1e6)
        self.facts["run"], self.facts["parts"] = found, self.parts
        self.facts["said after"] = [view.status, view.notes]
        self.look_at(self.side // 4, self.side // 4, 1800)
        self.correct_view("a region, when all is labelled", (0.5, 0.5))

    def take(self, truth: np.ndarray) -> None:
        """Show the known labels as if a run had left them, so that nobody waits for a network, and correct a region."""
        from napari_pseudolabel.labels.classes import AXON_CLASSES
        from napari_pseudolabel.slides.slide_store import SlideStore
        from napari_pseudolabel.viewer.image_layers import image_of
        from napari_pseudolabel.viewer.slide_labels import layer_showing

        looked = image_of(self.image)
        store = SlideStore.create(
            self.folder / "known", looked.shape, looked.placement, classes=AXON_CLASSES, kind="labels", identity={},
            known={},
        )  # fmt: skip
        for index, window in store.values.bands():
            store.values.write(index, window, mirrored(truth, window[0], self.side).astype(np.uint8))
        layer_showing(self.viewer, self.image, looked, store)
        self.label.controller.slides.follow()
        self.look_at(self.side // 4, self.side // 4, 1800)
        self.correct_view("a region", (0.5, 0.5))

    def correct_view(self, name: str, place: tuple[float, float]) -> None:
        """Open what is in view, paint three strokes, confirm what is in a closer view, and close it."""
        from napari_pseudolabel.viewer import Corrections
        from napari_pseudolabel.viewer.slide_layers import region_of

        def opened() -> Any:
            found = (region_of(self.viewer, one) for one in self.viewer.layers)
            return next((one for one in found if one is not None), None)

        ready = self.label.view.region_button.isEnabled
        self.until(ready, "Correct what is in view")
        self.label.view.region_button.click()
        self.phase(f"{name}: opened", lambda: opened() is not None and ready(), moving=False, at_most=120)
        region = opened()
        layer = region.labels
        height, width = layer.data.shape
        self.correct.raise_()
        strokes = iter(
            [
                (label, int(height * (place[0] + 0.1 * label)), at)
                for label in (0, 1, 2)
                for at in range(width // 4, width // 2, 8)
            ]
        )
        layer.brush_size = 15
        painted: list[int] = []

        def paint() -> None:
            if (stroke := next(strokes, None)) is None:
                painted.append(1)
                timer.stop()
                return
            label, y, x = stroke
            layer.paint((y, x), label)

        from qtpy.QtCore import QTimer

        timer = QTimer()
        timer.setInterval(33)
        timer.timeout.connect(paint)
        timer.start()
        self.phase(f"{name}: painted", lambda: bool(painted), moving=False, at_most=120)
        middle = layer.data_to_world((height * place[1], width / 2))
        self.viewer.scene.camera.center = (0, *middle[-2:])
        self.viewer.scene.camera.zoom *= 3
        live_until(lambda: False, 0.5)
        self.correct.view.confirm.click()
        corrections = Corrections.of(layer)
        self.phase(f"{name}: confirmed", lambda: bool(corrections.confirmed.any()), moving=False, at_most=60)
        corrections.sync()
        flags = np.array(corrections.mask | corrections.confirmed)
        self.decided.append((region.region, np.array(layer.data), flags))
        self.facts.setdefault("decided px", []).append(
            [int(corrections.mask.sum()), int(corrections.confirmed.sum())]
        )
        np.savez_compressed(
            self.folder / f"decided-{len(self.decided)}.npz",
            region=list(vars(region.region).values()), labels=layer.data, flags=flags,
        )  # fmt: skip
        crop = [one for one in self.viewer.layers if one.name.startswith(f"{self.image.name} [")]

        def close() -> None:
            for one in [layer, *crop]:
                if one in self.viewer.layers:
                    self.viewer.layers.remove(one)

        QTimer.singleShot(200, close)
        self.phase(f"{name}: closed", lambda: False, moving=False, at_most=5)
        self.label.raise_()

    def write(self) -> Path:
        """Export by the dock."""
        target = self.folder / "labels.ome.zarr"
        view = self.export.view
        self.export.raise_()
        self.viewer.layers.selection.active = self.slide
        view._format.setCurrentIndex(view._format.findData("ome-zarr"))
        view._options["ome-zarr"].edits["instances"].value = True
        view.path.setText(str(target))
        self.until(view.export_button.isEnabled, f"Export ({view.hint})")
        began = Clock.now()
        view.export_button.click()
        self.phase("export, camera moves", lambda: "Wrote" in view.status, moving=True, at_most=60)
        self.phase("export, nobody moves", lambda: "Wrote" in view.status, moving=False)
        self.until(lambda: "Wrote" in view.status, "Export")
        self.facts["export"] = Clock.now().since(began)
        return target

    def close(self) -> None:
        """End everything."""
        for dock in (self.label, self.correct, self.export):
            dock.controller.shutdown()
        self.viewer.close()


def compared(target: Path, truth: np.ndarray, decided: list[Any]) -> dict[str, Any]:
    """Read an export back, and say what is in it."""
    import zarr
    from scipy import ndimage

    from napari_pseudolabel.labels.metrics import evaluate

    group = zarr.open_group(str(target), mode="r")
    labels, numbers = group["0"], group["instances"]["0"]
    found: dict[str, Any] = {"shape": labels.shape, "levels": len([*group.array_keys()])}
    wrong = 0
    for region, values, flags in decided:
        read = np.asarray(labels[region.window])
        wrong += int(np.count_nonzero((read != values) & flags))
    found["decided pixels that differ"] = wrong
    boxes: dict[int, list[int]] = {}
    counts = np.zeros(256, np.int64)
    for top in range(0, labels.shape[0], 1024):
        counts += np.bincount(np.asarray(labels[top : top + 1024]).ravel(), minlength=256)
        band = np.asarray(numbers[top : top + 1024])
        largest, small = np.unique(band, return_inverse=True)
        places = ndimage.find_objects(small.reshape(band.shape))
        for number, place in zip(largest[1:] if largest[0] == 0 else largest, places, strict=False):
            y, x = place
            box = [top + y.start, x.start, top + y.stop, x.stop]
            old = boxes.get(int(number), box)
            boxes[int(number)] = [*map(min, old[:2], box[:2]), *map(max, old[2:], box[2:])]
    sides = np.array([[box[2] - box[0], box[3] - box[1]] for box in boxes.values()])
    found["objects"], found["largest number"] = len(boxes), max(boxes, default=0)
    found["objects too wide to be one"] = int((sides.max(axis=1) > WIDEST_PX).sum())
    found["widest object, px"] = int(sides.max())
    found["not labelled px"] = int(counts[255])
    found["shares"] = {name: float(counts[value] / counts.sum()) for name, value in CLASSES.items()}
    side = 2400
    start = (labels.shape[0] // 3) // 600 * 600
    part = slice(start, start + side)
    known = mirrored(truth, part, labels.shape[1])[:, part]
    score = evaluate(np.asarray(labels[part, part]), known, CLASSES)
    found["cut-out"] = {
        "from": start,
        "side": side,
        "Dice": score.dice,
        "F1": {k: v.f1 for k, v in score.objects.items()},
    }
    return found


def main(
    data: Path = typer.Option(..., help="Folder that holds axon_tem."),
    folder: Path = typer.Option(..., help="Keeps image, workspace and export; the same command goes on."),
    side: int = typer.Option(20480, help="Of the slide, in pixels."),
    image: str = typer.Option("sub-366A_sample-0001_acq-roi", help="Which is laid out."),
    models: str = typer.Option(
        "adaptation,sample:tem-to-sem,sample:sem-axons",
        help="STRATEGY,TRANSLATOR,SEGMENTER; empty for what the dock proposes.",
    ),
    flips: int = typer.Option(3, help="Mirrors in which the segmenter looks again, 0 to 3."),
    known: bool = typer.Option(False, help="Correct and export the known labels, and label nothing."),
    where: bool = typer.Option(False, help="Note what the window did in its longest stalls."),
    json_path: Path = typer.Option(Path("runs/slide_round_trip.json"), "--json"),
) -> None:
    """Print the tables and write every number as JSON."""
    if not has_screen():
        with virtual_screen(WINDOW[0], WINDOW[1] + 40, for_children=True):
            raise typer.Exit(subprocess.run([sys.executable, *sys.argv], check=False).returncode)
    from napari_pseudolabel.imaging import read, read_labels

    home = folder.resolve() / "home"
    os.environ["NAPARI_CONFIG"] = str(home / "settings.yaml")
    for what in ("CONFIG", "DATA", "STATE", "CACHE"):
        os.environ[f"XDG_{what}_HOME"] = str(home / what.lower())
    home.mkdir(parents=True, exist_ok=True)
    tile = np.asarray(read(data / "axon_tem" / "images" / f"{image}.png").data)
    truth = np.asarray(read_labels(data / "axon_tem" / "labels" / f"{image}.png").data)
    if not (folder / "tem_slide.zarr").exists():
        write_slide(folder / "unfinished.zarr", tile, side)
        (folder / "unfinished.zarr").rename(folder / "tem_slide.zarr")
    facts: dict[str, Any] = {
        "date": date.today().isoformat(), "machine": machine(), "command": " ".join(sys.argv), "side": side, "image": image,
    }  # fmt: skip
    peaks = Peaks()
    threading.Thread(target=peaks.watch, daemon=True).start()
    trip = RoundTrip(folder, side, models, flips, where, facts)
    if known:
        trip.take(truth)
    else:
        trip.run()
    target = trip.write()
    peaks.ended = True
    facts["peak MB"] = {
        "window": peaks.window_mb, "largest children": sorted(peaks.children_mb.values(), reverse=True)[:4],
    }  # fmt: skip
    facts["load at the end"] = os.getloadavg()[0]
    console = Console(width=150)
    console.print(show(trip.lags))
    decided = trip.decided
    trip.close()
    facts["compared"] = compared(target, truth, decided)
    console.print_json(
        json.dumps({key: value for key, value in facts.items() if "lags" not in key}, default=str)
    )
    json_path.parent.mkdir(parents=True, exist_ok=True)
    json_path.write_text(json.dumps(facts, indent=1, default=str))


if __name__ == "__main__":
    typer.run(main)

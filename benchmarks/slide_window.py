"""How smooth does a window stay while a large image is labelled in it, looked at, corrected and exported?

    xvfb-run -a python benchmarks/slide_window.py [--side 20000] [--parts 40] [--where]

No model runs: parts of labels that are there already are kept and shown as those of a worker are, so that what is seen is what
the window itself does. Meanwhile the camera moves. Reported is how late the event loop is, see `meter`.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
import zarr
from meter import Lags, Meter
from rich.console import Console
from rich.table import Table
from scipy import ndimage

PART = 1024
VIEW = 2000


def field(side: int) -> Any:
    """Return grey values with blobs, (side, side) uint8."""
    noise = np.random.default_rng(0).random((side, side)).astype(np.float32)
    smooth = ndimage.gaussian_filter(noise, 8)
    return ((smooth - smooth.min()) / np.ptp(smooth) * 255).astype(np.uint8)


def image(folder: Path, side: int, tile: Any) -> zarr.Array:
    """Write an image of one level that repeats a field."""
    made = zarr.create_array(str(folder), shape=(side, side), chunks=(512, 512), dtype="uint8")
    rows = np.tile(tile, (1, -(-side // tile.shape[1])))[:, :side]
    for top in range(0, side, tile.shape[0]):
        made[top : top + tile.shape[0]] = rows[: side - top]
    return made


class SlideDesk:
    """A window with a large image, of which parts arrive."""

    def __init__(self, folder: Path, side: int) -> None:
        import napari

        from napari_pseudolabel.imaging import Placement
        from napari_pseudolabel.labels.classes import AXON_CLASSES
        from napari_pseudolabel.slides.slide_store import SlideStore
        from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor

        self.tile = field(2048)
        self.side, self.folder = side, folder
        data = image(folder / "image.zarr", side, self.tile)
        self.viewer = napari.Viewer()
        self.viewer.window.resize(1400, 900)
        self.source = self.viewer.add_image(data, name="slide", contrast_limits=(0, 255), multiscale=False)
        self.source.visible = (
            False  # a view of all of one level reads all of it, which is no matter of labels
        )
        self.store = SlideStore.create(
            folder / "labels", (side, side), Placement.identity(2, "YX"), classes=AXON_CLASSES, kind="labels",
            identity={}, known={},
        )  # fmt: skip
        self.aside = SerialExecutor()
        self.stream: Any = None
        self.opened: Any = None

    def part(self, number: int) -> Any:
        """Return a part of labels."""
        from napari_pseudolabel.labels.classes import AXON_CLASSES
        from napari_pseudolabel.strategies import PseudoLabel, Region

        across = self.side // PART
        top, left = (number // across % across) * PART, number % across * PART
        grey = self.tile[:PART, :PART]
        labels = (grey > 100).astype(np.uint8) + (grey > 150)
        sure = np.full((1, PART, PART), 0.8, np.float32)
        region = Region(top, left, top + PART, left + PART)
        made_of = region, 0
        return PseudoLabel(
            labels[None], sure, None, None, AXON_CLASSES, region, ((),), report(), made_of=made_of
        )


def report() -> Any:
    """Return one of a run that was none."""
    from datetime import UTC, datetime

    from napari_pseudolabel.strategies import LabelSettings, RunReport

    return RunReport(
        strategy="segmenter", source="slide", source_path=None, models=(), settings=LabelSettings(), factor=1.0, tile=256, overlap=32,
        batch=1, device="cpu", seconds=1.0, date=datetime(2026, 12, 1, tzinfo=UTC),
    )  # fmt: skip


def phases(desk: SlideDesk, parts: int, where: bool) -> Iterator[tuple[Lags, Meter]]:
    """Measure one after the other."""
    from latency import live_until

    from napari_pseudolabel.viewer.image_layers import image_of
    from napari_pseudolabel.viewer.slide_layers import SlideStream
    from napari_pseudolabel.widgets.common.garbage import GarbageLater
    from napari_pseudolabel.widgets.pseudo_label.slide_regions import prepare_ahead

    meter = Meter(where)
    looked = image_of(desk.source)
    run: Any = type("Run", (), {"store": desk.store})()
    desk.stream = SlideStream(desk.viewer, desk.source, looked, run)
    came: list[Any] = []
    camera = desk.viewer.scene.camera

    def phase(name: str, act: Callable[[], None], done: Callable[[], bool], at_most: float = 120) -> Any:
        from qtpy.QtCore import QTimer

        began = time.perf_counter()
        QTimer.singleShot(300, act)
        with meter.measuring() as found:
            live_until(done, at_most)
        return Lags.of(name, time.perf_counter() - began, np.array(found), {}, meter.own_worst), meter

    def arriving() -> None:
        from qtpy.QtCore import QTimer

        ready: list[Any] = []

        def keep() -> None:
            for number in range(parts):
                one = desk.part(number)
                desk.store.add(one)
                ready.append(one)
                time.sleep(0.2)

        def show() -> None:
            while ready:
                desk.stream.add(ready.pop(0))
                came.append(1)

        desk.timer = QTimer()
        desk.timer.timeout.connect(show)
        desk.timer.start(20)
        desk.thread = threading.Thread(target=keep)
        desk.thread.start()

    def moving() -> None:
        from qtpy.QtCore import QTimer

        desk.move = QTimer()
        desk.moved = 0

        def step() -> None:
            desk.moved += 1
            turn = desk.moved / 40
            middle = desk.side / 2
            camera.center = (0, middle + middle / 2 * np.sin(turn), middle + middle / 2 * np.cos(turn))
            camera.zoom = 0.04 * 2 ** (2 + 2 * np.sin(turn * 0.7))

        desk.move.timeout.connect(step)
        desk.move.start(50)

    first = desk.part(0)
    desk.store.add(first)

    def show_first() -> None:
        desk.stream.add(first)
        came.append(first)

    live_until(lambda: False, 2)
    moving()
    yield phase("the camera moves, no labels", lambda: None, lambda: False, 8)
    desk.move.stop()
    run_goes_on = GarbageLater(desk.viewer)
    run_goes_on.begin()
    prepare_ahead()
    yield phase("first part", show_first, lambda: bool(came), 20)
    came.clear()
    live_until(lambda: False, 2)
    yield phase("parts arrive, all in view", arriving, lambda: len(came) >= parts)
    desk.thread.join()
    came.clear()

    def both() -> None:
        moving()
        arriving()

    yield phase("parts arrive, the camera moves", both, lambda: len(came) >= parts)
    desk.thread.join()
    desk.timer.stop()
    desk.move.stop()
    desk.stream.finish()
    run_goes_on.end()
    desk.source.visible = False
    camera.zoom, camera.center = 0.5, (0, VIEW, VIEW)
    live_until(lambda: False, 2)
    later = GarbageLater(desk.viewer)
    before = set(desk.viewer.layers)

    def opening() -> None:
        later.begin()
        open_it(desk, looked)

    yield phase(f"a region of {VIEW} x {VIEW} is opened", opening, lambda: desk.opened is not None)
    live_until(lambda: False, 2)

    def closing() -> None:
        for one in [*desk.viewer.layers]:
            if one not in before:
                desk.viewer.layers.remove(one)

    yield phase("it is closed", closing, lambda: set(desk.viewer.layers) == before)


def open_it(desk: SlideDesk, looked: Any) -> None:
    """Open a region as the dock does."""
    from napari_pseudolabel.strategies import Region
    from napari_pseudolabel.viewer import slide_layers

    region = Region(500, 500, 500 + VIEW, 500 + VIEW)
    wanted = slide_layers.wanted_region(desk.viewer, desk.source, looked, region, ())

    def next_layer(layers: Iterator[Any]) -> None:
        if (found := next(layers, "all")) == "all":
            return
        desk.opened = found
        desk.aside.run(lambda: None, lambda _: next_layer(layers))

    desk.aside.run(wanted.read, lambda read: next_layer(slide_layers.show_region(desk.viewer, wanted, read)))


def show(found: list[Lags]) -> Table:
    """One line per phase."""
    table = Table(
        "phase", "s", "95 % [ms]", "99 % [ms]", "worst [ms]", "own worst [ms]", "> 50 ms", "> 200 ms"
    )
    for one in found:
        table.add_row(
            one.phase,
            f"{one.seconds:.1f}",
            f"{one.p95:.0f}",
            f"{one.p99:.0f}",
            f"{one.worst:.0f}",
            f"{one.own_worst:.0f}",
            *map(str, one.stalls),
        )
    return table


def main(
    side: Annotated[int, typer.Option(help="Of the image, in pixels.")] = 20480,
    parts: Annotated[int, typer.Option(help="How many arrive in each phase.")] = 40,
    where: Annotated[bool, typer.Option(help="Say what the window did in the stalls.")] = False,
) -> None:
    """Measure and print."""
    console = Console(width=150)
    with tempfile.TemporaryDirectory() as folder:
        desk = SlideDesk(Path(folder), side)
        found = []
        for lags, meter in phases(desk, parts, where):
            found.append(lags)
            for stall in sorted(meter.stalls, key=lambda one: -one.lag)[:3]:
                console.print(
                    lags.phase, f"{stall.lag:.0f} ms, own {stall.own:.0f}", stall.places.most_common(4)
                )
        console.print(show(found))
        desk.viewer.close()
        desk.store.close()


if __name__ == "__main__":
    typer.run(main)

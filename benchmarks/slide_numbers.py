"""Labels of a whole slide, exported with a number for every object: how long does it take, and is every object there once?

    python benchmarks/slide_numbers.py --data DIR --folder FOLDER [--side 20480] [--image NAME] [--stop .5] [--json FILE]

Known labels of a TEM image are laid out by reflection over a whole slide, as if a run had made them, and a person corrects
squares of them. They are exported as the Export dock does it, with numbered objects, in a process of its own; with --stop that
is killed when so much of the numbering is done, and begun again. Then another process reads what was written, by zarr alone:

- every number from 1 to the largest is there, and no object is wider than one can be;
- numbers are where classes are, and nowhere else; pixels that the person decided have the class that was decided;
- as many objects hold an axon as there are axons, counted by scikit-image in one piece;
- in windows all over the slide the objects that lie inside of them are those of the window numbered in one piece.

FOLDER keeps the labels and the export.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from slide_round_trip import WIDEST_PX, mirrored

from napari_pseudolabel.control import Control, Progress
from napari_pseudolabel.formats import format_named
from napari_pseudolabel.formats.ome_zarr import OmeZarrOptions
from napari_pseudolabel.imaging import Placement, read_labels
from napari_pseudolabel.labels.classes import AXON_CLASSES
from napari_pseudolabel.labels.objects import scheme_for, to_instances
from napari_pseudolabel.slides.slide_export import SlideContent
from napari_pseudolabel.slides.slide_store import SlideStore

PLACEMENT = Placement.identity(2, "YX")
SQUARE = 300
WINDOW, CONTEXT = 1500, 400
VALUES = {one.name: one.value for one in AXON_CLASSES}


def squares(side: int) -> list[tuple[slice, slice]]:
    """Where the person decides: over the edges of blocks, too."""
    starts = [(side * part // 10, side * (10 - part) // 11) for part in (1, 3, 5, 8)]
    return [(slice(y, y + SQUARE), slice(x, x + SQUARE)) for y, x in starts]


def decided(window: tuple[slice, slice]) -> np.ndarray:
    """Return what the person decides in a square: an axon in its sheath, and background around it."""
    y, x = (np.arange(SQUARE) - SQUARE / 2 for _ in window)
    away = np.hypot(y[:, None], x[None])
    return np.select([away < 90, away < 120], [VALUES["axon"], VALUES["myelin"]], 0).astype(np.uint8)


def make(folder: Path, tile: np.ndarray, side: int) -> None:
    """Write the labels of a slide as runs and the person leave them."""
    store = SlideStore.create(
        folder, (side, side), PLACEMENT, classes=AXON_CLASSES, kind="labels", identity={}, known={}
    )
    for index, window in store.values.bands():
        store.values.write(index, window, mirrored(tile, window[0], side).astype(np.uint8))
    for window in squares(side):
        store.correct((), window, decided(window), np.ones((SQUARE, SQUARE), np.uint8))
    store.close()


def export(folder: Path, side: int, stop: float) -> None:
    """Write it all; kill this process where it is to stop."""
    stages: dict[str, list[float]] = {}
    began = time.process_time()

    def report(progress: Progress) -> None:
        found = stages.setdefault(progress.stage, [time.process_time() - began, 0, 0])
        found[1] = time.process_time() - began
        if progress.stage.startswith("Numbering") and progress.total:
            done = progress.done / progress.total
            if int(100 * done) > found[2]:
                found[2] = int(100 * done)
                print(f"{found[2]} %, {progress.seconds_left or 0:.0f} s left", flush=True)
            if stop and done >= stop:
                os.kill(os.getpid(), 9)

    content = SlideContent(folder / "labels", (side, side), AXON_CLASSES, PLACEMENT, {})
    chosen = replace(format_named("ome-zarr"), options=OmeZarrOptions(instances=True))
    content.write(folder / "export.ome.zarr", chosen, control=Control(report=report))
    found = {
        "CPU s": time.process_time() - began,
        "CPU s of stages": {name: round(end - start, 1) for name, (start, end, _) in stages.items()},
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    (folder / "exported.json").write_text(json.dumps(found))


def check(folder: Path, side: int) -> dict[str, Any]:
    """Read the export back."""
    import zarr
    from scipy import ndimage
    from skimage.measure import label

    group: Any = zarr.open_group(str(folder / "export.ome.zarr"), mode="r")
    labels, numbers = group["0"], group["instances"]["0"]
    every = np.zeros((side, side), bool)
    most = max(int(np.asarray(numbers[top : top + 512]).max()) for top in range(0, side, 512))
    boxes = np.tile(np.array([side, side, -1, -1]), (most, 1))
    axons = np.zeros(most + 1, bool)
    elsewhere = 0
    for top in range(0, side, 512):
        rows = slice(top, min(top + 512, side))
        classes, band = np.asarray(labels[rows]), np.asarray(numbers[rows])
        every[rows] = classes == VALUES["axon"]
        elsewhere += int(np.count_nonzero((band > 0) != (classes > 0)))
        axons[band[every[rows]]] = True
        for number, place in enumerate(ndimage.find_objects(band.view(np.int32))):
            if place is not None:
                y, x = place
                own = boxes[number]
                boxes[number] = (
                    min(own[0], top + y.start), min(own[1], x.start), max(own[2], top + y.stop - 1), max(own[3], x.stop - 1),
                )  # fmt: skip
    found: dict[str, Any] = {
        "objects": most,
        "numbers that no pixel has": int((boxes[:, 2] < 0).sum()),
        "objects too wide to be one": int(((boxes[:, 2:] - boxes[:, :2]).max(axis=1) >= WIDEST_PX).sum()),
        "pixels with a class or a number alone": elsewhere,
        "objects with an axon": int(axons[1:].sum()),
        "axons in one piece": int(label(every, connectivity=2).max()),
        "decided pixels that differ": sum(
            int(np.count_nonzero(np.asarray(labels[window]) != decided(window))) for window in squares(side)
        ),
    }
    del every
    same = different = 0
    for part in range(6):
        y, x = ((side - WINDOW - 2 * CONTEXT) * at // 5 for at in (part, (part * 3) % 6))
        wide = slice(y, y + WINDOW + 2 * CONTEXT), slice(x, x + WINDOW + 2 * CONTEXT)
        whole = to_instances(np.asarray(labels[wide]), scheme_for(AXON_CLASSES))
        read = np.asarray(numbers[wide])
        keys, counts = np.unique(whole.ravel().astype(np.int64) << 32 | read.ravel(), return_counts=True)
        sizes, read_sizes = np.bincount(whole.ravel()), np.bincount(read.ravel())
        inside = {
            number + 1
            for number, (y0, x0, y1, x1) in enumerate(boxes.tolist())
            if y0 >= y + CONTEXT
            and x0 >= x + CONTEXT
            and y1 < y + CONTEXT + WINDOW
            and x1 < x + CONTEXT + WINDOW
        }
        equal = {
            int(other)
            for one, other, count in zip(keys >> 32, keys & 0xFFFFFFFF, counts, strict=True)
            if one and other and count == sizes[one] == read_sizes[other]
        }
        same, different = same + len(inside & equal), different + len(inside - equal)
    return {**found, "objects of windows that are the same": same, "that are not": different}


def main(
    data: Annotated[Path, typer.Option(help="Folder that holds axon_tem.")] = Path(),
    folder: Annotated[Path, typer.Option(help="Keeps labels and export.")] = Path(),
    side: Annotated[int, typer.Option(help="Of the slide, in pixels.")] = 20480,
    image: Annotated[str, typer.Option(help="Whose labels are laid out.")] = "sub-366A_sample-0001_acq-roi",
    stop: Annotated[
        float, typer.Option(help="Share of the numbering after which the first process is killed.")
    ] = 0.0,
    json_path: Annotated[Path, typer.Option("--json")] = Path("runs/slide_numbers.json"),
    step: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Make, export, check, each in a process of its own."""
    if step == "make":
        make(
            folder / "labels",
            np.asarray(read_labels(data / "axon_tem" / "labels" / f"{image}.png").data),
            side,
        )
    elif step == "export":
        export(folder, side, stop)
    elif step == "check":
        (folder / "checked.json").write_text(json.dumps(check(folder, side)))
    if step:
        return
    folder.mkdir(parents=True, exist_ok=True)

    def run(name: str, *more: str, env: dict[str, str] | None = None) -> int:
        words = [sys.executable, __file__, "--step", name, "--data", str(data), "--folder", str(folder)]
        return subprocess.run([*words, "--side", str(side), "--image", image, *more], check=False).returncode

    if not (folder / "labels").exists() and run("make"):
        raise SystemExit(1)
    killed = run("export", "--stop", str(stop)) if stop else 0
    if run("export") or run("check"):
        raise SystemExit(1)
    facts = {
        "date": date.today().isoformat(), "side": side, "first process ended with": killed, "load": os.getloadavg()[0],
        **json.loads((folder / "exported.json").read_text()), **json.loads((folder / "checked.json").read_text()),
    }  # fmt: skip
    facts["CPU s per Mpx"] = facts["CPU s"] / side**2 * 1e6
    print(json.dumps(facts, indent=1))
    json_path.parent.mkdir(parents=True, exist_ok=True)
    json_path.write_text(json.dumps(facts, indent=1))


if __name__ == "__main__":
    typer.run(main)

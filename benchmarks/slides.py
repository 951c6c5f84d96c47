"""Labels of large images: how do memory and time per megapixel grow from 4 to 400 megapixels?

    python benchmarks/slides.py [--megapixels 4 --megapixels 64 --megapixels 400] [--model small] [--json FILE]

For every size an image is written as Zarr, chunk by chunk, out of one generated field, and labelled in a process of its own
with one thread, as `pseudolabel label IMAGE OUT.ome.zarr` does it. Reported are the peak of the resident memory and the CPU
seconds, from the survey of the models to the complete folder. `small` stands for a network that costs nearly nothing (a blur
and a level), so that what is seen is what surrounds networks; any other model is one for `--segmenter`, such as
`sample:tem-axons`.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from scipy import ndimage

from napari_pseudolabel.control import Control
from napari_pseudolabel.formats import format_named
from napari_pseudolabel.imaging import Need, read
from napari_pseudolabel.imaging.pyramid import OWN
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.classes import AXON_CLASSES
from napari_pseudolabel.models.cards import Card, LabelClass, Modality
from napari_pseudolabel.strategies import LabelJob, LabelSettings
from napari_pseudolabel.tiling import Covering, TileSettings

SMALL = "small"
_PIECE = 512
_CARD = Card(kind="segmenter", family="monai-unet", classes=AXON_CLASSES, source=Modality(name="TEM"))


@dataclass(frozen=True)
class SmallNetwork:
    """Calls dark what is darker than a level after a blur, and bright the rest: a model that costs next to nothing."""

    name: str = SMALL
    card: Card = _CARD
    sha256: str = ""
    classes: tuple[LabelClass, ...] = AXON_CLASSES
    channels: int = 1
    need: Need = field(default_factory=lambda: Need(moments=True))
    layout: Covering = field(default_factory=lambda: Covering(256, 32))
    zoom: tuple[float, float] = (1.0, 1.0)

    def make(self) -> SmallNetwork:
        """Return itself."""
        return self

    def remembering(self, memo: object) -> SmallNetwork:
        """Return itself."""
        return self

    def probabilities(self, image: Any, *, part: Any, **_: object) -> Any:
        """Return (3, H, W) in [0, 1]."""
        limits = part.whole.channels[0].limits
        grey = ndimage.uniform_filter(
            (np.asarray(image) - limits.low) / max(limits.high - limits.low, 1e-6), 5
        )
        dark = np.clip(1.5 - 2 * grey, 0, 1).astype(np.float32)
        bright = np.clip(3 * grey - 2, 0, 1).astype(np.float32) * (1 - dark)
        return np.stack([1 - dark - bright, dark, bright])

    def labels(self, probabilities: Any) -> Any:
        """Return the most probable class."""
        return probabilities.argmax(axis=0).astype(np.uint8)


@dataclass(frozen=True)
class Row:
    """One size."""

    megapixels: float
    model: str
    peak_mb: float
    cpu_s: float
    written_mb: float

    @property
    def cpu_per_megapixel(self) -> float:
        """CPU seconds."""
        return self.cpu_s / self.megapixels


def write_image(path: Path, megapixels: int) -> None:
    """Write a square image of repeated fields that are mirrored in turns, piece by piece."""
    import zarr

    from napari_pseudolabel.sample_data.fields import axon_field
    from napari_pseudolabel.sample_data.looks import render_tem

    field = render_tem(axon_field((_PIECE, _PIECE), seed=5), seed=5)
    side = round((megapixels * 1e6) ** 0.5)
    array = zarr.create_array(str(path), shape=(side, side), chunks=(512, 512), dtype="u1")
    array.attrs[OWN] = {}
    for y in range(0, side, _PIECE):
        for x in range(0, side, _PIECE):
            piece = field[:: -1 if y // _PIECE % 2 else 1, :: -1 if x // _PIECE % 2 else 1]
            array[y : y + _PIECE, x : x + _PIECE] = piece[: side - y, : side - x]


def label(image: Path, folder: Path, model: str) -> Row:
    """Label an image in this process."""
    from napari_pseudolabel.cli.streamed_work import streamed
    from napari_pseudolabel.models.loaded import LoadedModels

    def seconds() -> float:
        return time.process_time()

    models, started = LoadedModels(), seconds()
    settings = LabelSettings(flips=0, scale=Scale(1.0), tiles=TileSettings(device="cpu"))
    segmenter: Any = SmallNetwork() if model == SMALL else model
    source = read(image)
    job = LabelJob(source, None, segmenter, settings=settings, across=True)
    _, finish = streamed(
        job,
        folder / "labels.ome.zarr",
        format_named("ome-zarr"),
        lambda one, control, got: one.run_parts(control, models, got),
        Control(),
        confidence=False,
    )
    finish()
    written = sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())
    pixels = source.shape[0] * source.shape[1] / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Row(pixels, model, peak, seconds() - started, written / 2**20)


def main(
    megapixels: Annotated[list[int] | None, typer.Option(help="Sizes of the images.")] = None,
    model: Annotated[str, typer.Option(help="small, or a segmenter.")] = SMALL,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
    alone: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Measure all sizes."""
    if alone:
        print(json.dumps(asdict(label(Path(alone), Path(alone).parent / "out", model))))
        return
    rows = [_measured(size, model) for size in megapixels or (4, 64, 400)]
    table = Table(
        "megapixels", "peak MB", "more than first", "CPU s", "CPU s per Mpx", "over first", "written MB"
    )
    for row in rows:
        table.add_row(
            f"{row.megapixels:.0f}",
            f"{row.peak_mb:.0f}",
            f"{row.peak_mb - rows[0].peak_mb:+.0f}",
            f"{row.cpu_s:.1f}",
            f"{row.cpu_per_megapixel:.3f}",
            f"{row.cpu_per_megapixel / rows[0].cpu_per_megapixel - 1:+.1%}",
            f"{row.written_mb:.0f}",
        )
    Console(width=120).print(table)
    if json_file:
        machine = {"machine": platform.machine(), "threads": 1, "date": date.today().isoformat()}
        json_file.write_text(json.dumps({**machine, "rows": [asdict(row) for row in rows]}, indent=2))


def _measured(megapixels: int, model: str) -> Row:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "out").mkdir()
        write_image(folder / "image.zarr", megapixels)
        words = [sys.executable, __file__, "--alone", str(folder / "image.zarr"), "--model", model]
        ran = subprocess.run(
            words, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True, capture_output=True, text=True
        )
        return Row(**json.loads(ran.stdout.splitlines()[-1]))


if __name__ == "__main__":
    typer.run(main)

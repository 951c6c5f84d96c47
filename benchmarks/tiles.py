"""Tiled or joint, large tiles of the segmenter or small ones: what do labels gain, and what does a view cost?

    python benchmarks/tiles.py [--image FILE --labels FILE] [--pixel-size UM] [--view 350] [--large 2000] [--json FILE]

An image (the generated sample by default) is labelled by adaptation (`sample:sem-to-tem`, `sample:tem-axons`, one look)
in both modes, with tiles of the segmenter of at most 256 and of at most 512 pixels. Reported are the Dice with labels of
a person (0 background, 1 myelin, 2 axon), the share of pixels with the labels of the first row, the gradient of the
translation at borders of tiles over its mean (`tiling.seams`), and how often the networks of the translator are asked for
a view in the middle of a large image, with nothing remembered from earlier.
"""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import (
    Image,
    Placement,
    from_array,
    intensity_range,
    normalise,
    read,
    read_labels,
)
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.classes import AXON_CLASSES
from napari_pseudolabel.labels.metrics import evaluate
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.segmenters import monai_unet
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.sample_data.samples import SEM_LIKE
from napari_pseudolabel.strategies import LabelJob, LabelSettings, Region
from napari_pseudolabel.tiling import make_grid
from napari_pseudolabel.tiling.seams import seam_ratio

Mode = Literal["tiled", "joint"]
_CLASSES = {label_class.name: label_class.value for label_class in AXON_CLASSES if label_class.value}


@dataclass(frozen=True)
class Row:
    """One way."""

    mode: Mode
    tile: int
    dice: dict[str, float]
    as_first: float
    seams: float
    evaluations: int


def seams_of(image: Image, mode: Mode) -> float:
    """Seam ratio of the translation of an image as it is."""
    plane = normalise(image.plane(), intensity_range(image))
    made = translate(LoadedModels().translator("sample:sem-to-tem"), plane, mode=mode, evaluations="quality")
    return seam_ratio(made.mean, make_grid(*plane.shape, made.plan.tile, made.plan.overlap))


def evaluations(job: LabelJob, view: int, large: int) -> int:
    """Tiles times steps for a view in the middle of a large image; what chunks share counts once."""
    middle, half = large // 2, view // 2
    image = from_array(np.zeros((large, large), np.uint8), placement=job.image.placement)
    image = replace(image, data=np.random.default_rng(0).integers(0, 255, (large, large)).astype(np.uint8))
    region = Region(middle - half, middle - half, middle + half, middle + half)
    whole = replace(job, image=image, region=region)
    survey = whole.survey.run(Control(), LoadedModels())
    assert survey.translator is not None
    seen: set[tuple[int, int, int]] = set()
    for number, chunk in enumerate(whole.plan(survey, Control()).chunks):
        tiling = chunk.translating
        assert tiling is not None
        for step in range(survey.translator.steps):
            rings = step if job.settings.mode == "joint" else 0
            (top, bottom), (left, right) = (
                (max(low - rings, 0), min(high + rings, len(axis.starts)))
                for (low, high), axis in zip(
                    tiling.wanted, (tiling.grid.rows, tiling.grid.columns), strict=True
                )
            )
            for y in tiling.grid.rows.starts[top:bottom]:
                for x in tiling.grid.columns.starts[left:right]:
                    # In joint mode only the first step of a tile does not depend on its neighbours.
                    shared = -1 if rings == 0 else number
                    place = (tiling.window.y0 + y) * 10**6 + tiling.window.x0 + x
                    seen.add((step, place, shared))
    return len(seen)


def _truth(labels: Path) -> NDArray[np.int64]:
    return read_labels(labels).plane().astype(np.int64)


def _sample() -> tuple[Image, NDArray[np.int64]]:
    pixels, labels = SEM_LIKE.draw()
    assert SEM_LIKE.pixel_size_um is not None
    size = (SEM_LIKE.pixel_size_um,) * 2
    placement = Placement(size, (0.0, 0.0), units=("micrometer",) * 2)
    return from_array(pixels, placement=placement, name=SEM_LIKE.title), labels.astype(np.int64)


def main(
    image: Annotated[Path | None, typer.Option(help="An image.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Its labels by a person.")] = None,
    pixel_size: Annotated[float | None, typer.Option(help="Side of a pixel in um.")] = None,
    view: Annotated[int, typer.Option(help="Side of the view in pixels.")] = 350,
    large: Annotated[int, typer.Option(help="Side of the image around it.")] = 2000,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Print the table."""
    source, truth = _sample() if image is None or labels is None else (read(image), _truth(labels))
    rows: list[Row] = []
    first: NDArray[np.uint8] | None = None
    for mode in ("joint", "tiled"):
        seams = seams_of(source, mode)
        for tile in (512, 256):
            monai_unet.LARGEST_PREDICTED = tile
            job = LabelJob(
                source,
                translator="sample:sem-to-tem",
                segmenter="sample:tem-axons",
                settings=LabelSettings(
                    mode=mode, evaluations="quality", flips=0, scale=Scale(pixel_size_um=pixel_size)
                ),
            )
            found = job.run(Control(), LoadedModels()).labels
            assert found is not None
            first = found[0] if first is None else first
            scores = evaluate(found[0], truth, _CLASSES)
            rows.append(
                Row(
                    mode,
                    tile,
                    dict(scores.dice),
                    float((found[0] == first).mean()),
                    seams,
                    evaluations(job, view, large),
                )
            )
    table = Table("mode", "segmenter's tile", *_CLASSES, "as first", "seams", "evaluations for a view")
    for row in rows:
        table.add_row(
            row.mode,
            str(row.tile),
            *(f"{row.dice[name]:.4f}" for name in _CLASSES),
            f"{row.as_first:.4f}",
            f"{row.seams:.4f}",
            str(row.evaluations),
        )
    Console().print(table, f"{platform.machine()}, {date.today().isoformat()}, {source.name}")
    if json_file is not None:
        json_file.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    typer.run(main)

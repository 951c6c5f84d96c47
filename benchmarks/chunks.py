"""Can the borders of chunks be seen? Against the same image translated in one piece.

    python benchmarks/chunks.py [--image FILE] [--pixel-size UM] [--side 420] [--json FILE]

An image is labelled in one piece and in chunks of few tiles, with rings of none, one and two tiles around them. Reported are
the gradient of the translation across the borders of chunks over its mean (and the same places in the one piece,
because few rows of an image are never exactly average), the mean difference of the translations, and the Dice of
the labels with those of the one piece. The time is that of one run each; the first loads the models.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import Image, from_array, read
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.classes import AXON_CLASSES
from napari_pseudolabel.labels.metrics import evaluate
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.sample_data.samples import SEM_LIKE
from napari_pseudolabel.strategies import LabelJob, LabelSettings
from napari_pseudolabel.strategies.chunks import TILES_PER_CHUNK, Chunk, cut, join

_CASES = ((3, 0), (3, 1), (3, 2), (TILES_PER_CHUNK, 1))
_CLASSES = {one.name: one.value for one in AXON_CLASSES if one.value}


@dataclass(frozen=True)
class Row:
    """One way of cutting the image."""

    tiles: int
    ring: int
    chunks: int
    across_borders: float
    same_places_in_one_piece: float
    difference: float
    dice: dict[str, float]
    seconds: float


def compare(image: Image, pixel_size_um: float | None) -> list[Row]:
    """Label an image in several ways."""
    settings = LabelSettings(scale=Scale(pixel_size_um=pixel_size_um))
    job = LabelJob(image, translator="sample:sem-to-tem", segmenter="sample:tem-axons", settings=settings)
    models = LoadedModels()
    survey = job.survey.run(Control(), models)
    plan = job.plan(survey, Control())

    def run(tiles: int, ring: int) -> tuple[tuple[Chunk, ...], NDArray[np.float32], NDArray[np.uint8]]:
        own = replace(plan, chunks=cut(job, survey, plan.factors, tiles=tiles, ring=ring))
        parts = [own.load(chunk).run(Control(), models) for chunk in own.chunks]
        whole = join(job, parts, own.report)
        assert whole.translation is not None
        assert whole.labels is not None
        return own.chunks, whole.translation[0], whole.labels[0]

    _, expected, labels = run(10_000, 0)
    rows = []
    for tiles, ring in _CASES:
        started = time.perf_counter()
        chunks, found, own = run(tiles, ring)
        seconds = time.perf_counter() - started
        rows.append(
            Row(
                tiles,
                ring,
                len(chunks),
                across(found, chunks),
                across(expected, chunks),
                float(np.abs(found - expected).mean()),
                evaluate(own, labels, _CLASSES).dice,
                seconds,
            )
        )
    return rows


def across(image: NDArray[np.float32], chunks: Sequence[Chunk]) -> float:
    """Mean gradient across the borders of chunks over the mean gradient of the image."""
    down, right = np.abs(np.diff(image, axis=0)), np.abs(np.diff(image, axis=1))
    rows = sorted({chunk.region.y0 for chunk in chunks} - {0})
    columns = sorted({chunk.region.x0 for chunk in chunks} - {0})
    at = [down[y - 1].mean() for y in rows] + [right[:, x - 1].mean() for x in columns]
    return float(np.mean(at) / np.mean([down.mean(), right.mean()])) if at else float("nan")


def main(
    image: Annotated[Path | None, typer.Option(help="SEM image; by default the generated sample.")] = None,
    pixel_size: Annotated[float | None, typer.Option(help="Pixel size in micrometres.")] = None,
    side: Annotated[int, typer.Option(help="Of the upper left square that is used, in pixels.")] = 420,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the rows there.")] = None,
) -> None:
    """Compare and print."""
    torch.set_num_threads(1)
    if image is None:
        plane, _ = SEM_LIKE.draw()
        pixel_size = pixel_size or SEM_LIKE.pixel_size_um
    else:
        opened = read(image)
        plane = opened.plane(next(iter(opened.planes())), None)
    rows = compare(from_array(np.ascontiguousarray(plane[:side, :side]), "YX"), pixel_size)
    table = Table(
        title=f"{image.name if image else 'generated'}, {side} x {side}, {platform.machine()}, {date.today()}"
    )
    for name in (
        "tiles",
        "ring",
        "chunks",
        "gradient across",
        "in one piece",
        "difference",
        "Dice of labels",
        "s",
    ):
        table.add_column(name, justify="right")
    for row in rows:
        dice = " / ".join(f"{value:.3f}" for value in row.dice.values())
        numbers = (row.across_borders, row.same_places_in_one_piece, row.difference)
        table.add_row(
            str(row.tiles),
            str(row.ring),
            str(row.chunks),
            *(f"{n:.4f}" for n in numbers),
            dice,
            f"{row.seconds:.1f}",
        )
    Console().print(table)
    if json_file is not None:
        json_file.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)

"""How large should tiles be, how much should they share, and what does a part cost that is labelled as the whole?

    OMP_NUM_THREADS=1 python benchmarks/tiles.py [DATA] [--images 4] [--most-px 420] [--all-evaluations] [--json FILE]

The labelled images in DATA (held-out ones first, the middle of each) are labelled by adaptation with the shipped models, with tiles
of other sides that share more or less; for each the CPU seconds of its model, the Dice with a person's labels, the share of the
labels that are as in the first row, and how visible borders of tiles are (`tile_sweep.Row`). By default a diffusion makes its first
prediction only, which ranks tiles alike at a quarter of the time.

Then, without DATA too, for views in the middle of an image of two megapixels: pixels that the models compute per pixel of the
view (`view_cost`).
"""

from __future__ import annotations

import json
import platform
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated

import torch
import typer
from quality_directions import directions, found
from rich.console import Console
from rich.table import Table
from tile_sweep import Row, Tiles, cases_of, sweep
from view_cost import ViewCost, costs

from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.segmenters.tiled import TiledSegmenter

VIEWS, LARGE = (232, 350, 512), 1414
# Translator, segmenter, and pixels of the first model's grid per pixel of the image.
CHAINS = {
    "adaptation, SEM": ("sample:sem-to-tem", "sample:tem-axons", 0.83),
    "proxy, SEM": (None, "sample:sem-proxy", 0.83),
    "adaptation, purple": ("sample:purple-to-fluorescence", "sample:fluorescence-nuclei", 1.0),
}
# Beginning with what was usual in November 2026.
SEGMENTERS: tuple[Tiles, ...] = (
    (256, 64),
    (256, 48),
    (256, 32),
    (192, 32),
    (128, 32),
    (128, 24),
    (128, 16),
    (512, 64),
)


def _translators(trained: int) -> tuple[Tiles, ...]:
    shares = [(trained, trained * part // 16) for part in (6, 4, 3, 2)]
    larger = [
        (trained * 3 // 2, trained * 3 // 16),
        (2 * trained, 3 * trained // 8),
        (2 * trained, trained // 4),
    ]
    return (*shares, *larger)


def swept(data: Path, images: int, most_px: int, *, first: bool) -> list[Row]:
    """Measure every direction whose models are shipped."""
    models, rows = LoadedModels(), []
    for direction in directions(Path("nowhere")):
        if found(direction.adapting) is None or direction.source.segmenter is None:
            continue
        translator, segmenter = (
            models.translator(direction.adapting),
            models.segmenter(direction.source.segmenter),
        )
        assert isinstance(segmenter, TiledSegmenter)
        rows += sweep(
            direction,
            cases_of(direction, data, images),
            (translator, segmenter),
            _translators(int(translator.card.architecture["image_size"])),
            SEGMENTERS,
            most_px=most_px,
            first=first,
        )
    return rows


def sweep_table(rows: list[Row]) -> Table:
    """Show what tiles of other sizes make of labels."""
    table = Table(
        "", "model", "tile", "shared", "pixels per pixel", "CPU s per Mpx", "Dice", "as first", "seams"
    )
    for row in rows:
        seams = "" if row.of == "segmenter" else f"{row.seams:.3f}"
        numbers = f"{row.computed:.2f}", f"{row.cpu:.1f}", f"{row.dice:.4f}", f"{row.same:.4f}", seams
        table.add_row(row.direction, row.of, *map(str, row.tiles), *numbers)
    return table


def view_table(chains: dict[str, list[ViewCost]]) -> Table:
    """Show what views cost."""
    table = Table("", "view", "translator, px per px", "segmenter, px per px", "read, px per px")
    for name, each in chains.items():
        for one in each:
            view = f"{one.side} x {one.side}" if one.side else "all of it"
            table.add_row(name, view, f"{one.translator:.2f}", f"{one.segmenter:.2f}", f"{one.read:.2f}")
    return table


def main(
    data: Annotated[
        Path | None, typer.Argument(help="Folder with labelled images; see quality_cases.")
    ] = None,
    images: Annotated[int, typer.Option(help="Images of each direction.")] = 4,
    most_px: Annotated[
        int, typer.Option(help="Side of what is taken of each, on the grid of the model.")
    ] = 420,
    all_evaluations: Annotated[
        bool, typer.Option("--all-evaluations", help="All steps of a diffusion.")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    console = Console(width=140)
    rows = [] if data is None else swept(data, images, most_px, first=not all_evaluations)
    if rows:
        console.print(sweep_table(rows))
    views = {
        name: costs(translator, segmenter, sides=VIEWS, large=LARGE, factor=factor)
        for name, (translator, segmenter, factor) in CHAINS.items()
    }
    console.print(view_table(views))
    console.print(f"{platform.machine()}, one thread, {date.today().isoformat()}", highlight=False)
    if json_file is not None:
        told = {name: [asdict(one) for one in each] for name, each in views.items()}
        json_file.write_text(json.dumps({"tiles": [asdict(row) for row in rows], "views": told}, indent=1))


if __name__ == "__main__":
    typer.run(main)

"""The same images with tiles of other sizes: what labels, seams and time make of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np
from numpy.typing import NDArray
from quality_cases import Case
from quality_directions import Direction

from napari_pseudolabel.imaging import IntensityRange, resample_to
from napari_pseudolabel.labels.metrics import evaluate
from napari_pseudolabel.models.grids import magnification
from napari_pseudolabel.models.segmenters.base import Segmenter, of_limits
from napari_pseudolabel.models.segmenters.tiled import TiledSegmenter
from napari_pseudolabel.models.translators.base import Translator
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.tiling import Axis, Grid, TileSettings, make_grid
from napari_pseudolabel.tiling.seams import borders

Plane = NDArray[np.float32]
Tiles = tuple[int, int]
"""Side and overlap in pixels."""


@dataclass(frozen=True)
class Row:
    """One choice of tiles, means over the images of a direction.

    Attributes
    ----------
    of
        "translator" or "segmenter".
    tiles
        Side and overlap.
    computed
        Pixels computed per pixel of a large image: what the overlap costs.
    cpu
        Seconds per megapixel, one thread.
    dice, f1
        Against a person's labels, mean over classes.
    same
        Share of the labels that are those of the first row.
    seams
        Gradient at the borders of the tiles over that at the same places of a translation whose tiles lie elsewhere and
        share half of themselves, so that tissue does not count; 1 where nothing is to be seen.
    """

    direction: str
    of: str
    tiles: Tiles
    computed: float
    cpu: float
    dice: float
    same: float
    seams: float


def sweep(
    direction: Direction,
    cases: Sequence[Case],
    models: tuple[Translator, TiledSegmenter],
    translators: Sequence[Tiles],
    segmenters: Sequence[Tiles],
    *,
    most_px: int,
    first: bool,
) -> Iterator[Row]:
    """Measure every choice for one model with the first choice for the other."""
    translator, segmenter = models
    up = magnification(translator.card.target, segmenter.card.source)
    planes = [_cut(case, most_px) for case in cases]

    def made(plane: Plane, tiles: Tiles) -> tuple[Plane, float]:
        began = time.process_time()
        found = translate(
            translator, plane, settings=_settings(tiles), evaluations="preview" if first else "quality"
        ).mean
        return found, time.process_time() - began

    def labelled(seen: Plane, tiles: Tiles) -> tuple[NDArray[np.uint8], float]:
        shape = tuple(max(1, round(side * up)) for side in seen.shape)
        image = np.clip(resample_to(seen, (shape[0], shape[1])), 0, 1)
        began = time.process_time()
        chances = segmenter.probabilities(
            image, settings=_settings(tiles), part=of_limits(IntensityRange(0.0, 1.0))
        )
        return segmenter.labels(chances), time.process_time() - began

    side = translators[0][0]
    smooth = [made(plane, (side, side // 2))[0] for plane, _ in planes]
    before = [made(plane, translators[0]) for plane, _ in planes]
    usual = [labelled(seen, segmenters[0]) for seen, _ in before]

    def row(of: str, tiles: Tiles, each: list[tuple[NDArray[np.uint8], float]], seams: float) -> Row:
        pixels = sum(plane.size for plane, _ in planes) * (1.0 if of == "translator" else up**2)
        return Row(
            direction.name,
            of,
            tiles,
            (tiles[0] / (tiles[0] - tiles[1])) ** 2,
            sum(seconds for _, seconds in each) / pixels * 1e6,
            mean(
                _dice(labels, truth, segmenter) for (labels, _), (_, truth) in zip(each, planes, strict=True)
            ),
            mean(float((a == b).mean()) for (a, _), (b, _) in zip(each, usual, strict=True)),
            seams,
        )

    for tiles in translators:
        found = before if tiles == translators[0] else [made(plane, tiles) for plane, _ in planes]
        seams = [
            _at_borders(seen, make_grid(*seen.shape, *tiles, translator.stride), other)
            for (seen, _), other in zip(found, smooth, strict=True)
        ]
        each = [(labelled(seen, segmenters[0])[0], seconds) for seen, seconds in found]
        known = [one for one in seams if np.isfinite(one)]
        yield row("translator", tiles, each, mean(known) if known else float("nan"))
    for tiles in segmenters:
        yield row("segmenter", tiles, [labelled(seen, tiles) for seen, _ in before], float("nan"))


def _settings(tiles: Tiles) -> TileSettings:
    return TileSettings(tile=tiles[0], overlap=tiles[1], device="cpu")


def _cut(case: Case, most_px: int) -> tuple[Plane, NDArray[np.uint8]]:
    """Return the middle of an image, and of its labels on the same grid."""
    image, labels = case.plane.image, case.plane.labels
    at = tuple(
        slice(max(0, (size - most_px) // 2), max(0, (size - most_px) // 2) + most_px) for size in image.shape
    )
    return np.ascontiguousarray(image[at], np.float32), labels[at]


def _dice(labels: NDArray[np.uint8], truth: NDArray[np.uint8], segmenter: Segmenter) -> float:
    """Mean over the classes that people count, on the grid of the truth."""
    y, x = (
        ((np.arange(size) + 0.5) * own / size).astype(int)
        for size, own in zip(truth.shape, labels.shape, strict=True)
    )
    classes = {one.name: one.value for one in segmenter.classes if one.value}
    found = evaluate(labels[np.ix_(y, x)], truth.astype(np.int64), classes).dice
    return mean(found.values())


def _at_borders(seen: Plane, grid: Grid, other: Plane) -> float:
    own, there = (_gradients(one, grid) for one in (seen, other))
    return float(own.mean() / there.mean()) if own.size else float("nan")


def _gradients(image: Plane, grid: Grid) -> NDArray[np.float32]:
    """Mean absolute differences across each border of a tile within an image."""

    def along(axis: Axis, differences: NDArray[np.float32]) -> NDArray[np.float32]:
        return differences[borders(axis)]

    return np.concatenate(
        [
            along(grid.rows, np.abs(np.diff(image, axis=0)).mean(axis=1)),
            along(grid.columns, np.abs(np.diff(image, axis=1)).mean(axis=0)),
        ]
    )


def cases_of(direction: Direction, data: Path, count: int) -> list[Case]:
    """Some labelled images of the target, held-out ones first."""
    scored = [case for case in direction.target.cases(data) if case.scored]
    return sorted(scored, key=lambda case: not case.held_out)[:count]

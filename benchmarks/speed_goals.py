"""The goals of issue 17 for translation and labelling, each as a ratio of CPU seconds of one process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import mean, median
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from rich.table import Table

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import Image, from_array, intensity_range, normalise
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.metrics import evaluate
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.segmenters.monai_unet import MonaiSegmenter
from napari_pseudolabel.models.translators.base import Translator
from napari_pseudolabel.models.translators.schedule import Schedule
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.sample_data.samples import SEM_LIKE
from napari_pseudolabel.strategies import LabelJob, LabelSettings
from napari_pseudolabel.tiling import Covering, Grid, TileSettings, make_grid, pad
from napari_pseudolabel.tiling.seams import borders

Plane = NDArray[np.float32]
# Seams that differ by less are the same.
_LEVEL = 0.02
TRANSLATOR, SEGMENTER = "sample:sem-to-tem", "sample:tem-axons"


@dataclass(frozen=True)
class GoalRow:
    """One way of doing the same.

    Attributes
    ----------
    what, way
        The task, and how it is done.
    cpu
        Seconds, median of the repeats.
    times
        As fast as the first row of the task.
    alike
        As fast as what has the same seams, or at least comes nearest; NaN where that is not asked.
    seams
        Gradient across borders of tiles over that at the same places of a translation with tiles elsewhere; NaN where not
        measured.
    dice
        Mean over classes against the truth of the generated image; NaN where not measured.
    goal
        Least `alike`, or `times` where seams are not asked for; NaN for rows that are compared with.
    """

    what: str
    way: str
    cpu: float
    times: float
    alike: float = float("nan")
    seams: float = float("nan")
    dice: float = float("nan")
    goal: float = float("nan")


def sample(side: int) -> tuple[Image, NDArray[np.int64]]:
    """Return a generated image, mirrored to a side, and its labels."""
    pixels, labels = SEM_LIKE.draw()
    rows, columns = (max(0, side - size) for size in pixels.shape)
    wide = ((0, rows), (0, columns))
    image = np.pad(pixels, wide, "symmetric")[:side, :side]
    return from_array(image, "YX"), np.pad(labels, wide, "symmetric")[:side, :side].astype(np.int64)


def translations(side: int, repeats: int, also: str = "") -> list[GoalRow]:
    """Translate an image as the original procedure does, and as we do; also by another translator, such as a fast version."""
    model = LoadedModels().translator(TRANSLATOR)
    image, _ = sample(side)
    plane = normalise(image.plane(), intensity_range(image))
    tile = int(model.card.architecture["image_size"])
    # Seams are judged by a translation of which a half is shared.
    smooth = translate(model, plane, settings=TileSettings(tile=tile, overlap=tile // 2)).mean
    ways: dict[str, tuple[Callable[[], Plane], Grid, float]] = {}
    for overlap in (0, tile // 8, tile // 4, tile // 2):
        grid = make_grid(*plane.shape, tile, overlap, model.stride)
        name = f"tile by tile, {overlap} px shared, pasted"
        ways[name] = (lambda grid=grid: _original(model, plane, grid)), grid, float("nan")
    own = model.layout.grid(plane.shape, TileSettings(), None)
    for mode, goal in (("quality", 1.5), ("fast", 8.0), ("preview", 8.0)):
        ways[f"ours, {mode}"] = (
            (lambda mode=mode: translate(model, plane, evaluations=mode).mean),
            own,
            goal,
        )
    if also:
        other = LoadedModels().translator(also)
        lies = other.layout.grid((plane.shape[0], plane.shape[1]), TileSettings(), None)
        ways[f"ours, {also}"] = (lambda: translate(other, plane).mean), lies, 8.0
    found: dict[str, Plane] = {}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, (function, _, _) in ways.items():
            began = time.process_time()
            found[name] = function()
            taken[name].append(time.process_time() - began)
    seconds = {name: median(each) for name, each in taken.items()}
    seams = {name: _seams(found[name], smooth, grid) for name, (_, grid, _) in ways.items()}
    first, *_ = pasted = [name for name in ways if name.startswith("tile by tile")]
    rows = []
    for name, (_, _, goal) in ways.items():
        # Fresh noise in every tile leaves seams however much is shared.
        level = [one for one in pasted if seams[one] <= seams[name] + _LEVEL]
        like = min(level, key=seconds.__getitem__) if level else min(pasted, key=seams.__getitem__)
        alike = float("nan") if np.isnan(goal) else seconds[like] / seconds[name]
        what = f"translating {side} x {side}"
        rows.append(
            GoalRow(what, name, seconds[name], seconds[first] / seconds[name], alike, seams[name], goal=goal)
        )
    return rows


def _original(model: Translator, plane: Plane, grid: Grid) -> Plane:
    """Tile after tile through all steps, each with fresh noise; of what tiles share, each keeps its half."""
    schedule = Schedule.from_card(model.card.schedule)
    size = int(model.card.architecture["nz"])
    padded = pad(torch.from_numpy(plane)[None] * 2 - 1, grid)
    result = torch.zeros_like(padded)
    tile = grid.tile[0]
    edges = [
        [(a + tile + b) // 2 for a, b in zip(axis.starts, axis.starts[1:], strict=False)]
        for axis in (grid.rows, grid.columns)
    ]
    with torch.no_grad():
        for number, (top, left) in enumerate(grid.origins - (grid.rows.first, grid.columns.first)):
            where = slice(top, top + tile), slice(left, left + tile)
            source = padded[(None, slice(None), *where)]
            x = torch.randn_like(source)
            for step in reversed(range(schedule.steps)):
                time_ = torch.full((1,), step, dtype=torch.int64)
                clean = model.network(torch.cat([x, source], dim=1), time_, torch.randn(1, size))[:, :1]
                x = float(schedule.c1[step]) * clean + float(schedule.c2[step]) * x
                if step:
                    x = x + float((0.5 * schedule.log_variance[step]).exp()) * torch.randn_like(x)
            row, column = divmod(number, len(grid.columns.starts))
            (y0, y1), (x0, x1) = (
                (
                    start if not place else cuts[place - 1] - axis.first,
                    start + tile if place == len(cuts) else cuts[place] - axis.first,
                )
                for start, place, cuts, axis in (
                    (top, row, edges[0], grid.rows),
                    (left, column, edges[1], grid.columns),
                )
            )
            result[:, y0:y1, x0:x1] = x[0, :, y0 - top : y1 - top, x0 - left : x1 - left]
    top, left = -grid.rows.first, -grid.columns.first
    cut = result[0, top : top + plane.shape[0], left : left + plane.shape[1]]
    return ((cut.clamp(-1, 1) + 1) / 2).numpy()


def _seams(made: Plane, smooth: Plane, grid: Grid) -> float:
    def along(image: Plane) -> float:
        across = []
        for number, axis in enumerate((grid.rows, grid.columns)):
            steps = np.abs(np.diff(image, axis=number)).mean(axis=1 - number)
            middle = [(a + axis.tile + b) // 2 for a, b in zip(axis.starts, axis.starts[1:], strict=False)]
            marked = borders(axis)
            marked[[one - 1 for one in middle if 0 < one < axis.length]] = True
            across.append(steps[marked])
        return float(np.concatenate(across).mean())

    return along(made) / along(smooth)


@contextmanager
def _as_before() -> Iterator[None]:
    """Tiles as they were in November: three eighths shared by those of translators, a quarter of 256 by segmenters."""
    own = Translator.layout, MonaiSegmenter.layout, MonaiSegmenter.tile
    Translator.layout = property(  # type: ignore[method-assign, assignment]
        lambda self: Covering(
            tile := int(self.card.architecture.get("image_size") or 256), 3 * tile // 8, self.stride
        )
    )
    MonaiSegmenter.tile = property(lambda self: min(self.architecture.tile, 256))  # type: ignore[method-assign, assignment]
    MonaiSegmenter.layout = property(  # type: ignore[method-assign, assignment]
        lambda self: Covering(self.tile, self.tile // 4, self.architecture.stride)
    )
    try:
        yield
    finally:
        Translator.layout, MonaiSegmenter.layout, MonaiSegmenter.tile = own  # type: ignore[method-assign]


def labels(side: int, flips: int, repeats: int, also: str = "") -> list[GoalRow]:
    """Label an image with the bundled models of adaptation, as it was done before and as it is done; also by another translator."""
    image, truth = sample(side)
    classes = {"axon": 2, "myelin": 1}

    def one(
        mode: Literal["auto", "quality", "fast", "preview"], translator: str = TRANSLATOR
    ) -> NDArray[np.uint8]:
        settings = LabelSettings(flips=flips, scale=Scale(factor=1.0), evaluations=mode)
        made = LabelJob(image, translator, SEGMENTER, settings=settings).run(Control(), LoadedModels())
        assert made.labels is not None
        return made.labels[0]

    def before() -> NDArray[np.uint8]:
        with _as_before():
            return one("quality")

    ways: dict[str, tuple[Callable[[], NDArray[np.uint8]], float]] = {
        "before, all evaluations": (before, float("nan")),
        "ours, quality": (lambda: one("quality"), float("nan")),
        "ours, fast": (lambda: one("fast"), 5.0),
        "ours, preview": (lambda: one("preview"), 5.0),
    }
    if also:
        ways[f"ours, {also}"] = (lambda: one("auto", also)), 5.0
    found: dict[str, NDArray[np.uint8]] = {}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, (function, _) in ways.items():
            began = time.process_time()
            found[name] = function()
            taken[name].append(time.process_time() - began)
    first = median(taken["before, all evaluations"])
    return [
        GoalRow(
            f"labelling {side} x {side}, {flips} flips",
            name,
            median(taken[name]),
            first / median(taken[name]),
            dice=mean(evaluate(found[name], truth, classes).dice.values()),
            goal=goal,
        )
        for name, (_, goal) in ways.items()
    ]


def table(rows: list[GoalRow]) -> Table:
    """Show the rows."""
    shown = Table("", "", "CPU s", "times as fast", "at the same seams", "goal", "seams", "Dice")
    for row in rows:
        counts = row.times if np.isnan(row.alike) else row.alike
        reached = (
            "" if np.isnan(row.goal) else f"≥ {row.goal:g}: {'reached' if counts >= row.goal else 'missed'}"
        )
        alike, seams, dice = (
            "" if np.isnan(one) else f"{one:.3f}" for one in (row.alike, row.seams, row.dice)
        )
        shown.add_row(row.what, row.way, f"{row.cpu:.1f}", f"{row.times:.2f}", alike, reached, seams, dice)
    return shown

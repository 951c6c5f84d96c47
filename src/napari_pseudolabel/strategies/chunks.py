"""An image cut into chunks that workers label in any order: what is sent, and what becomes of the answers."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import IntensityRange
from napari_pseudolabel.strategies.description import LabelSettings, PseudoLabel, Region, RunReport
from napari_pseudolabel.strategies.survey import Survey
from napari_pseudolabel.tiling import Axis, Grid, make_grid, sizes

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels
    from napari_pseudolabel.strategies.jobs import ImageJob

# Larger chunks spend less on their margins, smaller ones appear sooner.
TILES_PER_CHUNK = 8
# Without a ring the borders of chunks can be seen; a second one changes next to nothing (docs/benchmarks.md).
RING = 1
_TOLERATED_SHIFT_PX = 1.0


@dataclass(frozen=True)
class Focus:
    """Where the person looks: a plane, and a place in it in pixels of the image."""

    plane: tuple[int, ...]
    y: float
    x: float


@dataclass(frozen=True)
class Chunk:
    """A part of one plane.

    Attributes
    ----------
    plane
        Index over the axes before Y and X.
    region
        What is labelled, in pixels of the image.
    read
        What is read for it, in pixels of the image.
    window
        What the first model sees, in pixels of its grid: the tiles of the region and a ring around them.
    grid
        The tiles, relative to the window. They lie where they would lie in the whole plane, so that
        neighbouring chunks have the same tiles, and see the same around them, where they meet.
    """

    plane: tuple[int, ...]
    region: Region
    read: Region
    window: Region
    grid: Grid


@dataclass(frozen=True, eq=False)
class ChunkJob:
    """Label one chunk; holds its pixels, so that it can run on any machine.

    Attributes
    ----------
    pixels
        (H, W) float32 raw values of ``chunk.read``.
    factors
        Pixels on the grid of the first model per pixel of the image, along Y and X: sizes of whole grids
        are whole numbers.
    limits
        Which raw values of the layer become 0 and 1.
    empty
        There is nothing to see in the layer.
    """

    pixels: NDArray[np.float32]
    chunk: Chunk
    survey: Survey
    settings: LabelSettings
    factors: tuple[float, float]
    limits: IntensityRange
    report: RunReport
    title: str = "Labelling"
    empty: bool = False

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """References of the models."""
        return tuple(model.ref for model in self.survey.models)

    def run(self, control: Control, models: LoadedModels) -> PseudoLabel:
        """Do the work."""
        from napari_pseudolabel.strategies.adaptation import label_chunk

        started = time.monotonic()
        result = label_chunk(self, control, models)
        seconds = time.monotonic() - started
        return replace(result, report=replace(result.report, seconds=seconds))


@dataclass(frozen=True, eq=False)
class LabelPlan:
    """How the image of a job is cut.

    Attributes
    ----------
    report
        What is known before the first pixel is labelled.
    chunks
        Together they cover the region of all planes, each pixel once.
    empty
        There is nothing to see in the layer.
    """

    job: ImageJob
    survey: Survey
    factors: tuple[float, float]
    limits: IntensityRange
    report: RunReport
    chunks: tuple[Chunk, ...]
    empty: bool = False

    def distance(self, chunk: Chunk, focus: Focus | None) -> tuple[int, float]:
        """What comes first: the plane on the screen, and in it what is nearest to the middle of the view."""
        y, x = (chunk.region.y0 + chunk.region.y1) / 2, (chunk.region.x0 + chunk.region.x1) / 2
        if focus is None:
            region = self.job.whole_region
            there = (region.y0 + region.y1) / 2, (region.x0 + region.x1) / 2
            return self.job.plane_indices.index(chunk.plane), float(np.hypot(y - there[0], x - there[1]))
        away = sum(abs(a - b) for a, b in zip(chunk.plane, focus.plane, strict=True))
        return away, float(np.hypot(y - focus.y, x - focus.x))

    def load(self, chunk: Chunk) -> ChunkJob:
        """Read the pixels of a chunk.

        Raises
        ------
        InputError
            If the image cannot be read.
        """
        read = chunk.read
        slices = slice(read.y0, read.y1), slice(read.x0, read.x1)
        pixels = self.job.image.plane(chunk.plane, self.job.settings.channel, slices)
        return ChunkJob(
            pixels,
            chunk,
            self.survey,
            self.job.settings,
            self.factors,
            self.limits,
            self.report,
            self.job.title,
            self.empty,
        )

    def conclude(self, reports: Sequence[RunReport], seconds: float) -> RunReport:
        """One report of all chunks."""
        # The median, because a chunk with little in it registers anywhere.
        shifts = [one.shift_px for one in reports if one.shift_px is not None]
        middle = np.median(np.array(shifts), axis=0) if shifts else None
        shift = None if middle is None else (float(middle[0]), float(middle[1]))
        agreements = [one.agreement for one in reports if one.agreement is not None]
        notes = dict.fromkeys(note for one in (self.report, *reports) for note in one.notes)
        if shift is not None and max(map(abs, shift)) > _TOLERATED_SHIFT_PX:
            notes[
                f"The translation is shifted by {shift[0]:+.1f} px (down) and {shift[1]:+.1f} px (right) against "
                "the image, and so are the labels; try another translator or scale."
            ] = None
        # Of several plans the most modest one tells what memory allowed.
        least = min(reports, key=lambda one: (one.tile or 0, one.batch or 0))
        return replace(
            least,
            shift_px=shift,
            agreement=float(np.mean(agreements)) if agreements else None,
            notes=tuple(notes),
            seconds=seconds,
            date=self.report.date,
        )


def join(job: ImageJob, parts: Sequence[PseudoLabel], report: RunReport) -> PseudoLabel:
    """All parts of a job as one result in memory.

    Parameters
    ----------
    parts
        Together they cover the region of all planes of the job.
    report
        Of the whole.
    """
    region, planes = job.whole_region, job.plane_indices
    position = {index: number for number, index in enumerate(planes)}

    def joined(name: str) -> Any:
        if getattr(parts[0], name) is None:
            return None
        # Candidates have an axis of their own between planes and Y.
        first = getattr(parts[0], name)
        whole = np.empty((len(planes), *first.shape[1:-2], *region.shape), first.dtype)
        for part in parts:
            inside = part.region
            rows = slice(inside.y0 - region.y0, inside.y1 - region.y0)
            columns = slice(inside.x0 - region.x0, inside.x1 - region.x0)
            whole[position[part.planes[0]], ..., rows, columns] = getattr(part, name)[0]
        return whole

    return PseudoLabel(
        joined("labels"),
        joined("confidence"),
        joined("translation"),
        joined("spread"),
        parts[0].classes,
        region,
        planes,
        report,
        joined("candidates"),
        parts[0].members,
    )


def whole_factors(shape: Sequence[int], factor: float) -> tuple[float, float]:
    """The factors that make whole numbers of pixels of an image of a shape (..., Y, X)."""
    height, width = shape[-2:]
    return max(1, round(height * factor)) / height, max(1, round(width * factor)) / width


def cut(
    job: ImageJob,
    survey: Survey,
    factors: tuple[float, float],
    *,
    tiles: int = TILES_PER_CHUNK,
    ring: int = RING,
) -> tuple[Chunk, ...]:
    """Cut the region of a job into blocks of tiles, plane after plane.

    Parameters
    ----------
    factors
        See `whole_factors`.
    tiles
        Along each axis of a chunk, at most.
    ring
        Tiles around a chunk that are computed for nothing but the context they give to those inside.

    Raises
    ------
    InputError
        If the tiles that the person asked for cannot be used.
    """
    first, shape, region = survey.models[0], job.image.shape[-2:], job.whole_region
    tile, overlap, _ = sizes(job.settings.tiles, tile=first.tile, overlap=first.overlap, stride=first.stride)
    height, width = (round(pixels * factor) for pixels, factor in zip(shape, factors, strict=True))
    whole = make_grid(height, width, tile, overlap, first.stride)
    rows = _blocks(whole.rows, factors[0], (region.y0, region.y1), shape[0], tiles, ring)
    columns = _blocks(whole.columns, factors[1], (region.x0, region.x1), shape[1], tiles, ring)
    return tuple(
        Chunk(
            plane,
            Region(row.inner[0], column.inner[0], row.inner[1], column.inner[1]),
            Region(row.read[0], column.read[0], row.read[1], column.read[1]),
            Region(row.window[0], column.window[0], row.window[1], column.window[1]),
            Grid(row.axis, column.axis),
        )
        for plane in job.plane_indices
        for row, column in itertools.product(rows, columns)
    )


@dataclass(frozen=True)
class _Block:
    """Neighbouring tiles along one axis; the fields are those of `Chunk` along it."""

    inner: tuple[int, int]
    read: tuple[int, int]
    window: tuple[int, int]
    axis: Axis


def _blocks(
    axis: Axis, factor: float, wanted: tuple[int, int], length: int, tiles: int, ring: int
) -> list[_Block]:
    """Cut the `wanted` of the `length` pixels of an image along the tiles of its whole grid."""
    start, stop = wanted
    # Neighbours meet in the middle of what they share.
    meet = [(left + axis.tile + right) / 2 for left, right in itertools.pairwise(axis.starts)]
    edges = [0, *(round(one / factor) for one in meet), length]
    needed = [i for i in range(len(axis.starts)) if edges[i] < stop and edges[i + 1] > start]
    count = -(-len(needed) // tiles)
    # Room for the interpolation, and for the filter against aliasing where the model's grid is coarser.
    margin = 2 + round(2 * max(1.0, 1 / factor))
    blocks = []
    for number in range(count):
        own = needed[number * len(needed) // count : (number + 1) * len(needed) // count]
        low, high = max(own[0] - ring, 0), min(own[-1] + ring, len(axis.starts) - 1)
        window = max(axis.starts[low], 0), min(axis.starts[high] + axis.tile, axis.length)
        starts = tuple(one - window[0] for one in axis.starts[low : high + 1])
        read = (
            max(int(window[0] / factor) - margin, 0),
            min(int(np.ceil(window[1] / factor)) + margin, length),
        )
        inner = max(edges[own[0]], start), min(edges[own[-1] + 1], stop)
        blocks.append(
            _Block(inner, read, window, Axis(window[1] - window[0], axis.tile, starts, axis.shared))
        )
    return blocks

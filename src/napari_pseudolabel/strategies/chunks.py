"""An image cut into chunks that workers label in any order: what is sent, and what becomes of the answers."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Box, Channel, Image, LayerStatistics
from napari_pseudolabel.imaging.image import COMBINED
from napari_pseudolabel.labels.object_size import LARGEST_CRUMB
from napari_pseudolabel.models.fitting import channel_misfit
from napari_pseudolabel.strategies.description import PseudoLabel, RunReport
from napari_pseudolabel.strategies.geometry import Block, Line, Span, View
from napari_pseudolabel.strategies.label_settings import LabelSettings, Region
from napari_pseudolabel.strategies.survey import Survey, least_px, typical_px
from napari_pseudolabel.tiling import Grid

# Larger chunks spend less on their margins, smaller ones appear sooner.
TILES_PER_CHUNK = 8
# But so large, along each axis of the first grid, that memory stays flat: a pixel of a chunk takes a hundred bytes. What a part
# costs besides its work stays about 2 % of what the lightest bundled network computes in it (docs/benchmarks.md, scheduler.py).
_LARGEST_PX = 1024
# In joint mode every evaluation of a diffusion but the last sees one tile further, less and less (docs/benchmarks.md).
_MOST_RINGS = 7
# Twice the side of the squares in which there is nothing to see where they are even, however large tiles are.
_SQUARE_PX = 128
# So many times as long as a square of their area islands may be, to be told from objects as in the whole plane.
_LONGEST = 3
# So many typical objects around a part have a say in how those that touch are told apart.
_AROUND = 2.5


@dataclass(frozen=True, eq=False)
class ImageTask(ABC):
    """What all jobs on an image share.

    Attributes
    ----------
    image
        The image, lazily.
    settings
        How it is done.
    region
        Part of the last two axes; the whole plane when None. Statistics always come from the whole layer.
    planes
        Which planes of a stack; all when None.
    """

    image: Image
    settings: LabelSettings = field(default_factory=LabelSettings, kw_only=True)
    region: Region | None = field(default=None, kw_only=True)
    planes: tuple[tuple[int, ...], ...] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse planes that are named twice: a result would have a place for each, and be made once.

        A channel that is named becomes its number: parts of the image, and who reads the provenance, know no names.

        Raises
        ------
        InputError
            If a plane is named twice, or the image has no such channel.
        """
        channel = self.settings.channel
        if isinstance(channel, str) and channel not in COMBINED:
            settings = replace(self.settings, channel=self.image.told_channel(channel))
            object.__setattr__(self, "settings", settings)
        if self.planes == ():
            raise InputError("No plane is named; name one, or none for all of them.")
        if self.planes is not None and len(set(self.planes)) < len(self.planes):
            raise InputError("A plane is named twice; name each plane once.")

    @property
    @abstractmethod
    def title(self) -> str:
        """What is being done, for the person."""

    @property
    def whole_region(self) -> Region:
        """The region, inside of the image."""
        height, width = self.image.shape[-2:]
        return self.region.clipped(height, width) if self.region else Region(0, 0, height, width)

    @property
    def plane_indices(self) -> tuple[tuple[int, ...], ...]:
        """Every plane that is worked on."""
        return tuple(self.image.planes()) if self.planes is None else self.planes

    def channels(self, survey: Survey) -> tuple[Channel | None, ...]:
        """Which channels of the image are read: the chosen one, or all where the segmenter takes several.

        Raises
        ------
        InputError
            If the image has another number of channels, or several models do not agree.
        """
        wanted = survey.models[0].channels
        models = [(model.use.name, model.channels) for model in survey.models]
        translates = survey.translator is not None
        found = channel_misfit(models, self.image.name, self.image.channels, translates=translates)
        if found is not None:
            raise InputError(found[1])
        if wanted == 1:
            return (self.settings.channel,)
        return tuple(range(wanted))


@dataclass(frozen=True)
class ViewCentre:
    """Where the person looks: a plane, and a place in it in pixels of the image."""

    plane: tuple[int, ...]
    y: float
    x: float


@dataclass(frozen=True)
class Tiling:
    """What one model is given of a plane.

    Attributes
    ----------
    window
        In pixels of its grid of the whole plane.
    grid
        The tiles in the window, relative to it. They lie where they lie in the whole plane, so that any two chunks
        have the same tiles, and see the same in them, where they meet.
    wanted
        Positions of the rows and of the columns of tiles that are needed, half open.
    """

    window: Region
    grid: Grid
    wanted: tuple[Span, Span]


@dataclass(frozen=True)
class Chunk:
    """A part of one plane.

    Attributes
    ----------
    plane
        Index over the axes before Y and X.
    region
        What is labelled, in pixels of the image.
    outer
        With a margin, in which islands of labels are told from objects.
    read
        What is read for it, in pixels of the image.
    window
        What the first model sees, in pixels of its grid.
    side
        Of the squares in which there is nothing to see where they hold a single value, in pixels of the image.
    translating
        The tiles of the translator; None without one.
    segmenting
        The tiles of each segmenter.
    """

    plane: tuple[int, ...]
    region: Region
    outer: Region
    read: Region
    window: Region
    side: int
    translating: Tiling | None
    segmenting: tuple[Tiling, ...]


@dataclass(frozen=True, eq=False)
class ChunkTask:
    """One chunk to be labelled; holds its pixels, so that any machine can do it.

    Attributes
    ----------
    pixels
        (H, W) float32 raw values of ``chunk.read``, (C, H, W) where the segmenter takes several channels.
    factors
        Pixels on the grid of the first model per pixel of the image, along Y and X: sizes of whole grids
        are whole numbers.
    whole
        Size (H, W) of the plane.
    statistics
        Of the layer, as each model of the survey needs them; of its translations for segmenters that see those.
    empty
        There is nothing to see in the layer.
    draft
        A first look that is not kept.
    """

    pixels: NDArray[np.float32]
    chunk: Chunk
    survey: Survey
    settings: LabelSettings
    factors: tuple[float, float]
    whole: tuple[int, int]
    statistics: tuple[LayerStatistics, ...]
    report: RunReport
    title: str = "Labelling"
    empty: bool = False
    draft: bool = False


def join(job: ImageTask, parts: Sequence[PseudoLabel], report: RunReport) -> PseudoLabel:
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
        first = getattr(parts[0], name)
        if first is None:
            return None
        # Candidates have an axis of their own between planes and Y.
        whole = np.empty((len(planes), *first.shape[1:-2], *region.shape), first.dtype)
        for part in parts:
            inside = part.region.within(region)
            whole[position[part.planes[0]], ..., *inside] = getattr(part, name)[0]
        return whole

    arrays = {name: joined(name) for name in ("labels", "confidence", "translation", "spread", "candidates")}
    return replace(parts[0], **arrays, region=region, planes=planes, report=report, made_of=None)


def whole_factors(shape: Sequence[int], factor: float) -> tuple[float, float]:
    """Return the factors that make whole numbers of pixels of an image of a shape (..., Y, X)."""
    height, width = shape[-2:]
    return max(1, round(height * factor)) / height, max(1, round(width * factor)) / width


def cut(
    job: ImageTask,
    survey: Survey,
    factors: tuple[float, float],
    statistics: Sequence[LayerStatistics] | None = None,
    *,
    tiles: int | None = None,
    ring: int | None = None,
) -> tuple[Chunk, ...]:
    """Cut the region of a job into blocks of tiles, plane after plane.

    Parameters
    ----------
    factors
        See `whole_factors`.
    statistics
        Of the layer, for each segmenter; those of an image without margins of zeros by default.
    tiles
        Along each axis of a chunk, at most; by default so many that the margins cost less than the chunk.
    ring
        Tiles of the translator around those that are needed, as context of the first steps of a diffusion; by default
        as many as it takes to compute what the whole plane would be, for up to eight evaluations.

    Raises
    ------
    InputError
        If the tiles that the person asked for cannot be used.
    """
    lines, side = lines_of(job, survey, factors, statistics, ring)
    region = job.whole_region
    rows, columns = (
        line.blocks(wanted, tiles or _tiles(line))
        for line, wanted in zip(lines, ((region.y0, region.y1), (region.x0, region.x1)), strict=True)
    )
    return tuple(
        chunk_of(plane, row, column, side)
        for plane in job.plane_indices
        for row, column in itertools.product(rows, columns)
    )


def lines_of(
    job: ImageTask,
    survey: Survey,
    factors: tuple[float, float],
    statistics: Sequence[LayerStatistics] | None,
    ring: int | None,
) -> tuple[list[Line], int]:
    """Return both axes of a plane as the models see them, and `Chunk.side`."""
    shape, settings = job.image.shape[-2:], job.settings
    first = round(shape[0] * factors[0]), round(shape[1] * factors[1])
    translator = survey.translator.layout.grid(first, settings.tiles, None) if survey.translator else None
    grids = []
    for number, segmenter in enumerate(survey.segmenters):
        own = survey.grid_of(segmenter, first)
        box = statistics[number].box if statistics is not None else None
        spans = None if box is None else scaled(box, shape, own)
        grids.append(segmenter.layout.grid(own, settings.tiles, spans))
    if ring is None:
        joint = survey.translator is not None and settings.mode == "joint"
        taken = survey.translator.evaluated(settings.evaluations) if survey.translator and joint else (0,)
        ring = min(len(taken) - 1, _MOST_RINGS)
    least = least_px(settings, survey, survey.segmenters[0], factors) if survey.segmenters else 0.0
    seen = max(_LONGEST * math.sqrt(LARGEST_CRUMB * least), _AROUND * (typical_px(settings, survey) or 0.0))
    leading = translator or grids[0]
    side = max(3, round(min(leading.rows.tile, _SQUARE_PX) / 2 / min(factors)))
    lines = [
        Line(
            shape[number],
            first[number],
            getattr(translator, axis) if translator is not None else None,
            tuple(getattr(grid, axis) for grid in grids),
            ring,
            math.ceil(seen),
            side,
        )
        for number, axis in enumerate(("rows", "columns"))
    ]
    return lines, side


def scaled(box: Box, shape: Sequence[int], onto: tuple[int, int]) -> tuple[Span, Span]:
    """Return the box of a layer of a shape on another grid."""
    y, x = (new / old for new, old in zip(onto, shape, strict=True))
    return (
        (math.floor(box.y0 * y), min(math.ceil(box.y1 * y), onto[0])),
        (math.floor(box.x0 * x), min(math.ceil(box.x1 * x), onto[1])),
    )


def _tiles(line: Line) -> int:
    """So many tiles that a chunk is at least twice as wide as a tile of any segmenter, but not fewer than usual."""
    axis = line.leading
    step = max(min((b - a for a, b in itertools.pairwise(axis.starts)), default=axis.tile), 1)
    widest = max((one.tile * axis.length / one.length for one in line.segmenters), default=0)
    return max(min(TILES_PER_CHUNK, _LARGEST_PX // step), math.ceil(2 * widest / step), 1)


def chunk_of(plane: tuple[int, ...], row: Block, column: Block, side: int) -> Chunk:
    """Return the chunk of a block of rows and one of columns."""
    return Chunk(
        plane,
        _region(row.inner, column.inner),
        _region(row.outer, column.outer),
        _region(row.read, column.read),
        _region(row.window, column.window),
        side,
        None if row.view is None or column.view is None else _tiling(row.view, column.view),
        tuple(
            _tiling(view, other)
            for view, other in zip(row.segmenter_views, column.segmenter_views, strict=True)
        ),
    )


def _region(rows: Span, columns: Span) -> Region:
    return Region(rows[0], columns[0], rows[1], columns[1])


def _tiling(rows: View, columns: View) -> Tiling:
    return Tiling(
        _region(rows.window, columns.window), Grid(rows.axis, columns.axis), (rows.wanted, columns.wanted)
    )

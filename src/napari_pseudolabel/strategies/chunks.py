"""An image cut into chunks that workers label in any order: what is sent, and what becomes of the answers."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import IntensityRange
from napari_pseudolabel.strategies.description import LabelSettings, PseudoLabel, Region, RunReport
from napari_pseudolabel.strategies.survey import Survey

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels
    from napari_pseudolabel.strategies.jobs import ImageJob

# Larger chunks spend less on their margins, smaller ones appear sooner.
_TILES_PER_CHUNK = 6
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
        What is labelled.
    window
        What is read: the region with a margin.
    """

    plane: tuple[int, ...]
    region: Region
    window: Region

    @property
    def inner(self) -> tuple[slice, slice]:
        """The region inside of the window."""
        y, x = self.region.y0 - self.window.y0, self.region.x0 - self.window.x0
        height, width = self.region.shape
        return slice(y, y + height), slice(x, x + width)


@dataclass(frozen=True, eq=False)
class ChunkJob:
    """Label one chunk; holds its pixels, so that it can run on any machine.

    Attributes
    ----------
    pixels
        (H, W) float32 raw values of the window.
    factor
        Pixels on the grid of the first model per pixel of the image.
    limits
        Which raw values of the layer become 0 and 1.
    """

    pixels: NDArray[np.float32]
    chunk: Chunk
    survey: Survey
    settings: LabelSettings
    factor: float
    limits: IntensityRange
    report: RunReport
    title: str = "Labelling"

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
    """

    job: ImageJob
    survey: Survey
    factor: float
    limits: IntensityRange
    report: RunReport
    chunks: tuple[Chunk, ...]

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
        window = chunk.window
        slices = slice(window.y0, window.y1), slice(window.x0, window.x1)
        pixels = self.job.image.plane(chunk.plane, self.job.settings.channel, slices)
        return ChunkJob(
            pixels, chunk, self.survey, self.job.settings, self.factor, self.limits, self.report, self.job.title
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

    def join(self, parts: Sequence[PseudoLabel], report: RunReport) -> PseudoLabel:
        """All parts as one result in memory."""
        region, planes = self.job.whole_region, self.job.plane_indices
        position = {index: number for number, index in enumerate(planes)}

        def joined(name: str) -> Any:
            if getattr(parts[0], name) is None:
                return None
            whole = np.empty((len(planes), *region.shape), getattr(parts[0], name).dtype)
            for part in parts:
                inside = part.region
                rows = slice(inside.y0 - region.y0, inside.y1 - region.y0)
                columns = slice(inside.x0 - region.x0, inside.x1 - region.x0)
                whole[position[part.planes[0]], rows, columns] = getattr(part, name)[0]
            return whole

        return PseudoLabel(
            joined("labels"),
            joined("confidence"),
            joined("translation"),
            joined("spread"),
            self.survey.classes,
            region,
            planes,
            report,
        )


def cut(job: ImageJob, survey: Survey, factor: float) -> tuple[Chunk, ...]:
    """Cut the region of a job into chunks of about equal size, plane after plane."""
    tile = job.settings.tiles.tile or survey.tile
    side = max(1, int(_TILES_PER_CHUNK * tile / factor))
    halo = int(np.ceil(tile / 2 / factor))
    region = job.whole_region
    size = job.image.shape[-2:]
    regions = [
        Region(y0, x0, y1, x1)
        for (y0, y1), (x0, x1) in itertools.product(
            _spans(region.y0, region.y1, side), _spans(region.x0, region.x1, side)
        )
    ]
    return tuple(
        Chunk(plane, one, one.grown(halo, *size)) for plane in job.plane_indices for one in regions
    )


def _spans(start: int, stop: int, side: int) -> Iterator[tuple[int, int]]:
    count = -(-(stop - start) // side)
    edges = [start + round(i * (stop - start) / count) for i in range(count + 1)]
    return itertools.pairwise(edges)

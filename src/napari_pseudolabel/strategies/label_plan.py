"""The plan of a job on an image, and the jobs of its chunks, which workers do in any order."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control, Progress
from napari_pseudolabel.imaging import LayerStatistics
from napari_pseudolabel.imaging.plane_key import sum_of
from napari_pseudolabel.imaging.statistics import Moments, moments_of
from napari_pseudolabel.labels.classes import is_unnamed_region
from napari_pseudolabel.labels.evidence import Evidence, total
from napari_pseudolabel.labels.usability import Usability, usability, warning
from napari_pseudolabel.strategies.chunks import Chunk, ChunkTask, ImageTask, ViewCentre
from napari_pseudolabel.strategies.description import PseudoLabel, RunReport
from napari_pseudolabel.strategies.first_chunk import glance, growing
from napari_pseudolabel.strategies.label_settings import Region
from napari_pseudolabel.strategies.survey import Survey, of_translations, references
from napari_pseudolabel.tiling import give_back
from napari_pseudolabel.wording import duration

if TYPE_CHECKING:
    from napari_pseudolabel.imaging.reading.stored_part import StoredImage, StoredPart
    from napari_pseudolabel.models.loaded import LoadedModels

_TOLERATED_SHIFT_PX = 1.0
_WORTH_SAYING_S = 20


@dataclass(frozen=True, eq=False)
class ChunkJob(ChunkTask):
    """Label one chunk."""

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """References of the models."""
        return references(model.ref for model in self.survey.models)

    def run(self, control: Control, models: LoadedModels) -> PseudoLabel:
        """Do the work."""
        from napari_pseudolabel.strategies.labelling import label_chunk

        started = time.monotonic()
        if self.draft:  # its steps are no share of the work
            control.report(Progress(self.title, 0, 1))
            control = replace(control, report=lambda _: None)
        try:
            result = label_chunk(self, control, models)
        finally:
            give_back()
        seconds = time.monotonic() - started
        made_of = self.chunk.read, sum_of(self.pixels)
        return replace(result, report=replace(result.report, seconds=seconds), made_of=made_of)


@dataclass(frozen=True, eq=False)
class StoredChunkJob:
    """Label one chunk whose pixels are read from their file by whoever does it.

    Attributes
    ----------
    part
        What is read.
    bare
        The job, without its pixels.
    """

    part: StoredPart
    bare: ChunkJob

    @property
    def title(self) -> str:
        """What is being done, for the person."""
        return self.bare.title

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """References of the models."""
        return self.bare.checkpoints

    def run(self, control: Control, models: LoadedModels) -> PseudoLabel:
        """Do the work; `ElsewhereError` where another file is seen here."""
        return replace(self.bare, pixels=self.part.read()).run(control, models)


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
    first
        The chunk that comes first wherever the person looks meanwhile; None for the nearest.
    stored
        Where workers find the pixels, if they see the same files; None where these have to be sent.
    """

    job: ImageTask
    survey: Survey
    factors: tuple[float, float]
    statistics: tuple[LayerStatistics, ...]
    report: RunReport
    chunks: tuple[Chunk, ...]
    empty: bool = False
    first: Chunk | None = None
    stored: StoredImage | None = None

    def distance(self, chunk: Chunk, focus: ViewCentre | None) -> tuple[int, float]:
        """Return what comes first: the plane on the screen, and in it what is nearest to the middle of the view."""
        if chunk is self.first:
            return -1, 0.0
        y, x = (chunk.region.y0 + chunk.region.y1) / 2, (chunk.region.x0 + chunk.region.x1) / 2
        if focus is None:
            region = self.job.whole_region
            there = (region.y0 + region.y1) / 2, (region.x0 + region.x1) / 2
            return self.job.plane_indices.index(chunk.plane), float(np.hypot(y - there[0], x - there[1]))
        away = sum(abs(a - b) for a, b in zip(chunk.plane, focus.plane, strict=True))
        return away, float(np.hypot(y - focus.y, x - focus.x))

    def begun_at(self, focus: ViewCentre | None) -> LabelPlan:
        """Return the same plan in parts that are small where the person looks, who waits for them."""
        if self.empty or not self.survey.segmenters:
            return self
        at = self._looked_at(focus)
        chunks, first = growing(self.job, self.survey, self.factors, self._judged, self.chunks, at)
        return replace(self, chunks=chunks, first=first)

    def draft(self, focus: ViewCentre | None) -> ChunkJob | None:
        """Return what shows something soon where the person looks, never to be kept; None where all comes soon.

        One tile of the segmenter labels what the first prediction of the diffusion gives, which is needed anyway.
        """
        translator, segmenters = self.survey.translator, len(self.survey.segmenters)
        if self.empty or translator is None or not segmenters:
            return None
        if len(translator.evaluated(self.job.settings.evaluations)) < 2:
            return None
        segmenter = self.survey.segmenter
        assert segmenter is not None
        seen = self.survey.first_translated or self.survey.translated
        alone = replace(self.survey, second_opinions=(), translated=seen)
        chunk = glance(self.job, alone, self.factors, self._judged, self._looked_at(focus))
        return replace(
            self.load(chunk),
            survey=alone,
            settings=replace(self.job.settings, samples=1, flips=0, evaluations="preview"),
            statistics=(
                *self.statistics[: len(self.statistics) - segmenters],
                of_translations(segmenter, alone),
            ),
            title="A first look",
            draft=True,
        )

    def _looked_at(self, focus: ViewCentre | None) -> ViewCentre:
        """Where the person looks, as far as it is to be labelled; else the middle of what is."""
        if focus is not None and focus.plane in self.job.plane_indices:
            return focus
        region = self.job.whole_region
        return ViewCentre(self.job.plane_indices[0], (region.y0 + region.y1) / 2, (region.x0 + region.x1) / 2)

    def time_left(self, first_s: float) -> str:
        """Return about how long the rest takes, in a sentence, when the first chunk took so long; empty if not worth it.

        Tiles that chunks have in common are computed once.
        """
        first = self.chunks[0]
        height, width = self.job.whole_region.shape
        around = [
            seen - side * scale
            for seen, side, scale in zip(first.window.shape, first.region.shape, self.factors, strict=True)
        ]
        whole = (height * self.factors[0] + around[0]) * (width * self.factors[1] + around[1])
        left = first_s * max(whole * len(self.job.plane_indices) / first.window.area - 1, 0)
        if len(self.chunks) < 2 or left < _WORTH_SAYING_S:
            return ""
        return f"Part 1 of {len(self.chunks)} took {duration(first_s)}; about {duration(left)} left."

    @property
    def _judged(self) -> tuple[LayerStatistics, ...]:
        """Statistics of what each segmenter sees."""
        return self.statistics[len(self.statistics) - len(self.survey.segmenters) :]

    def load(self, chunk: Chunk) -> ChunkJob:
        """Read the pixels of a chunk.

        Raises
        ------
        InputError
            If the image cannot be read.
        """
        return self._job(chunk, self.pixels(chunk.plane, chunk.read))

    def sent(self, chunk: Chunk) -> ChunkJob | StoredChunkJob:
        """Return the job of a chunk as it travels: of a large image in a file, without the pixels.

        Raises
        ------
        InputError
            If the image cannot be read, or was changed on the disk since the plan was made.
        """
        if self.stored is None:
            return self.load(chunk)
        part = self.stored.part(chunk.plane, self.job.channels(self.survey), chunk.read.window)
        return StoredChunkJob(part, self._job(chunk, np.empty((0, 0), np.float32)))

    def _job(self, chunk: Chunk, pixels: NDArray[np.float32]) -> ChunkJob:
        height, width = self.job.image.shape[-2:]
        return ChunkJob(
            pixels,
            chunk,
            self.survey.of_plane(chunk.plane),
            self.job.settings,
            self.factors,
            (height, width),
            self.statistics,
            self.report,
            self.job.title,
            self.empty,
        )

    def pixels(self, plane: tuple[int, ...], part: Region) -> NDArray[np.float32]:
        """Return what is read of a part of a plane; for its shape see `ChunkTask`, for errors `load`."""
        channels = self.job.channels(self.survey)
        planes = [self.job.image.plane(plane, channel, part.window) for channel in channels]
        return planes[0] if len(planes) == 1 else np.stack(planes)

    def arrived(self, part: PseudoLabel) -> None:
        """Hear of a part that a worker has made, in any thread, before anybody else."""

    def conclude(self, reports: Sequence[RunReport], seconds: float, ready: float = 0.0) -> RunReport:
        """One report of all chunks; for `seconds` and `ready` see `RunReport`."""
        # The median, because a chunk with little in it registers anywhere.
        shifts = [report.shift_px for report in reports if report.shift_px is not None]
        middle = np.median(np.array(shifts), axis=0) if shifts else None
        shift = None if middle is None else (float(middle[0]), float(middle[1]))
        notes = dict.fromkeys(note for report in (self.report, *reports) for note in report.notes)
        if shift is not None and max(map(abs, shift)) > _TOLERATED_SHIFT_PX:
            notes[
                f"The translation is shifted by {shift[0]:+.1f} px (down) and {shift[1]:+.1f} px (right) against "
                "the image, and so are the labels; try another translator or scale."
            ] = None
        evidence = total([report.evidence for report in reports])
        height, width = self.job.image.shape[-2:]
        looks = (
            Usability()
            if evidence is None
            else usability_of(evidence, self.survey, (height, width), self.factors)
        )
        told = (warning(looks.doubts),) if looks.doubts else ()
        # Of several plans the most modest one tells what memory allowed.
        least = min(reports, key=lambda report: (report.tile or 0, report.batch or 0))
        return replace(
            least,
            shift_px=shift,
            # Of all pixels together: parts are of any size.
            agreement=None if evidence is None else evidence.agreement,
            evidence=evidence,
            usability=looks,
            notes=(*told, *notes),
            seconds=seconds,
            ready=ready,
            date=self.report.date,
        )


def usability_of(
    evidence: Evidence, survey: Survey, whole: tuple[int, int], factors: tuple[float, float]
) -> Usability:
    """Say whether labels look usable, as far as that can be told.

    Parameters
    ----------
    whole
        Size (H, W) of the planes of the image.
    factors
        As of `LabelPlan`.
    """
    segmenter = survey.segmenter
    if segmenter is None or any(map(is_unnamed_region, survey.classes)):
        return Usability()
    first = round(whole[0] * factors[0]), round(whole[1] * factors[1])
    known = segmenter.card.calibration
    grid_px = survey.grid_of(segmenter, first)[0] / whole[0]
    return usability(evidence, survey.classes, None if known is None else known.typical, grid_px)


@dataclass(frozen=True, eq=False)
class TranslationsJob:
    """Translate some places of a layer and measure them.

    Attributes
    ----------
    survey
        What is known of the models.
    chunks
        Spread over the layer. Noise belongs to positions, so they are always the same.
    """

    survey: Survey
    chunks: tuple[ChunkJob, ...]
    title: str = "Measuring the translation"

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """References of the models."""
        assert self.survey.translator is not None
        return (self.survey.translator.name,)

    def run(self, control: Control, models: LoadedModels) -> Survey:
        """Do the work; the survey is complete afterwards."""
        # Remembered from the translations themselves, first predictions cost next to nothing.
        looks = [
            replace(one, settings=replace(one.settings, evaluations="preview"), draft=True)
            for one in self.chunks
        ]
        return replace(
            self.survey,
            translated=_moments([chunk.run(control, models) for chunk in self.chunks]),
            first_translated=_moments([look.run(control, models) for look in looks]),
        )


def _moments(parts: Sequence[PseudoLabel]) -> Moments:
    """Of all translations together."""
    values = np.concatenate([part.translation.ravel() for part in parts if part.translation is not None])
    seen = values[np.isfinite(values)]  # nothing is translated where the image has no values
    return moments_of(seen if seen.size else np.zeros(1, np.float32))

"""Label one chunk: translate it, segment it, and bring both to the pixels of the image.

The labels belong to the original image, because a translation keeps every structure in its place; `shift` checks
that it did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import Box, IntensityRange, normalise, resample_part
from napari_pseudolabel.imaging.registration import shift
from napari_pseudolabel.labels.evidence import Evidence
from napari_pseudolabel.labels.objects import LEAST_SURE
from napari_pseudolabel.labels.windows import open_sides
from napari_pseudolabel.models.grids import as_raw
from napari_pseudolabel.models.segmenters.base import LayerPart, PartPlace, Segmenter
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.strategies.blank import Blank, nothing_there
from napari_pseudolabel.strategies.chunks import ChunkTask, scaled
from napari_pseudolabel.strategies.description import PseudoLabel
from napari_pseudolabel.strategies.ensemble import SegmenterInput, segment_ensemble
from napari_pseudolabel.strategies.label_settings import Region
from napari_pseudolabel.strategies.survey import ModelFacts, least_px, segmenter_of, typical_px
from napari_pseudolabel.tiling import pick_device

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels


# Specks are a tiny share of all labels; more of them may be objects, and the person should know.
_TOLD_SHARE = 0.01


def shift_px(plane: NDArray[np.float32], translation: NDArray[np.float32]) -> tuple[float, float] | None:
    """Shift (y, x) in pixels between a plane and its translation, both on the grid of the image."""
    if min(plane.shape) < 32 or plane.std() == 0 or translation.std() == 0:
        return None  # too little to register
    y, x = shift(plane, translation)
    return float(y), float(x)


def label_chunk(job: ChunkTask, control: Control, models: LoadedModels) -> PseudoLabel:
    """Translate a chunk, segment the translation, and bring both to the pixels of the image.

    Without a translator the pixels are segmented as they are; without a segmenter there are no labels.

    Raises
    ------
    PseudolabelError
        With a sentence for the person; `Cancelled` if `control` said so.
    """
    if job.empty:
        return nothing_there(job)
    facts, chunk, settings = job.survey, job.chunk, job.settings
    translator = models.translator(facts.translator.name) if facts.translator else None
    segmenters = [_segmenter(segmenter, models) for segmenter in facts.segmenters]
    control.check()
    window, region, outer = chunk.window, chunk.region, chunk.outer
    raw = resample_part(
        job.pixels, job.factors, (chunk.read.y0, chunk.read.x0), (window.y0, window.x0), window.shape
    )
    first = round(job.whole[0] * job.factors[0]), round(job.whole[1] * job.factors[1])

    def onto(values: NDArray[np.float32], of: Region, grid: tuple[int, int]) -> NDArray[np.float32]:
        """From a window of any grid (H, W) of the whole plane to the pixels around the region."""
        scale = job.whole[0] / grid[0], job.whole[1] / grid[1]
        return resample_part(values, scale, (of.y0, of.x0), (outer.y0, outer.x0), outer.shape)

    inner = region.within(outer)
    blank = Blank.of(job)
    report = replace(job.report, device=str(pick_device(settings.tiles.device)), notes=())
    labels = confidence = mean = spread = candidates = None
    members: tuple[str, ...] = ()
    looks = raw[None]
    if translator is not None and chunk.translating is not None:
        source = normalise(raw, job.statistics[0].channels[0].limits)
        translation = translate(
            translator,
            source,
            samples=settings.samples,
            seed=settings.seed,
            origin=(window.y0, window.x0),
            mode=settings.mode,
            evaluations=settings.evaluations,
            settings=settings.tiles,
            grid=chunk.translating.grid,
            wanted=chunk.translating.wanted,
            limits=models.limits,
            memo=models.memo,
            control=control,
        )
        looks = translation.samples
        mean = onto(translation.mean, window, first)[inner]
        if translation.spread is not None:
            spread = blank.hidden(onto(translation.spread, window, first)[inner])
        plan = translation.plan
        report = replace(
            report,
            tile=plan.tile,
            overlap=plan.overlap,
            batch=plan.batch,
            device=str(plan.device),
            shift_px=shift_px(onto(source, window, first)[inner], mean),
            notes=(*translator.warnings, *translation.notes),
        )
        mean = blank.hidden(mean)
    if segmenters:
        least = least_px(settings, facts, facts.segmenters[0], job.factors)
        found = segment_ensemble(
            [_segmenter_input(job, number, one, looks, first, onto) for number, one in enumerate(segmenters)],
            settings,
            control=control,
            least_px=least,
            typical_px=typical_px(settings, facts),
            inner=inner,
            goes_on=open_sides((slice(outer.y0, outer.y1), slice(outer.x0, outer.x1)), job.whole),
        )
        labels, confidence = blank.labels(found.labels), blank.confidence(found.confidence)
        members = found.members
        candidates = blank.labels(found.candidates) if len(members) > 1 else None
        counted = ~(blank.void | blank.flat)
        evidence = Evidence.of(
            found.labels,
            doubt=found.doubt,
            unshared=found.unshared,
            candidates=found.candidates,
            seen=_seen(job, mean),
            counted=counted,
        )
        report = replace(report, agreement=evidence.agreement, evidence=evidence)
        if found.left_out > _TOLD_SHARE:
            told = (
                f"Islands of labels below {least:.0f} pixels were left out or given to what is around them, "
                f"{100 * settings.smallest_object:.0f} % of a typical object."
            )
            report = replace(report, notes=(*report.notes, told))
        if found.unsure > _TOLD_SHARE:
            told = f"Objects of which the models are less than {100 * LEAST_SURE:.0f} % sure were left out; they mostly are none."
            report = replace(report, notes=(*report.notes, told))
    report = replace(report, notes=(*report.notes, *blank.notes(found.labels if segmenters else None)))
    planes: dict[str, Any] = {
        "labels": labels, "confidence": confidence, "translation": mean, "spread": spread, "candidates": candidates
    }  # fmt: skip
    return PseudoLabel(
        **{name: None if plane is None else plane[None] for name, plane in planes.items()},
        classes=facts.classes,
        region=region,
        planes=(chunk.plane,),
        report=report,
        members=members,
    )


def _seen(job: ChunkTask, translation: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Return what the first segmenter sees of the region (H, W), in [0, 1], on pixels of the image; of channels the mean."""
    if translation is not None:
        return translation
    pixels = job.pixels.reshape(-1, *job.pixels.shape[-2:])[:, *job.chunk.region.within(job.chunk.read)]
    known = job.statistics[0].channels
    limits = [
        one.limits if one.moments is None else IntensityRange(one.moments.low, one.moments.high)
        for one in known
    ]
    found = [normalise(one, of) for one, of in zip(pixels, limits, strict=True)]
    return np.asarray(np.mean(found, axis=0), np.float32)


def _segmenter(facts: ModelFacts, models: LoadedModels) -> Segmenter:
    """Return a segmenter; one that was loaded need not compute again what chunks have in common."""
    found = segmenter_of(facts.ref, models)
    return found.remembering(models.segmented) if isinstance(facts.ref, str) else found


def _segmenter_input(
    job: ChunkTask,
    number: int,
    segmenter: Segmenter,
    images: NDArray[np.float32],
    first: tuple[int, int],
    onto: Callable[[NDArray[np.float32], Region, tuple[int, int]], NDArray[np.float32]],
) -> SegmenterInput:
    """Return a segmenter of a chunk with what the chunk lets it see, on its own grid."""
    facts, window = job.survey.segmenters[number], job.chunk.window
    tiling = job.chunk.segmenting[number]
    grid = job.survey.grid_of(facts, first)
    step = grid[0] / first[0], grid[1] / first[1]
    seen = tiling.window
    own = resample_part(images, step, (window.y0, window.x0), (seen.y0, seen.x0), seen.shape)
    if job.survey.translator is not None:
        own = as_raw(own, facts.card)
    statistics = job.statistics[len(job.statistics) - len(job.survey.segmenters) + number]
    inside = None
    if statistics.box is not None:
        rows, columns = scaled(statistics.box, job.whole, grid)
        (y0, y1), (x0, x1) = (
            tuple(min(max(one - start, 0), size) for one in span)
            for span, start, size in ((rows, seen.y0, seen.shape[0]), (columns, seen.x0, seen.shape[1]))
        )
        inside = Box(y0, y1, x0, x1)
    names = [opinion.use.name for opinion in job.survey.second_opinions]
    name = ""
    if number:
        name = f"{facts.use.name if names.count(facts.use.name) < 2 else facts.name}, "
    per_pixel = max(one / size for one, size in zip(grid, job.whole, strict=True))
    part = LayerPart(statistics, tiling.grid, inside, PartPlace(seen.y0, seen.x0, grid, per_pixel))
    known = facts.card.calibration
    temperature = 1.0 if known is None else known.of(translated=job.survey.translator is not None)
    return SegmenterInput(segmenter, own, part, lambda values: onto(values, seen, grid), name, temperature)

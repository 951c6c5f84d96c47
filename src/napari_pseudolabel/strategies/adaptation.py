"""Adaptation: translate an image into the labelled modality and segment it there.

Source: "Unpaired Modality Translation for Pseudo Labeling of Histology Images" (arXiv 2412.02858).
The labels belong to the original image, because a translation keeps every structure in its place;
`shift` checks that it did.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import IntensityRange, normalise, resample_part
from napari_pseudolabel.imaging.registration import shift
from napari_pseudolabel.labels.object_size import least_area
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.grids import magnification
from napari_pseudolabel.models.segmenters.base import Segmenter
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.strategies.blank import Blank
from napari_pseudolabel.strategies.description import PseudoLabel
from napari_pseudolabel.strategies.ensemble import Judge, segment_looks
from napari_pseudolabel.tiling import pick_device

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels
    from napari_pseudolabel.strategies.chunks import ChunkJob


# Specks are a tiny share of all labels; more of them may be objects, and the person should know.
_TOLD_SHARE = 0.01


def shift_px(plane: NDArray[np.float32], translation: NDArray[np.float32]) -> tuple[float, float] | None:
    """Shift (y, x) in pixels between a plane and its translation, both on the grid of the image."""
    if min(plane.shape) < 32 or plane.std() == 0 or translation.std() == 0:
        return None  # too little to register
    y, x = shift(plane, translation)
    return float(y), float(x)


def as_raw(translation: NDArray[np.float32], card: Card) -> tuple[NDArray[np.float32], IntensityRange | None]:
    """Bring translated values in [0, 1] to the raw values a segmenter was trained on.

    nnU-Net folders do not say their range; those of the method were trained on 8-bit images.

    Returns
    -------
    NDArray, IntensityRange or None
        The values, and which of them become 0 and 1 in the segmenter; None where its card decides.
    """
    if card.normalisation.kind == "range":
        low, high = card.normalisation.low, card.normalisation.high
        return translation * np.float32(high - low) + np.float32(low), None
    if card.family == "nnunet":
        return translation * np.float32(255), None
    return translation, IntensityRange(0.0, 1.0)


def judge_of(samples: NDArray[np.float32], made_by: Card, segmenter: Segmenter, name: str = "") -> Judge:
    """A segmenter with translated samples in [0, 1], as it wants them."""
    looks, limits = as_raw(samples, segmenter.card)
    return Judge(segmenter, looks, magnification(made_by.target, segmenter.card.source), limits, name)


def _least_px(job: ChunkJob, judge: Judge) -> float:
    """Area of the smallest object in pixels of the image."""
    wanted = judge.segmenter.card.source
    on_grid = least_area(job.settings.smallest_object, wanted.object_size_px if wanted else None)
    return on_grid / (job.factors[0] * job.factors[1] * judge.factor**2)


def label_chunk(job: ChunkJob, control: Control, models: LoadedModels) -> PseudoLabel:
    """Translate a chunk, segment the translation, and bring both to the pixels of the image.

    Without a translator the pixels are segmented as they are; without a segmenter there are no labels.

    Raises
    ------
    PseudolabelError
        With a sentence for the person; `Cancelled` if `control` said so.
    """
    facts, chunk, settings = job.survey, job.chunk, job.settings
    translator = models.translator(facts.translator.ref) if facts.translator else None
    segmenter = models.segmenter(facts.segmenter.ref) if facts.segmenter else None
    control.check()
    window, region = chunk.window, chunk.region
    raw = resample_part(
        job.pixels, job.factors, (chunk.read.y0, chunk.read.x0), (window.y0, window.x0), window.shape
    )

    def onto(values: NDArray[np.float32]) -> NDArray[np.float32]:
        """From any grid that covers the window to the pixels of the region."""
        finer = [have / want for have, want in zip(values.shape[-2:], window.shape, strict=True)]
        back = tuple(1 / (factor * more) for factor, more in zip(job.factors, finer, strict=True))
        start = window.y0 * finer[0], window.x0 * finer[1]
        return resample_part(values, (back[0], back[1]), start, (region.y0, region.x0), region.shape)

    names = [one.use.name for one in facts.second_opinions]
    others = [
        (
            models.segmenter(one.ref),
            f"{one.use.name}, " if names.count(one.use.name) < 2 else f"{one.ref}, ",
        )
        for one in facts.second_opinions
    ]
    judges = [
        Judge(one, raw[None], magnification(segmenter.card.source, one.card.source), job.limits, name)
        for one, name in ((segmenter, ""), *others)
        if segmenter is not None and one is not None
    ]
    blank = Blank.of(job)
    report = replace(job.report, device=str(pick_device(settings.tiles.device)), notes=())
    labels = confidence = mean = spread = candidates = None
    members: tuple[str, ...] = ()
    if translator is not None:
        translation = translate(
            translator,
            normalise(raw, job.limits),
            samples=settings.samples,
            seed=settings.seed,
            origin=(window.y0, window.x0),
            mode=settings.mode,
            settings=settings.tiles,
            grid=chunk.grid,
            limits=models.limits,
            control=control,
        )
        mean = onto(translation.mean)
        spread = blank.hidden(onto(translation.spread)) if translation.spread is not None else None
        plan = translation.plan
        report = replace(
            report,
            tile=plan.tile,
            overlap=plan.overlap,
            batch=plan.batch,
            device=str(plan.device),
            shift_px=shift_px(onto(normalise(raw, job.limits)), mean),
            notes=(*translator.warnings, *translation.notes),
        )
        mean = blank.hidden(mean)
        judges = [
            judge_of(translation.samples, translator.card, one, name)
            for one, name in ((segmenter, ""), *others)
            if one is not None
        ]
    if judges:
        least_px = _least_px(job, judges[0])
        found = segment_looks(judges, settings, onto=onto, control=control, least_px=least_px)
        labels, confidence = blank.labels(found.labels), blank.confidence(found.confidence)
        members = found.members
        candidates = blank.labels(found.candidates) if len(members) > 1 else None
        report = replace(report, agreement=found.agreement)
        if found.left_out > _TOLD_SHARE:
            told = (
                f"Islands of labels below {least_px:.0f} pixels were left out, {100 * settings.smallest_object:.0f} % of a "
                "typical object of the segmenter."
            )
            report = replace(report, notes=(*report.notes, told))
    report = replace(report, notes=(*report.notes, *blank.notes(found.labels if judges else None)))
    return PseudoLabel(
        labels=None if labels is None else labels[None],
        confidence=None if confidence is None else confidence[None],
        translation=None if mean is None else mean[None],
        spread=None if spread is None else spread[None],
        classes=facts.classes,
        region=region,
        planes=(chunk.plane,),
        report=report,
        candidates=None if candidates is None else candidates[None],
        members=members,
    )

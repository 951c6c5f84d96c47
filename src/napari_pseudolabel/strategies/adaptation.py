"""Adaptation: translate an image into the labelled modality and segment it there.

Source: "Unpaired Modality Translation for Pseudo Labeling of Histology Images" (arXiv 2412.02858).
The labels belong to the original image, because a translation keeps every structure in its place;
`shift` checks that it did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import IntensityRange, normalise, resample_part, resample_to
from napari_pseudolabel.imaging.registration import shift
from napari_pseudolabel.labels.confidence import agreement, class_confidence
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.grids import magnification
from napari_pseudolabel.models.segmenters.base import Segmenter
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.strategies.description import LabelSettings, PseudoLabel
from napari_pseudolabel.tiling import pick_device

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels
    from napari_pseudolabel.strategies.chunks import ChunkJob


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Labels and confidence of one plane, and how well the samples agree (None with one)."""

    labels: NDArray[np.uint8]
    confidence: NDArray[np.float32]
    agreement: float | None


def shift_px(plane: NDArray[np.float32], translation: NDArray[np.float32]) -> tuple[float, float] | None:
    """Shift (y, x) in pixels between a plane and its translation, both on the grid of the image."""
    if min(plane.shape) < 32 or plane.std() == 0 or translation.std() == 0:
        return None  # too little to register
    y, x = shift(plane, translation)
    return float(y), float(x)


def segment_samples(
    samples: NDArray[np.float32],
    segmenter: Segmenter,
    factor: float,
    settings: LabelSettings,
    *,
    onto: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    limits: IntensityRange | None,
    control: Control,
) -> Segmentation:
    """Segment translated samples (or one raw plane) and bring the labels to the grid of the image.

    Parameters
    ----------
    samples
        (K, H, W) float32 raw values for the segmenter.
    factor
        Pixels on the segmenter's grid per pixel of the samples.
    onto
        Brings probabilities (C, h, w) that cover what the samples cover onto the pixels that are wanted.
    limits
        Raw values that become 0 and 1 in the segmenter, where it normalises by percentiles.

    Notes
    -----
    Probabilities are interpolated, not labels: class borders come out smooth, and probabilities are
    what the confidence needs.
    """
    total = None
    labels = []
    for sample in samples:
        height, width = sample.shape
        grid = resample_to(sample, (max(1, round(height * factor)), max(1, round(width * factor))))
        probabilities = onto(
            segmenter.probabilities(grid, settings=settings.tiles, control=control, limits=limits)
        )
        labels.append(segmenter.labels(probabilities))
        total = probabilities if total is None else total + probabilities
    assert total is not None
    mean = total / np.float32(len(samples))
    return Segmentation(segmenter.labels(mean), class_confidence(mean, segmenter.classes), agreement(labels))


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

    samples, step = raw[None], 1.0
    segmenter_limits: IntensityRange | None = job.limits
    report = replace(job.report, device=str(pick_device(settings.tiles.device)), notes=())
    labels = confidence = mean = spread = None
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
        spread = onto(translation.spread) if translation.spread is not None else None
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
        samples = translation.samples
        if segmenter is not None:
            samples, segmenter_limits = as_raw(samples, segmenter.card)
            step = magnification(translator.card.target, segmenter.card.source)
    if segmenter is not None:
        found = segment_samples(
            samples, segmenter, step, settings, onto=onto, limits=segmenter_limits, control=control
        )
        labels, confidence = found.labels, found.confidence
        report = replace(report, agreement=found.agreement)
    return PseudoLabel(
        labels=None if labels is None else labels[None],
        confidence=None if confidence is None else confidence[None],
        translation=None if mean is None else mean[None],
        spread=None if spread is None else spread[None],
        classes=facts.classes,
        region=region,
        planes=(chunk.plane,),
        report=report,
    )

"""Adaptation: translate an image into the labelled modality and segment it there.

Source: "Unpaired Modality Translation for Pseudo Labeling of Histology Images" (arXiv 2412.02858).
The labels belong to the original image, because a translation keeps every structure in its place;
`shift` checks that it did.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import IntensityRange, normalise, resample_to
from napari_pseudolabel.imaging.registration import shift
from napari_pseudolabel.labels.confidence import agreement, class_confidence
from napari_pseudolabel.models.cards import Card, Modality
from napari_pseudolabel.models.segmenters.base import Segmenter
from napari_pseudolabel.models.translators.base import Translator
from napari_pseudolabel.models.translators.translate import Translation, translate
from napari_pseudolabel.strategies.description import LabelSettings, PseudoLabel
from napari_pseudolabel.tiling import KnownLimits, pick_device

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels
    from napari_pseudolabel.strategies.chunks import ChunkJob


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Labels and confidence of one plane, and how well the samples agree (None with one)."""

    labels: NDArray[np.uint8]
    confidence: NDArray[np.float32]
    agreement: float | None


def translate_plane(
    plane: NDArray[np.float32],
    translator: Translator,
    factor: float,
    settings: LabelSettings,
    *,
    origin: tuple[int, int],
    limits: KnownLimits,
    control: Control,
) -> Translation:
    """Translate one plane of an image.

    Parameters
    ----------
    plane
        (H, W) float32 in [0, 1], on the grid of the image.
    factor
        Pixels on the translator's grid per pixel of the image.
    origin
        (y, x) of the plane in the whole image, in pixels of the image.

    Returns
    -------
    Translation
        On the translator's grid.
    """
    height, width = plane.shape
    grid = resample_to(plane, (max(1, round(height * factor)), max(1, round(width * factor))))
    y, x = (round(position * factor) for position in origin)
    return translate(
        translator,
        grid,
        samples=settings.samples,
        seed=settings.seed,
        origin=(y, x),
        mode=settings.mode,
        settings=settings.tiles,
        limits=limits,
        control=control,
    )


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
    shape: tuple[int, int],
    settings: LabelSettings,
    *,
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
    shape
        (Y, X) of the result.
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
        probabilities = segmenter.probabilities(grid, settings=settings.tiles, control=control, limits=limits)
        probabilities = resample_to(probabilities, shape)
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
    """Translate the pixels of a chunk, segment the translation, and cut the margin off.

    Without a translator the pixels are segmented as they are; without a segmenter there are no labels.

    Raises
    ------
    PseudolabelError
        With a sentence for the person; `Cancelled` if `control` said so.
    """
    facts, inner = job.survey, job.chunk.inner
    translator = models.translator(facts.translator.ref) if facts.translator else None
    segmenter = models.segmenter(facts.segmenter.ref) if facts.segmenter else None
    control.check()
    raw = job.pixels
    samples, step, limits = raw[None], job.factor, job.limits
    segmenter_limits: IntensityRange | None = limits
    report = replace(job.report, device=str(pick_device(job.settings.tiles.device)), notes=())
    labels = confidence = mean = spread = None
    if translator is not None:
        plane = normalise(raw, limits)
        translation = translate_plane(
            plane,
            translator,
            job.factor,
            job.settings,
            origin=(job.chunk.window.y0, job.chunk.window.x0),
            limits=models.limits,
            control=control,
        )
        plan = translation.plan
        whole = resample_to(translation.mean, plane.shape)
        mean = whole[inner]
        if translation.spread is not None:
            spread = resample_to(translation.spread, plane.shape)[inner]
        report = replace(
            report,
            tile=plan.tile,
            overlap=plan.overlap,
            batch=plan.batch,
            device=str(plan.device),
            shift_px=shift_px(plane, whole),
            notes=(*translator.warnings, *translation.notes),
        )
        samples = translation.samples
        if segmenter is not None:
            samples, segmenter_limits = as_raw(samples, segmenter.card)
            step = _between(translator.card.target, segmenter.card.source)
    if segmenter is not None:
        found = segment_samples(
            samples, segmenter, step, raw.shape, job.settings, limits=segmenter_limits, control=control
        )
        labels, confidence = found.labels[inner], found.confidence[inner]
        report = replace(report, agreement=found.agreement)
    return PseudoLabel(
        *(None if part is None else part[None] for part in (labels, confidence, mean, spread)),
        facts.classes,
        job.chunk.region,
        (job.chunk.plane,),
        report,
    )


def _between(target: Modality | None, source: Modality | None) -> float:
    """Pixels on the segmenter's grid per pixel on the translator's."""
    if target is None or source is None:
        return 1.0
    if target.pixel_size_um and source.pixel_size_um:
        return target.pixel_size_um / source.pixel_size_um
    if target.object_size_px and source.object_size_px:
        return source.object_size_px / target.object_size_px
    return 1.0

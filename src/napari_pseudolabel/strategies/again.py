"""Do again what made labels: from their record to a job, for every strategy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.strategies.jobs import LabelJob
from napari_pseudolabel.strategies.label_settings import LabelSettings, ModelUse, Region
from napari_pseudolabel.strategies.provenance import Record
from napari_pseudolabel.strategies.registry import get
from napari_pseudolabel.strategies.strategy import LabelRequest, by_models


@dataclass(frozen=True)
class Extent:
    """A part of an image, as `LabelJob` takes it; everything by default."""

    region: Region | None = None
    planes: tuple[tuple[int, ...], ...] | None = None


def again(
    made: Record | Mapping[str, object],
    image: Image,
    where: Extent = Extent(),
    *,
    segmenter: str | None = None,
    settings: LabelSettings | None = None,
) -> LabelJob:
    """Return the job that made labels, for a part of the image or another image like it.

    Parameters
    ----------
    made
        Their record, or provenance.
    image
        Where it does not say what it shows, what the record says counts.
    segmenter
        Another one instead of those of the record; what the image goes through before stays.
    settings
        Others than those of the record.

    Raises
    ------
    InputError
        If the labels do not say how they were made.
    """
    record = made if isinstance(made, Record) else Record.from_provenance(made)
    strategy = get(record.strategy)
    if strategy is None:
        raise InputError(f"This version knows no strategy “{record.strategy}”; label the image again.")
    asked = _request(record, where, segmenter, settings)
    for role in strategy.recorded:
        if getattr(asked, role) is None:
            raise InputError(f"The labels do not say which {role} made them; label the image again.")
    image = _seen(record, image)
    # Another segmenter did not make them, so what is special about the strategy is gone.
    return by_models(image, asked) if segmenter and strategy.labels else strategy.job(image, asked)


def without_translator(
    record: Record,
    image: Image,
    where: Extent = Extent(),
    *,
    segmenter: str | None = None,
    settings: LabelSettings | None = None,
) -> LabelJob:
    """Return the same segmenters on the image as it is, to see what the translation was worth; parameters as of `again`."""
    asked = _request(record, where, segmenter, settings)
    if asked.segmenter is None:  # a method without a checkpoint sees the image as it is anyway
        return again(record, image, where, settings=settings)
    job = by_models(_seen(record, image), replace(asked, translator=None))
    return replace(job, across=record.translator is not None)


def _request(
    record: Record, where: Extent, segmenter: str | None, settings: LabelSettings | None
) -> LabelRequest:
    """Return what was asked for, but for what is asked for now."""

    def path(use: ModelUse | None) -> str | None:
        return None if use is None else use.path

    return LabelRequest(
        translator=path(record.translator or record.features),
        segmenter=segmenter or path(record.segmenter),
        second_opinions=() if segmenter else tuple(opinion.path for opinion in record.second_opinions),
        tutor=record.tutor,
        options=record.options,
        settings=settings or record.settings,
        region=where.region,
        planes=where.planes,
        # What the person says now goes first.
        found=record.found if settings is None or settings.scale == record.settings.scale else None,
        # Of other models it says nothing.
        confidence=None if segmenter else record.confidence,
    )


def _seen(record: Record, image: Image) -> Image:
    return image if image.modality else replace(image, modality=record.modality)

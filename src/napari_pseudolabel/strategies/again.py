"""Do again what made labels: from their record to a job, for every strategy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.strategies.jobs import LabelJob
from napari_pseudolabel.strategies.provenance import Record
from napari_pseudolabel.strategies.settings import LabelSettings, Region
from napari_pseudolabel.strategies.tutorship import with_proxies


@dataclass(frozen=True)
class Where:
    """A part of an image, as `LabelJob` takes it; everything by default."""

    region: Region | None = None
    planes: tuple[tuple[int, ...], ...] | None = None


def again(
    made: Record | Mapping[str, Any],
    image: Image,
    where: Where = Where(),
    *,
    segmenter: str | None = None,
    settings: LabelSettings | None = None,
) -> LabelJob:
    """The job that made labels, for a part of the image or another image like it.

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
    common = _common(record, image, where, settings)
    if record.strategy == "translation":
        return LabelJob(translator=_path(record, "translator"), **common)
    ref = segmenter or _path(record, "segmenter")
    others = () if segmenter else tuple(one.path for one in record.second_opinions)
    if record.strategy == "adaptation":
        translator = _path(record, "translator")
        return LabelJob(translator=translator, segmenter=ref, second_opinions=others, **common)
    if record.strategy == "tutorship" and segmenter is None:
        return with_proxies(proxies=(ref, *others), tutor=record.tutor, **common)
    return LabelJob(segmenter=ref, second_opinions=others, **common)


def without_translator(
    record: Record,
    image: Image,
    where: Where = Where(),
    *,
    segmenter: str | None = None,
    settings: LabelSettings | None = None,
) -> LabelJob:
    """The same segmenters on the image as it is, to see what the translation was worth; parameters as of `again`."""
    common = _common(record, image, where, settings)
    ref = segmenter or _path(record, "segmenter")
    others = () if segmenter else tuple(one.path for one in record.second_opinions)
    return LabelJob(segmenter=ref, second_opinions=others, across=record.translator is not None, **common)


def _common(record: Record, image: Image, where: Where, settings: LabelSettings | None) -> dict[str, Any]:
    return {
        "image": image if image.modality else replace(image, modality=record.modality),
        "region": where.region,
        "planes": where.planes,
        "settings": settings or record.settings,
    }


def _path(record: Record, role: str) -> str:
    found = next((one.path for one in record.models if one.role == role), None)
    if found is None:
        raise InputError(f"The labels do not say which {role} made them; label the image again.")
    return found

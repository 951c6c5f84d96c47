"""One of the images to which labels are carried: labelled, or found labelled, and what is told of it."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.budget import read_json
from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting import Provenance, read_sidecar
from napari_pseudolabel.formats import formats
from napari_pseudolabel.imaging import Image, read_labels
from napari_pseudolabel.imaging.reading.file_names import stem
from napari_pseudolabel.labels.objects import census, census_text
from napari_pseudolabel.labels.pictures import data_uri, overlay
from napari_pseudolabel.labels.review import RegionScore, measure, order
from napari_pseudolabel.labels.spot_check import digest_of, still_true
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.registry import resolve
from napari_pseudolabel.models.safe_load import sha256
from napari_pseudolabel.strategies.carry.carry_task import CarryTask
from napari_pseudolabel.strategies.choice.find_way import stretched
from napari_pseudolabel.strategies.choice.found_way import FoundWay
from napari_pseudolabel.strategies.description import PseudoLabel
from napari_pseudolabel.strategies.strategy import LabelRequest
from napari_pseudolabel.strategies.writing_labels import write_result
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.workspace import write_text
from napari_pseudolabel.workspace.file_content import content_of

_REGIONS = 3
_PICTURE_PX, _OVERVIEW_PX = 320, 200
_CHANGED = "Its labels were changed since they were made here: objects were counted again, confidence and agreement are those of before."
_TOLD = (
    "output",
    "files",
    "objects_in_words",
    "objects",
    "shares",
    "mean_confidence",
    "agreement",
    "usable",
    "notes",
    "seconds",
)


def image_of(path: Path, task: CarryTask) -> Image:
    """Read an image, which shows what the task says."""
    return replace(task.reading.image(path), modality=task.names[1])


def labelled(
    path: Path, task: CarryTask, found: FoundWay, control: Control, models: LoadedModels
) -> JsonObject:
    """Label an image, or find it labelled in the same way; what is told of it, JSON-able.

    Raises
    ------
    InputError
        If it cannot be used, or its labels were changed since.
    """
    format = formats()[0]
    target = task.out / "labels" / f"{stem(path)}{format.suffix}"
    record = task.out / "work" / "images" / f"{stem(path)}.json"
    key = _key(path, task, found)
    if target.is_file():
        before = read_json(record) if record.is_file() else {}
        if before.get("key") == key:
            return as_it_is_now(before, target)
        # Somebody may have corrected the file itself, outside of any workspace.
        if before.get("written") != sha256(target):
            raise InputError(
                f"Its labels {target} are not as they were written last: they were changed since, or writing was stopped. They would be "
                "replaced by new ones; move them away, or carry into another folder."
            )
    image = image_of(path, task)
    made = found.job(image, LabelRequest(settings=task.settings)).run(control, models)
    target.parent.mkdir(parents=True, exist_ok=True)
    record.parent.mkdir(parents=True, exist_ok=True)
    # Before the labels are there, so that a stop between them and their record has next to no time to happen in.
    first = _regions(image, made)
    result = write_result(made, image, target, confidence=True)
    told: JsonObject = {
        "key": key,
        "written": sha256(target),
        "digest": _content(target, read_sidecar(target))[1],
        "name": path.name,
        "picture": _overview(image, made),
        "scale_found": made.report.found is None or made.report.found.sure,
        **{name: result.get(name) for name in _TOLD},
        "correct_first": first,
    }
    write_text(record, json.dumps(told))
    return told


def as_it_is_now(told: JsonObject, target: Path) -> JsonObject:
    """Return what is told of labels that were written before, with what a person has made and said of them since.

    Where they are others, objects are counted again. What a spot check says is read from the provenance beside the file, as an
    export writes it, and void where these are not the labels that were judged.

    Raises
    ------
    InputError
        If the file is no label image any more.
    """
    try:
        beside = read_sidecar(target)
    except InputError:
        beside = Provenance()  # whoever changed the labels took it away
    if told.get("written") == sha256(target) and not beside.spot_checks:
        return told
    labels, digest = _content(target, beside)
    now = {**told, "spot_checks": still_true(beside.spot_checks, digest)}
    if digest != told.get("digest"):
        counts = census(labels, beside.classes, aspect=beside.pixel_aspect)
        now["objects"] = {one.name: one.number for one in counts}
        now["objects_in_words"] = census_text(counts)
        now["notes"] = [*(told.get("notes") or ()), _CHANGED]
    return now


def _content(target: Path, beside: Provenance) -> tuple[NDArray[np.integer], str]:
    """Return labels as they were before they were written, and their digest."""
    labels = np.asarray(read_labels(target).data)
    known = None if beside.not_labelled is None else labels != beside.not_labelled
    labels = labels if known is None else np.where(known, labels, 0)
    return labels, digest_of(labels, known)


def _key(path: Path, task: CarryTask, found: FoundWay) -> str:
    """By what an image is known that was labelled before: its file, the models, and how it is done."""
    way = found.chosen.way
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    refs = [ref for ref in (way.translator, way.segmenter) if ref is not None]
    sums = [sha256(resolve(ref)) if resolve(ref).is_file() else ref for ref in refs]
    about = path.name, content_of(files, path.parent), sums, way.strategy, task.settings, task.names
    return blake2b(repr(about).encode(), digest_size=16).hexdigest()


def _overview(image: Image, made: PseudoLabel) -> str:
    """Draw the labels of the plane in the middle."""
    assert made.labels is not None
    number = len(made.planes) // 2
    region = made.region
    grey = stretched(image.plane(made.planes[number], None, region.window))
    return data_uri(overlay(grey, made.labels[number], made.classes, _OVERVIEW_PX))


def _regions(image: Image, made: PseudoLabel) -> list[JsonObject]:
    """Where a person's time helps most, as the review queue orders it."""
    assert made.labels is not None
    scored: list[RegionScore] = []
    for number, plane in enumerate(made.planes):
        scored += measure(
            made.labels[number],
            classes=made.classes,
            confidence=None if made.confidence is None else made.confidence[number],
            candidates=None if made.candidates is None else made.candidates[number],
            plane=plane,
        )
    first = [one for one in order(scored) if one.foreground][:_REGIONS]
    return [_told_region(image, made, one) for one in first]


def _told_region(image: Image, made: PseudoLabel, one: RegionScore) -> JsonObject:
    y0, x0, y1, x1 = one.box
    window = (slice(y0, y1), slice(x0, x1))
    assert made.labels is not None
    labels = made.labels[made.planes.index(one.plane)][window]
    grey = stretched(image.plane(one.plane, None, window))
    return {
        "plane": list(one.plane),
        "box": list(one.box),
        "quality": round(one.quality, 3),
        "seconds": round(one.seconds, 1),
        "benefit_px": round(one.benefit, 1),
        "reason": one.reason,
        "picture": data_uri(overlay(grey, labels, made.classes, _PICTURE_PX)),
        "image": data_uri(overlay(grey, None, made.classes, _PICTURE_PX)),
    }

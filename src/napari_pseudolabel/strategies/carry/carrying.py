"""How labels are carried: make the models, find the best way, learn more where that may help, label all, say what was done."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np

from napari_pseudolabel.budget import read_json
from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError, message_for
from napari_pseudolabel.formats import formats
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.imaging.reading.file_names import images_in, left_out, stem
from napari_pseudolabel.labels.review import RegionScore, measure, order
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.proposals import Candidate
from napari_pseudolabel.models.registry import card_of, named_checkpoints, resolve
from napari_pseudolabel.models.safe_load import sha256
from napari_pseudolabel.strategies.carry.carry_models import METHODS, CarryModels
from napari_pseudolabel.strategies.carry.carry_task import CarryTask
from napari_pseudolabel.strategies.choice.find_way import FindWayJob, some_of, stretched
from napari_pseudolabel.strategies.choice.found_way import FoundWay
from napari_pseudolabel.strategies.choice.pictures import data_uri, overlay
from napari_pseudolabel.strategies.choice.ways import LabelWay, WayGroup, polarity, ways
from napari_pseudolabel.strategies.description import PseudoLabel
from napari_pseudolabel.strategies.label_settings import ModelUse
from napari_pseudolabel.strategies.strategy import LabelRequest
from napari_pseudolabel.strategies.writing_labels import write_result
from napari_pseudolabel.training.translator.grey_levels_fit import Method
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.workspace import write_text

MOST_LOOKED_AT = 4
_REGIONS = 3
_PICTURE_PX = 320
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


@dataclass(frozen=True, eq=False)
class Carried:
    """What came of it.

    Attributes
    ----------
    found
        The way, of all that could be tried in the end.
    images
        Of every image what was labelled, JSON-able: files, numbers, notes, and what to correct first, with pictures.
    failed
        Images that could not be used, and why.
    models
        References of the models of the chosen way, and what their cards say.
    notes
        Sentences for the person.
    """

    task: CarryTask
    found: FoundWay
    images: tuple[JsonObject, ...]
    failed: tuple[tuple[str, str], ...]
    models: tuple[JsonObject, ...]
    notes: tuple[str, ...]


def carry(task: CarryTask, control: Control, models: LoadedModels) -> Carried:
    """Carry labels, or go on with it: what is trained, and what is labelled the same way, is not done again.

    Raises
    ------
    InputError
        If the folders cannot be used, or no way is possible.
    Cancelled
        If `control` says so; the same task goes on from there.
    """
    makes = CarryModels(task, models)
    paths = images_in(task.images)
    looked_at = _readable(some_of(paths, MOST_LOOKED_AT), task)
    control.emit("The segmenter of the labelled modality comes first.")
    segmenter = makes.segmenter(control)
    control.emit("Grey levels of both modalities are compared.")
    curves = makes.curves(segmenter, control)
    known = [*(there for there, _ in curves.values()), *_named(task)]
    tutors: dict[str, tuple[ModelUse, WayGroup]] = {}

    def found_among(more: Sequence[Candidate]) -> FoundWay:
        translator = None if task.translator is None else Candidate(task.translator, card_of(task.translator))
        possible = ways(task.names[1], [segmenter, *more, *known], segmenter=segmenter, translator=translator)
        named = tuple(_tutored(one, tutors) for one in possible)
        return FindWayJob(looked_at, named, task.settings).run(control, models)

    control.emit("The ways that need no further training are tried.")
    found = found_among(())
    more: list[Candidate] = []
    if task.translator is None:
        method = _polarity(found)
        control.emit(f"A proxy is trained on the labelled set, its grey levels changed ({method}).")
        try:
            proxy, tutor = makes.proxy(curves[method][1], method, control)
        except InputError as error:
            makes.note(f"No proxy was trained: {error}")
        else:
            more.append(proxy)
            # What the curve gets wrong the proxy has learned: it is no second witness.
            tutors[proxy.ref] = tutor, polarity(curves[method][1].ref)
        if task.options.minutes:
            control.emit(f"SynDiff is trained for {task.options.minutes:g} minutes.")
            more.append(makes.syndiff(_magnified(found, task), control))
    if more:
        control.emit("All ways are tried.")
        found = found_among(more)
    done: list[JsonObject] = []
    failed: list[tuple[str, str]] = []
    stage = control.stage("Labelling the images", len(paths))
    for path in paths:
        try:
            done.append(_labelled(path, task, found, replace(control, report=lambda _: None), models))
        except Cancelled:
            raise
        except (InputError, MemoryError) as error:
            failed.append((path.name, message_for(error) or str(error)))
        stage.advance()
    if not done:
        raise InputError(f"No image could be labelled ({failed[0][0]}: {failed[0][1].rstrip('.')}).")
    makes.note(*left_out(task.images, task.labelled[1]))
    return Carried(task, found, tuple(done), tuple(failed), _told_models(found), tuple(makes.notes))


def _readable(paths: Sequence[Path], task: CarryTask) -> tuple[Image, ...]:
    found, problem = [], None
    for path in paths:
        try:
            found.append(_image(path, task))
        except InputError as error:
            problem = error
    if not found and problem is not None:
        raise problem
    return tuple(found)


def _image(path: Path, task: CarryTask) -> Image:
    return replace(task.reading.image(path), modality=task.names[1])


def _named(task: CarryTask) -> list[Candidate]:
    """Models that have a name, where the person says by what they call them that these images are meant."""
    if not task.modality:
        return []
    return [Candidate(one.name, one.card) for one in named_checkpoints() if one.card is not None]


def _tutored(way: LabelWay, tutors: dict[str, tuple[ModelUse, WayGroup]]) -> LabelWay:
    """Return a way that says that its segmenter is a proxy, where it was trained here."""
    if way.group != "direct" or way.segmenter not in tutors:
        return way
    tutor, group = tutors[way.segmenter]
    title = "As it is, by a proxy that was trained here"
    return replace(way, title=title, strategy="tutorship", tutor=tutor, group=group)


def _polarity(found: FoundWay) -> Method:
    """Return whether the labelled images are to be turned around: as the best of the ways that only change grey levels is."""
    for number in found.order:
        one = found.tried[number]
        translator = one.way.translator or ""
        if one.scores is None:
            continue
        if translator.startswith("inverted:") or "to-labelled-invert" in translator:
            return METHODS[1]
        if translator.startswith("unchanged:") or "to-labelled-match" in translator:
            return METHODS[0]
    return METHODS[1]


def _magnified(found: FoundWay, task: CarryTask) -> float:
    """By how much images are magnified for the models that were trained here, median over those that were looked at."""
    factors = [one.factor for place in found.places for one in place.found]
    if factors:
        return float(np.median(factors))
    scale, card = task.settings.scale, found.chosen.way.first_card
    source = card.source if card else None
    if scale.factor is not None:
        return scale.factor
    if scale.object_size_px and source is not None and source.object_size_px:
        return source.object_size_px / scale.object_size_px
    return 1.0


def _labelled(
    path: Path, task: CarryTask, found: FoundWay, control: Control, models: LoadedModels
) -> JsonObject:
    """Label an image, or find it labelled in the same way; what is told of it."""
    format = formats()[0]
    target = task.out / "labels" / f"{stem(path)}{format.suffix}"
    record = task.out / "work" / "images" / f"{stem(path)}.json"
    key = _key(path, task, found)
    if target.is_file():
        before = read_json(record) if record.is_file() else {}
        if before.get("key") == key:
            return before
        # Somebody may have corrected the file itself, outside of any workspace.
        if before.get("written") != sha256(target):
            raise InputError(
                f"Its labels {target} are not as they were written last: they were changed since, or writing was stopped. They would be "
                "replaced by new ones; move them away, or carry into another folder."
            )
    image = _image(path, task)
    made = found.job(image, LabelRequest(settings=task.settings)).run(control, models)
    target.parent.mkdir(parents=True, exist_ok=True)
    record.parent.mkdir(parents=True, exist_ok=True)
    # Before the labels are there, so that a stop between them and their record has next to no time to happen in.
    first = _regions(image, made)
    result = write_result(made, image, target, confidence=True)
    told: JsonObject = {
        "key": key,
        "written": sha256(target),
        "name": path.name,
        **{name: result.get(name) for name in _TOLD},
        "correct_first": first,
    }
    write_text(record, json.dumps(told))
    return told


def _key(path: Path, task: CarryTask, found: FoundWay) -> str:
    """By what an image is known that was labelled before: its file, the models, and how it is done."""
    way, stat = found.chosen.way, path.stat()
    refs = [ref for ref in (way.translator, way.segmenter) if ref is not None]
    sums = [sha256(resolve(ref)) if resolve(ref).is_file() else ref for ref in refs]
    about = path.name, stat.st_size, stat.st_mtime_ns, sums, way.strategy, task.settings, task.names
    return blake2b(repr(about).encode(), digest_size=16).hexdigest()


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


def _told_models(found: FoundWay) -> tuple[JsonObject, ...]:
    way = found.chosen.way
    told = []
    for role, ref, card in (
        ("translator", way.translator, way.translator_card),
        ("segmenter", way.segmenter, way.segmenter_card),
    ):
        if ref is not None and card is not None:
            path = resolve(ref)
            told.append(
                {
                    "role": role,
                    "ref": ref,
                    "name": card.name,
                    "family": card.family,
                    "licence": card.licence or card.training.licence,
                    "trained_on": list(card.training.data),
                    "sha256": sha256(path) if path.is_file() else "",
                }
            )
    if way.tutor is not None:
        told.append({**asdict(way.tutor), "ref": way.tutor.path})
    return tuple(told)

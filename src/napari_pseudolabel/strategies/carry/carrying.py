"""How labels are carried: make the models, find the best way, learn more where that may help, label all, say what was done."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError, message_for
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.imaging.reading.file_names import images_in, left_out
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.proposals import Candidate
from napari_pseudolabel.models.registry import card_of, named_checkpoints, resolve
from napari_pseudolabel.models.safe_load import sha256
from napari_pseudolabel.strategies.carry.carried_image import image_of, labelled
from napari_pseudolabel.strategies.carry.carry_clock import CarryClock, CarryStep
from napari_pseudolabel.strategies.carry.carry_improving import improved
from napari_pseudolabel.strategies.carry.carry_models import METHODS, CarryModels
from napari_pseudolabel.strategies.carry.carry_task import CarryTask
from napari_pseudolabel.strategies.carry.kept_searches import KeptSearches
from napari_pseudolabel.strategies.choice.find_way import FindWayJob, some_of
from napari_pseudolabel.strategies.choice.found_way import FoundWay
from napari_pseudolabel.strategies.choice.unjudged import unjudged
from napari_pseudolabel.strategies.choice.ways import LabelWay, WayGroup, polarity, ways
from napari_pseudolabel.strategies.label_settings import ModelUse
from napari_pseudolabel.training.translator.grey_levels_fit import Method
from napari_pseudolabel.types import JsonObject

MOST_LOOKED_AT = 4
_TRAINING = "Training the segmenter"
# Seconds of one thread of a usual CPU for a network of 16 channels to look at a pixel, and to learn from one.
_LOOK_S, _LEARN_S = 1.5e-6, 4.7e-6
_BATCH, _USUAL_WIDTH = 8, 16
# A round of self-training, in steps of the others: smaller patches, and fewer of them.
_ROUND_STEPS = 20
# A place that is looked at lies in so many pixels of whole tiles.
_TILES_PX = 512**2
# Inverted, matched twice, and as it is; looking for the scale takes as long as two more.
_FIRST_WAYS = 4 + 2


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
    steps = _Steps.of(task, looked_at, len(paths))
    clock = CarryClock(control, steps.all)
    segmenter = makes.segmenter(clock.begin(steps.learning))
    first = clock.begin(steps.trying)
    curves = makes.curves(segmenter, first)
    known = [*(there for there, _ in curves.values()), *_named(task)]
    translator = None if task.translator is None else Candidate(task.translator, card_of(task.translator))

    def possible(more: Sequence[Candidate]) -> tuple[LabelWay, ...]:
        # What was known before stays first: on its grid images are inverted, and as they are.
        return ways(task.names[1], [segmenter, *known, *more], segmenter=segmenter, translator=translator)

    search = FindWayJob(looked_at, (*possible(()), *unjudged()), task.settings)
    searches = KeptSearches(makes.work / "searches")
    found, looked = searches.find(search, first, models)
    more: list[Candidate] = []
    tutors: dict[str, tuple[ModelUse, WayGroup]] = {}
    if steps.proxy is not None:
        method = _polarity(found)
        try:
            proxy, tutor = makes.proxy(curves[method][1], method, clock.begin(steps.proxy))
        except InputError as error:
            makes.note(f"No proxy was trained: {error}")
        else:
            more.append(proxy)
            # What the curve gets wrong the proxy has learned: it is no second witness.
            tutors[proxy.ref] = tutor, polarity(curves[method][1].ref)
    if steps.syndiff is not None:
        more.append(makes.syndiff(_magnified(found, task), clock.begin(steps.syndiff)))
    if more:
        named = (_tutored(one, tutors) for one in possible(more))
        new = tuple(one for one in named if one not in search.ways)
        search = replace(search, ways=(*search.ways, *new), looked=looked)
        assert steps.trying_more is not None
        found, _ = searches.find(search, clock.begin(steps.trying_more), models)
    if steps.improving is not None:
        found = improved(found, _magnified(found, task), makes, clock.begin(steps.improving))
    steps.labelling.seconds = steps.megapixels * found.chosen.cost * _magnified(found, task) ** 2
    done, failed = _all_labelled(paths, task, found, clock.begin(steps.labelling), models)
    makes.note(*left_out(task.images, task.labelled[1]))
    return Carried(task, found, done, failed, _told_models(found), tuple(makes.notes))


def _all_labelled(
    paths: Sequence[Path], task: CarryTask, found: FoundWay, control: Control, models: LoadedModels
) -> tuple[tuple[JsonObject, ...], tuple[tuple[str, str], ...]]:
    """Label all images; what is told of them, and which could not be used, and why."""
    done: list[JsonObject] = []
    failed: list[tuple[str, str]] = []
    stage = control.stage("Labelling the images", len(paths))
    for path in paths:
        try:
            done.append(labelled(path, task, found, replace(control, report=lambda _: None), models))
        except Cancelled:
            raise
        except (InputError, MemoryError) as error:
            failed.append((path.name, message_for(error) or str(error)))
        stage.advance()
    if not done:
        raise InputError(f"No image could be labelled ({failed[0][0]}: {failed[0][1].rstrip('.')}).")
    return tuple(done), tuple(failed)


@dataclass(frozen=True, eq=False)
class _Steps:
    """What is to be done, None for what is not; `megapixels` are those of all images."""

    learning: CarryStep
    trying: CarryStep
    proxy: CarryStep | None
    syndiff: CarryStep | None
    trying_more: CarryStep | None
    improving: CarryStep | None
    labelling: CarryStep
    megapixels: float

    @property
    def all(self) -> tuple[CarryStep, ...]:
        found = (
            self.learning,
            self.trying,
            self.proxy,
            self.syndiff,
            self.trying_more,
            self.improving,
            self.labelling,
        )
        return tuple(one for one in found if one is not None)

    @classmethod
    def of(cls, task: CarryTask, looked_at: Sequence[Image], images: int) -> _Steps:
        options, trains = task.options, task.translator is None
        tutors = trains and options.tutor_steps > 0
        step_s = _LEARN_S * _BATCH * options.patch**2 * (options.width / _USUAL_WIDTH) ** 1.5
        px = float(np.mean([math.prod(one.shape) for one in looked_at])) * images
        looks = _LOOK_S * (1 + task.settings.flips)
        look_s = looks * _TILES_PX * len(looked_at)
        minutes = options.minutes if trains else 0.0
        return cls(
            CarryStep(
                "the segmenter of the labelled modality comes first",
                _TRAINING,
                0.0 if task.segmenter is not None else options.segmenter_steps * step_s,
            ),
            CarryStep("what needs no further training is tried", "Trying", _FIRST_WAYS * look_s),
            CarryStep(
                "a proxy learns from the labelled set with the grey levels of the images",
                _TRAINING,
                options.tutor_steps * step_s,
            )
            if tutors
            else None,
            CarryStep(
                f"SynDiff is trained for {options.minutes:g} minutes",
                "Training the translator",
                60 * minutes,
                timed=True,
            )
            if minutes
            else None,
            CarryStep("what was trained is tried", "Trying", look_s) if tutors or minutes else None,
            CarryStep(
                "the segmenter goes on learning from the images",
                "Learning from what it is sure of",
                options.improve_rounds * (_ROUND_STEPS * step_s + 2 * _LOOK_S * px),
            )
            if options.improve_rounds
            else None,
            CarryStep("all images are labelled by the best way", "Labelling the images", looks * px),
            px / 1e6,
        )


def _readable(paths: Sequence[Path], task: CarryTask) -> tuple[Image, ...]:
    found, problem = [], None
    for path in paths:
        try:
            found.append(image_of(path, task))
        except InputError as error:
            problem = error
    if not found and problem is not None:
        raise problem
    return tuple(found)


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

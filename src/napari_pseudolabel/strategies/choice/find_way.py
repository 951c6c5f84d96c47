"""Find the best of several ways to labels: try each on a part of some images, and compare what they say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control, Progress, WorkRate
from napari_pseudolabel.errors import Cancelled, InputError, PseudolabelError
from napari_pseudolabel.imaging import Image, IntensityRange, normalise, resample
from napari_pseudolabel.imaging.places import looked_at
from napari_pseudolabel.imaging.scale.texture import lean_of
from napari_pseudolabel.labels.evidence import Evidence, total
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.strategies.choice.found_way import FoundWay, LookedAt, TriedWay, fitting
from napari_pseudolabel.strategies.choice.judging import POLARITIES, Heard, judge, said_by_others
from napari_pseudolabel.strategies.choice.ways import LabelWay, lean_in, likely_polarity
from napari_pseudolabel.strategies.jobs import Job, LabelJob
from napari_pseudolabel.strategies.label_plan import ChunkJob, usability_of
from napari_pseudolabel.strategies.label_settings import LabelSettings, Region
from napari_pseudolabel.strategies.run_cost import RunCost
from napari_pseudolabel.strategies.strategy import LabelRequest
from napari_pseudolabel.strategies.survey import Survey

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels

# So many pixels of the grid of the first model are looked at, over all images.
_LOOKED_AT_PX = 400 * 400
_MEGAPIXEL = (1000, 1000)
# So many pixels of a layer are asked on which side its details stick out.
_LEANING_PX = 2**20
# Seconds for a megapixel: of ways that are equally fast the one that changes nothing goes first.
_CURVE_S = 0.1


@dataclass(frozen=True, eq=False)
class _Said:
    """What the way under way says of one image."""

    labels: NDArray[np.uint8]
    evidence: Evidence
    doubts: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Looking:
    """How far a search is; travels between where the images are and the workers.

    Attributes
    ----------
    survey
        Of the way under way; None where its models have not been loaded.
    said
        What it says of the images so far.
    heard
        What the ways before it say, or why they could not be tried.
    places
        Of each image, as far as one was looked at.
    """

    survey: Survey | None = None
    said: tuple[_Said, ...] = ()
    heard: tuple[Heard | str, ...] = ()
    places: tuple[LookedAt, ...] = ()
    classes: tuple[LabelClass, ...] = ()

    def failing(self, error: PseudolabelError) -> Looking:
        """Return the state after the way under way turned out not to be possible."""
        return replace(self, survey=None, said=(), heard=(*self.heard, str(error)))


@dataclass(frozen=True, eq=False)
class _Step:
    """One thing that a worker does for a search; what it cannot do ends the way, not the search."""

    looking: Looking
    title: str
    done_before: int
    looks: int

    def run(self, control: Control, models: LoadedModels) -> Looking:
        """Do the work."""
        control.report(Progress(self.title, self.done_before, self.looks))
        # What a model reports of its tiles says nothing about the whole.
        quiet = replace(control, report=lambda _: None)
        try:
            return self.done(quiet, models)
        except Cancelled:
            raise
        except PseudolabelError as error:
            return self.looking.failing(error)

    def done(self, control: Control, models: LoadedModels) -> Looking:
        """Return the state afterwards; raises PseudolabelError where the way is not possible."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class _SurveyStep(_Step):
    """Load the models, or look for the scale, or measure translations."""

    job: Job

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """References of the models."""
        return tuple(getattr(self.job, "checkpoints", ()))

    def done(self, control: Control, models: LoadedModels) -> Looking:
        return replace(self.looking, survey=self.job.run(control, models))


@dataclass(frozen=True, eq=False)
class _FailedStep(_Step):
    """Note that a way is not possible, as it turned out where the images are."""

    error: PseudolabelError

    def done(self, control: Control, models: LoadedModels) -> Looking:
        raise self.error


@dataclass(frozen=True, eq=False)
class _LookStep(_Step):
    """Label one place."""

    place: LookedAt
    chunks: tuple[ChunkJob, ...]
    group: str
    last: bool

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """References of the models."""
        return self.chunks[0].checkpoints

    def done(self, control: Control, models: LoadedModels) -> Looking:
        labels = np.zeros(self.place.region.shape, np.uint8)
        parts = []
        for chunk in self.chunks:
            part = chunk.run(control, models)
            assert part.labels is not None
            labels[part.region.within(self.place.region)] = part.labels[0]
            parts.append(part.report.evidence)
        evidence = total(parts) or Evidence()
        first, survey = self.chunks[0], self.chunks[0].survey
        looks = usability_of(evidence, survey, first.whole, first.factors)
        said = _Said(labels, evidence, looks.doubts)
        looking = self.looking
        number, all_said = len(looking.said), (*looking.said, said)
        places = (*looking.places[:number], self.place, *looking.places[number + 1 :])
        looking = replace(looking, places=places, classes=looking.classes or survey.classes)
        if self.last:
            return replace(
                looking, survey=None, said=(), heard=(*looking.heard, _heard(self.group, all_said))
            )
        # The next image has a scale and translations of its own.
        own = replace(survey, found=None, translated=None, first_translated=None)
        return replace(looking, said=all_said, survey=own)


@dataclass(frozen=True, eq=False)
class FindWayJob:
    """Find the best of several ways for images that are alike, and do nothing else.

    Every way labels the middle of each image, or of the region that is asked for, as a run would (statistics, scale and tiles are those of
    the whole layer), but that translations are the first prediction. Always the same for the same images, region, models and settings.

    Attributes
    ----------
    images
        Of one modality.
    ways
        What is tried, in this order; those that cannot be judged only to be seen beside the others.
    settings
        Of the run that is to come; `samples` and `evaluations` do not matter.
    region, planes
        Of the run that is to come; where they are given, there is one image.
    looked
        How far an earlier search on the same images got, with the first of these ways.
    """

    images: tuple[Image, ...]
    ways: tuple[LabelWay, ...]
    settings: LabelSettings = field(default_factory=LabelSettings)
    region: Region | None = None
    planes: tuple[tuple[int, ...], ...] | None = None
    looked: Looking = field(default_factory=Looking)
    title: str = "Finding the best way"

    def __post_init__(self) -> None:
        """Raise InputError if there is nothing to try, or nothing to try it on."""
        if not self.ways or not self.images:
            raise InputError(
                "There is no way to labels that could be tried; choose models that fit the images."
            )

    @property
    def survey(self) -> Job:
        """The first step; its result is a `Looking`."""
        return self._first_step(self.looked)

    def second_survey(self, survey: Looking, control: Control) -> Job | None:
        """Read what the next step needs; None once all ways were tried. Runs where the images are.

        After each way it tells what was found so far, a `FoundWay` of the ways until then, once one of them is possible.
        """
        number = len(survey.heard)
        if survey.survey is None and not survey.said and number > len(self.looked.heard):
            self._tell(survey, control)
        if number == len(self.ways):
            return None
        if survey.survey is None:
            return self._first_step(survey)
        try:
            return self._next_step(survey, survey.survey, control)
        except Cancelled:
            raise
        except PseudolabelError as error:
            return _FailedStep(survey, *self._told(survey), error)

    def _tell(self, looking: Looking, control: Control) -> None:
        tried = replace(self, ways=self.ways[: len(looking.heard)])
        with suppress(InputError):  # none of them is possible
            control.emit(tried.answer(looking))

    def answer(self, survey: Looking) -> FoundWay:
        """Return what was found.

        Raises
        ------
        InputError
            If no way is possible.
        """
        heard = survey.heard
        said = {number: one for number, one in enumerate(heard) if isinstance(one, Heard)}
        known = [number for number in said if self.ways[number].judged]
        if not known:
            raise InputError(f"No way to labels is possible: {heard[0]}")
        costs = [self._cost(way) for way in self.ways]
        places = survey.places
        polarity = likely_polarity(self.ways, [one.pixels for one in places], _mean_lean(places))
        judged = judge([said[number] for number in known], [costs[number] for number in known], polarity)
        tried = []
        for number, (way, one) in enumerate(zip(self.ways, heard, strict=True)):
            if number in known:
                at = known.index(number)
                found = TriedWay(
                    way, judged.scores[at], judged.against[at], costs[number], said[number].labels
                )
            elif isinstance(one, Heard):
                others = [said[it] for it in known] if same_values(way.classes, survey.classes) else []
                alike = said_by_others(one.labels, others)
                found = TriedWay(way, None, one.reasons, costs[number], one.labels, alike)
            else:
                found = TriedWay(way, None, (one.rstrip("."),), costs[number])
            tried.append(found)
        ties = tuple(known[one] for one in judged.ties)
        return FoundWay(tuple(tried), known[judged.best], ties, survey.places, survey.classes)

    def run(self, control: Control, models: LoadedModels) -> FoundWay:
        """Do all of it here.

        Raises
        ------
        PseudolabelError
            With a sentence for the person; `Cancelled` if `control` said so.
        """
        return self.answer(self.look(control, models))

    def look(self, control: Control, models: LoadedModels) -> Looking:
        """Try all ways that were not tried before; with time left from the second look on. Raises as `run` does."""
        before = self._done(self.looked)
        rate, counted = WorkRate(), 0

        def report(progress: Progress) -> None:
            nonlocal counted
            done, total = self._done(looking) - before, self._looks - before
            rate.did(done - counted)
            counted = done
            control.report(
                replace(progress, done=done, total=total, seconds_left=rate.seconds_for(total - done))
            )

        timed, looking = replace(control, report=report), self.looked
        while (more := self.second_survey(looking, timed)) is not None:
            control.check()
            looking = more.run(timed, models)
        return looking

    @property
    def _looks(self) -> int:
        return len(self.ways) * len(self.images)

    def _done(self, looking: Looking) -> int:
        return len(looking.heard) * len(self.images) + len(looking.said)

    def _first_step(self, looking: Looking) -> Job:
        number = len(looking.heard)
        job = self._job(looking, self.images[0], self.ways[number])
        return _SurveyStep(looking, *self._told(looking), job.survey)

    def _next_step(self, looking: Looking, survey: Survey, control: Control) -> Job:
        number, at = len(looking.heard), len(looking.said)
        way, image = self.ways[number], self.images[at]
        job = self._job(looking, image, way)
        if (more := job.second_survey(survey, control)) is not None:
            return _SurveyStep(looking, *self._told(looking), more)
        place = (
            looking.places[at]
            if at < len(looking.places)
            else self._place(image, job.magnification(survey, control))
        )
        if survey.found is not None and survey.found.sure:
            place = replace(place, found=(*place.found, survey.found))
        if way.group in POLARITIES and not place.lean and lean_in(way.segmenter_card):
            place = replace(place, lean=self._lean(image, job.magnification(survey, control)))
        here = replace(job, region=place.region, planes=(place.plane,))
        plan = here.plan(survey, control)
        chunks = tuple(plan.load(chunk) for chunk in plan.chunks)
        last = at + 1 == len(self.images)
        return _LookStep(looking, *self._told(looking), place, chunks, way.group, last)

    def _told(self, looking: Looking) -> tuple[str, int, int]:
        return f"Trying: {self.ways[len(looking.heard)].title}", self._done(looking), self._looks

    def _job(self, looking: Looking, image: Image, way: LabelWay) -> LabelJob:
        settings = replace(self.settings, samples=1, evaluations="preview")
        at = len(looking.said)
        found = looking.places[at].found if at < len(looking.places) else ()
        return way.job(image, LabelRequest(settings=settings, found=fitting(found, way)))

    def _place(self, image: Image, factor: float) -> LookedAt:
        """Return the middle of what is to be labelled, so large that all together is not too much to look at."""
        height, width = image.shape[-2:]
        region = Region(0, 0, height, width) if self.region is None else self.region.clipped(height, width)
        side = max(1, math.floor(math.sqrt(_LOOKED_AT_PX / len(self.images)) / factor))
        y0, x0 = (
            region.y0 + max(0, (region.shape[0] - side) // 2),
            region.x0 + max(0, (region.shape[1] - side) // 2),
        )
        part = Region(y0, x0, min(y0 + side, region.y1), min(x0 + side, region.x1))
        planes = tuple(image.planes()) if self.planes is None else self.planes
        plane = planes[len(planes) // 2]
        pixels = image.plane(plane, self.settings.channel, part.window)
        return LookedAt(image.name, image.path, plane, part, stretched(pixels))

    def _lean(self, image: Image, factor: float) -> tuple[float, ...]:
        """Measure it on the whole layer, because a view of it may hold little that sticks out."""
        seen = looked_at(image, self.settings.channel, int(_LEANING_PX / max(1.0, factor) ** 2))
        return lean_of([resample(plane, factor) for plane in seen])

    def _cost(self, way: LabelWay) -> float:
        cost = RunCost.of(self.settings, self.images[0], way.translator_card, way.segmenter_card, gpu=False)
        curve = 0.0 if way.translator is None else _CURVE_S
        return replace(cost, factor=1.0, magnifications=0).seconds(_MEGAPIXEL) + curve


def _heard(group: str, said: Sequence[_Said]) -> Heard:
    return Heard(
        group,
        tuple(one.labels for one in said),
        tuple(one.evidence for one in said),
        tuple(one.doubts for one in said),
    )


def _mean_lean(places: Sequence[LookedAt]) -> tuple[float, ...]:
    """Return the lean of all images together, of sizes that are known of each; empty where it is known of none."""
    known = [one.lean for one in places if one.lean]
    return tuple(np.mean(of_size) for of_size in zip(*known, strict=False)) if known else ()


def same_values(one: Sequence[LabelClass], other: Sequence[LabelClass]) -> bool:
    """Whether labels of these classes can be compared."""
    return {it.value for it in one} | {0} == {it.value for it in other} | {0}


Item = TypeVar("Item")


def some_of(items: Sequence[Item], most: int) -> tuple[Item, ...]:
    """Return some of many, spread over them, always the same: not the first and the last, which may be special."""
    if len(items) <= most:
        return tuple(items)
    chosen = np.linspace(0, len(items) - 1, most + 2).round().astype(int)[1:-1]
    return tuple(items[number] for number in chosen)


def stretched(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W) raw values brought to [0, 1] for a picture; what has no value becomes 0."""
    seen = pixels[np.isfinite(pixels)]
    low, high = np.percentile(seen, (0.5, 99.5)) if seen.size else (0.0, 1.0)
    return normalise(pixels, IntensityRange(float(low), float(high)))

"""Frozen descriptions of jobs: everything a worker needs to know. Making one does not import torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control, Progress
from napari_pseudolabel.imaging import measure, normalise, resample
from napari_pseudolabel.imaging.blank_layer import nothing_in
from napari_pseudolabel.imaging.places import looked_at
from napari_pseudolabel.imaging.plane_key import pixels_key
from napari_pseudolabel.imaging.small_planes import small_plane
from napari_pseudolabel.labels.refitting import ConfidenceFit, ConfirmedRegion
from napari_pseudolabel.models.assumed import assumed_line
from napari_pseudolabel.models.evaluations import mode_of
from napari_pseudolabel.models.fitting import assumptions, refuse_misfit
from napari_pseudolabel.models.grids import sizes_of
from napari_pseudolabel.strategies.chunks import ImageTask, cut, join, whole_factors
from napari_pseudolabel.strategies.description import PseudoLabel, RunReport
from napari_pseudolabel.strategies.fitted_confidence import fit_for, told, with_fit
from napari_pseudolabel.strategies.fixed_settings import unused_by_models
from napari_pseudolabel.strategies.found_scale import FoundScale
from napari_pseudolabel.strategies.label_plan import LabelPlan, TranslationsJob
from napari_pseudolabel.strategies.label_settings import LabelSettings, ModelUse
from napari_pseudolabel.strategies.run_scale import RunScale
from napari_pseudolabel.strategies.scale_search import sweep
from napari_pseudolabel.strategies.survey import (
    LearnPlacesJob,
    LookAtPlanesJob,
    ModelFacts,
    PlaneFactory,
    SegmenterRef,
    Survey,
    SurveyJob,
    of_translations,
)
from napari_pseudolabel.types import JsonObject

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels

# So much of a layer tells the kinds of regions in it.
_PLACES_PX = 2**20
# Planes that are looked at as a whole by one job.
_PLANES_AT_ONCE = 16
# Places of a layer that are translated to learn what its translations are like.
_LOOKS = 9


class Job(Protocol):
    """What a worker can run. Frozen, and small enough to travel."""

    @property
    def title(self) -> str:
        """What is being done, for the person."""

    def run(self, control: Control, models: LoadedModels) -> Any:
        """Do the work.

        A worker may die and the job be run again elsewhere: whatever `run` leaves on disk must let it go on.

        Raises
        ------
        PseudolabelError
            With a sentence for the person; `Cancelled` if `control` said so.
        """


class SurveyedJob(Job, Protocol):
    """A job that asks workers about its models first, and reads the image where that is."""

    @property
    def survey(self) -> Job:
        """A job whose result, a `Survey`, everything else needs."""

    def second_survey(self, survey: Survey, control: Control) -> Job | None:
        """Return a job that makes the survey more complete, None if nothing is missing; called where the image is."""


class AnsweringJob(Job, Protocol):
    """A job of which surveys of any kind are all: each is made from the one before, where the image is, until nothing is missing."""

    @property
    def survey(self) -> Job:
        """A job whose result is the first survey."""

    def second_survey(self, survey: Any, control: Control) -> Job | None:
        """Return a job whose result is the next survey, None if nothing is missing; called where the image is."""

    def answer(self, survey: Any) -> Any:
        """Return the result."""


class ChunkedJob(SurveyedJob, Protocol):
    """A job that an engine may cut into chunks for many workers, in any order, and repeat single ones."""

    @property
    def chunks(self) -> bool:
        """True: tells such jobs from those that run as they are."""

    def plan(self, survey: Survey, control: Control) -> LabelPlan:
        """Cut the work; runs where the image is."""


@dataclass(frozen=True)
class Origin:
    """How a job came about, where its models alone do not tell.

    Attributes
    ----------
    strategy
        Name of the strategy for the provenance; empty for what the models tell: adaptation with a translator and a
        segmenter, segmentation or translation with one of them.
    tutor
        What made the images that the segmenters learned from. No image to be labelled goes through it.
    synthetic
        The segmenters learned from synthetic images only, which the notes say then.
    of_these
        The segmenters learned from the very images that are labelled, so nobody asks whether they fit.
    options
        The strategy's own options, a dataclass; None without.
    choice
        How the strategy was chosen among others, as `choice.found_way` tells it; None where a person chose it.
    notes
        What the preparation has to say to whoever sees the labels.
    """

    strategy: str = ""
    tutor: ModelUse | None = None
    synthetic: bool = False
    of_these: bool = False
    options: Any = None
    choice: JsonObject | None = None
    notes: tuple[str, ...] = ()


class KeptParts(Protocol):
    """Where the parts of a job are kept beyond the job, so that it goes on where it stopped; see `slides.SlideRun`."""

    def known(self, survey: Survey) -> Survey:
        """Return a survey with what was found out before."""

    def continued(self, plan: LabelPlan, control: Control) -> LabelPlan:
        """Return what is left to do of a plan."""


@dataclass(frozen=True, eq=False)
class LabelJob(ImageTask):
    """Make pseudo labels, or only translate.

    With a translator and a segmenter the image is translated and the translation segmented; without a translator the
    image is segmented as it is; without a segmenter it is only translated.

    Attributes
    ----------
    translator, segmenter
        Paths or names such as ``sample:sem-to-tem``; a `SegmenterFactory` in place of a segmenter that is loaded.
    second_opinions
        More segmenters with the same classes; probabilities are averaged over all.
    across
        Although the models were made for another modality, to see what comes of that.
    origin
        For the provenance.
    found
        The scale, where it was looked for before; None to look for it where the settings say so.
    kept
        Where its parts are kept; None for nowhere.
    confidence
        The temperature, where a run is done again; None for that of the cards, or of what was confirmed.
    confirmed
        Regions that a person confirmed, by any models, on which the temperature is fitted.
    """

    translator: str | None = None
    segmenter: SegmenterRef | None = None
    second_opinions: tuple[str, ...] = field(default=(), kw_only=True)
    across: bool = field(default=False, kw_only=True)
    origin: Origin = field(default=Origin(), kw_only=True)
    found: FoundScale | None = field(default=None, kw_only=True)
    kept: KeptParts | None = field(default=None, kw_only=True)
    confidence: ConfidenceFit | None = field(default=None, kw_only=True)
    confirmed: tuple[ConfirmedRegion, ...] = field(default=(), kw_only=True)
    chunks = True

    @property
    def title(self) -> str:
        """What is being done, for the person."""
        alone = self.translator is None and not self.origin.strategy
        doing = "Translating" if self.segmenter is None else "Segmenting" if alone else "Labelling"
        return f"{doing} {self.image.name}"

    @property
    def strategy_name(self) -> str:
        """The strategy, as the provenance names it."""
        if self.origin.strategy:
            return self.origin.strategy
        if self.segmenter is None:
            return "translation"
        return "segmentation" if self.translator is None else "adaptation"

    @property
    def survey(self) -> SurveyJob:
        """Loads the models and says what they are.

        Raises
        ------
        InputError
            If there is no model.
        """
        return SurveyJob(self.translator, self.segmenter, second_opinions=self.second_opinions)

    def plan(self, survey: Survey, control: Control) -> LabelPlan:
        """Measure the intensities of the layer and cut the region into chunks.

        Raises
        ------
        InputError
            If the image, its scale or its region cannot be used, or the image is not of the modality that the
            models expect.
        """
        from napari_pseudolabel.imaging.reading.stored_part import StoredImage

        stored = StoredImage.of(self.image)  # before anything is known of its pixels
        if self.kept is not None:
            survey = self.kept.known(survey)
        if not self.across:
            refuse_misfit(survey.chain, self.image.modality, self.image.name)
        fit = self.confidence or fit_for(survey, self.confirmed, self.image.path or self.image.name)
        survey = with_fit(survey, fit)
        settings = self._decided(survey)
        channels = self.channels(survey)
        scale = self._scale(survey).decided(control)
        survey = replace(survey, found=scale.found)
        control.report(Progress("Measuring the intensities", 0, 1))
        survey = survey.of_layer(self.image, channels[0], scale.factor, control)
        empty = [nothing_in(self.image, channel) for channel in channels]
        nothing = empty[0] if all(empty) else None
        of_layer = {
            need: measure(self.image, channels, need, control)
            for need in dict.fromkeys(model.need for model in _seeing(survey))
        }
        control.check()
        statistics = tuple(
            of_layer[model.need] if model in _seeing(survey) else of_translations(model, survey)
            for model in survey.models
        )
        tutor = () if self.origin.tutor is None else (replace(self.origin.tutor, role="tutor"),)
        report = RunReport(
            strategy=self.strategy_name,
            source=self.image.name,
            source_path=self.image.path,
            position=self.image.position,
            pixels=pixels_key(self.image),
            models=(*tutor, *_used(survey)),
            settings=settings,
            factor=scale.factor,
            device=self.settings.tiles.device,
            notes=(
                *self.origin.notes,
                *self.image.assumed(self.settings.channel),
                *self.settings.scale.overruled(self.image.name, self.image.placement),
                *((nothing,) if nothing else scale.notes),
                *dict.fromkeys(note for one in of_layer.values() for note in one.notes if not nothing),
                *self._told(survey),
                *unused_by_models(self.settings, survey),
                *(note for model in survey.models for note in (*model.card.notes, *_zoomed(model))),
                *filter(
                    None, (assumed_line(model.card, model.use.name, ("spacing",)) for model in survey.models)
                ),
                *(
                    ()
                    if nothing or self.origin.of_these
                    else assumptions(survey.chain, self.image.modality, self.image.name)
                ),
                *self._learned(survey),
                *(() if nothing else told(fit)),
            ),
            modality=self.image.modality,
            options=self.origin.options,
            choice=self.origin.choice,
            found=None if nothing else scale.found,
            confidence=fit,
        )
        factors = whole_factors(self.image.shape, scale.factor)
        judged = statistics[len(statistics) - len(survey.segmenters) :]
        chunks = cut(self, survey, factors, judged)
        own = replace(self, settings=settings)
        empty_layer = nothing is not None
        plan = LabelPlan(own, survey, factors, statistics, report, chunks, empty_layer, stored=stored)
        return plan if self.kept is None else self.kept.continued(plan, control)

    def _decided(self, survey: Survey) -> LabelSettings:
        """Return the settings with the mode of the translation, so that the report names what was done; auto where there is none."""
        translator = survey.translator
        diffuses = translator is not None and translator.steps > 1
        mode = mode_of(translator.card, self.settings.evaluations) if translator and diffuses else "auto"
        settings = replace(self.settings, evaluations=mode)
        # A mean of several looks would fill the lines between objects.
        alone = any(model.own_objects for model in survey.segmenters)
        return replace(settings, samples=1, flips=0) if alone else settings

    def second_survey(self, survey: Survey, control: Control) -> Job | None:
        """Find the scale where it is not known; then measure translations where a segmenter has to know what they are like."""
        if self.kept is not None:
            survey = self.kept.known(survey)
        if self._scale(survey).wanted:
            return sweep(self, survey, control)
        if survey.wants_places:
            return self._places(survey, control)
        if unseen := survey.unseen(self.plane_indices):
            return self._pictures(survey, unseen, control)
        if not survey.wants_translations:
            return None
        # The same whatever part of the image is labelled, and however.
        settings = replace(self.settings, mode="tiled", samples=1, flips=0)
        whole = replace(self, region=None, planes=None, settings=settings, kept=None)
        only = replace(survey, segmenter=None, second_opinions=())
        plan = LabelJob.plan(whole, only, control)
        chunks = cut(whole, only, plan.factors, tiles=1, ring=0)
        spread = np.unique(np.linspace(0, len(chunks) - 1, _LOOKS).round().astype(int))
        return TranslationsJob(survey, tuple(plan.load(chunks[number]) for number in spread))

    def magnification(self, survey: Survey, control: Control) -> float:
        """Return the pixels on the grid of the first model per pixel of the image; raises as `plan` does."""
        return self._scale(survey).decided(control).factor

    def _places(self, survey: Survey, control: Control) -> LearnPlacesJob:
        """Read some places of the whole layer, whatever part of it is labelled, as the segmenter sees them."""
        assert survey.segmenter is not None
        channels = self.channels(survey)
        factor = self.magnification(survey, control)
        (known,) = measure(self.image, channels, survey.segmenter.need, control).channels
        planes = looked_at(self.image, channels[0], _PLACES_PX)
        return LearnPlacesJob(
            survey,
            tuple(normalise(np.nan_to_num(resample(plane, factor)), known.limits) for plane in planes),
        )

    def _pictures(
        self, survey: Survey, planes: tuple[tuple[int, ...], ...], control: Control
    ) -> LookAtPlanesJob:
        """Read whole planes, whatever part of them is labelled, as small as the segmenter looks at them."""
        assert survey.segmenter is not None
        assert isinstance(survey.segmenter.ref, PlaneFactory)
        (channel,), longest = self.channels(survey), survey.segmenter.ref.longest_px
        (known,) = measure(self.image, (channel,), survey.segmenter.need, control).channels
        pictures: list[tuple[tuple[int, ...], NDArray[np.float32]]] = []
        for plane in planes[:_PLANES_AT_ONCE]:
            control.report(Progress("Reading the image", len(pictures), len(planes)))
            seen = small_plane(self.image, plane, channel, longest, control)
            pictures.append((plane, normalise(seen, known.limits)))
        return LookAtPlanesJob(survey, tuple(pictures), self.settings.tiles.device)

    def _scale(self, survey: Survey) -> RunScale:
        # Found by other models, or for another grid, as a record or a layer may hold it, it says nothing about these.
        grid = sizes_of(survey.models[0].card.source)
        before = self.found is not None and self.found.fits(grid, survey.looking)
        return RunScale(self, survey, self.found if before else survey.found)

    def _told(self, survey: Survey) -> tuple[str, ...]:
        model = survey.models[0]
        if model.channels == 1 or self.settings.channel is None:
            return ()
        return (
            f"{model.use.name} takes all {model.channels} channels together, so the chosen channel does not matter.",
        )

    def _learned(self, survey: Survey) -> tuple[str, ...]:
        learned = survey.models[0].card.training.data if self.origin.synthetic else ()
        return tuple(f"The segmenter was trained on synthetic images only: {one}." for one in learned)

    def run(self, control: Control, models: LoadedModels) -> PseudoLabel:
        """Do all chunks here, one after the other; an engine gives the same labels.

        Raises
        ------
        PseudolabelError
            With a sentence for the person; `Cancelled` if `control` said so.
        """
        parts: list[PseudoLabel] = []
        report = self.run_parts(control, models, parts.append)
        return join(self, parts, report)

    def run_parts(
        self, control: Control, models: LoadedModels, got: Callable[[PseudoLabel], None]
    ) -> RunReport:
        """Do the same, but hand every chunk to `got` as it comes and keep none; raises as `run` does."""
        started = time.monotonic()
        survey = self.survey.run(control, models)
        ready = time.monotonic() - started
        while (more := self.second_survey(survey, control)) is not None:
            survey = more.run(control, models)
        plan = self.plan(survey, control)
        total = len(plan.chunks)
        reports = []
        for number, chunk in enumerate(plan.chunks, start=1):
            own = control.part(f"part {number} of {total}") if total > 1 else control
            part = plan.load(chunk).run(own, models)
            plan.arrived(part)
            reports.append(part.report)
            if number == 1 and (told := plan.time_left(part.report.seconds)):
                control.emit(told)
            got(part)
        return plan.conclude(reports, time.monotonic() - started, ready)


def _used(survey: Survey) -> Iterator[ModelUse]:
    """Yield the checkpoints that take part, for the provenance."""
    for model in survey.models:
        if model.made_of is not None:
            yield model.made_of
        elif isinstance(model.ref, str):
            yield model.use


def _seeing(survey: Survey) -> tuple[ModelFacts, ...]:
    """Models that see the image itself."""
    return survey.models if survey.translator is None else (survey.translator,)


def _zoomed(model: ModelFacts) -> tuple[str, ...]:
    """Return what had to be assumed for a model whose pixels are not those of its grid; their unit is written nowhere."""
    if model.zoom == (1.0, 1.0):
        return ()
    height, width = (1 / zoom for zoom in model.zoom)
    return (
        f"The plans of {model.card.name} ask for pixels of {height:g} x {width:g} in a unit that they do not name. A pixel "
        "of the image, at the scale of this run, was taken as 1 x 1 of it; give another scale where that is wrong.",
    )

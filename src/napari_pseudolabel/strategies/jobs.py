"""Frozen descriptions of jobs: everything a worker needs to know. Making one does not import torch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from napari_pseudolabel.control import Control, Progress
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image, intensity_range
from napari_pseudolabel.imaging.content import extremes, nothing_in
from napari_pseudolabel.models.cards import Modality
from napari_pseudolabel.strategies.chunks import LabelPlan, cut, join, whole_factors
from napari_pseudolabel.strategies.description import LabelSettings, PseudoLabel, Region, RunReport
from napari_pseudolabel.strategies.survey import Survey, SurveyJob

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels

_STRATEGIES = ("adaptation",)


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


class ChunkPlan(Protocol):
    """How a job is cut; see `LabelPlan`."""

    @property
    def chunks(self) -> Sequence[Any]: ...

    def distance(self, chunk: Any, focus: Any) -> Any: ...

    def load(self, chunk: Any) -> Job: ...

    def conclude(self, reports: Sequence[Any], seconds: float) -> Any: ...


class ChunkedJob(Job, Protocol):
    """A job that an engine may cut into chunks for many workers, in any order, and repeat single ones."""

    @property
    def chunks(self) -> bool:
        """True: tells such jobs from those that run as they are."""

    @property
    def survey(self) -> Job:
        """A job whose result `plan` needs."""

    def plan(self, survey: Any, control: Control) -> ChunkPlan:
        """Cut the work; runs where the image is."""


@dataclass(frozen=True, eq=False)
class ImageJob:
    """What all jobs on an image share.

    Attributes
    ----------
    image
        The image, lazily.
    settings
        How it is done.
    region
        Part of the last two axes; the whole plane when None. Statistics always come from the whole layer.
    planes
        Which planes of a stack; all when None.
    """

    image: Image
    settings: LabelSettings = field(default_factory=LabelSettings, kw_only=True)
    region: Region | None = field(default=None, kw_only=True)
    planes: tuple[tuple[int, ...], ...] | None = field(default=None, kw_only=True)
    chunks = True

    @property
    def title(self) -> str:
        """What is being done, for the person."""
        return f"{self._doing} {self.image.name}"

    @property
    def survey(self) -> SurveyJob:
        """Loads the models and says what they are.

        Raises
        ------
        InputError
            If there is no such strategy.
        """
        raise NotImplementedError

    _doing = ""
    _name = ""

    @property
    def whole_region(self) -> Region:
        """The region, inside of the image."""
        height, width = self.image.shape[-2:]
        return self.region.clipped(height, width) if self.region else Region(0, 0, height, width)

    @property
    def plane_indices(self) -> tuple[tuple[int, ...], ...]:
        """Every plane that is worked on."""
        return tuple(self.image.planes()) if self.planes is None else self.planes

    def plan(self, survey: Survey, control: Control) -> LabelPlan:
        """Measure the intensities of the layer and cut the region into chunks.

        Raises
        ------
        InputError
            If the image, its scale or its region cannot be used.
        """
        first = survey.models[0].card
        factor, why = self._factor(first.source)
        control.report(Progress("Measuring the intensities", 0, 1))
        nothing = nothing_in(self.image, self.settings.channel)
        n = first.normalisation
        limits = intensity_range(self.image, self.settings.channel, kind=n.kind, low=n.low, high=n.high)
        if limits.low == limits.high and nothing is None:
            limits = extremes(self.image, self.settings.channel)  # what there is lies between the samples
        control.check()
        report = RunReport(
            strategy=self._name,
            source=self.image.name,
            source_path=self.image.path,
            models=tuple(model.use for model in survey.models),
            settings=self.settings,
            factor=factor,
            tile=None,
            overlap=None,
            batch=None,
            device=self.settings.tiles.device,
            shift_px=None,
            agreement=None,
            notes=(
                *self.image.notes,
                *((nothing,) if nothing else (why,) if factor == 1.0 and why.startswith("The ") else ()),
            ),
            seconds=0.0,
        )
        factors = whole_factors(self.image.shape, factor)
        return LabelPlan(
            self, survey, factors, limits, report, cut(self, survey, factors), nothing is not None
        )

    def run(self, control: Control, models: LoadedModels) -> PseudoLabel:
        """Do all chunks here, one after the other; an engine gives the same labels.

        Raises
        ------
        PseudolabelError
            With a sentence for the person; `Cancelled` if `control` said so.
        """
        started = time.monotonic()
        plan = self.plan(self.survey.run(control, models), control)
        parts = [
            plan.load(chunk).run(_numbered(control, number, len(plan.chunks)), models)
            for number, chunk in enumerate(plan.chunks, start=1)
        ]
        report = plan.conclude([part.report for part in parts], time.monotonic() - started)
        return join(self, parts, report)

    def _factor(self, modality: Modality | None) -> tuple[float, str]:
        scale = self.settings.scale
        # The image's own pixel size is asked for only when it decides: anisotropic pixels are an error.
        decided = scale.factor or scale.object_size_px or scale.pixel_size_um
        own = None if decided else self.image.placement.pixel_size_um()
        return scale.to_model(
            own, modality.pixel_size_um if modality else None, modality.object_size_px if modality else None
        )


@dataclass(frozen=True, eq=False)
class LabelJob(ImageJob):
    """Make pseudo labels by a strategy.

    Attributes
    ----------
    translator, segmenter
        Paths or names such as ``sample:sem-to-tem``.
    strategy
        "adaptation".
    second_opinions
        More segmenters with the same classes; probabilities are averaged over all.
    """

    translator: str
    segmenter: str
    strategy: str = "adaptation"
    second_opinions: tuple[str, ...] = field(default=(), kw_only=True)
    _doing = "Labelling"
    _name = "adaptation"

    @property
    def survey(self) -> SurveyJob:
        if self.strategy not in _STRATEGIES:
            raise InputError(f"There is no strategy “{self.strategy}”; use {' or '.join(_STRATEGIES)}.")
        return SurveyJob(self.translator, self.segmenter, second_opinions=self.second_opinions)


@dataclass(frozen=True, eq=False)
class TranslateJob(ImageJob):
    """Translate an image into another modality."""

    translator: str
    _doing = "Translating"
    _name = "translation"

    @property
    def survey(self) -> SurveyJob:
        return SurveyJob(self.translator, None)


@dataclass(frozen=True, eq=False)
class SegmentJob(ImageJob):
    """Segment an image as it is, without translation ("source only")."""

    segmenter: str
    _doing = "Segmenting"
    _name = "segmentation"

    @property
    def survey(self) -> SurveyJob:
        return SurveyJob(None, self.segmenter)


def _numbered(control: Control, number: int, total: int) -> Control:
    """The same control, whose stages say which part they belong to."""
    if total == 1:
        return control

    def report(progress: Progress) -> None:
        name = f"{progress.stage}, part {number} of {total}"
        control.report(Progress(name, progress.done, progress.total, progress.seconds_left))

    return Control(report, control.cancelled)

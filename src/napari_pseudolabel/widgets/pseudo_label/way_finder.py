"""What the dock does to find the best way: tries them on what is in view, shows them, labels by the best or by what a person takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from typing_extensions import override

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.strategies import LabelJob
from napari_pseudolabel.strategies.choice.auto import AUTO
from napari_pseudolabel.strategies.choice.find_way import FindWayJob
from napari_pseudolabel.strategies.choice.found_way import FoundWay
from napari_pseudolabel.strategies.choice.unjudged import learning_first, unjudged, without_labels
from napari_pseudolabel.strategies.choice.ways import LabelWay, Objects, objects_for, ways
from napari_pseudolabel.strategies.strategy import LabelRequest
from napari_pseudolabel.widgets.common.job_runner import Failure, JobRunner
from napari_pseudolabel.widgets.pseudo_label.label_choice import LabelChoice, TrainingStatus
from napari_pseudolabel.widgets.pseudo_label.label_sentences import choose_objects
from napari_pseudolabel.widgets.pseudo_label.preparing import PreparingController
from napari_pseudolabel.widgets.pseudo_label.preparing_options import OptionsController

if TYPE_CHECKING:
    from napari_pseudolabel.engine import LaneName
    from napari_pseudolabel.widgets.pseudo_label.model_picker import ModelPicker
    from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView


class WayFinder(PreparingController):
    """Prepares by trying: what comes of it is the choice of a strategy and its models, which the controls show then.

    Attributes
    ----------
    looked
        The ways that were tried so far (`LabelJob` that says what is asked for, `FoundWay`).
    """

    looked = Signal(object, object)

    strategy = AUTO
    doing = reading = "Finding the best way"
    keeping = "Comparing what the ways say"
    gone = "The image was removed meanwhile; choose an image to label."
    stopped = "Stopped; nothing was chosen."
    main_title = "Find and run"

    def __init__(
        self,
        view: PseudoLabelView,
        models: ModelPicker,
        runner: JobRunner,
        learned: Sequence[OptionsController] = (),
    ) -> None:
        super().__init__(view, runner)
        self._models = models
        names = [one.name for one in without_labels()]
        self._learned = {one.strategy.name: one for one in learned if one.strategy.name in names}
        self._image: str | None = None
        self._modality = ""
        self._found: FoundWay | None = None
        self._listed: tuple[object, tuple[LabelWay, ...]] | None = None
        self._offered: tuple[Objects, ...] = ()
        self._known = False
        view.ways.taken.connect(self.take)

    @override
    def follow(self, image: str | None, modality: str) -> None:
        if image != self._image:  # what was found is about another one
            self._found = None
            self._show(None)
        self._image, self._modality = image, modality
        known = tuple(self._models.candidates())
        made = objects_for(modality, known) if modality else ()
        offered = made or objects_for("", known)
        if (offered, bool(made)) != (self._offered, self._known):
            self._offered, self._known = offered, bool(made)
            titles = [", ".join(name for name, _ in one) for one in offered]
            # Where no model is made for such images nobody guesses what a person wants of them.
            self._dock.offer_objects(titles, 0 if made or len(offered) == 1 else None)

    @override
    def why_not(self) -> str | None:
        try:
            self._ways()
        except InputError as error:
            return str(error)
        return None

    @override
    def status_text(self, status: TrainingStatus | None) -> str:
        return ""

    @override
    def maker(self, seed: int, device: str) -> Callable[[], FindWayJob]:
        template, possible = self._template, self._ways()
        assert template is not None
        finders = {name: one.learned(seed, device) for name, one in self._learned.items()}

        def make() -> FindWayJob:
            learned = {name: asked for name, find in finders.items() if (asked := find()) is not None}
            return FindWayJob(
                (template.image,),
                (*self._loaded_first(possible), *unjudged(learned)),
                template.settings,
                template.region,
                template.planes,
            )

        return make

    def _loaded_first(self, possible: Sequence[LabelWay]) -> list[LabelWay]:
        """Of ways that translate nothing that first whose segmenter is loaded ahead: first labels are its."""
        loaded = self._models.chosen("segmenter")
        return sorted(
            possible,
            key=lambda way: (
                not (way.group == "direct" and loaded is not None and way.segmenter == loaded.ref)
            ),
        )

    @override
    def on_event(self, job: object, event: object) -> None:
        if isinstance(event, FoundWay) and self._template is not None:
            self._dock.ways.show_ways(event, so_far=True)
            self._dock.untried.show_ways(())
            self.looked.emit(self._template, event)

    @override
    def trained(self, job: object) -> TrainingStatus:
        return TrainingStatus(done=False, begun=False)

    @override
    def lane(self, status: TrainingStatus) -> LaneName:
        return "label"  # a person waits for it, and the models are wanted there

    @override
    def labelled_as(self, choice: LabelChoice) -> LabelChoice:
        return self._dock.choice()

    @property
    def found(self) -> FoundWay | None:
        """What was found for the image that is chosen; None where nobody has looked."""
        return self._found

    def take(self, number: int) -> None:
        """Choose one of the ways that were tried."""
        found = self._found
        if found is not None and not self.busy:
            way, caution = found.tried[number].way, found.caution(number)
            reason = found.verdict if number == found.best else f"You chose: {way.title}. {caution}".rstrip()
            self._dock.ways.choose(number)
            self._models.take(way, reason, warns=bool(caution))

    def _show(self, found: FoundWay | None) -> None:
        """Show the end of a search, and what it did not try."""
        self._dock.ways.show_ways(found)
        tried = {one.way.strategy for one in found.tried} if found is not None else set()
        self._dock.untried.show_ways(learning_first(tried) if found is not None else ())

    def told(self, layer: str | None, job: LabelJob) -> LabelJob:
        """Return a job that says how its way was chosen, where it was one of those that were tried on its image."""
        found = self._found
        if found is None or layer != self._image or job.origin.choice is not None:
            return job
        for number, one in enumerate(found.tried):
            if one.possible and one.way.made(job):
                return replace(job, origin=replace(job.origin, choice=found.taking(number)))
        return job

    def _ways(self) -> tuple[LabelWay, ...]:
        known = tuple(self._models.candidates())
        chosen = self._dock.objects.currentData()
        if chosen is None and len(self._offered) > 1:
            raise InputError(choose_objects(self._modality))
        objects = None if chosen is None else self._offered[chosen]
        asked = self._modality, objects, tuple(one.ref for one in known)
        if self._listed is None or self._listed[0] != asked:  # curves are read from disk
            self._listed = asked, ways(self._modality, known, objects=objects)
        return self._listed[1]

    @override
    def _end(self, template: LabelJob, failure: Failure) -> None:
        if template is self._template:  # what was tried so far is no choice
            self._show(self._found)
        super()._end(template, failure)

    @override
    def _check(self) -> None:
        """Nothing is kept from one search to the next."""

    @override
    def _on_finished(self, template: LabelJob, options: object, job: object, made: object) -> None:
        assert isinstance(made, FoundWay)
        if template is not self._template:
            return
        self._forget()
        self._found = made
        self._show(made)
        self.looked.emit(template, made)
        self.take(made.best)
        asked = LabelRequest(settings=template.settings, region=template.region, planes=template.planes)
        self.ready.emit(made.job(template.image, asked))

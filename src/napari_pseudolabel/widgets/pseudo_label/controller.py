"""What the Pseudo-label dock does; how it looks is in the view."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, QTimer
from typing_extensions import override

from napari_pseudolabel.errors import PseudolabelError
from napari_pseudolabel.strategies import registry
from napari_pseudolabel.viewer import drop_preview
from napari_pseudolabel.viewer.records import is_sample
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.debouncer import Debouncer
from napari_pseudolabel.widgets.common.dock_controller import DockController, Key
from napari_pseudolabel.widgets.common.job_runner import Failure, JobRunner
from napari_pseudolabel.widgets.common.recent_choices import RecentChoices
from napari_pseudolabel.widgets.pseudo_label import strategy_comparison
from napari_pseudolabel.widgets.pseudo_label.can_run import why_not_now, why_not_there
from napari_pseudolabel.widgets.pseudo_label.expected import ExpectedTime
from napari_pseudolabel.widgets.pseudo_label.image_picker import ImagePicker
from napari_pseudolabel.widgets.pseudo_label.label_choice import LabelChoice, ShownModality, Where
from napari_pseudolabel.widgets.pseudo_label.label_run import LabelRun, describe, whole_job
from napari_pseudolabel.widgets.pseudo_label.label_sentences import assumption
from napari_pseudolabel.widgets.pseudo_label.list_preparing import ListPreparing
from napari_pseudolabel.widgets.pseudo_label.many.controller import ManyController
from napari_pseudolabel.widgets.pseudo_label.modality import ModalityPicker
from napari_pseudolabel.widgets.pseudo_label.model_picker import ModelPicker
from napari_pseudolabel.widgets.pseudo_label.preparing import PreparingController, main_title
from napari_pseudolabel.widgets.pseudo_label.preparing_options import OptionsController
from napari_pseudolabel.widgets.pseudo_label.run_controller import RunController
from napari_pseudolabel.widgets.pseudo_label.run_outcome import RunOutcome
from napari_pseudolabel.widgets.pseudo_label.size_controller import SizeController
from napari_pseudolabel.widgets.pseudo_label.slide_regions import SlideRegions
from napari_pseudolabel.widgets.pseudo_label.tutoring.controller import TutoringController, default_workspace
from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView
from napari_pseudolabel.widgets.pseudo_label.way_draft import WayDraft
from napari_pseudolabel.widgets.pseudo_label.way_finder import WayFinder

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image as ImageLayer

    from napari_pseudolabel.strategies import RunReport
    from napari_pseudolabel.strategies.jobs import LabelJob
    from napari_pseudolabel.viewer import PushedLayers
    from napari_pseudolabel.widgets.common.overlay import Overlay
    from napari_pseudolabel.workspace import Workspace

# What strategies do that prepare something.
PARTS = (TutoringController,)
DEBOUNCE_MS = 300
_LOOK_MS = 400


class PseudoLabelController(DockController):
    """Connects a viewer, the view of the dock, and the engine.

    Parameters
    ----------
    viewer, view
        The viewer whose layers are labelled, and the widgets.
    runner, recent
        Runs the jobs of this dock, and keeps its last choices.
    canvas_px, make_overlay
        Says height and width of the canvas, and makes what is drawn upon over it; None where there is no window.
    workspace
        Says where trained proxies are kept.
    """

    view: PseudoLabelView
    _runner: JobRunner

    def __init__(
        self,
        viewer: ViewerModel,
        view: PseudoLabelView,
        *,
        runner: JobRunner,
        recent: RecentChoices,
        canvas_px: Callable[[], tuple[int, int] | None] = lambda: None,
        workspace: Callable[[], Workspace] = default_workspace,
        make_overlay: Callable[[], Overlay | None] = lambda: None,
    ) -> None:
        super().__init__(viewer, view, runner)
        self._remembered, self._canvas_px, self._workspace = recent, canvas_px, workspace
        self.images = ImagePicker(viewer, view)
        self.models = ModelPicker(view, runner, recent)
        self.modality = ModalityPicker(view, self.images, self.models, recent)
        parts = [
            *(controller(viewer, view, self.models, runner, recent, workspace) for controller in PARTS),
            *(own := [OptionsController(it, view, self.modality, runner, workspace) for it in view.prepared]),
            way_finder := WayFinder(view, self.models, runner, own),
        ]
        self.ways, self._way_draft = way_finder, WayDraft(viewer)
        self.preparing: dict[str, PreparingController] = {part.strategy.name: part for part in parts}
        self.outcome = RunOutcome(view, runner, self.modality)
        self.expected = ExpectedTime(viewer, view, self.images, self.models, recent, canvas_px)
        self.comparing = strategy_comparison.Comparing(viewer, canvas_px)
        self._prepared_for: LabelChoice | None = None
        self.size = SizeController(viewer, view, self.images, self.models, runner, make_overlay)
        self.slides = SlideRegions(viewer, view, self.images, lambda: workspace().folder, canvas_px, self)
        all_of_it = partial(whole_job, view, viewer, self.images, self.modality, self.models, workspace)
        self._for_list = ListPreparing(view, all_of_it, lambda: self._part, lambda: self.busy)
        self.many = ManyController(viewer, view, runner, recent, workspace, self._for_list.begin)
        self.labelling = RunController(viewer, view, self.images, runner, canvas_px)
        self._preview_later = Debouncer(self._preview, DEBOUNCE_MS, self)
        self._seen: tuple[object, ...] = ()
        self._looking = QTimer(self)
        self._looking.setInterval(_LOOK_MS)
        self._looking.timeout.connect(self._look)
        self._connect()

    @property
    def busy(self) -> bool:
        """Whether a labelling job is under way."""
        return self.labelling.running is not None or self._busy_part is not None

    @property
    @override
    def doing(self) -> str:
        if (part := self._busy_part) is not None:
            return part.doing
        running = self.labelling.running
        if running is None or running.preview:
            return self.many.doing
        return f"Labelling {running.image.name}"

    @override
    def keys(self) -> list[Key]:
        view = self.view
        return [
            (shortcuts.RUN, view.run_button.click),
            (shortcuts.PREVIEW, view.preview_button.click),
            (shortcuts.CANCEL, self.cancel),
            (shortcuts.NEXT_IMAGE, view.many.next.click),
        ]

    @override
    def opened(self) -> None:
        self.images.start()
        self.slides.start()
        self.many.start()
        for part in self.preparing.values():
            with QSignalBlocker(part):  # what they remember is shown with all the rest
                part.start()
        self._on_layers()
        self.models.find(self.modality.shown)
        self._looking.start()

    @override
    def closed(self) -> None:
        self._looking.stop()
        self._preview_later.cancel()
        self.expected.say(None)
        self.models.stop()
        self.size.stop()
        for part in self.preparing.values():
            part.stop()
        self._way_draft.drop()
        self.comparing.stop()
        self.labelling.drop()
        self.slides.stop()
        self.many.stop()
        self.view.image.let_go()

    @override
    def activated(self, layer: Any) -> None:
        if layer is not None and self.images.offers(layer) and not self.busy:
            self.view.image.refill(layer)
        self._on_layers()

    def _connect(self) -> None:
        view = self.view
        view.changed.connect(self._on_changed)
        view.run_button.clicked.connect(self.run)
        view.cancel_button.clicked.connect(self.cancel)
        view.long_question.run_anyway.connect(partial(self._submit, preview=False))
        view.long_question.only_view.connect(partial(view.regions.choose, "view"))
        view.long_question.only_view.connect(partial(self._submit, preview=False))
        view.image.refilled.connect(self._on_layers)
        view.preview_toggled.connect(self._on_preview_toggled)
        view.browse_pressed.connect(self.models.browse)
        view.untried.wanted.connect(self._on_wanted)
        self.modality.changed.connect(self._on_modality)
        self.models.changed.connect(self._on_models)
        self.ways.looked.connect(
            lambda asked, found: self._way_draft.show(self._prepared_image(), asked.image, found)
        )
        for part in self.preparing.values():
            part.changed.connect(self._refresh)
            part.ready.connect(partial(self._on_prepared, part))
            part.failed.connect(self._on_not_prepared)
            part.message.connect(view.set_status)
        self.labelling.appeared.connect(self._on_appeared)
        self.labelling.labelled.connect(self._on_labelled)
        self.labelling.failed.connect(self._on_failed)
        self.labelling.ended.connect(self._refresh)
        self.comparing.compared.connect(lambda sentence: self.outcome.agreed(sentence, now=not self.busy))
        self.viewer.dims.events.current_step.connect(self._later)

    # What the person does.

    def use_segmenter(self, ref: str) -> None:
        """Another dock has made a better segmenter."""
        if self._active:
            self.models.open("segmenter", ref)

    def list_models(self) -> None:
        """Another dock has made models."""
        if self._active:
            self.models.find(self.modality.shown)

    def run(self) -> None:
        """Label the region that is chosen."""
        if self.labelling.previewing:
            self.labelling.drop()
        self.view.preview_button.setChecked(False)
        if self._why_not() is not None or self.busy:
            return
        if self._part is not None:
            self._prepare(self._part)
        else:
            self._submit(preview=False, asked=False)

    def _on_wanted(self, strategy: str) -> None:
        """Choose what has to learn first; begin at once where it learns from this image alone."""
        if self.busy:
            return
        self.view.choose_strategy(strategy)
        preparation = registry.find(strategy).preparation
        if preparation is not None and preparation.sees_images:
            self.run()

    def cancel(self) -> None:
        """Stop the job under way."""
        self.view.preview_button.setChecked(False)
        if (part := self._busy_part) is not None:
            part.cancel()
        else:
            self.labelling.cancel()

    def _on_changed(self) -> None:
        if self.images.update():
            self._on_image()
        self.models.on_choice(self.view.choice())
        self._follow()
        self._refresh()
        self._later()

    def _on_preview_toggled(self, on: bool) -> None:
        if on:
            self._preview()
        else:
            self._preview_later.cancel()
            self.labelling.cancel_preview()
        self._refresh()

    def _on_layers(self) -> None:
        """Other layers are offered, or they have other names."""
        if self.images.update() or self.modality.outdated:
            self._on_image()
        self._follow()
        self._refresh()

    def _on_image(self) -> None:
        """Another image is chosen."""
        self.modality.show()
        self.models.propose_for(self.modality.shown())

    def _on_modality(self) -> None:
        """Take what the person has said that the image shows."""
        self._on_image()
        self._on_changed()

    def _later(self, event: object = None) -> None:
        if self._active and self.view.preview_button.isChecked():
            self._preview_later()

    def _preview(self) -> None:
        if not self.view.preview_button.isChecked():
            return
        self.labelling.drop()
        if self._why_not() is None:
            self._submit(preview=True)

    def _submit(self, *, preview: bool, asked: bool = True) -> None:
        """Begin; unless the person was asked, ask before what takes long."""
        choice = self.view.choice()
        self.view.long_question.hide()
        if (job := self._prepared(choice, preview=preview)) is None:
            return
        if not asked and (question := self.expected.question(choice, job)):
            self.view.long_question.ask(question)
            return
        self._begin(choice, job, preview=preview)

    def _prepared(self, choice: LabelChoice, *, preview: bool) -> LabelJob | None:
        """Return the job, None if it cannot be described, which is shown."""
        self.view.error.clear()
        try:
            image = self.modality.image()
            return describe(
                choice,
                self.viewer,
                self.images.layer(),
                image,
                self.models,
                self._canvas_px,
                preview=preview,
                workspace=self._workspace(),
            )
        except PseudolabelError as error:
            self.outcome.failed(Failure.of(error))
            return None

    def _begin(self, choice: LabelChoice, job: LabelJob, *, preview: bool) -> None:
        self.size.began(preview=preview)
        job = self.slides.kept(choice.layer, self.ways.told(choice.layer, job))
        self.labelling.begin(choice, job, preview=preview)
        self.outcome.forget()
        self._refresh()

    def _on_appeared(self, running: LabelRun, report: RunReport) -> None:
        self.size.found_in_run(running.choice, report.found)
        self.images.show_layers()

    def _on_failed(self, running: LabelRun, failure: Failure, share: float) -> None:
        self.outcome.failed(failure, running.parts, share)

    def _on_labelled(self, running: LabelRun, report: RunReport, pushed: PushedLayers) -> None:
        self.outcome.show(running, report, pushed)
        self.size.found_in_run(running.choice, report.found)
        layer = self.images.layer(running.layer)
        if layer is not None and not running.preview:
            self.comparing.compare(layer, running.image, running.choice.strategy)
            drop_preview(self.viewer, layer)  # it compares with labels that are no more
            shown = ShownModality(running.image.modality, sample=is_sample(layer))
            self.models.note_run(running.choice, shown)
            self.expected.note(running.choice, running.job, report)
            if pushed.labels is not None:
                self.viewer.layers.selection.active = pushed.labels
        self.images.show_layers()
        rest = running.rest(self.models.chosen("translator"))
        if rest is not None and self.view.preview_button.isChecked():
            self._begin(running.choice, rest, preview=True)

    # Strategies that prepare something: first that, then the labels.

    @property
    def _part(self) -> PreparingController | None:
        """What prepares the chosen strategy; None where nothing is prepared."""
        return self.preparing.get(self.view.choice().strategy)

    @property
    def _busy_part(self) -> PreparingController | None:
        """What is preparing now."""
        return next((controller for controller in self.preparing.values() if controller.busy), None)

    def _follow(self) -> None:
        """Tell all parts what is to be labelled."""
        for part in self.preparing.values():
            part.follow(self.view.choice().layer, self.modality.shown().modality)

    def _on_models(self) -> None:
        self.modality.show()
        self._follow()
        self._refresh()

    def _prepare(self, part: PreparingController) -> None:
        choice = self.view.choice()
        job = self._prepared(choice, preview=False)
        if job is not None:
            self._prepared_for = choice
            self.view.set_status("")
            self.view.set_busy(True)
            part.begin(job)

    def _prepared_image(self) -> ImageLayer | None:
        """Return the image that something is prepared for; None where it is gone, or other images are to be labelled."""
        return None if self._prepared_for is None else self.images.layer(self._prepared_for.layer)

    def _on_prepared(self, part: PreparingController, job: LabelJob) -> None:
        """Label what was asked for, now that the segmenters are there."""
        layer, choice, self._prepared_for = self._prepared_image(), self._prepared_for, None
        if self._for_list.taken(job):
            self._refresh()
        elif choice is not None and layer is not None:
            self._begin(part.labelled_as(choice), job, preview=False)
            if self.labelling.running is not None:
                self.labelling.running.draft = self._way_draft.hand_over()
        else:
            self._way_draft.drop()
            self.view.set_busy(False)
            self.view.set_status(part.gone)
            self._refresh()

    def _on_not_prepared(self, failure: Failure) -> None:
        self._for_list.drop()
        self._way_draft.drop()
        self.view.set_busy(False)
        self.outcome.failed(failure)
        self._refresh()

    def _why_not(self) -> str | None:
        """Why the main button cannot be pressed and what to do; None if it can."""
        where = self.view.choice().where
        return self._why_never() or self.size.refusal or self._why_not_there(where)

    def _why_never(self) -> str | None:
        """Return what stands in the way whatever the size and the region are."""
        return why_not_now(
            self.view.choice(), self.viewer, self.images, self.models, self.modality, self._part
        )

    def _why_not_there(self, where: Where) -> str | None:
        return why_not_there(where, self.viewer, self.images, self._canvas_px)

    def _look(self) -> None:
        """Notice what napari does not tell of: the view has moved, a shape was drawn, the image has other pixels, a run was undone."""
        self.outcome.look()
        if self._where_it_is != self._seen:
            self._refresh()

    @property
    def _where_it_is(self) -> tuple[object, ...]:
        """What a run depends on and napari changes: the size of a pixel, and what of the image is in view or drawn."""
        layer, where = self.images.layer(), self.view.regions.value
        if layer is None:
            return ()
        placed = [(*getattr(layer, name),) for name in ("scale", "units")]
        return *placed, *(self._why_not_there(one) for one in dict.fromkeys((where, "view")))

    def _refresh(self) -> None:
        self.outcome.follow(self.view.choice(), busy=self.busy)
        never = self._why_never()
        self.slides.follow()
        self.many.follow(self._for_list.why_not(never))
        self.size.follow(busy=self.busy, can_run=self._active and never is None)
        reason, unseen = self._why_not(), self._why_not_there("view")
        self._seen = self._where_it_is
        self.view.show_misfits(self.models.misfits(self.view.choice(), self.images.known))
        # A preview may be cut short by the real thing.
        free = self._busy_part is None and (self.labelling.running is None or self.labelling.previewing)
        part = self._part
        self.view.run_button.setText(main_title(part, again=self.images.labelled))
        roles = registry.find(self.view.choice().strategy).roles
        seen = self.models.chosen(roles[0]) if roles and part is None else None
        asked = self.view.choice().layer is not None and not self.models.loading
        said = self.images.file_note, assumption(self.modality.shown(), seen) if asked else ""
        self.view.set_assumed(" ".join(filter(None, said)))
        ready = self._active and not self.busy and reason is None
        self.expected.say(self.view.choice() if ready else None)
        hint = reason or (part.status if part else "")
        can_run = reason is None and free
        self.view.set_runnable(hint if free else "", can_run=can_run, can_preview=can_run and unseen is None)

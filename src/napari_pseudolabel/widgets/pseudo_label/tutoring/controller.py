"""What the dock does for a tutorship: offers labelled sets, trains the proxy, and hands out how to label with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from napari.layers import Image as ImageLayer
from typing_extensions import override

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.classes import with_colours
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.models.fitting import same_modality
from napari_pseudolabel.strategies.tutorship import TUTORSHIP
from napari_pseudolabel.training.common.training_events import Epoch, Fold, SyntheticPair, TrainStart
from napari_pseudolabel.training.data.labelled_sets import Source
from napari_pseudolabel.training.training_jobs import TutorJob
from napari_pseudolabel.viewer.image_layers import shown_by
from napari_pseudolabel.viewer.records import classes_of
from napari_pseudolabel.widgets.common.job_runner import JobRunner
from napari_pseudolabel.widgets.common.layer_box import uid_of
from napari_pseudolabel.widgets.common.recent_choices import RecentChoices
from napari_pseudolabel.widgets.pseudo_label.label_choice import TrainingStatus
from napari_pseudolabel.widgets.pseudo_label.label_sentences import summary
from napari_pseudolabel.widgets.pseudo_label.preparing import PreparingController
from napari_pseudolabel.widgets.pseudo_label.tutoring import browsing, tutor_sentences
from napari_pseudolabel.widgets.pseudo_label.tutoring.labelled_layers import (
    images_in,
    labelled_layer,
    labels_for,
)
from napari_pseudolabel.widgets.pseudo_label.tutoring.tutor_choice import (
    make_tutor_job,
    source_of,
    trained,
    written,
)

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_pseudolabel.widgets.pseudo_label.model_picker import ModelPicker
    from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView
    from napari_pseudolabel.workspace import Workspace

_Of = TypeVar("_Of", bound="Layer")


def default_workspace() -> Workspace:
    """Return the workspace of a person who chose none."""
    from napari_pseudolabel.workspace import Workspace

    return Workspace.default()


class TutoringController(PreparingController):
    """Connects the widgets of a tutorship, the models and the open layers."""

    strategy = TUTORSHIP
    doing = "Training a proxy segmenter"
    gone = tutor_sentences.GONE
    reading = "Reading the labelled set"
    keeping = "Keeping the proxy"

    def __init__(
        self,
        viewer: ViewerModel,
        view: PseudoLabelView,
        models: ModelPicker,
        runner: JobRunner,
        recent: RecentChoices,
        workspace: Callable[[], Workspace],
    ) -> None:
        super().__init__(view, runner)
        self._viewer = viewer
        self._view = view.forms[self.strategy.name]
        self._seen = self._view.seen
        self._models, self._remembered = models, recent
        self._workspace = workspace
        self._modality = ""
        self._image: str | None = None
        self._kind = self._view.choice().kind
        self._named: str | None = None  # the labels layer whose classes were filled in
        self._fold: Fold | None = None
        self._view.changed.connect(self._on_changed)
        self._view.browse_translator.clicked.connect(self._browse_translator)
        self._view.browse_set.clicked.connect(lambda: browsing.browse_set(self._view, recent))
        self._view.browse_keep.clicked.connect(self._browse_keep)

    @override
    def status_text(self, status: TrainingStatus | None) -> str:
        return tutor_sentences.status_text(status)

    @override
    def start(self) -> None:
        image, viewer = self._view.image, self._viewer
        image.follow(viewer, lambda: (one for one in images_in(viewer) if uid_of(one) != self._image), iter)
        self._view.labels.follow(viewer, lambda: labels_for(viewer, image.layer), iter, after=image)
        browsing.restore(self._view, self._remembered)

    @override
    def stop(self) -> None:
        super().stop()
        self._view.image.let_go()
        self._view.labels.let_go()

    @override
    def follow(self, image: str | None, modality: str) -> None:
        self._image, self._modality = image, modality
        self._fill()
        self._check_soon()

    @override
    def why_not(self) -> str | None:
        choice = self._view.choice()
        entry = self._models.entry("translator", choice.translator)
        learned = self._view.image.layer
        known = ("", "") if learned is None else (shown_by(learned, self._models.modalities()), learned.name)
        return (
            tutor_sentences.why_not(choice, modality=self._modality, translator=entry, learned=known)
            or self._problem
        )

    @override
    def beginning(self) -> None:
        self._fold = None
        self._seen.clear()
        browsing.remember(self._view.choice(), self._remembered)

    # The controls.

    def _on_changed(self) -> None:
        choice = self._view.choice()
        if choice.kind != self._kind:
            self._kind, self._named = choice.kind, None
            self._view.set_classes(
                (self._remembered.last("tutorship classes") or "") if choice.kind == "folders" else ""
            )
        self._fill()
        self._check_soon()
        self.changed.emit()

    def _fill(self) -> None:
        """Offer translators and layers that fit; what is chosen stays where it can."""
        choice = self._view.choice()
        fitting = [
            one for one in self._models.offered("translator") if same_modality(one.target, self._modality)
        ]
        # Those that say what they make go first.
        fitting.sort(key=lambda model_entry: not model_entry.target)
        refs = [model_entry.ref for model_entry in fitting]
        wishes = (choice.translator, self._remembered.last("tutorship translator"), *refs)
        ref = next((wish for wish in wishes if wish in refs), None)
        self._view.set_translators([(one.ref, tutor_sentences.direction(one)) for one in fitting], ref)
        self._models.look_into("translator", ref)
        entry = self._models.entry("translator", ref)
        self._view.summary.setText(summary(entry))
        self._view.ask_object_size(tutor_sentences.goes_by_objects(entry))
        self._view.translator.setToolTip(browsing.translator_tooltip(entry))
        self._fill_layers()

    def _fill_layers(self) -> None:
        image, labels = self._view.image, self._view.labels
        image.refill()
        labelled = [
            one for one in image.layers if isinstance(one, ImageLayer) and labels_for(self._viewer, one)
        ]
        image.refill(*(one for one in labelled if one is image.layer), *labelled)
        labels.refill()
        chosen = labels.layer
        if self._kind == "layer" and chosen is not None and uid_of(chosen) != self._named:
            self._named = uid_of(chosen)
            if classes := written(classes_of(chosen)):
                self._view.set_classes(classes)

    def _browse_translator(self) -> None:
        path = self._models.ask("translator", folder=False)
        if path:
            self._remembered.remember("tutorship translator", path)
            self._models.add("translator", path)
            self._view.set_translators([(path, path)], path)
            self._on_changed()

    def _browse_keep(self) -> None:
        entry = self._models.entry("translator", self._view.choice().translator)
        browsing.browse_keep(self._view, self._remembered, entry.target if entry else "")

    @override
    def maker(self, seed: int, device: str) -> Callable[[], TutorJob]:
        choice, workspace = self._view.choice(), self._workspace()
        read: Callable[[], Source]
        if choice.kind == "layer":
            image, labels = self._view.image.layer, self._view.labels.layer
            if image is None or labels is None:
                raise InputError("The labelled layer was removed; choose another one.")
            read = labelled_layer(image, labels, workspace.split, choice.scale)
        else:
            read = lambda: source_of(choice)  # noqa: E731
        return lambda: make_tutor_job(choice, read(), workspace, seed=seed, device=device)

    @override
    def trained(self, job: TutorJob) -> TrainingStatus:
        return trained(job)

    @override
    def on_event(self, job: TutorJob, event: object) -> None:
        if isinstance(event, SyntheticPair):
            self._seen.add(event, job.classes or _unnamed(event))
        elif isinstance(event, Fold):
            self._fold = event
            if event.score is not None:
                self._seen.set_score(tutor_sentences.scored(event.score, event))
        elif isinstance(event, TrainStart):
            after = f"Going on after step {event.resumed_at}." if event.resumed_at else ""
            self.message.emit(after, event.notes)
        elif isinstance(event, Epoch):
            self._seen.set_score(tutor_sentences.scored(event.score, self._fold))


def _unnamed(pair: SyntheticPair) -> tuple[LabelClass, ...]:
    """Classes for the eye, where only the data set knows their names."""
    values = sorted({0, *pair.labels.ravel().tolist()})
    return with_colours([LabelClass(name=str(value), value=value) for value in values])

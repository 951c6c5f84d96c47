"""What the dock does for a tutorship: offers labelled sets, trains the proxy, and hands out how to label with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_pseudolabel.control import Progress
from napari_pseudolabel.errors import Cancelled, InputError, PseudolabelError
from napari_pseudolabel.labels.classes import with_colours
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.models.fitting import same_modality
from napari_pseudolabel.training.common.training_events import Began, Epoch, Fold, SyntheticPair
from napari_pseudolabel.training.data.labelled_sets import Source
from napari_pseudolabel.training.tutor.tutor_job import TutorJob
from napari_pseudolabel.viewer.images import shown_by
from napari_pseudolabel.viewer.records import classes_of
from napari_pseudolabel.widgets.common.aside import Aside
from napari_pseudolabel.widgets.common.background import Background, Failure
from napari_pseudolabel.widgets.common.remembered import Remembered
from napari_pseudolabel.widgets.pseudo_label.sentences import summary
from napari_pseudolabel.widgets.pseudo_label.tutoring import browsing, sentences
from napari_pseudolabel.widgets.pseudo_label.tutoring.choice import (
    Trained,
    make_job,
    source_of,
    trained,
    written,
)
from napari_pseudolabel.widgets.pseudo_label.tutoring.layers import images_in, labelled_layer, labels_for

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pseudolabel.strategies.jobs import LabelJob
    from napari_pseudolabel.widgets.pseudo_label.model_picker import ModelPicker
    from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView
    from napari_pseudolabel.workspace import Workspace

LOOK_MS = 300


def default_workspace() -> Workspace:
    """The workspace of a person who chose none."""
    from napari_pseudolabel.workspace import Workspace

    return Workspace.default()


class TutoringPart(QObject):
    """Connects the widgets of a tutorship, the models, the open layers, and the training.

    Attributes
    ----------
    changed
        What is known, or whether it is busy, is another than before.
    ready
        The proxies are trained; with the job that labels what was asked for.
    failed
        With a `Failure`; also after a cancel.
    said
        A sentence, and notes, for the person.
    """

    changed = Signal()
    ready = Signal(object)
    failed = Signal(object)
    said = Signal(str, object)

    def __init__(
        self,
        viewer: ViewerModel,
        view: PseudoLabelView,
        models: ModelPicker,
        background: Background,
        remembered: Remembered,
        workspace: Callable[[], Workspace],
    ) -> None:
        super().__init__()
        self._viewer, self._dock = viewer, view
        self._view, self._seen = view.tutoring, view.tutoring_seen
        self._models, self._background, self._remembered = models, background, remembered
        self._workspace = workspace
        self._aside = Aside()
        self._modality = ""
        self._image: str | None = None
        self._kind = self._view.choice().kind
        self._known: Trained | None = None
        self._problem: str | None = None
        self._named: str | None = None  # the labels layer whose classes were filled in
        self._asked = 0
        self._template: LabelJob | None = None
        self._job: TutorJob | None = None
        self._number: int | None = None
        self._fold: Fold | None = None
        self._looking = QTimer(self)
        self._looking.setSingleShot(True)
        self._looking.setInterval(LOOK_MS)
        self._looking.timeout.connect(self._look)
        self._view.changed.connect(self._on_changed)
        self._view.browse_translator_pressed.connect(self._browse_translator)
        self._view.browse_set_pressed.connect(lambda: browsing.browse_set(self._view, remembered))
        self._view.browse_keep_pressed.connect(self._browse_keep)
        background.progressed.connect(self._on_progress)
        background.told.connect(self._on_told)
        background.noticed.connect(self._on_notice)
        background.finished.connect(self._on_finished)
        background.failed.connect(self._on_failed)

    @property
    def busy(self) -> bool:
        """Whether a proxy is being trained."""
        return self._template is not None

    @property
    def settled(self) -> bool:
        """Whether nothing is being read."""
        return not self._aside.busy and not self._looking.isActive()

    @property
    def main_title(self) -> str:
        """What the main button does."""
        return sentences.RUN if self._known is not None and self._known.done else sentences.TRAIN

    @property
    def known(self) -> str:
        """What the workspace has of this tutorship, a sentence or nothing."""
        return sentences.known_text(self._known)

    def start(self) -> None:
        """Offer what was chosen last."""
        browsing.restore(self._view, self._remembered)

    def stop(self) -> None:
        """Forget what is under way; a training goes on from its folder the next time."""
        self._looking.stop()
        self._forget()
        self._aside.shutdown()

    def follow(self, image: str | None, modality: str) -> None:
        """Another image is to be labelled, or there are other layers or models.

        Parameters
        ----------
        image
            Unique id of its layer.
        modality
            Of the image, empty if unknown.
        """
        self._image, self._modality = image, modality
        self._fill()
        self._ask()

    def why_not(self) -> str | None:
        """Why the proxy cannot be trained and what to do; None if it can."""
        choice = self._view.choice()
        entry = self._models.entry("translator", choice.translator)
        learned = _by_uid(images_in(self._viewer), choice.image_layer)
        known = ("", "") if learned is None else (shown_by(learned, self._models.modalities()), learned.name)
        return (
            sentences.why_not(choice, modality=self._modality, translator=entry, learned=known)
            or self._problem
        )

    def begin(self, template: LabelJob) -> None:
        """Train the proxy, or find it trained; `ready` or `failed` follow.

        Parameters
        ----------
        template
            What is to be labelled, and how; its models do not matter.
        """
        try:
            make = self._maker(template.settings.seed, template.settings.tiles.device)
        except PseudolabelError as error:
            self.failed.emit(Failure.of(error))
            return
        self._template, self._fold = template, None
        self._seen.clear()
        self._dock.set_progress("Reading the labelled set", 0, 0)
        browsing.remember(self._view.choice(), self._remembered)
        self._aside.run(
            lambda: _with_known(make()),
            lambda made: self._on_made(template, *made),
            lambda failure: self._end(template, failure),
        )
        self.changed.emit()

    def cancel(self) -> None:
        """Stop the training; the same one goes on later."""
        if self._number is not None:
            self._dock.set_progress("Stopping after this step", 0, 0)
            self._background.cancel(self._number)
        elif self._template is not None:
            self._end(self._template, Failure.of(Cancelled()))

    # The controls.

    def _on_changed(self) -> None:
        choice = self._view.choice()
        if choice.kind != self._kind:
            self._kind, self._named = choice.kind, None
            self._view.set_classes(
                (self._remembered.last("tutorship classes") or "") if choice.kind == "folders" else ""
            )
        self._fill()
        self._ask()
        self.changed.emit()

    def _fill(self) -> None:
        """Offer translators and layers that fit; what is chosen stays where it can."""
        choice = self._view.choice()
        fitting = [
            one for one in self._models.offered("translator") if same_modality(one.target, self._modality)
        ]
        # Those that say what they make go first.
        fitting.sort(key=lambda one: not one.target)
        refs = [one.ref for one in fitting]
        wishes = (choice.translator, self._remembered.last("tutorship translator"), *refs)
        ref = next((one for one in wishes if one in refs), None)
        self._view.set_translators([(one.ref, sentences.direction(one)) for one in fitting], ref)
        self._models.look_into("translator", ref)
        entry = self._models.entry("translator", ref)
        self._view.summary.set_full(summary(entry))
        self._view.ask_object_size(sentences.goes_by_objects(entry))
        self._view.translator.setToolTip(browsing.translator_tooltip(entry))
        self._fill_layers()

    def _fill_layers(self) -> None:
        choice = self._view.choice()
        images = [one for one in images_in(self._viewer) if str(one.unique_id) != self._image]
        labelled = [one for one in images if labels_for(self._viewer, one)]
        image = _chosen(choice.image_layer, labelled) or _chosen(choice.image_layer, images)
        labels = labels_for(self._viewer, image)
        chosen = _chosen(choice.labels_layer, labels)
        self._view.set_layers(_listed(images), _uid(image), _listed(labels), _uid(chosen))
        if self._kind == "layer" and chosen is not None and _uid(chosen) != self._named:
            self._named = _uid(chosen)
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

    # What the workspace knows.

    def _ask(self) -> None:
        """Look, soon, whether this tutorship was trained before."""
        self._asked += 1
        self._known = self._problem = None
        self._looking.start()

    def _look(self) -> None:
        if self.busy or self._dock.choice().strategy != "tutorship" or self.why_not() is not None:
            return
        number, choice = self._asked, self._dock.choice()
        try:
            make = self._maker(choice.seed, choice.device)
        except PseudolabelError as error:
            self._on_looked(number, None, str(error))
            return
        self._aside.run(
            lambda: trained(make()),
            lambda known: self._on_looked(number, known, None),
            lambda failure: self._on_looked(number, None, failure.sentence),
        )

    def _on_looked(self, number: int, known: Trained | None, problem: str | None) -> None:
        if number == self._asked:
            self._known, self._problem = known, problem
            self.changed.emit()

    def _maker(self, seed: int, device: str) -> Callable[[], TutorJob]:
        """What makes the job; files and pixels are read beside the window."""
        choice, workspace = self._view.choice(), self._workspace()
        read: Callable[[], Source]
        if choice.kind == "layer":
            image = _by_uid(images_in(self._viewer), choice.image_layer)
            labels = _by_uid(labels_for(self._viewer, image), choice.labels_layer)
            if image is None or labels is None:
                raise InputError("The labelled layer was removed; choose another one.")
            read = labelled_layer(image, labels, workspace.split, choice.scale)
        else:
            read = lambda: source_of(choice)  # noqa: E731
        return lambda: make_job(choice, read(), workspace, seed=seed, device=device)

    # The training.

    def _on_made(self, template: LabelJob, job: TutorJob, known: Trained) -> None:
        if template is not self._template:
            return
        self._job = job
        # What is trained already only has to be found, and must not wait behind another training.
        self._number = self._background.submit(job, "local" if known.done else "train")
        self.changed.emit()

    def _on_progress(self, number: int, progress: Progress) -> None:
        if number == self._number:
            self._dock.set_progress(sentences.progress_text(progress), progress.done, progress.total)

    def _on_notice(self, number: int, sentence: str) -> None:
        if number == self._number:
            self.said.emit(sentence, ())

    def _on_told(self, number: int, event: object) -> None:
        if number != self._number or self._job is None:
            return
        if isinstance(event, SyntheticPair):
            self._seen.add(event, self._job.classes or _unnamed(event))
        elif isinstance(event, Fold):
            self._fold = event
            if event.score is not None:
                self._seen.set_score(sentences.scored(event.score, event))
        elif isinstance(event, Began):
            after = f"Going on after step {event.resumed_at}." if event.resumed_at else ""
            self.said.emit(after, event.notes)
        elif isinstance(event, Epoch):
            self._seen.set_score(sentences.scored(event.score, self._fold))

    def _on_finished(self, number: int, made: Any) -> None:
        template, job = self._template, self._job
        if number != self._number or template is None or job is None:
            return
        self._number = None
        self._dock.set_progress("Keeping the proxy", 0, 0)

        def label() -> Any:
            from napari_pseudolabel.strategies.tutorship import proxy_job

            return proxy_job(
                template.image,
                job,
                made,
                settings=template.settings,
                region=template.region,
                planes=template.planes,
            )

        self._aside.run(
            label,
            lambda proxy: self._on_ready(template, proxy),
            lambda failure: self._end(template, failure),
        )

    def _on_ready(self, template: LabelJob, proxy: Any) -> None:
        if template is self._template:
            self._forget()
            self._ask()
            self.ready.emit(proxy)

    def _on_failed(self, number: int, failure: Failure) -> None:
        if number == self._number and self._template is not None:
            self._end(self._template, failure)

    def _end(self, template: LabelJob, failure: Failure) -> None:
        if template is self._template:
            self._forget()
            self._ask()
            self.failed.emit(failure)

    def _forget(self) -> None:
        if self._number is not None:
            self._background.cancel(self._number)
        self._template = self._job = self._number = self._fold = None


def _with_known(job: TutorJob) -> tuple[TutorJob, Trained]:
    return job, trained(job)


def _unnamed(pair: SyntheticPair) -> tuple[LabelClass, ...]:
    """Classes for the eye, where only the data set knows their names."""
    values = sorted({0, *pair.labels.ravel().tolist()})
    return with_colours([LabelClass(name=str(value), value=value) for value in values])


def _by_uid(layers: list[Any], uid: str | None) -> Any:
    return next((layer for layer in layers if str(layer.unique_id) == uid), None)


def _chosen(uid: str | None, layers: list[Any]) -> Any:
    """The layer that is chosen if it is still there, else the first."""
    return _by_uid(layers, uid) or next(iter(layers), None)


def _uid(layer: Any) -> str | None:
    return None if layer is None else str(layer.unique_id)


def _listed(layers: list[Any]) -> list[tuple[str, str]]:
    return [(str(layer.unique_id), layer.name) for layer in layers]

"""Training a segmenter from open layers: what it learns from, what it tells, what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog
from typing_extensions import override

from napari_pseudolabel.collection.decided_images import DecidedImages
from napari_pseudolabel.collection.image_list import ImageList
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.classes import with_colours
from napari_pseudolabel.models.fitting import misfit
from napari_pseudolabel.models.trainable import why_untrainable
from napari_pseudolabel.strategies import Record
from napari_pseudolabel.training.common.training_events import Epoch, Loss, Score, TrainStart
from napari_pseudolabel.training.data.labelled_sets import LabelledSet
from napari_pseudolabel.training.segmenter.fine_tune_task import FineTuneResult
from napari_pseudolabel.training.training_jobs import FineTuneJob
from napari_pseudolabel.viewer import how_made
from napari_pseudolabel.viewer.annotated_planes import AnnotatedLayers
from napari_pseudolabel.viewer.listed_layers import OpenImage
from napari_pseudolabel.viewer.records import channel_of, classes_of
from napari_pseudolabel.widgets.common.debouncer import Debouncer
from napari_pseudolabel.widgets.common.job_runner import Failure
from napari_pseudolabel.widgets.common.labels_events import LabelsEvents
from napari_pseudolabel.widgets.common.recent_choices import RecentChoices
from napari_pseudolabel.widgets.pseudo_label.label_choice import ModelEntry, preview_side
from napari_pseudolabel.widgets.train import train_sentences
from napari_pseudolabel.widgets.train.label_readiness import (
    AnnotationCounts,
    Decided,
    LabelReadiness,
    check_readiness,
    gather_planes,
)
from napari_pseudolabel.widgets.train.layer_picker import LayerPicker, made_of
from napari_pseudolabel.widgets.train.live_preview import LivePreview, PreviewScene
from napari_pseudolabel.widgets.train.model_comparison import Comparison
from napari_pseudolabel.widgets.train.model_history_controller import ModelHistoryController, start_of
from napari_pseudolabel.widgets.train.region_confirmation import RegionConfirmation
from napari_pseudolabel.widgets.train.start_model import StartModels
from napari_pseudolabel.widgets.train.train_choice import FolderPair, SegmenterChoice
from napari_pseudolabel.widgets.train.train_context import TrainContext, TrainingController

if TYPE_CHECKING:
    from napari.layers import Labels, Layer

    from napari_pseudolabel.models.cards import LabelClass

_DEBOUNCE_MS = 400


@dataclass(frozen=True, eq=False)
class _Training:
    """The job under way, with what is said about it afterwards."""

    job: FineTuneJob
    record: Record
    regions: int
    name: str


class SegmenterController(TrainingController):
    """Connects the page of the segmenter, the open layers, and what a fine-tuning tells."""

    def __init__(self, context: TrainContext, recent: RecentChoices) -> None:
        super().__init__(context, recent)
        self._page = context.view.segmenter
        self._starts = StartModels(context.runner)
        self._has_gpu = False
        self._training: _Training | None = None
        self._made: Record | None = None
        self._before: Score | None = None
        self._best: Epoch | None = None
        self._readiness: LabelReadiness | None = None
        self._checking = self._again = False
        self._others: DecidedImages | None = None
        self._followed: Labels | None = None
        self.layers = LayerPicker(context.viewer, self._page)
        self.models = ModelHistoryController(
            context.view.models, context.executor, lambda: context.session.workspace.history, context.failed
        )
        self.live = LivePreview(
            context.viewer, context.view.preview, context.runner, context.executor, context.canvas_px
        )
        self._confirming = RegionConfirmation(context, self.layers)
        self._comparison = Comparison(context)
        self._look_later = Debouncer(self._check, _DEBOUNCE_MS, self)
        self._events = LabelsEvents()
        # Another dock may confirm something, or a run come.
        self._events.painted.connect(lambda _: self._look_later())
        self._events.corrected.connect(lambda plane, window: self._look_later())
        self._events.replaced.connect(self._on_replaced)
        self.models.changed.connect(self._on_start_changed)
        self.models.used.connect(lambda ref: context.session.segmenter_changed.emit(ref))
        self._confirming.changed.connect(self._check)
        self._starts.changed.connect(self._on_start_changed)
        self._page.confirm_pressed.connect(self._confirming.confirm)
        self._page.labels.refilled.connect(self.fill)
        self._page.take_back.clicked.connect(self._confirming.take_back)
        self._page.pairs.add_button.clicked.connect(self._browse)
        self._page.changed.connect(self._on_page)

    # Following the viewer.

    @override
    def start(self) -> None:
        self.layers.start()
        self.fill(self._context.viewer.layers.selection.active)
        self.models.refresh()

    @override
    def stop(self) -> None:
        self._look_later.cancel()
        self._checking = self._again = False
        self._readiness = None
        self._keep_unfinished()
        self._followed = None
        self._events.follow(None)
        self.live.end()
        self.layers.stop()

    @override
    def fill(self, active: Layer | None = None) -> None:
        if self._training is None:
            self.layers.refill(active)
            self._on_layers()

    def confirm(self) -> None:
        """Confirm the view."""
        if self._page.confirm["view"].isEnabled():
            self._confirming.confirm("view")

    @override
    def set_models(self, entries: Sequence[ModelEntry]) -> None:
        self._starts.set_listed(entries)
        translators = [(entry.ref, entry.title) for entry in entries if entry.kind == "translator"]
        self._page.pairs.set_translators(translators)
        self._on_start_changed()

    @override
    def set_devices(self, devices: Sequence[tuple[str, str]]) -> None:
        self._has_gpu = any(name not in ("auto", "cpu") for name, _ in devices)
        self._page.advanced.edits["device"].offer(devices)

    def _on_page(self) -> None:
        self._page.labels.refill()
        self._on_layers()

    def _on_layers(self) -> None:
        labels = self.layers.labels_layer()
        if labels is not self._followed:
            self._followed = labels
            self._events.follow(labels)
            self._readiness = None
            self._confirming.forget()
        for button in self._page.confirm.values():
            button.setEnabled(labels is not None)
        self._look_later()
        self._show_readiness()

    def _on_replaced(self) -> None:
        """Count labels anew that a script has given the layer: they may fit no more."""
        self._events.follow(self._followed)
        self._readiness = None
        self.fill()

    def _on_start_changed(self) -> None:
        self._show_readiness()
        self._look_later()

    # What is known.

    def _check(self) -> None:
        """Count what is known, beside the window; once more at the end if something changed meanwhile."""
        if self._checking:
            self._again = True
            return
        labels, layers = self.layers.labels_layer(), self._layers()
        if layers is None:
            self._readiness = None
            self._show_readiness()
            return
        self._checking = True
        split = self._context.session.workspace.split
        classes, sets = self._classes(labels), _sets(self._page.choice())
        decided = self._decided(classes)
        self._context.executor.run(
            lambda: check_readiness(layers, split, classes, sets, decided),
            lambda looked: self._on_checked(labels, looked),
            self._on_not_checked,
        )

    def _on_checked(self, labels: Labels | None, readiness: LabelReadiness | None) -> None:
        self._checking = False
        if labels is self._followed:
            self._readiness = readiness
            self._show_readiness()
        if self._again:
            self._again = False
            self._check()

    def _on_not_checked(self, failure: Failure) -> None:
        self._checking = self._again = False
        self._readiness = LabelReadiness(AnnotationCounts(), failure.sentence)
        self._context.failed(failure)
        self._show_readiness()

    def _layers(self) -> AnnotatedLayers | None:
        if (chosen := self.layers.chosen()) is None:
            return None
        source, labels, image = chosen
        made = made_of(labels)
        if made is not None and not image.modality:
            image = replace(image, modality=made.modality)
        return AnnotatedLayers.of(self._context.viewer, source, labels, image, channel_of(labels))

    def _decided(self, classes: tuple[LabelClass, ...]) -> Decided | None:
        """Return what reads what was decided in other images of the list; None where the person does not want them."""
        if not self._page.choice().listed:
            return None
        workspace = self._context.session.workspace
        images = ImageList.of(workspace)
        if self._others is None or self._others.images.folder != images.folder:
            self._others = DecidedImages(images)
        others, split, made = self._others, workspace.split, made_of(self.layers.labels_layer())
        opened = OpenImage.of(self._context.viewer, self.layers.image_layer())
        without = opened.name if opened is not None and opened.list_id == images.id else ""
        return lambda bare: others.read(split, without=without, classes=classes, made=made, bare=bare)

    def _show_readiness(self) -> None:
        layer, looked = self.layers.image_layer(), self._readiness
        start = self._start()
        if all(str(entry.path) != start for entry in self.models.read.entries):  # those are our own
            self._starts.look_into(start)
        if layer is None or looked is None:
            self._page.set_learns_from("")
        else:
            pairs = len(self._page.choice().pairs)
            self._page.set_learns_from(
                train_sentences.learns_from(looked.counts, layer.name, self._title(start), pairs)
            )
        self.changed.emit()

    def _start(self) -> str:
        """Return reference of the segmenter the training starts from; empty for none."""
        made = made_of(self.layers.labels_layer())
        recorded = made.segmenter if made is not None else None
        return start_of(self.models.read, recorded.path if recorded is not None else None)

    def _title(self, ref: str) -> str:
        """Return what a model is called."""
        own = next((entry.name for entry in self.models.read.entries if str(entry.path) == ref), None)
        return own or getattr(self._starts.get(ref), "title", "") or train_sentences.file_name(ref)

    def _classes(self, labels: Labels | None) -> tuple[LabelClass, ...]:
        """Classes of the labels: as the layer knows them, else those of the model; empty if nobody does."""
        entry = self._starts.get(self._start())
        return (classes_of(labels) if labels is not None else ()) or (
            entry.card.classes if entry and entry.card else ()
        )

    # Training.

    @override
    def why_not(self) -> str | None:
        if self.layers.image_layer() is None:
            return train_sentences.NO_IMAGE
        if self.layers.labels_layer() is None:
            return train_sentences.NO_LABELS
        if self._readiness is None:
            return train_sentences.COUNTING
        start = self._starts.get(self._start())
        unfit = None if start is None else start.problem
        if start is not None and start.card is not None:
            unfit = unfit or why_untrainable(start.card, start.title)
        return unfit or self._readiness.why_not or self._misfit()

    def _misfit(self) -> str | None:
        """Why the models do not fit the image or each other, as far as they are listed."""
        labels, image = self.layers.labels_layer(), self.layers.image()
        made = made_of(labels) or Record("segmentation", ())
        refs = [made.translator.path] if made.translator is not None else []
        entries = [self._starts.get(ref) for ref in (*refs, self._start())]
        if image is None or None in entries[: len(refs)]:
            return None
        chain = [entry.link for entry in entries if entry is not None]
        return misfit(chain, image.modality or made.modality, image.name)

    @override
    def prepare(self) -> Callable[[], FineTuneJob]:
        labels, layers = self.layers.labels_layer(), self._layers()
        if layers is None or labels is None:
            raise InputError(train_sentences.NO_LABELS)
        workspace, decided = self._context.session.workspace, self._decided(self._classes(labels))
        choice, start, classes = self._page.choice(), self._start(), self._classes(labels)
        self._made = made = how_made(labels) or Record("segmentation", ())
        translator = made.translator
        # As they will be translated when the segmenter labels; a preview was only looked at.
        asked = made.settings.evaluations
        settings = replace(
            choice.settings,
            scale=made.scale,
            evaluations="auto" if asked == "preview" else asked,
        )

        def make() -> FineTuneJob:
            planes, found = gather_planes(layers, workspace.split, classes, _sets(choice), decided)
            return FineTuneJob(
                planes,
                segmenter=start,
                translator=translator.path if translator is not None else None,
                folder=workspace.new_run("segmenter"),
                settings=settings,
                sets=_sets(choice),
                classes=found,
                inputs=workspace.folder / "inputs",
            )

        return make

    @property
    @override
    def minutes(self) -> int:
        return self._page.choice().minutes

    @override
    def on_started(self, job: FineTuneJob) -> None:
        regions = self._readiness.counts.regions if self._readiness else 0
        made = self._made or Record("segmentation", ())
        self._training = _Training(job, made, regions, self._next_name(job.segmenter))
        self._before = self._best = None
        colours = {one.name: one.color for one in with_colours(job.classes) if one.value and one.color}
        self._context.view.scores.set_colours(colours)
        self._context.view.objects.set_colours(colours)
        if (chosen := self.layers.chosen()) is not None:
            source, labels, image = chosen
            translator, segmenter = self._starts.get(job.translator), self._starts.get(job.segmenter)
            gpu = self._has_gpu and job.settings.device != "cpu"
            side = preview_side(Scale(), image, translator, segmenter, gpu=gpu)
            self.live.begin(PreviewScene(source, labels, image, made, side))

    @override
    def on_event(self, event: object) -> None:
        view, training = self._context.view, self._training
        if training is None:
            return
        if isinstance(event, TrainStart):
            self._before = event.before
            if event.before is not None:
                view.scores.set_before(event.before.per_class)
                view.objects.set_before(event.before.f1)
            view.set_status("", event.notes)
        elif isinstance(event, Loss):
            view.losses.add(event.step, event.losses)
        elif isinstance(event, Epoch):
            view.scores.add(event.score.step, event.score.per_class)
            view.objects.add(event.score.step, event.score.f1)
            if event.best and event.checkpoint is not None:
                self._best = event
                path = Path(training.job.folder) / "newest.safetensors"
                self.live.arrived(event.number, event.checkpoint, path)

    @override
    def on_finished(self, result: FineTuneResult) -> None:
        training, view = self._training, self._context.view
        if training is None:
            return
        job = training.job
        self._training = None
        if result.promoted:
            self.live.conclude()
        else:
            self.live.end()
        self.fill()
        view.set_status(train_sentences.outcome(result, training.regions), result.notes)
        if result.checkpoint is None:
            return
        self.models.add(
            result.checkpoint,
            then=lambda entry: self._comparison.begin(job, training.record, str(entry.path)),
            name=training.name,
            parent=job.segmenter,
            score=result.best,
            before=result.before,
            promoted=result.promoted,
            note=result.sentence,
        )

    @override
    def on_dropped(self) -> None:
        self._training = None
        self.live.end()
        self.fill()

    def _keep_unfinished(self) -> None:
        training, best = self._training, self._best
        self._training = self._best = None
        if training is None or best is None or best.checkpoint is None:
            return
        self.models.add(
            best.checkpoint,
            then=lambda entry: None,
            name=training.name,
            parent=training.job.segmenter,
            score=best.score,
            before=self._before,
            promoted=False,
            note=train_sentences.unfinished(best.score.step),
        )

    def _next_name(self, start: str) -> str:
        """Return a name for the model that begins at `start`."""
        base = self._title(start).partition(", round ")[0] if start else "segmenter"
        return f"{base}, round {len(self.models.read.entries) + 1}"

    def _browse(self) -> None:
        first = self._remembered.last("labelled images") or str(Path.home())
        images = QFileDialog.getExistingDirectory(self._page, "Choose the folder of the images", first)
        if not images:
            return
        labels = QFileDialog.getExistingDirectory(
            self._page,
            "Choose the folder of their labels, with the same file names",
            str(Path(images).parent),
        )
        if labels:
            self._remembered.remember("labelled images", str(Path(images).parent))
            self._page.pairs.add(FolderPair(images, labels))


def _sets(choice: SegmenterChoice) -> tuple[LabelledSet, ...]:
    return tuple(LabelledSet(Path(p.images), Path(p.labels), p.translator) for p in choice.pairs)

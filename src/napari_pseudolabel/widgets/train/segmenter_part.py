"""Training a segmenter from open layers: what it learns from, what it tells, what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.classes import with_colours
from napari_pseudolabel.models.fitting import misfit
from napari_pseudolabel.strategies import Record
from napari_pseudolabel.training.common.training_events import Began, Epoch, Loss, Score
from napari_pseudolabel.training.data.labelled_sets import LabelledSet
from napari_pseudolabel.training.jobs import FineTuneJob
from napari_pseudolabel.training.segmenter.fine_tune_task import FineTuned
from napari_pseudolabel.viewer import how_made
from napari_pseudolabel.viewer.known import KnownLayers
from napari_pseudolabel.viewer.records import channel_of, classes_of
from napari_pseudolabel.widgets.common.background import Failure
from napari_pseudolabel.widgets.common.debouncer import Debouncer
from napari_pseudolabel.widgets.common.labels_events import LabelsEvents
from napari_pseudolabel.widgets.common.remembered import Remembered
from napari_pseudolabel.widgets.pseudo_label.choice import ModelEntry, preview_side
from napari_pseudolabel.widgets.train import sentences
from napari_pseudolabel.widgets.train.choice import FolderPair, SegmenterChoice
from napari_pseudolabel.widgets.train.comparison import Comparison
from napari_pseudolabel.widgets.train.confirming import Confirming
from napari_pseudolabel.widgets.train.layers import LayerPicker, made_of
from napari_pseudolabel.widgets.train.live_preview import LivePreview, Scene
from napari_pseudolabel.widgets.train.looking import Counts, Looked, gather, look
from napari_pseudolabel.widgets.train.models import Models, start_of
from napari_pseudolabel.widgets.train.parts import Part, Tools

if TYPE_CHECKING:
    from napari.layers import Labels, Layer

    from napari_pseudolabel.models.cards import LabelClass

_DEBOUNCE_MS = 400


@dataclass(frozen=True, eq=False)
class _Training:
    """The job under way, with what is said about it afterwards."""

    job: FineTuneJob
    made: Record
    regions: int
    name: str


class SegmenterPart(Part):
    """Connects the page of the segmenter, the open layers, and what a fine-tuning tells."""

    def __init__(self, tools: Tools, remembered: Remembered) -> None:
        super().__init__(tools, remembered)
        self._page = tools.view.segmenter
        self._entries: Sequence[ModelEntry] = ()
        self._has_gpu = False
        self._training: _Training | None = None
        self._made: Record | None = None
        self._before: Score | None = None
        self._best: Epoch | None = None
        self._looked: Looked | None = None
        self._looking = self._again = False
        self._followed: Labels | None = None
        self.layers = LayerPicker(tools.viewer, self._page)
        self.models = Models(
            tools.view.models, tools.aside, lambda: tools.session.workspace.history, tools.failed
        )
        self.live = LivePreview(
            tools.viewer, tools.view.preview, tools.background, tools.aside, tools.canvas_px
        )
        self._confirming = Confirming(tools, self.layers)
        self._comparison = Comparison(tools)
        self._look_later = Debouncer(self._look, _DEBOUNCE_MS, self)
        self._events = LabelsEvents()
        # Another dock may confirm something, or a run come.
        self._events.painted.connect(lambda _: self._look_later())
        self._events.known.connect(lambda plane, window: self._look_later())
        self._events.replaced.connect(self._on_replaced)
        self.models.changed.connect(self._on_start_changed)
        self.models.used.connect(lambda ref: tools.session.segmenter_changed.emit(ref))
        self._confirming.changed.connect(self._look)
        self._page.confirm_pressed.connect(self._confirming.confirm)
        self._page.labels.refilled.connect(self.fill)
        self._page.take_back.clicked.connect(self._confirming.take_back)
        self._page.pairs.add_button.clicked.connect(self._browse)
        self._page.changed.connect(self._on_page)

    # Following the viewer.

    def start(self) -> None:
        self.layers.start()
        self.fill(self._tools.viewer.layers.selection.active)
        self.models.refresh()

    def stop(self) -> None:
        self._look_later.cancel()
        self._looking = self._again = False
        self._looked = None
        self._keep_unfinished()
        self._followed = None
        self._events.follow(None)
        self.live.end()
        self.layers.stop()

    def fill(self, active: Layer | None = None) -> None:
        if self._training is None:
            self.layers.refill(active)
            self._on_layers()

    def confirm(self) -> None:
        """Confirm the view."""
        if self._page.confirm["view"].isEnabled():
            self._confirming.confirm("view")

    def set_models(self, entries: Sequence[ModelEntry]) -> None:
        self._entries = entries
        translators = [(entry.ref, entry.title) for entry in entries if entry.kind == "translator"]
        self._page.pairs.set_translators(translators)
        self._on_start_changed()

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
            self._looked = None
            self._confirming.forget()
        for one in self._page.confirm.values():
            one.setEnabled(labels is not None)
        self._look_later()
        self._say_known()

    def _on_replaced(self) -> None:
        """A script has given the layer other labels: they may fit no more, and are counted anew."""
        self._events.follow(self._followed)
        self._looked = None
        self.fill()

    def _on_start_changed(self) -> None:
        self._say_known()
        self._look_later()

    # What is known.

    def _look(self) -> None:
        """Count what is known, beside the window; once more at the end if something changed meanwhile."""
        if self._looking:
            self._again = True
            return
        labels, layers = self.layers.labels_layer(), self._layers()
        if layers is None:
            self._looked = None
            self._say_known()
            return
        self._looking = True
        split = self._tools.session.workspace.split
        classes, sets = self._classes(labels), _sets(self._page.choice())
        self._tools.aside.run(
            lambda: look(layers, split, classes, sets),
            lambda looked: self._on_looked(labels, looked),
            self._on_not_looked,
        )

    def _on_looked(self, labels: Labels | None, looked: Looked | None) -> None:
        self._looking = False
        if labels is self._followed:
            self._looked = looked
            self._say_known()
        if self._again:
            self._again = False
            self._look()

    def _on_not_looked(self, failure: Failure) -> None:
        self._looking = self._again = False
        self._looked = Looked(Counts(), failure.sentence)
        self._tools.failed(failure)
        self._say_known()

    def _layers(self) -> KnownLayers | None:
        if (chosen := self.layers.chosen()) is None:
            return None
        source, labels, image = chosen
        made = made_of(labels)
        if made is not None and not image.modality:
            image = replace(image, modality=made.modality)
        return KnownLayers.of(self._tools.viewer, source, labels, image, channel_of(labels))

    def _say_known(self) -> None:
        layer, looked = self.layers.image_layer(), self._looked
        start = self._start()
        if layer is None or looked is None:
            self._page.set_known("")
        else:
            pairs = len(self._page.choice().pairs)
            self._page.set_known(sentences.learns_from(looked.counts, layer.name, self._title(start), pairs))
        self.changed.emit()

    def _start(self) -> str:
        """Reference of the segmenter the training starts from; empty for none."""
        made = made_of(self.layers.labels_layer())
        recorded = made.segmenter if made is not None else None
        return start_of(self.models.read, recorded.path if recorded is not None else None)

    def _title(self, ref: str) -> str:
        """What a model is called."""
        own = next((entry.name for entry in self.models.read.entries if str(entry.path) == ref), None)
        return own or getattr(self._entry(ref), "title", "") or sentences.file_name(ref)

    def _entry(self, ref: str | None) -> ModelEntry | None:
        return next((entry for entry in self._entries if entry.ref == ref), None)

    def _classes(self, labels: Labels | None) -> tuple[LabelClass, ...]:
        """Classes of the labels: as the layer knows them, else those of the model; empty if nobody does."""
        entry = self._entry(self._start())
        return (classes_of(labels) if labels is not None else ()) or (
            entry.card.classes if entry and entry.card else ()
        )

    # Training.

    def why_not(self) -> str | None:
        if self.layers.image_layer() is None:
            return sentences.NO_IMAGE
        if self.layers.labels_layer() is None:
            return sentences.NO_LABELS
        if self._looked is None:
            return sentences.COUNTING
        return self._looked.why_not or self._misfit()

    def _misfit(self) -> str | None:
        """Why the models do not fit the image or each other, as far as they are listed."""
        labels, image = self.layers.labels_layer(), self.layers.image()
        made = made_of(labels) or Record("segmentation", ())
        refs = [made.translator.path] if made.translator is not None else []
        entries = [self._entry(ref) for ref in (*refs, self._start())]
        if image is None or None in entries[: len(refs)]:
            return None
        chain = [one.link for one in entries if one is not None]
        return misfit(chain, image.modality or made.modality, image.name)

    def prepare(self) -> Callable[[], FineTuneJob]:
        labels, layers = self.layers.labels_layer(), self._layers()
        if layers is None or labels is None:
            raise InputError(sentences.NO_LABELS)
        workspace = self._tools.session.workspace
        choice, start, classes = self._page.choice(), self._start(), self._classes(labels)
        self._made = made = how_made(labels) or Record("segmentation", ())
        translator = made.translator
        settings = replace(choice.settings, scale=made.settings.scale)

        def make() -> FineTuneJob:
            planes, found = gather(layers, workspace.split, classes, _sets(choice))
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
    def minutes(self) -> int:
        return self._page.choice().minutes

    def begun(self, job: FineTuneJob) -> None:
        regions = self._looked.counts.regions if self._looked else 0
        made = self._made or Record("segmentation", ())
        self._training = _Training(job, made, regions, self._next_name(job.segmenter))
        self._before = self._best = None
        colours = {one.name: one.color for one in with_colours(job.classes) if one.value and one.color}
        self._tools.view.scores.set_colours(colours)
        if (chosen := self.layers.chosen()) is not None:
            source, labels, image = chosen
            translator, segmenter = self._entry(job.translator), self._entry(job.segmenter)
            gpu = self._has_gpu and job.settings.device != "cpu"
            side = preview_side(Scale(), image, translator, segmenter, gpu=gpu)
            self.live.begin(Scene(source, labels, image, made, side))

    def told(self, event: object) -> None:
        view, training = self._tools.view, self._training
        if training is None:
            return
        if isinstance(event, Began):
            self._before = event.before
            if event.before is not None:
                view.scores.set_before(event.before.per_class)
            view.set_status("", event.notes)
        elif isinstance(event, Loss):
            view.losses.add(event.step, event.losses)
        elif isinstance(event, Epoch):
            view.scores.add(event.score.step, event.score.per_class)
            if event.best and event.checkpoint is not None:
                self._best = event
                path = Path(training.job.folder) / "newest.safetensors"
                self.live.arrived(event.number, event.checkpoint, path)

    def finished(self, result: FineTuned) -> None:
        training, view = self._training, self._tools.view
        if training is None:
            return
        job = training.job
        self._training = None
        if result.promoted:
            self.live.conclude()
        else:
            self.live.end()
        self.fill()
        view.set_status(sentences.outcome(result, training.regions), result.notes)
        if result.checkpoint is None:
            return
        self.models.add(
            result.checkpoint,
            then=lambda entry: self._comparison.begin(job, training.made, str(entry.path)),
            name=training.name,
            parent=job.segmenter,
            score=result.best,
            before=result.before,
            promoted=result.promoted,
            note=result.sentence,
        )

    def dropped(self) -> None:
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
            note=sentences.unfinished(best.score.step),
        )

    def _next_name(self, start: str) -> str:
        """A name for the model that begins at `start`."""
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

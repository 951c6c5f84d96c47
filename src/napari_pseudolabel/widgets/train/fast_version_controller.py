"""Making a fast version of a translator from an open image: what is offered, what it tells, what is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from typing_extensions import override

from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.fitting import same_modality
from napari_pseudolabel.models.grids import sizes_of
from napari_pseudolabel.training.common.training_events import Epoch, Loss, TrainStart
from napari_pseudolabel.training.student.distil_task import FastVersion, could_be_faster
from napari_pseudolabel.training.training_jobs import DistilJob
from napari_pseudolabel.viewer.image_layers import unwrapped
from napari_pseudolabel.viewer.known_size import known_size
from napari_pseudolabel.widgets.common.folder_modality import shown_by
from napari_pseudolabel.widgets.common.recent_choices import RecentChoices
from napari_pseudolabel.widgets.pseudo_label.label_choice import ModelEntry
from napari_pseudolabel.widgets.train import train_sentences
from napari_pseudolabel.widgets.train.layer_picker import is_offered
from napari_pseudolabel.widgets.train.train_context import TrainContext, TrainingController
from napari_pseudolabel.widgets.train.translator_controller import image_in, images_of, keep

if TYPE_CHECKING:
    from napari.layers import Layer


class FastVersionController(TrainingController):
    """Connects the page of the fast version, the open layers, and what its training tells."""

    def __init__(self, context: TrainContext, recent: RecentChoices) -> None:
        super().__init__(context, recent)
        self._page = context.view.fast_version
        self._entries: Sequence[ModelEntry] = ()
        self._job: DistilJob | None = None
        self._page.changed.connect(self._on_page)
        self._page.image.refilled.connect(self.fill)

    @override
    def start(self) -> None:
        self._page.image.follow(self._context.viewer, self._images)
        self.fill(self._context.viewer.layers.selection.active)

    @override
    def stop(self) -> None:
        self._page.image.let_go()

    @override
    def fill(self, active: Layer | None = None) -> None:
        if self._job is not None:
            return
        self._page.image.refill(active)
        self._offer()
        self.changed.emit()

    @override
    def set_models(self, entries: Sequence[ModelEntry]) -> None:
        self._entries = [entry for entry in entries if entry.problem is None]
        self._offer()
        self.changed.emit()

    @override
    def set_devices(self, devices: Sequence[tuple[str, str]]) -> None:
        self._page.advanced.edits["device"].offer(devices)

    @override
    def why_not(self) -> str | None:
        return train_sentences.why_no_fast_version(self._page.choice(), self._modality())

    @override
    def prepare(self) -> Callable[[], DistilJob]:
        choice, workspace = self._page.choice(), self._context.session.workspace
        assert choice.translator is not None  # `why_not`
        assert choice.segmenter is not None
        translator, segmenter = choice.translator, choice.segmenter
        image, scale = image_in(self._page.image), self._scale(translator)
        modality = self._modality()

        def make() -> DistilJob:
            return DistilJob(
                replace(images_of(modality or image.name, image), scale=scale),
                translator,
                segmenter,
                workspace.new_run("fast-version"),
                choice.settings,
                modality,
            )

        return make

    @override
    def on_started(self, job: DistilJob) -> None:
        self._job = job

    @override
    def on_event(self, event: object) -> None:
        view = self._context.view
        if isinstance(event, TrainStart):
            view.set_status("", event.notes)
        elif isinstance(event, Loss):
            view.losses.add(event.step, event.losses)
        elif isinstance(event, Epoch):
            view.scores.add(event.score.step, event.score.per_class)
            view.set_status(train_sentences.agreement(event.score.per_class))

    @override
    def on_finished(self, result: FastVersion) -> None:
        view = self._context.view
        self.on_dropped()
        if result.checkpoint is None:
            view.set_status(result.sentence, result.notes)
            return
        keep(self._context, (result.checkpoint,), (result.name,), f"{result.sentence} ", result.notes)

    @override
    def on_dropped(self) -> None:
        self._job = None
        self.fill()

    def _images(self) -> Iterable[Layer]:
        return map(unwrapped, filter(is_offered, self._context.viewer.layers))

    def _modality(self) -> str:
        """Return what the image shows, empty if unknown."""
        layer = self._page.image.layer
        if layer is None:
            return ""
        known = {entry.source for entry in self._entries if entry.source}
        return shown_by(layer, known, self._remembered)

    def _on_page(self) -> None:
        if self._job is None:
            self._offer()  # what is made decides which segmenters there are
            self.changed.emit()

    def _offer(self) -> None:
        """Offer translators of the image that could be faster, and segmenters of what the chosen one makes."""
        modality, entries = self._modality(), self._entries
        translators = [
            entry
            for entry in entries
            if entry.card is not None and could_be_faster(entry.card)
            if same_modality(modality, entry.source)
        ]
        wished = [self._remembered.last(kind) or "" for kind in ("translator", "segmenter")]
        offered = [(entry.ref, entry.title) for entry in translators]
        self._page.offer(offered, (), wished)
        chosen = self._page.translator.currentData()
        made = next((entry.target for entry in translators if entry.ref == chosen), "")
        segmenters = [
            (entry.ref, entry.title)
            for entry in entries
            if chosen and entry.kind == "segmenter" and same_modality(made, entry.source)
        ]
        self._page.offer(offered, segmenters, wished)

    def _scale(self, translator: str) -> Scale:
        """Return what is known of the size of things in the image, as the Label dock goes by it."""
        layer = self._page.image.layer
        card = next(entry.card for entry in self._entries if entry.ref == translator)
        if layer is None or card is None:
            return Scale()
        known = known_size(layer)
        scale, _ = known.on(sizes_of(card.source))
        found = next((one for one in known.found.values() if one.sure), None)
        return Scale(factor=found.factor) if scale == Scale() and found is not None else scale

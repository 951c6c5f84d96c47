"""What the Pseudo-label dock does; how it looks is in the view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_pseudolabel.control import Progress
from napari_pseudolabel.errors import InputError, PseudolabelError
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.viewer import (
    PushedLayers,
    Stream,
    current_plane,
    drawn_shapes,
    drop_preview,
    middle_of,
    shape_region,
    visible_region,
)
from napari_pseudolabel.viewer.images import modality_of
from napari_pseudolabel.viewer.records import classes_of
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.background import Background, EngineHolder, Failure
from napari_pseudolabel.widgets.common.remembered import Remembered
from napari_pseudolabel.widgets.pseudo_label.choice import Choice, make_job, preview_side
from napari_pseudolabel.widgets.pseudo_label.image_picker import ImagePicker
from napari_pseudolabel.widgets.pseudo_label.model_picker import ModelPicker
from napari_pseudolabel.widgets.pseudo_label.sentences import (
    outcome_text,
    progress_text,
    stopped_text,
    why_not,
)
from napari_pseudolabel.widgets.pseudo_label.tasks import Count, Counts
from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pseudolabel.strategies import LabelJob, PseudoLabel, Region, RunReport

DEBOUNCE_MS = 300
_LOOK_MS = 200
_BETWEEN_LAYERS_MS = 30


@dataclass(eq=False)
class _Running:
    """The labelling job that is under way; results of any other are stale and dropped.

    Attributes
    ----------
    stream
        Shows what arrives; None until the first chunk.
    parts
        How many chunks have arrived.
    """

    number: int
    layer: str
    image: Image
    preview: bool
    choice: Choice
    job: LabelJob
    stream: Stream | None = None
    parts: int = 0


@dataclass(frozen=True, eq=False)
class _Counting:
    """A finished run whose objects are being counted."""

    number: int
    report: RunReport
    preview: bool


class PseudoLabelController(QObject):
    """Connects a viewer, the view of the dock, and the engine.

    Parameters
    ----------
    viewer
        The viewer whose layers are labelled.
    view
        The widgets.
    holder
        Lends the engine.
    remembered
        Where the last choices are kept.
    canvas_px
        Says height and width of the canvas, None if unknown.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        view: PseudoLabelView,
        *,
        holder: EngineHolder,
        remembered: Remembered,
        canvas_px: Callable[[], tuple[int, int] | None] = lambda: None,
    ) -> None:
        super().__init__()
        self.viewer = viewer
        self.view = view
        self._remembered = remembered
        self._canvas_px = canvas_px
        self._background = Background(holder)
        self.images = ImagePicker(viewer, view)
        self.models = ModelPicker(view, self._background, remembered)
        self._running: _Running | None = None
        self._counting: _Counting | None = None
        self._looking = QTimer(self)
        self._looking.setInterval(_LOOK_MS)
        self._looking.timeout.connect(self._look)
        self._debounce = QTimer(self)
        self._debounce.setSingleShot(True)
        self._debounce.setInterval(DEBOUNCE_MS)
        self._debounce.timeout.connect(self._preview)
        self._active = False
        self._release: list[Callable[[], None]] = []
        self._connect()

    @property
    def busy(self) -> bool:
        """Whether a labelling job is under way."""
        return self._running is not None

    @property
    def doing(self) -> str:
        """What would be lost if the window were closed now; empty if nothing."""
        running = self._running
        return f"Labelling {running.image.name}" if running is not None and not running.preview else ""

    # Life.

    def start(self) -> None:
        """Load the engine and list the models; does nothing the second time."""
        if self._active:
            return
        self._active = True
        self._release = [
            shortcuts.bind(self.viewer, shortcuts.RUN, self.view.run_button.click),
            shortcuts.bind(self.viewer, shortcuts.PREVIEW, self.view.preview_button.click),
            shortcuts.bind(self.viewer, shortcuts.CANCEL, self.cancel),
        ]
        self._fill_images()
        self.models.find(self._modality)

    def shutdown(self, timeout: float = 10.0) -> bool:
        """Stop all work and end all threads; may be called any number of times.

        Returns
        -------
        bool
            True once no thread is left.
        """
        self._active = False
        self._debounce.stop()
        self._looking.stop()
        self._drop()
        release, self._release = self._release, []
        for one in release:
            one()
        return self._background.shutdown(timeout)

    def _connect(self) -> None:
        view, background = self.view, self._background
        view.changed.connect(self._on_changed)
        view.run_pressed.connect(self.run)
        view.cancel_pressed.connect(self.cancel)
        view.preview_toggled.connect(self._on_preview_toggled)
        view.browse_pressed.connect(self.models.browse)
        self.models.changed.connect(self._refresh)
        self.images.renamed.connect(self._on_layers)
        background.progressed.connect(self._on_progress)
        background.parted.connect(self._on_part)
        background.noticed.connect(self._on_notice)
        background.finished.connect(self._on_finished)
        background.failed.connect(self._on_failed)
        layers = self.viewer.layers.events
        for event in (layers.inserted, layers.removed, layers.reordered):
            event.connect(self._on_layers)
        self.viewer.layers.selection.events.active.connect(self._on_active)
        self.viewer.dims.events.current_step.connect(self._on_plane)

    # What the person does.

    def use_segmenter(self, ref: str) -> None:
        """Another dock has made a better segmenter."""
        if self._active:
            self.models.open("segmenter", ref)

    def list_models(self) -> None:
        """Another dock has made models."""
        if self._active:
            self.models.find(self._modality)

    def run(self) -> None:
        """Label the region that is chosen."""
        if self._running is not None and self._running.preview:
            self._drop()
        self.view.preview_button.setChecked(False)
        if self._why_not() is None and not self.busy:
            self._submit(preview=False)

    def cancel(self) -> None:
        """Stop the job under way."""
        self.view.preview_button.setChecked(False)
        if self._running is not None:
            self.view.set_progress("Stopping after this batch of tiles", 0, 0)
            self._background.cancel(self._running.number)

    def _on_changed(self) -> None:
        if self.images.update():
            self._on_image()
        self.models.on_choice(self.view.choice())
        self._refresh()
        self._later()

    def _on_preview_toggled(self, on: bool) -> None:
        if on:
            self._preview()
        else:
            self._debounce.stop()
            if self._running is not None and self._running.preview:
                self._background.cancel(self._running.number)
        self._refresh()

    # What the viewer tells.

    def _on_layers(self, event: Any = None) -> None:
        if self._active:  # else the dock is closed, and its widgets may be gone
            self._fill_images()

    def _on_active(self, event: Any = None) -> None:
        if not self._active:
            return
        active = self.viewer.layers.selection.active
        offered = active is not None and self.images.offers(active) and not self.busy
        self._fill_images(str(active.unique_id) if active is not None and offered else None)

    def _fill_images(self, chosen: str | None = None) -> None:
        if self.images.fill(chosen):
            self._on_image()
        self._refresh()

    def _on_image(self) -> None:
        """Another image is chosen."""
        self.models.propose_for(self._modality())
        if not self.busy:
            self.view.set_status("")

    def _on_plane(self, event: Any = None) -> None:
        if self._active:
            self._later()

    # Jobs.

    def _later(self) -> None:
        if self.view.preview_button.isChecked():
            self._debounce.start()

    def _preview(self) -> None:
        if not self.view.preview_button.isChecked():
            return
        self._drop()
        if self._why_not() is None:
            self._submit(preview=True)

    def _drop(self) -> None:
        """Stop the job under way and forget it: whatever it still reports is stale."""
        if self._running is not None:
            self._background.cancel(self._running.number)
            self._settle(self._running)
            self._running = None
            self._looking.stop()

    def _settle(self, running: _Running, report: RunReport | None = None) -> PushedLayers | None:
        """Make one undo step of what has arrived."""
        return running.stream.finish(report) if running.stream is not None else None

    def _submit(self, *, preview: bool) -> None:
        self.view.error.clear()
        choice = self.view.choice()
        try:
            image = self.images.image()
            job = self._job(choice, image, preview=preview)
        except PseudolabelError as error:
            self._show_failure(Failure.of(error))
            return
        number = self._background.submit(job)
        self._running = _Running(number, choice.layer or "", image, preview, choice, job)
        self._counting = None
        if not preview:
            self.view.set_status("")
            self._look()
            self._looking.start()
        self.view.set_busy(True)
        self._refresh()

    def _job(self, choice: Choice, image: Image, *, preview: bool) -> LabelJob:
        """Everything a worker needs, taken from the widgets and the viewer at this moment."""
        layer = self.images.layer()
        if layer is None:
            raise InputError("The image was removed; choose another one.")
        region: Region | None = None
        if preview or choice.where == "view":
            region = visible_region(self.viewer, layer, image, self._canvas_px())
        elif choice.where == "shape":
            shapes = drawn_shapes(self.viewer)
            if shapes is None:
                raise InputError("Draw a shape around what shall be labelled first.")
            region = shape_region(shapes, layer, image)
        if preview and region is not None:
            translator, segmenter = self.models.chosen("translator"), self.models.chosen("segmenter")
            gpu = self.models.has_gpu and choice.device != "cpu"
            region = middle_of(region, preview_side(choice, image, translator, segmenter, gpu=gpu))
        one = preview or choice.where == "view" or not choice.all_planes
        return make_job(choice, image, region, (current_plane(self.viewer, layer, image),) if one else None)

    def _on_progress(self, number: int, progress: Progress) -> None:
        if self._running is not None and number == self._running.number:
            self.view.set_progress(progress_text(progress), progress.done, progress.total)

    def _look(self) -> None:
        """Tell the engine where the person looks: this part is labelled first."""
        running = self._running
        layer = self.images.layer(running.layer) if running is not None else None
        if running is None or layer is None:
            return
        from napari_pseudolabel.strategies import Focus

        try:
            seen = visible_region(self.viewer, layer, running.image, self._canvas_px())
            plane = current_plane(self.viewer, layer, running.image)
        except PseudolabelError:
            return  # the image is out of view: any part is as good as another
        focus = Focus(plane, (seen.y0 + seen.y1) / 2, (seen.x0 + seen.x1) / 2)
        self._background.look_at(running.number, focus)

    def _on_part(self, number: int, part: PseudoLabel) -> None:
        running = self._running
        if running is None or number != running.number:
            return
        layer = self.images.layer(running.layer)
        if layer is None:
            return
        if running.stream is None:
            running.stream = Stream(self.viewer, layer, running.image)
        running.stream.add(part)
        running.parts += 1
        if running.parts == 1:
            self.images.show_layers()

    def _on_notice(self, number: int, sentence: str) -> None:
        if self._running is not None and number == self._running.number:
            self.view.set_status(sentence)

    def _on_finished(self, number: int, result: Any) -> None:
        if self._running is not None and number == self._running.number:
            if self._running.stream is not None and self._running.stream.late:
                QTimer.singleShot(_BETWEEN_LAYERS_MS, lambda: self._show_late(number, result))
            else:
                self._on_labelled(self._running, result)
        elif self._counting is not None and number == self._counting.number:
            counting, self._counting = self._counting, None
            self._say(counting.report, result, preview=counting.preview)

    def _show_late(self, number: int, report: RunReport) -> None:
        """After a run of few parts: one new layer at a time, so that the window does not stand still for all."""
        running = self._running
        if running is not None and number == running.number and running.stream is not None:
            running.stream.show_late()
            self._on_finished(number, report)

    def _on_failed(self, number: int, failure: Failure) -> None:
        running = self._running
        if running is not None and number == running.number:
            self._running = None
            self._looking.stop()
            self._settle(running)
            self.view.set_busy(False)
            self._show_failure(failure, running.parts)
            self._refresh()

    def _on_labelled(self, running: _Running, report: RunReport) -> None:
        self._running = None
        self._looking.stop()
        self.view.set_busy(False)
        pushed = self._settle(running, report)
        layer = self.images.layer(running.layer)
        if layer is None or pushed is None:
            self.view.set_status("The image was removed meanwhile, so the labels were dropped.")
            self._refresh()
            return
        self._say(report, None, preview=running.preview)
        self._count(running, report, pushed)
        if not running.preview:
            drop_preview(self.viewer, layer)  # it compares with labels that are no more
            self._remembered.remember("translator", running.choice.translator)
            self._remembered.remember("segmenter", running.choice.segmenter)
            if pushed.labels is not None:
                self.viewer.layers.selection.active = pushed.labels
        self.images.show_layers()
        self._refresh()

    def _count(self, running: _Running, report: RunReport, pushed: PushedLayers) -> None:
        """Let a worker count the objects: that takes longer than a window may stand still."""
        if pushed.labels is None:
            return
        region, planes = running.job.whole_region, running.job.plane_indices
        window = slice(region.y0, region.y1), slice(region.x0, region.x1)

        def of(layer: Any) -> Any:
            return np.stack([np.asarray(layer.data[(*plane, *window)]) for plane in planes])

        sure = of(pushed.confidence) if pushed.confidence is not None else None
        number = self._background.submit(Count(of(pushed.labels), sure, classes_of(pushed.labels)))
        self._counting = _Counting(number, report, running.preview)

    def _say(self, report: RunReport, counts: Counts | None, *, preview: bool) -> None:
        self.view.set_status(outcome_text(report, counts, preview=preview), report.notes)

    # Small things.

    def _modality(self) -> str:
        """Modality of the image as far as its metadata or its name tell, empty otherwise."""
        layer = self.images.layer()
        return modality_of(layer, self.models.modalities()) if layer is not None else ""

    def _why_not(self) -> str | None:
        return why_not(
            self.view.choice(),
            loading=self.models.loading,
            image_problem=self.images.problem(),
            translator=self.models.chosen("translator"),
            segmenter=self.models.chosen("segmenter"),
            has_shape=drawn_shapes(self.viewer) is not None,
        )

    def _refresh(self) -> None:
        reason = self._why_not()
        # A preview may be cut short by the real thing.
        free = self._running is None or self._running.preview
        self.view.set_hint(reason or "" if free else "", can_run=reason is None and free)

    def _show_failure(self, failure: Failure, parts: int = 0) -> None:
        if failure.cancelled:
            sentence = stopped_text(parts) if parts else failure.sentence
            self.view.set_status("" if self.view.preview_button.isChecked() else sentence)
        else:
            self.view.preview_button.setChecked(False)
            self.view.error.show_error(failure.sentence, failure.details)
            self.view.set_status("")

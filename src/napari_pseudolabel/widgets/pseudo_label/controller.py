"""What the Pseudo-label dock does; how it looks is in the view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

from napari_pseudolabel.control import Progress
from napari_pseudolabel.errors import InputError, PseudolabelError
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.viewer import (
    current_plane,
    drawn_shapes,
    middle_of,
    push,
    shape_region,
    visible_region,
)
from napari_pseudolabel.viewer.images import modality_of
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.background import Background, Failure, RunnerLike
from napari_pseudolabel.widgets.common.remembered import Remembered
from napari_pseudolabel.widgets.pseudo_label.choice import Choice, make_job, preview_side
from napari_pseudolabel.widgets.pseudo_label.image_picker import ImagePicker
from napari_pseudolabel.widgets.pseudo_label.model_picker import ModelPicker
from napari_pseudolabel.widgets.pseudo_label.sentences import outcome_text, progress_text, why_not
from napari_pseudolabel.widgets.pseudo_label.tasks import LabelAndCount
from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pseudolabel.strategies import LabelJob, Region
    from napari_pseudolabel.widgets.pseudo_label.tasks import Outcome

DEBOUNCE_MS = 300


@dataclass(frozen=True, eq=False)
class _Running:
    """The labelling job that is under way; results of any other are stale and dropped."""

    number: int
    layer: str
    image: Image
    preview: bool
    choice: Choice


class PseudoLabelController(QObject):
    """Connects a viewer, the view of the dock, and the engine.

    Parameters
    ----------
    viewer
        The viewer whose layers are labelled.
    view
        The widgets.
    make_runner
        Makes the engine.
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
        make_runner: Callable[[], RunnerLike],
        remembered: Remembered,
        canvas_px: Callable[[], tuple[int, int] | None] = lambda: None,
    ) -> None:
        super().__init__()
        self.viewer = viewer
        self.view = view
        self._remembered = remembered
        self._canvas_px = canvas_px
        self._background = Background(make_runner)
        self.images = ImagePicker(viewer, view)
        self.models = ModelPicker(view, self._background, remembered)
        self._running: _Running | None = None
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
        self._running = None
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
        background.finished.connect(self._on_finished)
        background.failed.connect(self._on_failed)
        layers = self.viewer.layers.events
        for event in (layers.inserted, layers.removed, layers.reordered):
            event.connect(self._on_layers)
        self.viewer.layers.selection.events.active.connect(self._on_active)
        self.viewer.dims.events.current_step.connect(self._on_plane)

    # What the person does.

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
            self._running = None

    def _submit(self, *, preview: bool) -> None:
        self.view.error.clear()
        choice = self.view.choice()
        try:
            image = self.images.image()
            job = self._job(choice, image, preview=preview)
        except PseudolabelError as error:
            self._show_failure(Failure.of(error))
            return
        number = self._background.submit(LabelAndCount(job))
        self._running = _Running(number, choice.layer or "", image, preview, choice)
        if not preview:
            self.view.set_status("")
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

    def _on_finished(self, number: int, result: Any) -> None:
        if self._running is not None and number == self._running.number:
            self._on_labelled(self._running, result)

    def _on_failed(self, number: int, failure: Failure) -> None:
        if self._running is not None and number == self._running.number:
            self._running = None
            self.view.set_busy(False)
            self._show_failure(failure)
            self._refresh()

    def _on_labelled(self, running: _Running, outcome: Outcome) -> None:
        self._running = None
        self.view.set_busy(False)
        layer = self.images.layer(running.layer)
        if layer is None:
            self.view.set_status("The image was removed meanwhile, so the labels were dropped.")
            self._refresh()
            return
        pushed = push(self.viewer, layer, outcome.result, image=running.image)
        self.view.set_status(outcome_text(outcome, preview=running.preview), outcome.result.report.notes)
        if not running.preview:
            self._remembered.remember("translator", running.choice.translator)
            self._remembered.remember("segmenter", running.choice.segmenter)
            if pushed.labels is not None:
                self.viewer.layers.selection.active = pushed.labels
        self.images.show_layers()
        self._refresh()

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

    def _show_failure(self, failure: Failure) -> None:
        if failure.cancelled:
            self.view.set_status("" if self.view.preview_button.isChecked() else failure.sentence)
        else:
            self.view.preview_button.setChecked(False)
            self.view.error.show_error(failure.sentence, failure.details)
            self.view.set_status("")

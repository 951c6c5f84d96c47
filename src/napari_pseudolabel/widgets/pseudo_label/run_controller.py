"""The labelling job that is under way: begun, shown as it arrives, stopped."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from napari.layers import Labels
from qtpy.QtCore import QObject, QTimer, Signal

from napari_pseudolabel.control import Progress
from napari_pseudolabel.viewer.heat_layers import show_heat
from napari_pseudolabel.widgets.common.garbage import GarbageLater
from napari_pseudolabel.widgets.common.job_runner import Failure, JobRunner
from napari_pseudolabel.widgets.common.removals import Removals
from napari_pseudolabel.widgets.pseudo_label.gaze import Gaze
from napari_pseudolabel.widgets.pseudo_label.image_picker import ImagePicker
from napari_pseudolabel.widgets.pseudo_label.label_choice import LabelChoice
from napari_pseudolabel.widgets.pseudo_label.label_run import LabelRun, labelled_by, nothing_predicted
from napari_pseudolabel.widgets.pseudo_label.label_sentences import NOTHING, gone_text, progress_text
from napari_pseudolabel.widgets.pseudo_label.strategy_comparison import keep_others
from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_pseudolabel.strategies import PseudoLabel, RunReport
    from napari_pseudolabel.strategies.jobs import LabelJob

_BETWEEN_LAYERS_MS = 30
_STOPPING = "Stopping after this batch of tiles"


class RunController(QObject):
    """Runs one job at a time; whatever another one still reports is stale.

    Attributes
    ----------
    running
        The job under way; None without one.
    appeared
        The first part of a run is in the viewer (`LabelRun`, its report).
    labelled
        A run has ended well (`LabelRun`, report, `PushedLayers`).
    failed
        A run was cancelled or has failed (`LabelRun`, `Failure`, the share of the image that is labelled).
    ended
        No job is under way any more.
    """

    appeared = Signal(object, object)
    labelled = Signal(object, object, object)
    failed = Signal(object, object, float)
    ended = Signal()

    def __init__(
        self,
        viewer: ViewerModel,
        view: PseudoLabelView,
        images: ImagePicker,
        runner: JobRunner,
        canvas_px: Callable[[], tuple[int, int] | None],
    ) -> None:
        super().__init__()
        self._viewer, self._view, self._images, self._runner = viewer, view, images, runner
        self.running: LabelRun | None = None
        self._removals = Removals(viewer, self._on_removed)
        self._garbage = GarbageLater(viewer)
        self._gaze = Gaze(viewer, images, runner, canvas_px)

    @property
    def previewing(self) -> bool:
        """Whether what is under way is only a preview."""
        return self.running is not None and self.running.preview

    def begin(self, choice: LabelChoice, job: LabelJob, *, preview: bool) -> None:
        """Hand a job to the engine."""
        layer = self._images.layer(choice.layer)
        self._garbage.begin()
        number = self._runner.submit(
            job,
            "label",
            progressed=self._on_progress,
            **({} if preview or job.kept is not None else {"drafted": self._on_draft}),
            parted=self._on_part,
            event_sent=partial(show_heat, self._viewer, layer, job.image),
            noticed=self._view.set_status,
            finished=self._on_finished,
            failed=self._on_failed,
        )
        self._removals.watch(layer)
        self.running = LabelRun(number, choice.layer or "", job.image, preview, choice, job)
        if not preview:
            self._view.set_status("")
            self._gaze.follow(self.running)
        self._view.set_busy(True)

    def cancel(self) -> None:
        """Stop the job under way; what has arrived stays."""
        if self.running is not None:
            self._view.set_progress(_STOPPING)
            self._runner.cancel(self.running.number)

    def cancel_preview(self) -> None:
        """Stop the job under way if it is a preview, which nobody waits for."""
        if self.running is not None and self.running.preview:
            self._runner.cancel(self.running.number)

    def drop(self) -> None:
        """Stop the job under way and forget it."""
        if self.running is not None:
            self._runner.cancel(self.running.number)
            self.running.settle()
            self._end()

    def _end(self) -> None:
        if self.running is not None:
            self._runner.forget(self.running.number)
            self.running.drop_draft()
        self.running = None
        self._garbage.end()
        self._removals.forget()
        self._gaze.stop()

    def _on_removed(self, layer: Layer) -> None:
        """Cancel a run whose image, or the labels that it streams into, was removed: there is no use in it."""
        if (running := self.running) is not None:
            running.gone = gone_text(layer.name, labels=isinstance(layer, Labels))
            self._view.preview_button.setChecked(False)
            self.cancel()
            self._view.set_status(running.gone)

    def _on_progress(self, progress: Progress) -> None:
        self._view.set_progress(progress_text(progress), progress.done, progress.total)

    def _on_draft(self, look: PseudoLabel) -> None:
        if (running := self.running) is not None:
            running.look(self._viewer, self._images.layer(running.layer), look)

    def _on_part(self, part: PseudoLabel) -> None:
        running = self.running
        if running is None:
            return
        layer = self._images.layer(running.layer)
        if layer is None or running.gone or (running.stream is None and nothing_predicted(part)):
            return
        keep_others(self._viewer, layer, running.image, part, running.choice.strategy)
        stream = running.add(self._viewer, layer, part)
        if running.parts == 1:
            self._removals.watch(layer, stream.labels)
            self.appeared.emit(running, part.report)

    def _on_finished(self, report: RunReport) -> None:
        """After a run of few parts: one new layer at a time, so that the window does not stand still for all."""
        running = self.running
        if running is not None and (running.stream is None or not running.stream.late):
            self._on_labelled(running, report)
        elif running is not None:
            QTimer.singleShot(_BETWEEN_LAYERS_MS, lambda: self._show_late(running, report))

    def _show_late(self, running: LabelRun, report: RunReport) -> None:
        if running is self.running and running.stream is not None:
            running.stream.show_late()
            self._on_finished(report)

    def _on_failed(self, failure: Failure) -> None:
        running = self.running
        if running is None:
            return
        self._end()
        share = labelled_by(running.settle())
        self._view.set_busy(False)
        if running.gone:
            self._view.set_status(running.gone)
        else:
            self.failed.emit(running, failure, share)
        self.ended.emit()

    def _on_labelled(self, running: LabelRun, report: RunReport) -> None:
        self._end()
        self._view.set_busy(False)
        pushed = running.settle(report)
        layer = self._images.layer(running.layer)
        if running.gone or layer is None:
            gone = running.gone or "The image was removed meanwhile, so the labels were dropped."
            self._view.set_status(gone)
        elif pushed is None:
            self._view.set_status(NOTHING, report.notes)
        else:
            self.labelled.emit(running, report, pushed)
        self.ended.emit()

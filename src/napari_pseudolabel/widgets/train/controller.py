"""What the Train dock does whatever is trained; how it looks is in the view."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from typing_extensions import override

from napari_pseudolabel.control import Progress
from napari_pseudolabel.errors import PseudolabelError
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.dock_controller import DockController, Key
from napari_pseudolabel.widgets.common.job_runner import Failure
from napari_pseudolabel.widgets.common.recent_choices import RecentChoices
from napari_pseudolabel.widgets.common.session import Session
from napari_pseudolabel.widgets.pseudo_label.label_jobs import FindDevices, FindModels
from napari_pseudolabel.widgets.pseudo_label.label_sentences import progress_text
from napari_pseudolabel.widgets.train.fast_version_controller import FastVersionController
from napari_pseudolabel.widgets.train.plots import load
from napari_pseudolabel.widgets.train.segmenter_controller import SegmenterController
from napari_pseudolabel.widgets.train.train_choice import Subject
from napari_pseudolabel.widgets.train.train_context import TrainContext, TrainingController
from napari_pseudolabel.widgets.train.translator_controller import TranslatorController
from napari_pseudolabel.widgets.train.view import TrainView

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pseudolabel.strategies import Job
    from napari_pseudolabel.widgets.common.job_runner import JobRunner
    from napari_pseudolabel.widgets.pseudo_label.label_choice import ModelEntry

_TICK_MS = 1000


@dataclass(frozen=True, eq=False)
class _Running:
    """The training under way; what comes of any other is dropped."""

    number: int
    part: TrainingController


@dataclass(frozen=True, eq=False)
class _Preparing:
    """A training whose job is being made; another one is started only after this is dropped."""

    part: TrainingController


class TrainController(DockController):
    """Connects a viewer, the view of the dock, and the engine.

    Parameters
    ----------
    viewer
        The viewer whose layers are learned from.
    view
        The widgets.
    session
        What the docks of the viewer share.
    runner
        Runs the jobs of this dock.
    recent
        Where the last choices are kept.
    canvas_px
        Says height and width of the canvas, None if unknown.
    """

    view: TrainView
    _runner: JobRunner

    def __init__(
        self,
        viewer: ViewerModel,
        view: TrainView,
        *,
        session: Session,
        runner: JobRunner,
        recent: RecentChoices,
        canvas_px: Callable[[], tuple[int, int] | None] = lambda: None,
    ) -> None:
        super().__init__(viewer, view, runner)
        tools = TrainContext(viewer, view, session, runner, self._executor, self.show_failure, canvas_px)
        self.segmenter = SegmenterController(tools, recent)
        self.translator = TranslatorController(tools, recent)
        self.fast_version = FastVersionController(tools, recent)
        self._parts: dict[Subject, TrainingController] = {
            "segmenter": self.segmenter,
            "translator": self.translator,
            "fast version": self.fast_version,
        }
        self._running: _Running | None = None
        self._preparing: _Preparing | None = None
        self._worked_s = 0.0
        self._notices: list[str] = []
        self._clock = QTimer(self)
        self._clock.setInterval(_TICK_MS)
        self._clock.timeout.connect(self._on_tick)
        self._connect()

    @property
    def busy(self) -> bool:
        """Whether a training is under way or about to be."""
        return self._running is not None or self._preparing is not None

    @property
    @override
    def doing(self) -> str:
        return f"Training a {self.view.subject}" if self.busy else ""

    @override
    def keys(self) -> list[Key]:
        view = self.view
        return [
            (shortcuts.CONFIRM, self.segmenter.confirm),
            (shortcuts.TRAIN, view.start_button.click),
            (shortcuts.ACCEPT, view.preview.accept.click),
        ]

    @override
    def opened(self) -> None:
        self.view.set_state("idle")  # the dock may have been closed while it trained
        # The files are here, the devices where the workers are.
        failed = self.show_failure
        self._runner.submit(FindModels(), "local", finished=self._on_models, failed=failed)
        self._runner.submit(FindDevices(), finished=self._on_devices, failed=failed)
        for part in self._parts.values():
            part.start()
        self._refresh()

    @override
    def closed(self) -> None:
        self._clock.stop()
        if self._running is not None:
            self._runner.forget(self._running.number)
        self._running = self._preparing = None
        for part in self._parts.values():
            part.stop()

    @override
    def activated(self, layer: Any) -> None:
        if layer is not None:
            for part in self._parts.values():
                part.fill(layer)

    def _connect(self) -> None:
        view = self.view
        view.changed.connect(self._refresh)
        view.start_button.clicked.connect(self.begin)
        view.pause_toggled.connect(self._on_pause)
        view.finish_button.clicked.connect(self.finish)
        view.cancel_button.clicked.connect(self.cancel)
        for part in self._parts.values():
            part.changed.connect(self._refresh)

    # What the person does.

    def begin(self) -> None:
        """Start the training."""
        part = self._parts[self.view.subject]
        if self.busy or part.why_not() is not None:
            return
        view = self.view
        view.error.clear()
        view.clear_curves()
        view.set_status("")
        self._notices = []
        view.set_notices(())
        try:
            make = part.prepare()
        except PseudolabelError as error:
            self.show_failure(Failure.of(error))
            return
        preparing = self._preparing = _Preparing(part)
        view.set_state("waiting")
        view.set_progress("Gathering what is known")
        self._executor.run(load)
        self._executor.run(
            make,
            lambda job: self._submit(preparing, job),
            lambda failure: self._on_not_prepared(preparing, failure),
        )

    def finish(self) -> None:
        """Stop the training here and keep its best."""
        if self._running is not None:
            self._clock.stop()
            self.view.set_state("waiting")
            self.view.set_progress("Stopping after this step, the best is kept")
            self._runner.finish(self._running.number)

    def cancel(self) -> None:
        """Stop the training and drop what it has learned."""
        self._clock.stop()
        if self._running is not None:
            self.view.set_state("waiting")
            self.view.set_progress("Stopping after this step")
            self._runner.cancel(self._running.number)
        elif self._preparing is not None:
            self._leave("Cancelled.")

    def _on_pause(self, on: bool) -> None:
        if self._running is None:
            return
        self.view.set_state("paused" if on else "running")
        if on:
            self._clock.stop()
            self.view.set_progress(
                f"Paused: {self.view.stage}", self.view.progress.value(), self.view.progress.maximum()
            )
            self._runner.pause(self._running.number)
        else:
            self._clock.start()
            self._runner.resume(self._running.number)

    # The training.

    def _submit(self, preparing: _Preparing, job: Job) -> None:
        if preparing is not self._preparing:
            return  # cancelled meanwhile
        self._preparing = None
        self._worked_s = 0.0
        self.view.set_state("running")
        self.view.set_progress("Starting the worker")
        part = preparing.part
        number = self._runner.submit(
            job,
            lane="train",
            progressed=self._on_progress,
            event_sent=part.on_event,
            noticed=self._on_noticed,
            finished=partial(self._on_finished, part),
            failed=partial(self._on_failed, part),
        )
        self._running = _Running(number, part)
        part.on_started(job)
        self._clock.start()

    def _on_not_prepared(self, preparing: _Preparing, failure: Failure) -> None:
        if preparing is self._preparing:
            self._leave("")
            self.show_failure(failure)

    def _on_progress(self, progress: Progress) -> None:
        if self.view.state == "running":
            self.view.set_progress(progress_text(progress), progress.done, progress.total)

    def _on_noticed(self, sentence: str) -> None:
        self._notices.append(sentence)
        self.view.set_notices(self._notices)

    def _on_finished(self, part: TrainingController, result: object) -> None:
        self._leave("")
        part.on_finished(result)

    def _on_failed(self, part: TrainingController, failure: Failure) -> None:
        self._leave("The training was cancelled; nothing has changed." if failure.cancelled else "")
        part.on_dropped()
        if not failure.cancelled:
            self.show_failure(failure)

    def _on_models(self, models: Sequence[ModelEntry]) -> None:
        for part in self._parts.values():
            part.set_models(models)

    def _on_devices(self, devices: Sequence[tuple[str, str]]) -> None:
        for part in self._parts.values():
            part.set_devices(devices)

    def _leave(self, status: str) -> None:
        """Leave the training: the dock is as before it."""
        self._running = self._preparing = None
        self._clock.stop()
        self.view.set_state("idle")
        self.view.set_status(status)
        self._refresh()

    def _on_tick(self) -> None:
        """Count the time of work; at the limit, stop and keep."""
        if self._running is None:
            return
        self._worked_s += _TICK_MS / 1000
        limit = 60 * self._running.part.minutes
        if limit and self._worked_s >= limit:
            self.finish()

    # Small things.

    def _refresh(self) -> None:
        if self._active:
            self.view.set_hint(self._parts[self.view.subject].why_not() or "")

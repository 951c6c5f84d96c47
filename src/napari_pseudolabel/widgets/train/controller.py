"""What the Train dock does whatever is trained; how it looks is in the view."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

from napari_pseudolabel.control import Progress
from napari_pseudolabel.errors import PseudolabelError
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.aside import Aside
from napari_pseudolabel.widgets.common.background import Failure
from napari_pseudolabel.widgets.common.remembered import Remembered
from napari_pseudolabel.widgets.pseudo_label.sentences import progress_text
from napari_pseudolabel.widgets.pseudo_label.tasks import FindDevices, FindModels
from napari_pseudolabel.widgets.train.choice import Subject
from napari_pseudolabel.widgets.train.parts import Part, SessionLike, Tools
from napari_pseudolabel.widgets.train.plots import load
from napari_pseudolabel.widgets.train.segmenter_part import SegmenterPart
from napari_pseudolabel.widgets.train.translator_part import TranslatorPart
from napari_pseudolabel.widgets.train.view import TrainView

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pseudolabel.strategies import Job
    from napari_pseudolabel.widgets.common.background import Background

_TICK_MS = 1000


@dataclass(frozen=True, eq=False)
class _Running:
    """The training under way; what comes of any other is dropped."""

    number: int
    part: Part


@dataclass(frozen=True, eq=False)
class _Preparing:
    """A training whose job is being made; another one is started only after this is dropped."""

    part: Part


class TrainController(QObject):
    """Connects a viewer, the view of the dock, and the engine.

    Parameters
    ----------
    viewer
        The viewer whose layers are learned from.
    view
        The widgets.
    session
        What the docks of the viewer share.
    background
        Runs the jobs of this dock.
    remembered
        Where the last choices are kept.
    canvas_px
        Says height and width of the canvas, None if unknown.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        view: TrainView,
        *,
        session: SessionLike,
        background: Background,
        remembered: Remembered,
        canvas_px: Callable[[], tuple[int, int] | None] = lambda: None,
    ) -> None:
        super().__init__()
        self.viewer = viewer
        self.view = view
        self._background = background
        self._aside = Aside()
        tools = Tools(viewer, view, session, background, self._aside, self._show_failure, canvas_px)
        self.segmenter = SegmenterPart(tools, remembered)
        self.translator = TranslatorPart(tools, remembered)
        self._parts: dict[Subject, Part] = {"segmenter": self.segmenter, "translator": self.translator}
        self._running: _Running | None = None
        self._preparing: _Preparing | None = None
        self._finding: dict[int, Callable[[Part, Any], None]] = {}
        self._worked_s = 0.0
        self._notices: list[str] = []
        self._clock = QTimer(self)
        self._clock.setInterval(_TICK_MS)
        self._clock.timeout.connect(self._on_tick)
        self._active = False
        self._keys = ExitStack()
        self._connect()

    @property
    def busy(self) -> bool:
        """Whether a training is under way or about to be."""
        return self._running is not None or self._preparing is not None

    @property
    def doing(self) -> str:
        """What would be lost if the window were closed now; empty if nothing."""
        return f"Training a {self.view.subject}" if self.busy else ""

    @property
    def settled(self) -> bool:
        """Whether nothing is being read or written beside the window."""
        return not self._aside.busy

    # Life.

    def start(self) -> None:
        """Look at the layers, the workspace and the models; does nothing the second time."""
        if self._active:
            return
        self._active = True
        view = self.view
        view.set_state("idle")  # the dock may have been closed while it trained
        self._keys.callback(shortcuts.bind(self.viewer, shortcuts.CONFIRM, self.segmenter.confirm))
        self._keys.callback(shortcuts.bind(self.viewer, shortcuts.TRAIN, view.start_button.click))
        self._keys.callback(shortcuts.bind(self.viewer, shortcuts.ACCEPT, view.preview.accept.click))
        self._background.start()
        # The files are here, the devices where the workers are.
        self._finding = {
            self._background.submit(FindModels(), "local"): lambda part, found: part.set_models(found),
            self._background.submit(FindDevices()): lambda part, found: part.set_devices(found),
        }
        for part in self._parts.values():
            part.start()
        self._refresh()

    def shutdown(self, timeout: float = 10.0) -> bool:
        """Stop all work and end all threads; may be called any number of times.

        Returns
        -------
        bool
            True once no thread is left.
        """
        self._active = False
        self._clock.stop()
        self._running = self._preparing = None
        for part in self._parts.values():
            part.stop()
        self._keys.close()
        self._aside.shutdown()
        return self._background.shutdown(timeout)

    def _connect(self) -> None:
        view, background = self.view, self._background
        view.changed.connect(self._refresh)
        view.start_pressed.connect(self.begin)
        view.pause_toggled.connect(self._on_pause)
        view.finish_pressed.connect(self.finish)
        view.cancel_pressed.connect(self.cancel)
        for part in (self.segmenter, self.translator):
            part.changed.connect(self._refresh)
        background.progressed.connect(self._on_progress)
        background.told.connect(self._on_told)
        background.noticed.connect(self._on_noticed)
        background.finished.connect(self._on_finished)
        background.failed.connect(self._on_failed)
        layers = self.viewer.layers.events
        for event in (layers.inserted, layers.removed, layers.reordered):
            event.connect(self._on_layers)
        self.viewer.layers.selection.events.active.connect(self._on_active)

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
            self._show_failure(Failure.of(error))
            return
        preparing = self._preparing = _Preparing(part)
        view.set_state("waiting")
        view.set_progress("Gathering what is known", 0, 0)
        self._aside.run(load, lambda _: None)
        self._aside.run(
            make,
            lambda job: self._submit(preparing, job),
            lambda failure: self._on_not_prepared(preparing, failure),
        )

    def finish(self) -> None:
        """Stop the training here and keep its best."""
        if self._running is not None:
            self._clock.stop()
            self.view.set_state("waiting")
            self.view.set_progress("Stopping after this step, the best is kept", 0, 0)
            self._background.finish(self._running.number)

    def cancel(self) -> None:
        """Stop the training and drop what it has learned."""
        self._clock.stop()
        if self._running is not None:
            self.view.set_state("waiting")
            self.view.set_progress("Stopping after this step", 0, 0)
            self._background.cancel(self._running.number)
        elif self._preparing is not None:
            self._leave("Cancelled.")

    def _on_pause(self, on: bool) -> None:
        if self._running is None:
            return
        self.view.set_state("paused" if on else "running")
        if on:
            self._clock.stop()
            self.view.set_stage(f"Paused: {self.view.stage}")
            self._background.pause(self._running.number)
        else:
            self._clock.start()
            self._background.resume(self._running.number)

    # The training.

    def _submit(self, preparing: _Preparing, job: Job) -> None:
        if preparing is not self._preparing:
            return  # cancelled meanwhile
        self._preparing = None
        self._worked_s = 0.0
        self.view.set_state("running")
        self.view.set_progress("Starting the worker", 0, 0)
        number = self._background.submit(job, lane="train")
        self._running = _Running(number, preparing.part)
        preparing.part.begun(job)
        self._clock.start()

    def _on_not_prepared(self, preparing: _Preparing, failure: Failure) -> None:
        if preparing is self._preparing:
            self._leave("")
            self._show_failure(failure)

    def _on_progress(self, number: int, progress: Progress) -> None:
        if self._is_running(number) and self.view.state == "running":
            self.view.set_progress(progress_text(progress), progress.done, progress.total)

    def _on_told(self, number: int, event: object) -> None:
        if self._running is not None and number == self._running.number:
            self._running.part.told(event)

    def _on_noticed(self, number: int, sentence: str) -> None:
        if self._is_running(number):
            self._notices.append(sentence)
            self.view.set_notices(self._notices)

    def _on_finished(self, number: int, result: object) -> None:
        if number in self._finding:
            hand_over = self._finding.pop(number)
            for one in self._parts.values():
                hand_over(one, result)
        elif self._running is not None and number == self._running.number:
            part = self._running.part
            self._leave("")
            part.finished(result)

    def _on_failed(self, number: int, failure: Failure) -> None:
        if number in self._finding:
            del self._finding[number]
            self._show_failure(failure)
        elif self._running is not None and number == self._running.number:
            part = self._running.part
            self._leave("The training was cancelled; nothing has changed." if failure.cancelled else "")
            part.dropped()
            if not failure.cancelled:
                self._show_failure(failure)

    def _leave(self, status: str) -> None:
        """The training is over: the dock is as before it."""
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

    def _is_running(self, number: int) -> bool:
        return self._running is not None and number == self._running.number

    def _on_layers(self, event: object = None) -> None:
        if self._active:  # else the dock is closed, and its widgets may be gone
            for part in self._parts.values():
                part.fill()

    def _on_active(self, event: object = None) -> None:
        active = self.viewer.layers.selection.active
        if self._active and active is not None:
            for part in self._parts.values():
                part.fill(active)

    def _refresh(self) -> None:
        if self._active:
            self.view.set_hint(self._parts[self.view.subject].why_not() or "")

    def _show_failure(self, failure: Failure) -> None:
        if self._active:
            self.view.error.show_error(failure.sentence, failure.details)

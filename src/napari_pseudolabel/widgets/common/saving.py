"""One recording of a viewer into a session: when what is copied, and written beside the window."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from napari.utils.notifications import show_warning
from qtpy.QtCore import QObject, QTimer, Signal

from napari_pseudolabel.viewer.recording import Look, Recorder, Writer, fingerprint
from napari_pseudolabel.viewer.recording.changed_tiles import Place
from napari_pseudolabel.widgets.common.debouncer import Debouncer
from napari_pseudolabel.widgets.common.job_runner import Failure
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor
from napari_pseudolabel.wording import shown
from napari_pseudolabel.workspace.sessions import GoneError

if TYPE_CHECKING:
    from napari.components import ViewerModel

T = TypeVar("T")
State = Literal["saved", "saving", "problem"]

TICK_MS = 500
# Between two parts of a large batch; the window draws and paints in between.
_SLICE_MS = 15
# What copying may take of the window at a time, by how many seconds ago the batch was begun: it is hurried, to be on
# disk within two seconds. That it ends whatever is painted meanwhile is the recorder's (`passes.most_rounds`).
_BUDGETS_S = ((1.0, 0.03), (0.5, 0.008), (0.0, 0.002))
_RETRY_S = 3.0
# What a look may take of the thread before it is asked whether there is something to write.
_LOOK_S = 0.1
# Looks at everything take at most a twentieth of the time of one core.
_LOOK_EVERY_S, _REST = 1.0, 20.0
# Whoever paints is not disturbed by them, unless that goes on for long.
_QUIET_S, _PATIENCE_S = 1.0, 10.0


class Saving(QObject):
    """Saves a viewer into one session, from now until `finish`.

    Every half second what changed is copied, a few milliseconds at a time, and written when all of it is
    copied. What cannot be written stays to be written. In the time that is left, pixels are compared with
    what was written, because not every change is announced.

    Parameters
    ----------
    viewer
        Whose layers are recorded.
    writer
        The session.
    executor
        Writes, one thing after the other.
    stored
        See `Recorder`.

    Attributes
    ----------
    state_changed
        Emitted with a `State` and a sentence when either changes.
    """

    state_changed = Signal(str, str)

    def __init__(
        self,
        viewer: ViewerModel,
        writer: Writer,
        executor: SerialExecutor,
        stored: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.writer = writer
        self._recorder = Recorder(viewer, stored)
        self._executor = executor
        self._busy = self._due = self._gone = self._learned = self._sweeping = self._ended = False
        self._looks: list[Look] = []
        self._look_spent = self._look_at = self._saved_at = self._retry_at = 0.0
        self._begun_at: float | None = None
        self.state: State = "saved"
        self.sentence = "There is nothing to save yet."
        self._clock = QTimer(self)
        self._clock.setInterval(TICK_MS)
        self._clock.timeout.connect(self.flush)
        self._clock.start()
        self._next_slice = Debouncer(self._next, _SLICE_MS, self)

    def flush(self) -> None:
        """Begin to save what there is, without waiting for it."""
        self._due = True
        self._next()

    def finish(self) -> Future[None]:
        """Stop recording. What is left is written beside the window, and the session closed.

        May be called again where the future has a `GoneError`: then everything is written into a new file.
        """
        first, self._ended = not self._ended, True
        self._clock.stop()
        self._next_slice.cancel()
        anew = self._gone or not first
        if anew:
            self._recorder.start_anew()
        last = self._recorder.gather_last() if self._wanted else None
        if first:
            self._recorder.close()
        writer = self.writer
        return self._executor.run(lambda: writer.finish(last, anew=anew))

    @property
    def _wanted(self) -> bool:
        """Whether there is something to save: a session without labels is made for nobody."""
        return self.writer.path is not None or self._recorder.has_labels

    def _run(
        self,
        work: Callable[[], T],
        done: Callable[[T], None],
        failed: Callable[[Failure], None] | None = None,
    ) -> None:
        """Do something beside the window, and then what comes next."""
        self._busy = True

        def then(call: Callable[[Any], None]) -> Callable[[Any], None]:
            def ended(result: object) -> None:
                if not self._ended:
                    self._busy = False
                    call(result)
                    self._next()

            return ended

        self._executor.run(work, then(done), then(failed or self._on_failed))

    def _next(self) -> None:
        """Begin what is to be done next, if nothing is under way."""
        now = time.monotonic()
        if self._busy or self._ended or not self._wanted or now < self._retry_at:
            return
        if self._gone:
            self._run(self.writer.recreate, self._on_recreated)
        elif self._due:
            self._save(now)
        elif self.writer.path is not None:
            self._look(now)

    def _save(self, now: float) -> None:
        recorder, writer = self._recorder, self.writer
        passed = 0.0 if self._begun_at is None else now - self._begun_at
        budget = next(budget for since, budget in _BUDGETS_S if passed >= since)
        try:
            batch = recorder.gather(budget)
        except Exception as error:  # a layer of some plugin that is like no other
            self._on_failed(Failure.of(error))
            return
        if batch is None and recorder.dirty:
            self._begun_at = now - passed
            self._next_slice()
            return
        self._due, self._begun_at = False, None
        if batch is None:
            self._next()
            return
        if self.state != "problem":
            self._notify("saving", "Saving …")

        def written(_: None) -> None:
            self._saved_at = time.monotonic()
            recorder.written()
            self._on_saved()

        def failed(failure: Failure) -> None:
            writer.unwritten = None
            recorder.put_back(batch)
            self._on_failed(failure)

        self._run(lambda: writer.write(batch), written, failed)

    def _look(self, now: float) -> None:
        """Look for what nothing has told of."""
        recorder, writer = self._recorder, self.writer
        if not self._learned:
            self._run(writer.learn, self._on_learned)
            return
        if not self._looks:
            quiet = now - self._saved_at > _QUIET_S or now - self._look_at > _PATIENCE_S
            self._sweeping = quiet and now >= self._look_at
            self._look_spent = 0.0
            self._looks = recorder.looks(all_layers=self._sweeping)
        if self._looks:
            look = self._looks[0]

            def failed(failure: Failure) -> None:
                self._looks = []
                recorder.look_again(look.id)
                self._on_failed(failure)

            self._run(lambda: writer.look(look, _LOOK_S), lambda found: self._on_looked(look, found), failed)
        elif (image := recorder.unprinted()) is not None:
            layer, id = image.layer, image.id
            self._run(lambda: fingerprint(layer), lambda text: recorder.printed(id, text))

    def _on_learned(self, more: bool) -> None:
        self._learned = not more

    def _on_looked(self, look: Look, found: list[Place]) -> None:
        self._look_spent += _LOOK_S
        if found:
            self._recorder.found(look.id, found)
            self._due = True
        if look.finished:
            self._looks.remove(look)
        if self._sweeping and not self._looks:
            self._sweeping = False
            self._look_at = time.monotonic() + max(_LOOK_EVERY_S, _REST * self._look_spent)

    def _on_recreated(self, _: None) -> None:
        self._gone = False
        self._recorder.start_anew()
        self._due = True

    def _on_saved(self) -> None:
        path = self.writer.path
        assert path is not None
        self._notify(
            "saved",
            f"Everything is saved: session {path.stem}, {datetime.now():%H:%M:%S}. Folder: {path.parent}",
        )

    def _on_failed(self, failure: Failure) -> None:
        # A session that is gone can be made anew at once, unless that was just tried.
        again = self._gone
        self._gone = self._gone or isinstance(failure.error, GoneError)
        self._due = True
        if again or not self._gone:
            self._retry_at = time.monotonic() + _RETRY_S
        sentence = failure.sentence
        if self.state != "problem":
            show_warning(shown(f"Your work is not being saved. {sentence}"))
        self._notify(
            "problem", f"{sentence} Nothing is lost as long as napari is open; it is tried again and again."
        )

    def _notify(self, state: State, sentence: str) -> None:
        if (state, sentence) != (self.state, self.sentence):
            self.state, self.sentence = state, sentence
            self.state_changed.emit(state, sentence)

"""What the dock does for a strategy that prepares something once and labels then: asks, finds out, trains, hands on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_pseudolabel.control import Progress
from napari_pseudolabel.errors import Cancelled, PseudolabelError
from napari_pseudolabel.strategies import LabelJob
from napari_pseudolabel.strategies.strategy import LabelRequest, Strategy
from napari_pseudolabel.widgets.common.debouncer import Debouncer
from napari_pseudolabel.widgets.common.job_runner import Failure, JobRunner
from napari_pseudolabel.widgets.common.progress_words import progress_text
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor
from napari_pseudolabel.widgets.pseudo_label.label_choice import LabelChoice, TrainingStatus

if TYPE_CHECKING:
    from napari_pseudolabel.engine import LaneName
    from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView

LOOK_MS = 300
TRAIN, RUN, RUN_AGAIN = "Train and run", "Run", "Run again"
STOPPED = "Stopped. What was trained so far is kept; the same settings go on from there."


class PreparingController(QObject):
    """Runs the first job of a strategy, then hands out the second. A subclass knows the controls.

    Attributes
    ----------
    changed
        What is known, or whether it is busy, is another than before.
    ready
        It is prepared; with the `LabelJob` that labels what was asked for.
    failed
        With a `Failure`; also after a cancel.
    message
        A sentence, and notes, for the person.
    """

    changed = Signal()
    ready = Signal(object)
    failed = Signal(object)
    message = Signal(str, object)

    strategy: Strategy
    doing: str
    """What would be lost if the window were closed now."""
    gone: str
    """It is prepared, but the image was removed meanwhile."""
    reading: str
    keeping: str
    stopped: str = STOPPED
    """What is said after a cancel."""

    def __init__(self, dock: PseudoLabelView, runner: JobRunner) -> None:
        super().__init__()
        self._dock, self._runner = dock, runner
        self._executor = SerialExecutor()
        self._status: TrainingStatus | None = None
        self._problem: str | None = None
        self._request = 0
        self._template: LabelJob | None = None
        self._number: int | None = None
        self._look_later = Debouncer(self._check, LOOK_MS, self)

    # What a strategy knows.

    def start(self) -> None:
        """Offer what was chosen last."""

    def follow(self, image: str | None, modality: str) -> None:
        """Another image is to be labelled, or there are other layers or models.

        Parameters
        ----------
        image
            Unique id of its layer.
        modality
            Of the image, empty if unknown.
        """

    def why_not(self) -> str | None:
        """Why it cannot be prepared and what to do; None if it can."""
        raise NotImplementedError

    def status_text(self, status: TrainingStatus | None) -> str:
        """Return what the workspace has of this, a sentence or nothing."""
        raise NotImplementedError

    def maker(self, seed: int, device: str) -> Callable[[], object]:
        """Return what makes the job; called beside the window.

        Raises
        ------
        PseudolabelError
            If something is missing.
        """
        raise NotImplementedError

    def trained(self, job: Any) -> TrainingStatus:
        """Return what is known of a job; called beside the window."""
        raise NotImplementedError

    def lane(self, status: TrainingStatus) -> LaneName:
        """Where the job runs: what is trained already only has to be found, and must not wait behind another training."""
        return "local" if status.done else "train"

    def labelled_as(self, choice: LabelChoice) -> LabelChoice:
        """Return what the controls ask for once it is prepared, from what they asked for before."""
        return choice

    def committed(self) -> None:
        """Note what the job that was made last is about to use; called beside the window."""

    def beginning(self) -> None:
        """Get ready for a job that is about to begin."""

    def on_event(self, job: Any, event: object) -> None:
        """Show what the job tells."""

    # What the dock asks.

    @property
    def busy(self) -> bool:
        """Whether something is being prepared."""
        return self._template is not None

    @property
    def settled(self) -> bool:
        """Whether nothing is being read."""
        return not self._executor.busy and not self._look_later.pending

    @property
    def main_title(self) -> str:
        """What the main button does."""
        return RUN if self._status is not None and self._status.done else TRAIN

    @property
    def status(self) -> str:
        """What the workspace has of this, a sentence or nothing."""
        return self.status_text(self._status)

    def begin(self, template: LabelJob) -> None:
        """Prepare, or find it prepared; `ready` or `failed` follow.

        Parameters
        ----------
        template
            What is to be labelled, and how; it has no models yet.
        """
        self._template, options = template, self._dock.choice().options
        try:
            make = self.maker(template.settings.seed, template.settings.tiles.device)
        except PseudolabelError as error:
            self._end(template, Failure.of(error))
            return
        self._dock.set_progress(self.reading)
        self.beginning()

        def made() -> tuple[Any, TrainingStatus]:
            job = make()
            self.committed()
            return job, self.trained(job)

        self._executor.run(
            made,
            lambda found: self._on_made(template, options, *found),
            lambda failure: self._end(template, failure),
        )
        self.changed.emit()

    def cancel(self) -> None:
        """Stop; the same one goes on later."""
        if self._number is not None:
            self._dock.set_progress("Stopping after this step")
            self._runner.cancel(self._number)
        elif self._template is not None:
            self._end(self._template, Failure.of(Cancelled()))

    def stop(self) -> None:
        """Forget what is under way; it goes on from its folder the next time."""
        self._look_later.cancel()
        self._forget()
        self._executor.shutdown()

    # What the workspace knows.

    def _check_soon(self) -> None:
        """Look, soon, whether this was prepared before."""
        self._request += 1
        self._status = self._problem = None
        self._look_later()

    def _check(self) -> None:
        choice = self._dock.choice()
        if self.busy or choice.strategy != self.strategy.name or self.why_not() is not None:
            return
        number = self._request
        try:
            make = self.maker(choice.settings.seed, choice.settings.tiles.device)
        except PseudolabelError as error:
            self._on_checked(number, None, str(error))
            return
        self._executor.run(
            lambda: self.trained(make()),
            lambda known: self._on_checked(number, known, None),
            lambda failure: self._on_checked(number, None, failure.sentence),
        )

    def _on_checked(self, number: int, status: TrainingStatus | None, problem: str | None) -> None:
        if number == self._request:
            self._status, self._problem = status, problem
            self.changed.emit()

    # The job.

    def _on_made(self, template: LabelJob, options: object, job: object, status: TrainingStatus) -> None:
        if template is not self._template:
            return
        self._number = self._runner.submit(
            job,
            self.lane(status),
            progressed=self._on_progress,
            event_sent=partial(self.on_event, job),
            noticed=lambda sentence: self.message.emit(sentence, ()),
            finished=partial(self._on_finished, template, options, job),
            failed=partial(self._end, template),
        )
        self.changed.emit()

    def _on_progress(self, progress: Progress) -> None:
        self._dock.set_progress(progress_text(progress), progress.done, progress.total)

    def _on_finished(self, template: LabelJob, options: object, job: object, made: object) -> None:
        preparation = self.strategy.preparation
        assert preparation is not None, "it was prepared"
        self._number = None
        self._dock.set_progress(self.keeping)

        def label() -> LabelJob:
            asked = LabelRequest(
                options=options,
                settings=template.settings,
                region=template.region,
                planes=template.planes,
                confirmed=template.confirmed,
            )
            return self.strategy.job(template.image, preparation.with_result(asked, job, made))

        self._executor.run(
            label,
            lambda labelling: self._on_ready(template, labelling),
            lambda failure: self._end(template, failure),
        )

    def _on_ready(self, template: LabelJob, labelling: LabelJob) -> None:
        if template is self._template:
            self._forget()
            self._check_soon()
            self.ready.emit(labelling)

    def _end(self, template: LabelJob, failure: Failure) -> None:
        if template is self._template:
            self._forget()
            self._check_soon()
            self.failed.emit(replace(failure, sentence=self.stopped) if failure.cancelled else failure)

    def _forget(self) -> None:
        if self._number is not None:
            self._runner.cancel(self._number)
            self._runner.forget(self._number)
        self._template = self._number = None


def main_title(part: PreparingController | None, *, again: bool) -> str:
    """Return what the main button says: before labels are replaced, that it is run again.

    Parameters
    ----------
    part
        What prepares the strategy; None where nothing is prepared.
    again
        Whether the image has labels of a run.
    """
    title = part.main_title if part is not None else RUN
    return RUN_AGAIN if again and title == RUN else title

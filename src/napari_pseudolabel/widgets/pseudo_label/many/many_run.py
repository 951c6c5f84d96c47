"""Labels the images of a list one after the other; what goes wrong with one stops no other."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_pseudolabel.control import Progress
from napari_pseudolabel.widgets.common.job_runner import Failure, JobRunner
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor

if TYPE_CHECKING:
    from napari_pseudolabel.collection.image_labelling import ImageLabelling, ListedWork
    from napari_pseudolabel.collection.image_list import ListedImage
    from napari_pseudolabel.strategies import PseudoLabel, RunReport


@dataclass
class ManyDone:
    """What came of a run.

    Attributes
    ----------
    labelled, left
        How many images were labelled, and how many were left as they are: finished before, or changed by a person.
    failed
        Sentences by the names of images.
    stopped
        The person stopped it.
    """

    labelled: int = 0
    left: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    stopped: bool = False


class ManyRun(QObject):
    """The run that is under way, if there is one.

    Attributes
    ----------
    changed
        Emitted with the name of an image that stands otherwise than before.
    labelled
        Emitted with the name of an image that has new labels.
    progressed
        Emitted with the progress on the image that is being labelled.
    ended
        Emitted with a `ManyDone`.
    """

    changed = Signal(str)
    labelled = Signal(str)
    progressed = Signal(object)
    ended = Signal(object)

    def __init__(self, runner: JobRunner) -> None:
        super().__init__()
        self._runner = runner
        self._aside = SerialExecutor("pseudolabel-many")
        self._way: ImageLabelling | None = None
        self._waiting: list[ListedImage] = []
        self._number: int | None = None
        self._parts: list[PseudoLabel] = []
        self._seconds: list[float] = []
        self._began = 0.0
        self.current = ""
        self.paused = False
        self.done = ManyDone()

    @property
    def busy(self) -> bool:
        """Whether a run is under way, or paused."""
        return self._way is not None

    @property
    def waiting(self) -> tuple[str, ...]:
        """Names of the images that will come."""
        return tuple(one.name for one in self._waiting)

    def begin(self, way: ImageLabelling, which: Sequence[ListedImage]) -> None:
        """Label images in a way; does nothing while a run is under way."""
        if self.busy:
            return
        self._way, self._waiting, self.done = way, list(which), ManyDone()
        self._seconds, self.paused = [], False
        self._next()

    def pause(self, on: bool) -> None:
        """Wait after the image that is being labelled, or go on."""
        self.paused = on
        if not on and self.busy and not self.current:
            self._next()

    def stop(self) -> None:
        """Stop; what is finished stays, and the next run goes on from there."""
        if not self.busy:
            return
        self.done.stopped = True
        self._waiting = []
        if self._number is not None:
            self._runner.cancel(self._number)
        elif not self.current:  # it was paused
            self._next()

    def shutdown(self) -> None:
        """End at once; whatever a job still tells is stale."""
        self._runner.forget(self._number)
        self._way, self._waiting, self.current = None, [], ""
        self._aside.shutdown()

    def seconds_left(self, progress: Progress | None) -> float | None:
        """Return about how long all that is left will take; None until one image is done."""
        if not self._seconds:
            return None
        mean = sum(self._seconds) / len(self._seconds)
        this = max(mean - (time.monotonic() - self._began), 0.0) if self.current else 0.0
        if progress is not None and progress.seconds_left is not None and progress.done:
            this = max(this, progress.seconds_left)
        return this + mean * len(self._waiting)

    def _next(self) -> None:
        way = self._way
        if way is None or (self.paused and self._waiting):
            return
        if not self._waiting:
            self._way, done = None, self.done
            self.ended.emit(done)
            return
        one = self._waiting.pop(0)
        self.current, self._began = one.name, time.monotonic()
        self.changed.emit(one.name)
        self._aside.run(partial(way.work, one), self._submit, self._failed)

    def _submit(self, work: ListedWork | None) -> None:
        if self._way is None:
            return
        if work is None or self.done.stopped:
            self.done.left += not self.done.stopped
            self._over()
            return
        self._parts = []
        self._number = self._runner.submit(
            work.job,
            "label",
            progressed=self.progressed.emit,
            parted=self._parts.append,
            finished=partial(self._finished, work),
            failed=self._failed,
        )

    def _finished(self, work: ListedWork, report: RunReport) -> None:
        self._number, way = None, self._way
        if way is not None:
            self._aside.run(partial(way.keep, work, self._parts, report), self._kept, self._failed)

    def _kept(self, told: Any) -> None:
        self.done.labelled += 1
        self._seconds.append(time.monotonic() - self._began)
        self.labelled.emit(self.current)
        self._over()

    def _failed(self, failure: Failure) -> None:
        self._number = None
        if failure.cancelled:
            self.done.stopped, self._waiting = True, []
        else:
            self.done.failed[self.current] = failure.sentence
        self._over()

    def _over(self) -> None:
        """Go on to the next image, and hold nothing of this one."""
        name, self.current, self._parts = self.current, "", []
        self.changed.emit(name)
        self._next()

"""An engine that does what a test says, for the Train dock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal
from run_reports import run_report
from scripted_engine import DEVICES, TRANSLATORS, segmenter

from napari_pseudolabel.control import Progress
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.strategies import PseudoLabel, Region
from napari_pseudolabel.training.common.training_events import Epoch, Loss, Score, TrainStart
from napari_pseudolabel.training.segmenter.fine_tune_task import FineTuneResult
from napari_pseudolabel.widgets.common.job_runner import JobSignals
from napari_pseudolabel.workspace import Workspace

CLASSES = (
    LabelClass(name="background", value=0),
    LabelClass(name="myelin", value=1),
    LabelClass(name="axon", value=2),
)


MODELS = (*TRANSLATORS, segmenter("sample:tem-axons", "TEM", CLASSES))


class Used(QObject):
    """A session that remembers which segmenters it was told to use."""

    segmenter_changed = Signal(str)
    models_added = Signal()
    autosave = None

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self.workspace = workspace
        self.used: list[str] = []
        self.segmenter_changed.connect(self.used.append)


class ScriptedRunner(JobSignals):
    """Takes jobs and says what a test wants it to say; models and devices are found at once.

    Attributes
    ----------
    jobs
        (number, job, lane) of everything submitted but the search for models and devices.
    wishes
        (wish, number) in order: pause, resume, finish, cancel.
    """

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[tuple[int, Any, str]] = []
        self.wishes: list[tuple[str, int]] = []
        self.started = self.ended = 0
        self._answers: list[tuple[int, Any]] = []
        self._last = 0

    def start(self) -> None:
        self.started += 1

    def submit(self, job: Any, lane: str = "label", **listeners: Any) -> int:
        self._last += 1
        self.listen(self._last, **listeners)
        name = type(job).__name__
        if name in ("FindModels", "FindDevices"):
            self._answers.append((self._last, MODELS if name == "FindModels" else DEVICES))
        else:
            self.jobs.append((self._last, job, lane))
        return self._last

    def answer(self) -> None:
        """Models and devices have been found."""
        answers, self._answers = self._answers, []
        for number, found in answers:
            self.finished.emit(number, found)

    def pause(self, number: int) -> None:
        self.wishes.append(("pause", number))

    def resume(self, number: int) -> None:
        self.wishes.append(("resume", number))

    def finish(self, number: int) -> None:
        self.wishes.append(("finish", number))

    def cancel(self, number: int) -> None:
        self.wishes.append(("cancel", number))

    def shutdown(self, timeout: float = 10.0) -> bool:
        self.ended += 1
        return True

    def of(self, name: str) -> list[tuple[int, Any, str]]:
        """Submitted jobs of a type."""
        return [entry for entry in self.jobs if type(entry[1]).__name__ == name]


def score(step: int, mean: float) -> Score:
    return Score(step, mean, {"myelin": mean + 0.05, "axon": mean - 0.05})


def tuned(before: float | None, best: float, promoted: bool) -> FineTuneResult:
    return FineTuneResult(
        before=None if before is None else score(0, before),
        best=score(40, best),
        promoted=promoted,
        sentence="Dice on the validation pixels was measured.",
        checkpoint=b"weights",
        stopped="steps",
    )


def play(runner: ScriptedRunner, number: int, steps: Sequence[int] = range(20, 241, 20)) -> None:
    """What a training of the segmenter tells: it gets better until the middle."""
    runner.event_sent.emit(
        number, TrainStart(0, score(0, 0.62), ("The pixel size is taken from the layer.",))
    )
    for epoch, step in enumerate(steps, start=1):
        for part in (step - 10, step):
            losses = {
                "dice": 0.6 * np.exp(-part / 90) + 0.1,
                "cross_entropy": 0.5 * np.exp(-part / 60) + 0.05,
            }
            runner.event_sent.emit(number, Loss(part, losses))
        mean = 0.62 + 0.14 * (1 - np.exp(-step / 60)) + 0.01 * np.sin(step)
        best = epoch <= len(steps) // 2
        runner.event_sent.emit(number, Epoch(epoch, score(step, mean), best, b"weights" if best else None))
        runner.progressed.emit(
            number, Progress("Training the segmenter", step, steps[-1], 0.25 * (steps[-1] - step))
        )


def pseudo_label(region: Region, labels: np.ndarray) -> PseudoLabel:
    """A result of one plane, made by the sample models."""
    sure = np.full((1, *region.shape), 0.75, np.float32)
    return PseudoLabel(labels[None].astype(np.uint8), sure, None, None, CLASSES, region, ((),), run_report())

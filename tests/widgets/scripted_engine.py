"""Models that a dock lists, and an engine in a thread of this process, where they do what a test says."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from run_reports import run_report

from napari_pseudolabel.control import Control
from napari_pseudolabel.engine import Connection, Handle, Listener
from napari_pseudolabel.errors import Cancelled
from napari_pseudolabel.models.cards import Card, LabelClass, Measure, Modality
from napari_pseudolabel.strategies import LabelJob, PseudoLabel, Region
from napari_pseudolabel.strategies.model_speed import SpeedJob
from napari_pseudolabel.strategies.survey import SurveyJob
from napari_pseudolabel.widgets.pseudo_label.label_choice import ModelEntry

CLASSES = (
    LabelClass(name="background", value=0),
    LabelClass(name="axon", value=1),
    LabelClass(name="myelin", value=2),
)


def measured(data: str) -> tuple[Measure, ...]:
    """So what is proposed is clear, and nothing has to be tried to find out."""
    return (Measure(metric="Dice axon", value=0.8, data=data),)


def translator(ref: str, source: str, target: str) -> ModelEntry:
    card = Card(
        kind="translator",
        family="syndiff",
        source=Modality(name=source),
        target=Modality(name=target),
        quality=measured(f"labels carried {target} -> {source} by shipped grey levels, mean"),
    )
    return ModelEntry(ref, ref.partition(":")[2], "translator", card)


def segmenter(ref: str, source: str, classes: tuple[LabelClass, ...] = CLASSES) -> ModelEntry:
    card = Card(
        kind="segmenter",
        family="monai-unet",
        source=Modality(name=source),
        classes=classes,
        quality=measured("10 validation pixels, which chose the step (a)"),
    )
    return ModelEntry(ref, ref.partition(":")[2], "segmenter", card)


TRANSLATORS = (translator("sample:tem-to-sem", "TEM", "SEM"), translator("sample:sem-to-tem", "SEM", "TEM"))
MODELS = (*TRANSLATORS, segmenter("sample:tem-axons", "TEM"))
DEVICES = (("auto", "Automatic (CPU)"), ("cpu", "CPU"))


@dataclass
class Script:
    """How the models behave: what they answer, and when.

    Attributes
    ----------
    jobs
        Every labelling job that ran, in order.
    gate
        Jobs wait here until it is set, or until they are cancelled.
    seen
        False where there is nothing to see in the image.
    ready
        Of the three seconds that every run takes, those until it had the models.
    drafts
        Whether a first look comes before the gate: class 2 everywhere.
    """

    jobs: list[LabelJob] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None
    label: int = 1
    notes: tuple[str, ...] = ()
    halves: bool = False
    seen: bool = True
    drafts: bool = False
    ready: float = 0.0

    def parts(self, job: LabelJob, control: Control) -> Iterator[PseudoLabel]:
        """What the engine hands out, chunk by chunk; the last one waits for the gate."""
        self.jobs.append(job)
        stage = control.stage("Translating", 1000)
        whole = self.answer(job)
        middle = whole.region.shape[0] // 2
        if self.halves:
            yield _rows(whole, 0, middle)
        while not self.gate.is_set():
            time.sleep(0.002)
            stage.advance()
        if self.error is not None:
            raise self.error
        yield _rows(whole, middle, whole.region.shape[0]) if self.halves else whole

    def answer(self, job: LabelJob) -> PseudoLabel:
        height, width = job.image.shape[-2:]
        region = job.region or Region(0, 0, height, width)
        planes = tuple(job.image.planes()) if job.planes is None else job.planes
        labels = np.full((len(planes), *region.shape), self.label, np.uint8)
        labels[:, : region.shape[0] // 2] = 0
        report = run_report(
            source=job.image.name,
            source_path=job.image.path,
            models=(),
            settings=job.settings,
            notes=self.notes,
            seconds=3.0,
            ready=self.ready,
        )
        confidence = np.full(labels.shape, 0.75 if self.seen else np.nan, np.float32)
        translation = confidence if job.translator is not None else None
        return PseudoLabel(labels, confidence, translation, None, CLASSES, region, planes, report)


def _rows(whole: PseudoLabel, first: int, last: int) -> PseudoLabel:
    """Some rows of a result."""
    region = whole.region
    part = Region(region.y0 + first, region.x0, region.y0 + last, region.x1)
    arrays = {name: getattr(whole, name)[:, first:last] for name in ("labels", "confidence", "translation")}
    return replace(whole, region=part, **arrays)


class ThreadEngine:
    """An engine in a thread of this process, so that models and jobs can be replaced by a script."""

    def __init__(self, script: Script | None = None, connection: Connection = Connection()) -> None:
        self.connection = connection
        self._script = script
        self._pool = ThreadPoolExecutor(1, "pseudolabel")
        self._handles: list[Handle] = []
        self.lanes: list[str] = []
        self.focus: list[Any] = []

    def warm(self) -> None:
        pass

    def memory_bytes(self) -> int:
        return 0

    @property
    def busy(self) -> bool:
        return any(handle.running for handle in self._handles)

    def submit(self, job: Any, lane: str = "label", listener: Listener = Listener()) -> Handle:
        self.lanes.append(lane)
        handle = Handle("scripted", listener, lambda _: None)
        handle.look_at = self.focus.append  # type: ignore[method-assign]
        self._handles.append(handle)
        control = Control(
            listener.progress,
            lambda: handle.cancelled,
            listener.event,
            lambda: handle.wish if handle.wish in ("pause", "finish") else "run",  # type: ignore[return-value]
        )
        self._pool.submit(self._run, job, handle, control)
        return handle

    def _run(self, job: Any, handle: Handle, control: Control) -> None:
        try:
            control.check()
            if isinstance(job, LabelJob) and self._script is not None:
                if self._script.drafts and handle.listener.wants_drafts:
                    answer = self._script.answer(job)
                    handle.listener.draft(replace(answer, labels=np.full_like(answer.labels, 2)))
                for part in self._script.parts(job, control):
                    handle.listener.part(part)
                result: Any = part.report
            elif isinstance(job, SurveyJob | SpeedJob):
                raise Cancelled  # there are no models here
            else:
                result = job.run(control, None)
            if handle.cancelled:
                raise Cancelled
        except Exception as error:
            handle.listener.error(error)
            handle.outcome.set_exception(error)
        else:
            handle.listener.done(result)
            handle.outcome.set_result(result)

    def shutdown(self, timeout: float = 10.0) -> bool:
        for handle in self._handles:
            handle.cancel()
        self._pool.shutdown(wait=False)
        return all(handle.wait(timeout) for handle in self._handles)

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QApplication

from napari_pseudolabel.control import Control
from napari_pseudolabel.engine import Runner
from napari_pseudolabel.models.cards import Card, LabelClass, Modality
from napari_pseudolabel.strategies import LabelJob, PseudoLabel, Region, RunReport
from napari_pseudolabel.widgets.common.remembered import Remembered
from napari_pseudolabel.widgets.pseudo_label import tasks
from napari_pseudolabel.widgets.pseudo_label.choice import ModelEntry
from napari_pseudolabel.widgets.pseudo_label.controller import PseudoLabelController
from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView

CLASSES = (
    LabelClass(name="background", value=0),
    LabelClass(name="axon", value=1),
    LabelClass(name="myelin", value=2),
)


def translator(ref: str, source: str, target: str) -> ModelEntry:
    card = Card(
        kind="translator", family="syndiff", source=Modality(name=source), target=Modality(name=target)
    )
    return ModelEntry(ref, ref.partition(":")[2], "translator", card)


def segmenter(ref: str, source: str) -> ModelEntry:
    card = Card(kind="segmenter", family="monai-unet", source=Modality(name=source), classes=CLASSES)
    return ModelEntry(ref, ref.partition(":")[2], "segmenter", card)


MODELS = (
    translator("sample:tem-to-sem", "TEM", "SEM"),
    translator("sample:sem-to-tem", "SEM", "TEM"),
    segmenter("sample:tem-axons", "TEM"),
)


@dataclass
class Script:
    """How the models behave: what they answer, and when.

    Attributes
    ----------
    jobs
        Every labelling job that ran, in order.
    gate
        Jobs wait here until it is set, or until they are cancelled.
    """

    jobs: list[LabelJob] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None
    label: int = 1
    notes: tuple[str, ...] = ()

    def run(self, job: LabelJob, control: Control, models: Any) -> PseudoLabel:
        self.jobs.append(job)
        stage = control.stage("Translating", 1000)
        while not self.gate.is_set():
            time.sleep(0.002)
            stage.advance()
        if self.error is not None:
            raise self.error
        height, width = job.image.shape[-2:]
        region = job.region or Region(0, 0, height, width)
        planes = tuple(job.image.planes()) if job.planes is None else job.planes
        labels = np.full((len(planes), *region.shape), self.label, np.uint8)
        labels[:, : region.shape[0] // 2] = 0
        report = RunReport(
            strategy="adaptation",
            source=job.image.name,
            source_path=job.image.path,
            models=(),
            settings=job.settings,
            factor=1.0,
            tile=None,
            overlap=None,
            batch=None,
            device="cpu",
            shift_px=None,
            agreement=None,
            notes=self.notes,
            seconds=3.0,
        )
        confidence = np.full(labels.shape, 0.75, np.float32)
        return PseudoLabel(labels, confidence, confidence, None, CLASSES, region, planes, report)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Replaces models and their files; everything else, the engine included, is real."""
    one = Script()
    one.gate.set()
    monkeypatch.setattr(LabelJob, "run", _bound(one))
    found = tasks.Found(MODELS, (("auto", "Automatic (CPU)"), ("cpu", "CPU")))
    monkeypatch.setattr(tasks.FindModels, "run", lambda self, control, models: found)
    return one


def _bound(script: Script) -> Callable[..., PseudoLabel]:
    def run(job: LabelJob, control: Control, models: Any) -> PseudoLabel:
        return script.run(job, control, models)

    return run


@pytest.fixture
def remembered(tmp_path: Path) -> Remembered:
    return Remembered(tmp_path / "docks.ini")


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        left = [t.name for t in set(threading.enumerate()) - before if t.name.startswith("pseudolabel")]
        if not left:
            return
        QApplication.processEvents()
        time.sleep(0.01)
    raise AssertionError(f"threads left: {left}")


@pytest.fixture
def viewer() -> ViewerModel:
    viewer = ViewerModel()
    viewer.add_image(np.random.default_rng(0).random((40, 60)), name="sem_12", metadata={"modality": "SEM"})
    return viewer


@pytest.fixture
def dock(
    qtbot: Any, viewer: ViewerModel, script: Script, remembered: Remembered
) -> Iterator[PseudoLabelController]:
    """A dock on a viewer without a window, ready to run."""
    view = PseudoLabelView()
    qtbot.addWidget(view)
    controller = PseudoLabelController(viewer, view, make_runner=Runner, remembered=remembered)
    controller.start()
    qtbot.waitUntil(lambda: not controller.models.loading, timeout=20000)
    yield controller
    script.gate.set()
    assert controller.shutdown()

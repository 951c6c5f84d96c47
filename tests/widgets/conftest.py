"""A viewer without a window, and the Pseudo-label dock on it, with models that do what a test says."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QApplication
from scripted_engine import CLASSES, DEVICES, MODELS, Script, ThreadEngine
from train_fakes import ScriptedRunner

from napari_pseudolabel.control import Control
from napari_pseudolabel.strategies import Region
from napari_pseudolabel.strategies.choice.find_way import FindWayJob
from napari_pseudolabel.strategies.choice.found_way import FoundWay, LookedAt, TriedWay
from napari_pseudolabel.strategies.choice.judging import WayScores
from napari_pseudolabel.widgets.common.job_runner import JobRunner
from napari_pseudolabel.widgets.common.recent_choices import RecentChoices
from napari_pseudolabel.widgets.common.session import Session
from napari_pseudolabel.widgets.pseudo_label import label_jobs
from napari_pseudolabel.widgets.pseudo_label.controller import PseudoLabelController
from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Replaces models and their files."""
    one = Script()
    one.gate.set()
    monkeypatch.setattr("napari_pseudolabel.widgets.common.session.make_engine", lambda: ThreadEngine(one))
    monkeypatch.setattr(label_jobs, "bundled", tuple)
    monkeypatch.setattr(label_jobs.FindModels, "run", lambda self, control, models: MODELS)
    monkeypatch.setattr(label_jobs.FindDevices, "run", lambda self, control, models: DEVICES)
    return one


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[FindWayJob]:
    """Searches that ran; all ways but the first are usable, and the cheapest of two that are alike is chosen."""
    ran: list[FindWayJob] = []

    def run(self: FindWayJob, control: Control, models: object) -> FoundWay:
        ran.append(self)
        control.check()
        region = Region(0, 0, 20, 30)
        labels = (np.indices((20, 30)).sum(axis=0) % 2).astype(np.uint8)
        scores = [WayScores(one, 0.9) for one in (0.95, 0.94, 0.5, 0.5, 0.5, 0.5)]
        tried = tuple(
            TriedWay(way, score if way.judged else None, ("strange",) * (number == 2), 1.0, (labels,))
            for number, (way, score) in enumerate(zip(self.ways, scores, strict=False))
        )
        place = LookedAt("sem_12", None, (), region, np.zeros((20, 30), np.float32))
        return FoundWay(tried, 0, (0, 1), (place,), CLASSES)

    monkeypatch.setattr(FindWayJob, "run", run)
    monkeypatch.delattr(FindWayJob, "answer")
    return ran


@pytest.fixture
def session(script: Script) -> Session:
    """What docks share, with an engine in this process."""
    return Session(lambda: ThreadEngine(script))


@pytest.fixture
def runner() -> ScriptedRunner:
    """Takes the jobs of the Correct and the Train dock."""
    return ScriptedRunner()


@pytest.fixture
def remembered(tmp_path: Path) -> RecentChoices:
    return RecentChoices(tmp_path / "docks.ini")


@pytest.fixture(autouse=True)
def own_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is saved without a choice of the person."""
    folder = tmp_path / "data"
    monkeypatch.setattr("napari_pseudolabel.workspace.folder.user_data_path", lambda *_, **__: folder)
    return folder / "workspace"


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 30  # a worker that is just starting ends first
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
    qtbot: Any, viewer: ViewerModel, script: Script, session: Session, remembered: RecentChoices
) -> Iterator[PseudoLabelController]:
    """A dock on a viewer without a window, ready to run."""
    view = PseudoLabelView()
    qtbot.addWidget(view)
    controller = PseudoLabelController(viewer, view, runner=JobRunner(session), recent=remembered)
    controller.start()
    qtbot.waitUntil(lambda: not controller.models.loading, timeout=20000)
    yield controller
    script.gate.set()
    assert controller.shutdown()

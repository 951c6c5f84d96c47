"""The Train dock without a window, on an image."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from napari.components import ViewerModel
from train_case import make_dock, make_labels, make_viewer
from train_fakes import ScriptedRunner, Used

from napari_pseudolabel.widgets.common.recent_choices import RecentChoices
from napari_pseudolabel.widgets.train.controller import TrainController
from napari_pseudolabel.workspace import Workspace


@pytest.fixture
def session(tmp_path: Path) -> Used:
    """What docks share."""
    return Used(Workspace(tmp_path / "workspace"))


@pytest.fixture
def viewer() -> ViewerModel:
    return make_viewer()


@pytest.fixture
def dock(
    qtbot: Any, viewer: ViewerModel, session: Used, runner: ScriptedRunner, remembered: RecentChoices
) -> Iterator[TrainController]:
    controller = make_dock(qtbot, viewer, session, runner, remembered)
    yield controller
    assert controller.shutdown()


@pytest.fixture
def labels(viewer: ViewerModel, dock: TrainController, qtbot: Any) -> Any:
    return make_labels(viewer, dock, qtbot)

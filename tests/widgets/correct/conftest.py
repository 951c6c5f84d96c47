"""The Correct dock without a window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from correct_case import make_dock, make_viewer
from napari.components import ViewerModel
from train_fakes import ScriptedRunner, Used

from napari_pseudolabel.widgets.correct.controller import CorrectController
from napari_pseudolabel.workspace import Workspace


@pytest.fixture
def session(tmp_path: Path) -> Used:
    """What docks share."""
    return Used(Workspace(tmp_path / "workspace"))


@pytest.fixture
def case(
    qtbot: Any, runner: ScriptedRunner, session: Used
) -> Iterator[tuple[ViewerModel, Any, CorrectController]]:
    """The viewer, the labels, the dock."""
    viewer, labels = make_viewer()
    dock = make_dock(qtbot, viewer, session, runner)
    yield viewer, labels, dock
    assert dock.shutdown()

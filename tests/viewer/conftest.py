from __future__ import annotations

from collections.abc import Callable

import pytest
from napari.components import ViewerModel
from viewer_results import make_result

from napari_pseudolabel.strategies import PseudoLabel
from napari_pseudolabel.workspace import Sessions


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def result() -> Callable[..., PseudoLabel]:
    return make_result


@pytest.fixture
def sessions(tmp_path) -> Sessions:
    return Sessions(tmp_path / "sessions")

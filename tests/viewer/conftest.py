from __future__ import annotations

from collections.abc import Callable

import pytest
from napari.components import ViewerModel
from viewer_results import make_result

from napari_pseudolabel.strategies import PseudoLabel


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def result() -> Callable[..., PseudoLabel]:
    return make_result

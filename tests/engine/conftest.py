"""Engines with real worker processes, and small work for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import cloudpickle
import engine_jobs
import pytest
from heard import Heard

from napari_pseudolabel.engine import Engine
from napari_pseudolabel.imaging import Image, Placement, from_array
from napari_pseudolabel.strategies import LabelSettings
from napari_pseudolabel.strategies.chunks import cut
from napari_pseudolabel.tiling import TileSettings

cloudpickle.register_pickle_by_value(engine_jobs)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """One for all tests of a file that leave it in order; tests elsewhere count threads."""
    engine = Engine()
    yield engine
    assert engine.shutdown(30)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """One tile per chunk and axis."""
    monkeypatch.setattr("napari_pseudolabel.strategies.jobs.cut", partial(cut, tiles=1))


@pytest.fixture
def image(disc_image: Callable[..., Any], small_chunks: None) -> Image:
    """Pixels of 0.2 um; nine chunks for the tiny translator."""
    placement = Placement((0.2, 0.2), (0.0, 0.0), units=("micrometer", "micrometer"), axis_labels=("y", "x"))
    return from_array(disc_image((72, 72), 1)[0], placement=placement, name="discs")


@pytest.fixture
def settings() -> LabelSettings:
    return LabelSettings(seed=3, flips=0, tiles=TileSettings(device="cpu", overlap=8))

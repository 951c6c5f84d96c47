"""Engines with real worker processes, and an ear for what they say."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import cloudpickle
import engine_jobs
import pytest

from napari_pseudolabel.engine import Engine, Listener
from napari_pseudolabel.imaging import Image, Placement, from_array
from napari_pseudolabel.strategies import LabelSettings
from napari_pseudolabel.strategies.chunks import cut
from napari_pseudolabel.tiling import TileSettings

cloudpickle.register_pickle_by_value(engine_jobs)
PATIENCE_S = 60


class Heard:
    """Everything that one job says, in order, as (what, value)."""

    def __init__(self) -> None:
        self.all: list[tuple[str, Any]] = []
        self.threads: set[int] = set()
        self._changed = threading.Condition()
        self.listener = Listener(**{what: self._hears(what) for what in Listener.__dataclass_fields__})

    def of(self, what: str) -> list[Any]:
        """All values of one kind."""
        with self._changed:
            return [value for kind, value in self.all if kind == what]

    def until(self, enough: Callable[[], object]) -> Any:
        """Wait until something was heard; returns what `enough` returned."""
        end = time.monotonic() + PATIENCE_S
        with self._changed:
            while not (found := enough()):
                assert self._changed.wait(max(0.0, end - time.monotonic())), f"heard only {self.all}"
        return found

    def first(self, what: str) -> Any:
        """Wait for the first value of one kind."""
        return self.until(lambda: self.of(what))[0]

    @property
    def end(self) -> tuple[str, Any]:
        """Wait for the outcome, and check that it is the last word and the only one."""
        self.until(lambda: [what for what, _ in self.all if what in ("done", "error")])
        assert [what for what, _ in self.all].count("done") + len(self.of("error")) == 1
        assert self.all[-1][0] in ("done", "error")
        return self.all[-1]

    def _hears(self, what: str) -> Callable[[Any], None]:
        def hear(value: Any) -> None:
            with self._changed:
                self.all.append((what, value))
                self.threads.add(threading.get_ident())
                self._changed.notify_all()

        return hear


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
    return LabelSettings(seed=3, tiles=TileSettings(device="cpu", overlap=8))

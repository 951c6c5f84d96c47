"""How late the event loop of a window is, for the benchmarks."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt, QTimer

INTERVAL_MS = 5
STALLS_MS = (50, 200)
LOOK_MS = 10
FRAMES = 4


@dataclass(frozen=True)
class Lags:
    """How the event loop did in one phase, in milliseconds; `stalls` counts those above `STALLS_MS`.

    `p99_of_ticks` is the usual percentile, in which a long stall counts as one late tick. `own_worst` is the most that the thread
    of the window computed between two ticks: what is left of a stall on a machine that has nothing else to do, but for what the
    window waits for.
    """

    phase: str
    seconds: float
    p50: float
    p95: float
    p99: float
    p99_of_ticks: float
    worst: float
    stalls: tuple[int, ...]
    did: dict[str, int]
    own_worst: float = 0.0

    @classmethod
    def of(
        cls,
        phase: str,
        seconds: float,
        lags: NDArray[np.float64],
        did: dict[str, int],
        own_worst: float = 0.0,
    ) -> Lags:
        """Summarise the lags of all ticks."""
        waits = np.concatenate([np.arange(max(lag, 0.0), -1e-9, -INTERVAL_MS) for lag in lags])
        return cls(
            phase,
            seconds,
            float(np.percentile(waits, 50)),
            float(np.percentile(waits, 95)),
            float(np.percentile(waits, 99)),
            float(np.percentile(lags, 99)),
            float(lags.max()),
            tuple(int((lags > limit).sum()) for limit in STALLS_MS),
            did,
            own_worst,
        )


@dataclass(frozen=True)
class Stall:
    """A late tick: how late in ms, how much of it this thread computed, how much Python collected garbage, and where."""

    lag: float
    own: float
    garbage: float
    places: Counter[str]


class Meter:
    """Ticks as often as it can be told to, and notes how late; with `where`, also what the window was doing."""

    def __init__(self, where: bool) -> None:
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self._tick)
        self._lags: list[float] = []
        self._last = self._own = self._collecting = self._collected = 0.0
        self._looking = False
        self._where = where
        self.stalls: list[Stall] = []
        self.own_worst = 0.0
        self._seen: Counter[str] = Counter()

    @contextmanager
    def measuring(self) -> Iterator[list[float]]:
        """Collect lags in milliseconds."""
        self._lags = lags = []
        self.stalls, self.own_worst = [], 0.0
        self._last, self._own = time.perf_counter(), time.thread_time()
        self._timer.start()
        watcher = threading.Thread(target=self._look, args=(threading.get_ident(),), daemon=True)
        if self._where:
            self._looking = True
            watcher.start()
            gc.callbacks.append(self._on_garbage)
        try:
            yield lags
        finally:
            self._timer.stop()
            if self._where:
                self._looking = False
                gc.callbacks.remove(self._on_garbage)

    def _tick(self) -> None:
        now = time.perf_counter()
        lag = (now - self._last) * 1000 - INTERVAL_MS
        self._lags.append(lag)
        own = time.thread_time()
        spent = (own - self._own) * 1000
        self.own_worst, self._own = max(self.own_worst, spent), own
        if self._where:
            if lag > STALLS_MS[0]:
                self.stalls.append(Stall(lag, spent, self._collected * 1000, self._seen))
            self._collected, self._seen = 0.0, Counter()
        self._last = now

    def _on_garbage(self, phase: str, info: dict[str, int]) -> None:
        """Whichever thread collects, all others wait."""
        now = time.perf_counter()
        if phase == "start":
            self._collecting = now
        else:
            self._collected += now - self._collecting

    def _look(self, window: int) -> None:
        """In a thread: note where the window is while a tick is late."""
        while self._looking:
            time.sleep(LOOK_MS / 1000)
            if time.perf_counter() - self._last > (STALLS_MS[0] - LOOK_MS) / 1000:
                frame, names = sys._current_frames().get(window), []
                while frame is not None:
                    names.append((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name))
                    frame = frame.f_back
                self._seen[place(names)] += 1


def place(frames: list[tuple[str, int, str]]) -> str:
    """The innermost frames, and the innermost one of this project, in one line."""
    short = [f"{Path(file).parent.name}/{Path(file).name}:{line} {name}" for file, line, name in frames]
    ours = [one for one, (file, _, _) in zip(short, frames, strict=True) if "napari_pseudolabel" in file]
    return f"{' < '.join(short[:FRAMES])}   ours: {ours[0] if ours else 'none'}"

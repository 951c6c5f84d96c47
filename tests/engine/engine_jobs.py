"""Jobs for real workers. Workers cannot import this file: it travels with the jobs, see conftest.py."""

from __future__ import annotations

import gc
import os
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_pseudolabel.control import Control, Progress
from napari_pseudolabel.strategies import LabelJob

LONG_S = 60


def wait_for(path: Path, control: Control) -> None:
    """Wait until a file is there; gives up after a while, so that no worker waits for ever."""
    end = time.monotonic() + LONG_S
    while not path.exists():
        control.check()
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.01)


def once(path: Path) -> bool:
    """True for the first who asks."""
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def die() -> None:
    """What the system does to a process when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Says:
    """Tells values, shows progress, prints much, and returns its last value."""

    values: tuple[Any, ...]
    title: str = "saying"

    def run(self, control: Control, models: object) -> Any:
        print("x" * 200_000)  # more than a pipe holds
        stage = control.stage("Saying", len(self.values))
        for value in self.values:
            control.emit(value)
            stage.advance()
        return self.values[-1]


def kept_of_dask() -> int:
    """How many things of Dask a process holds."""
    gc.collect()
    return sum(str(type(one).__module__).startswith("distributed") for one in gc.get_objects())


@dataclass(frozen=True)
class Fails:
    """Raises an error."""

    error: Exception
    title: str = "failing"

    def run(self, control: Control, models: object) -> None:
        control.emit("begun")
        raise self.error


@dataclass(frozen=True)
class Waits:
    """Tells its process, and waits for a file; `deaf` does not hear that it was cancelled."""

    gate: Path
    deaf: bool = False
    title: str = "waiting"

    def run(self, control: Control, models: object) -> int:
        control.emit(os.getpid())
        wait_for(self.gate, Control() if self.deaf else control)
        return os.getpid()


@dataclass(frozen=True)
class Trains:
    """Steps of a training, until it is finished or cancelled."""

    title: str = "training"

    def run(self, control: Control, models: object) -> int:
        for step in range(LONG_S * 20):
            control.emit(step)
            if control.stage("Training", 1).hold():
                return step
            time.sleep(0.05)
        raise AssertionError("nobody stopped this training")


@dataclass(frozen=True)
class Dies:
    """Kills its worker as soon as it runs, as often as it is told to; then returns the process."""

    marks: Path
    times: int
    title: str = "dying"

    def run(self, control: Control, models: object) -> int:
        for number in range(self.times):
            if once(self.marks / str(number)):
                die()
        return os.getpid()


@dataclass(frozen=True)
class Holds:
    """Takes memory, which the worker keeps."""

    megabytes: int
    title: str = "holding"

    def run(self, control: Control, models: Any) -> int:
        models.held = np.ones(self.megabytes << 20, np.uint8)
        return os.getpid()


@dataclass(frozen=True)
class Shipped:
    """Says where the checkpoints are that came to this worker, and how many bytes they have."""

    checkpoints: tuple[str, ...] = ()
    title: str = "looking"

    def run(self, control: Control, models: Any) -> dict[str, tuple[str, int]]:
        return {ref: (str(path), path.stat().st_size) for ref, path in models.shipped.items()}


@dataclass(frozen=True)
class Trap:
    """What happens to a chunk of a job.

    Attributes
    ----------
    chunk
        Which one, from 0 in the order of the plan; None for every one.
    marks
        Folder of files that outlive a worker.
    deaths
        How many times it kills its worker in the middle of the translation.
    gate
        It waits for this file before it begins.
    most
        Tiles that fit into memory at once; None for any number.
    """

    chunk: int | None = None
    marks: Path | None = None
    deaths: int = 0
    gate: Path | None = None
    most: int | None = None


@dataclass(frozen=True, eq=False)
class Watched(LabelJob):
    """A label job whose chunks tell (number, process) when they begin, and may walk into a trap."""

    trap: Trap = Trap()

    def plan(self, survey: Any, control: Control) -> WatchedPlan:
        return WatchedPlan(super().plan(survey, control), self.trap)


class WatchedPlan:
    """The plan of a label job."""

    def __init__(self, plan: Any, trap: Trap) -> None:
        self.plan, self.trap = plan, trap
        self.chunks, self.distance, self.conclude = plan.chunks, plan.distance, plan.conclude
        self.arrived = plan.arrived

    def begun_at(self, focus: Any) -> WatchedPlan:
        """The chunks keep the numbers that tests know them by."""
        return self

    def draft(self, focus: Any) -> None:
        """Draw none."""

    def load(self, chunk: Any) -> WatchedChunk:
        number = self.chunks.index(chunk)
        meant = self.trap.chunk in (None, number)
        return WatchedChunk(self.plan.load(chunk), number, self.trap if meant else Trap())

    sent = load


@dataclass(frozen=True, eq=False)
class WatchedChunk:
    """A chunk of a label job."""

    job: Any
    number: int
    trap: Trap
    title: str = "watched"

    @property
    def checkpoints(self) -> tuple[str, ...]:
        return self.job.checkpoints

    def run(self, control: Control, models: Any) -> Any:
        control.emit((self.number, os.getpid()))
        trap = self.trap
        if trap.gate is not None:
            wait_for(trap.gate, control)
        if trap.most is not None:
            self._take_memory(models, trap.most)

        def report(progress: Progress) -> None:
            control.report(progress)
            if progress.stage == "Translating" and progress.done > 0:
                for death in range(trap.deaths):
                    if once(trap.marks / f"{self.number}-{death}"):
                        die()

        return self.job.run(replace(control, report=report), models)

    def _take_memory(self, models: Any, most: int) -> None:
        import torch

        translator = models.translator(self.job.survey.translator.ref)

        def look(module: object, inputs: tuple[Any, ...]) -> None:
            if len(inputs[0]) > most:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

        if not translator.network._forward_pre_hooks:
            translator.network.register_forward_pre_hook(look)

"""Draws the batches of the next steps while the device computes this one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

import torch

Batch = TypeVar("Batch")

# Enough if drawing takes less than twice as long as a step; it has not been measured on a GPU.
STEPS_AHEAD = 2


class Prefetcher(Generic[Batch]):
    """The batches of a training, those of the next steps drawn in advance by other threads.

    Parameters
    ----------
    draw
        Draws the batch of a step. It must depend on the step alone, so that a resumed training sees what it would have seen.
    steps
        How many steps in advance; 0 draws in the thread that asks.
    """

    def __init__(self, draw: Callable[[int], Batch], steps: int) -> None:
        self._draw, self._steps = draw, steps
        self._threads = ThreadPoolExecutor(steps, "patches") if steps else None
        self._drawn: dict[int, Future[Batch]] = {}

    @classmethod
    def on(cls, device: torch.device, draw: Callable[[int], Batch]) -> Prefetcher[Batch]:
        """In advance only where the device is not the CPU, which would have to do both."""
        return cls(draw, 0 if device.type == "cpu" else STEPS_AHEAD)

    def __call__(self, step: int) -> Batch:
        """Batch of a step; what its drawing raised is raised here."""
        if self._threads is None:
            return self._draw(step)
        wanted = range(step, step + self._steps + 1)
        # A step that is asked for again (memory ran out) gets the same batch.
        kept = {number: future for number, future in self._drawn.items() if number in wanted}
        self._drawn = {
            number: kept.get(number) or self._threads.submit(self._draw, number) for number in wanted
        }
        return self._drawn[step].result()

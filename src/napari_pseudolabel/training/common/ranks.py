"""Several processes that train one model together, through Lightning Fabric; one process needs none of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import torch
from torch import nn

from napari_pseudolabel.control import Control, Progress, Wish
from napari_pseudolabel.errors import Cancelled, InputError, PseudolabelError

if TYPE_CHECKING:
    from multiprocessing.queues import Queue
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Event

    from lightning_fabric import Fabric

Result = TypeVar("Result", covariant=True)

_LOOK_AGAIN_S = 0.05


@dataclass(frozen=True, eq=False)
class Ranks:
    """Which of several processes this is; by default the only one.

    Attributes
    ----------
    rank, size
        Number of this process, and of all. Only rank 0 writes files and reports.
    """

    rank: int = 0
    size: int = 1
    fabric: Fabric | None = None

    @property
    def first(self) -> bool:
        """Whether this process writes and reports."""
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace the gradients by their mean over all processes."""
        if self.fabric is None:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        # One message instead of hundreds of small ones.
        flat: Any = self.fabric.all_reduce(torch.cat([gradient.flatten() for gradient in gradients]))
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def agreed(self, decision: int) -> int:
        """Return what rank 0 decided, in every process."""
        return decision if self.fabric is None else int(self.fabric.broadcast(decision))


class Task(Protocol[Result]):
    """What `train_on` runs: a picklable function of these three."""

    def __call__(self, *, ranks: Ranks, device: torch.device, control: Control) -> Result:
        """Do the part of one process."""
        ...


def train_on(task: Task[Result], device: torch.device, devices: int, control: Control) -> Result:
    """Run a training on one device, or on several at once, one process each.

    Parameters
    ----------
    task
        With several devices it and its result must be picklable, the result without tensors.
    device
        Of several devices only its kind counts, ``cpu`` or ``cuda``; GPUs are taken from the first one.
    devices
        How many.
    control
        Hears the reports of the first process; its wishes reach all.

    Raises
    ------
    InputError
        If there are not as many GPUs, or a process ends unexpectedly.
    Cancelled
        If `control` says so.
    """
    if devices == 1:
        return task(ranks=Ranks(), device=device, control=control)
    if device.type == "cuda" and devices > torch.cuda.device_count():
        raise InputError(
            f"This machine has {torch.cuda.device_count()} GPUs, not {devices}; give a smaller number."
        )
    if device.type not in ("cpu", "cuda"):
        raise InputError(f"Several devices are of the kind cpu or cuda, not {device.type}.")
    from lightning_fabric import Fabric

    context = get_context("spawn")
    wires = _Wires(context.Queue(), context.Event(), context.Value("i", 0))
    outcome: list[tuple[str, Any]] = []
    done = threading.Event()
    relay = threading.Thread(target=_relay, args=(wires, control, outcome, done), daemon=True)
    fabric = Fabric(accelerator=device.type, devices=devices, strategy="ddp_spawn")
    relay.start()
    cause: Exception | None = None
    try:
        # Bound beforehand: Fabric looks into arguments and stumbles over frozen ones.
        fabric.launch(partial(_process, wires, task))
    except Exception as error:  # one process failed, which ended the others
        cause = error
    finally:
        done.set()
        relay.join()
    if not outcome:
        raise InputError(
            f"One of the {devices} training processes ended unexpectedly; the same command goes on from the last save."
        ) from cause
    kind, value = outcome[0]
    if kind == "failed":
        raise value
    result: Result = value
    return result


@dataclass(frozen=True, eq=False)
class _Wires:
    """Between the process of the person and the first training process."""

    events: Queue[tuple[str, Any]]
    cancel: Event
    wish: Synchronized[int]


_WISHES: tuple[Wish, ...] = ("run", "pause", "finish")


def _relay(wires: _Wires, control: Control, outcome: list[tuple[str, Any]], done: threading.Event) -> None:
    """Carry reports out and wishes in until the processes have ended and everything is heard."""
    while True:
        over = done.is_set()
        if control.cancelled():
            wires.cancel.set()
        wires.wish.value = _WISHES.index(control.wish())
        try:
            kind, value = wires.events.get(timeout=_LOOK_AGAIN_S)
        except Exception:  # nothing came, or a message was cut off by a dying process
            if over:
                return
            continue
        if kind == "report":
            control.report(value)
        elif kind == "tell":
            control.emit(value)
        else:
            outcome.append((kind, value))


def _process(wires: _Wires, task: Task[Any], fabric: Fabric) -> None:
    """One training process; only the first is heard."""
    # The shell sends Ctrl-C to all processes; the one of the person decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ranks = Ranks(fabric.global_rank, fabric.world_size, fabric)
    control = Control()
    if ranks.first:

        def report(progress: Progress) -> None:
            wires.events.put(("report", progress))

        def tell(event: object) -> None:
            wires.events.put(("tell", event))

        control = Control(report, wires.cancel.is_set, tell, lambda: _WISHES[wires.wish.value])
    try:
        result = task(ranks=ranks, device=fabric.device, control=control)
    except Cancelled as error:  # all processes agree on it, so all end well
        if ranks.first:
            wires.events.put(("failed", error))
        return
    except PseudolabelError as error:
        # Ending badly ends the other processes, which may wait for this one.
        wires.events.put(("failed", error))
        wires.events.close()
        wires.events.join_thread()
        raise SystemExit(1) from error
    if ranks.first:
        wires.events.put(("made", result))

"""When memory runs out: smaller batches, then smaller tiles, then the CPU."""

from __future__ import annotations

import gc
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from napari_pseudolabel.errors import DeviceError
from napari_pseudolabel.tiling.settings import Plan

if TYPE_CHECKING:
    import torch

Result = TypeVar("Result")

_OUT_OF_MEMORY_PHRASES = (
    "out of memory",  # CUDA runtime, MPS backend
    "not enough memory",  # CPU allocator on Windows
    "can't allocate memory",  # CPU allocator elsewhere
    "alloc_failed",  # CUDNN_STATUS_ALLOC_FAILED, CUBLAS_STATUS_ALLOC_FAILED
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a device or the computer has no memory left."""
    import torch

    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    message = str(error).lower()
    return isinstance(error, RuntimeError) and any(phrase in message for phrase in _OUT_OF_MEMORY_PHRASES)


@dataclass
class MemoryLimits:
    """What fitted after memory ran out, per model and device; made and kept by whoever runs jobs.

    Threads may share it: it only ever gets and sets single entries.
    """

    _fitted: dict[Hashable, Plan] = field(default_factory=dict)

    def recall(self, key: Hashable, plan: Plan) -> Plan:
        """Return the plan, reduced to what fitted for this key before."""
        fitted = self._fitted.get((key, str(plan.device)))
        if fitted is None:
            return plan
        tile = min(plan.tile, fitted.tile)
        batch = min(plan.batch, max(fitted.batch * fitted.tile**2 // tile**2, 1))
        known = replace(
            plan,
            tile=tile,
            overlap=plan.overlap if tile == plan.tile else min(plan.overlap, tile // 4),
            batch=batch,
            device=fitted.device,
        )
        if known == plan:
            return plan
        note = f"Memory ran out before with this model: {_used(plan, known)}"
        return replace(known, notes=(*plan.notes, note))

    def remember(self, key: Hashable, asked: Plan, fitted: Plan) -> None:
        """Keep that `fitted` worked where more, on the device of `asked`, ran out of memory."""
        self._fitted[(key, str(asked.device))] = fitted


def with_back_off(
    attempt: Callable[[Plan], Result],
    plan: Plan,
    key: Hashable,
    *,
    limits: MemoryLimits | None = None,
    stride: int = 1,
    smallest_tile: int = 64,
) -> tuple[Result, Plan]:
    """Run `attempt`, with less and less, until it fits into memory.

    Parameters
    ----------
    attempt
        Computes the whole result with the plan it is given; called again from scratch after every
        failure, so it must leave nothing behind.
    plan
        Where to start.
    key
        What the limits belong to, the sha256 of the model.
    limits
        Remembers what fitted; None forgets.
    stride, smallest_tile
        Tiles stay multiples of `stride`, and are not reduced below `smallest_tile`.

    Returns
    -------
    result, plan
        The plan that was used; its notes say what was reduced.

    Raises
    ------
    DeviceError
        If the smallest plan ran out of memory too.
    """
    current = plan if limits is None else limits.recall(key, plan)
    failed: Plan | None = None
    while True:
        try:
            result = attempt(current)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        else:
            if failed is not None and limits is not None:
                limits.remember(key, plan, current)
            return result, _explained(current, failed)
        # Out of the except clause, where the traceback would keep the tensors of the attempt alive.
        _free(current.device)
        failed = failed or current
        smaller = _smaller(current, plan, stride, smallest_tile)
        if smaller is None:
            raise DeviceError(
                f"Out of memory even with single tiles of {current.tile} pixels on {_name(current.device)}; "
                "close other programs, or choose a smaller region."
            )
        current = smaller


def _smaller(plan: Plan, asked: Plan, stride: int, smallest_tile: int) -> Plan | None:
    if plan.batch > 1:
        return replace(plan, batch=plan.batch // 2)
    tile = -(-max(plan.tile // 2, smallest_tile) // stride) * stride
    if tile < plan.tile:
        return replace(plan, tile=tile, overlap=min(plan.overlap, tile // 4))
    if plan.device.type != "cpu":
        # The CPU has its own memory, usually more of it: back to the tile that was asked for.
        import torch

        return replace(plan, tile=asked.tile, overlap=asked.overlap, batch=1, device=torch.device("cpu"))
    return None


def _explained(used: Plan, failed: Plan | None) -> Plan:
    if failed is None:
        return used
    limit = f"batch {failed.batch}, tile {failed.tile} on {_name(failed.device)}"
    note = f"Out of memory at {limit}: {_used(failed, used)}"
    return replace(used, notes=(*used.notes, note))


def _used(before: Plan, after: Plan) -> str:
    where = f" on {_name(after.device)}" if after.device != before.device else ""
    return f"used batch {after.batch}, tile {after.tile}{where}."


def _name(device: torch.device) -> str:
    return "the CPU" if device.type == "cpu" else str(device)


def _free(device: torch.device) -> None:
    import torch

    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()

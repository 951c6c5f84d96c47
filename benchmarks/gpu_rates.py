"""What a device can do, for the benchmarks: its facts, its precisions, its matrix products, FLOPs of a network."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

PRECISIONS = ("float32", "TF32", "bfloat16", "float16")
"""TF32: float32 numbers whose products are rounded to ten bits, by GPUs only; the last two by autocast."""

_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}
_SIDES_ON_CPU, _SIDES = (512, 1024, 2048), (2048, 4096, 8192, 16384)
_LONG_ENOUGH_S = 0.3


def machine(device: torch.device) -> dict[str, Any]:
    """Say where the numbers come from."""
    name = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        models = [line for line in information.read_text().splitlines() if line.startswith("model name")]
        name = models[0].partition(":")[2].strip() if models else name
    facts: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cpu": f"{name}, {os.cpu_count()} cores, {torch.get_num_threads()} threads used",
        "device": device.type,
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        facts |= {
            "device": properties.name,
            "capability": f"{properties.major}.{properties.minor}",
            "memory_gib": round(properties.total_memory / 2**30, 1),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "driver": _driver(),
        }
    return facts


def _driver() -> str:
    """Version of the driver, if its own tool is there to say it."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return "unknown"
    asked = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
    lines = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split("\n")
    return lines[0].strip() or "unknown"


def precisions(device: torch.device) -> tuple[str, ...]:
    """Precisions in which the device can compute."""
    if device.type != "cuda":
        return tuple(p for p in PRECISIONS if p != "TF32")
    if torch.cuda.get_device_capability(device) >= (8, 0):
        return PRECISIONS
    return ("float32", "float16")


def own_precision(device: torch.device) -> str:
    """The precision of convolutions as torch comes, which is that of the tile engine."""
    return "TF32" if "TF32" in precisions(device) and torch.backends.cudnn.allow_tf32 else "float32"


@contextmanager
def computing(precision: str, device: torch.device) -> Iterator[None]:
    """Compute networks in one of `PRECISIONS`, and afterwards as before."""
    convolutions, products = torch.backends.cudnn, torch.backends.cuda.matmul
    before = convolutions.allow_tf32, products.allow_tf32
    convolutions.allow_tf32 = products.allow_tf32 = precision == "TF32"
    try:
        with ExitStack() as stack:
            if precision in _DTYPES:
                stack.enter_context(torch.autocast(device.type, _DTYPES[precision]))
            yield
    finally:
        convolutions.allow_tf32, products.allow_tf32 = before


def wait_for(device: torch.device) -> None:
    """Wait until the device has done everything that it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def matrix_peak(device: torch.device, precision: str, sides: tuple[int, ...] | None = None) -> float:
    """Most FLOP/s that products of square matrices reach.

    Parameters
    ----------
    device
        Where.
    precision
        One of `PRECISIONS`.
    sides
        Sizes to try; those that do not fit into memory are left out.
    """
    best = 0.0
    with computing("TF32" if precision == "TF32" else "float32", device):
        for side in sides or (_SIDES_ON_CPU if device.type == "cpu" else _SIDES):
            try:
                matrix = torch.randn(side, side, device=device).to(_DTYPES.get(precision, torch.float32))
                out = torch.empty_like(matrix)
                best = max(best, 2 * side**3 * _rate(lambda m=matrix, o=out: torch.mm(m, m, out=o), device))
            except torch.cuda.OutOfMemoryError:
                continue
    return best


def _rate(function: Any, device: torch.device) -> float:
    """Calls per second, the best of several looks."""
    function()
    count, best = 1, 0.0
    end = time.perf_counter() + 4 * _LONG_ENOUGH_S
    while best == 0.0 or time.perf_counter() < end:
        wait_for(device)
        begin = time.perf_counter()
        for _ in range(count):
            function()
        wait_for(device)
        taken = time.perf_counter() - begin
        if taken < _LONG_ENOUGH_S / 4:
            count *= 2
        else:
            best = max(best, count / taken)
    return best


def network_flops(network: nn.Module, *inputs: torch.Tensor) -> int:
    """FLOPs of one call: products and convolutions, a multiplication and an addition counted as two."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(*inputs)
    return int(counter.get_total_flops())

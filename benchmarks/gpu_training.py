"""How many steps per second does a SynDiff training make, and how long does it wait for its patches?"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from gpu_rates import wait_for
from gpu_report import Options, Outcome

from napari_pseudolabel.tiling import is_out_of_memory
from napari_pseudolabel.training.data.patches import PatchPool
from napari_pseudolabel.training.translator.syndiff_settings import PUBLISHED, SMALL, SynDiffSettings
from napari_pseudolabel.training.translator.syndiff_training import SynDiffTraining

MIB = 2**20
PLANE = 1024


@dataclass(frozen=True, eq=False)
class _TimedPool(PatchPool):
    """A pool that notes how long its patches took."""

    seconds: list[float] = field(default_factory=list)

    def batch(self, size: int, count: int, *, seed: int, step: int) -> torch.Tensor:
        begin = time.perf_counter()
        found = super().batch(size, count, seed=seed, step=step)
        self.seconds.append(time.perf_counter() - begin)
        return found


def training(options: Options) -> Outcome:
    """Time the presets in float32 and bfloat16, with channels first and last."""
    presets = {"published": PUBLISHED, "small": SMALL}
    if options.quick:
        tiny = replace(SMALL.generator, image_size=32, num_channels_dae=8)
        presets = {"tiny": replace(SMALL, batch=1, one_pass_width=8, critic_width=8, generator=tiny)}
    rows, numbers = [], []
    for name, settings in presets.items():
        for mixed in (False, True):
            for last in (False, True):
                found = _timed(settings, options, mixed=mixed, last=last)
                case = {
                    "preset": name,
                    "precision": "bfloat16" if mixed else "as torch comes",
                    "channels": "last" if last else "first",
                }
                numbers.append(case | found)
                shown = {k: f"{v:.3g}" if isinstance(v, float) else str(v or "") for k, v in found.items()}
                rows.append(case | shown)
    says = (
        "As torch comes: float32, with TF32 in convolutions on NVIDIA GPUs that have it. "
        "The training itself takes bfloat16 where CUDA has it, and channels first.",
        "Waiting: share of the time in which a step does nothing but wait for patches that the CPU cuts out.",
    )
    return Outcome({"cases": numbers}, rows, says=says)


def _timed(settings: SynDiffSettings, options: Options, *, mixed: bool, last: bool) -> dict[str, Any]:
    """Steps per second; whole intervals of the gradient penalty, which makes single steps slow."""
    device = options.device
    if mixed and options.on_cuda and not torch.cuda.is_bf16_supported():
        return _row(says="the GPU has no bfloat16")
    rng = np.random.default_rng(0)
    planes = [rng.random((1, PLANE, PLANE), dtype=np.float32) for _ in range(2)]
    pools = (_TimedPool(planes), _TimedPool(planes))
    steps = settings.r1_every * (1 if options.quick else 4)
    if options.on_cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    try:
        run = SynDiffTraining(pools, settings, device=device)
        run.autocast = mixed
        if last:
            run.generators.to(memory_format=torch.channels_last)
            run.critics.to(memory_format=torch.channels_last)
            run.average.to(memory_format=torch.channels_last)
        for _ in range(1 if options.quick else settings.r1_every):
            run.train_step()
        for pool in pools:
            pool.seconds.clear()
        wait_for(device)
        begin = time.perf_counter()
        for _ in range(steps):
            run.train_step()
        wait_for(device)
        seconds = time.perf_counter() - begin
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return _row(says="out of memory")
    waiting = sum(pools[0].seconds) + sum(pools[1].seconds)
    peak = torch.cuda.max_memory_reserved(device) / MIB if options.on_cuda else None
    return _row(steps / seconds, settings.batch * steps / seconds, waiting / seconds, peak)


def _row(
    steps: float | None = None,
    patches: float | None = None,
    waiting: float | None = None,
    peak: float | None = None,
    says: str = "",
) -> dict[str, Any]:
    return {
        "steps per s": steps,
        "patches per s": patches,
        "waiting": waiting,
        "peak MiB": peak,
        "says": says,
    }

"""Does a translation fit itself into the memory that there is, and does the memory come back?"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import numpy as np
import torch
from gpu_rates import computing
from gpu_report import Options, Outcome, needs_cuda
from numpy.typing import NDArray
from speed import RandomTranslator

from napari_pseudolabel.control import Progress
from napari_pseudolabel.engine import Engine, Listener
from napari_pseudolabel.errors import Cancelled
from napari_pseudolabel.imaging import Image, Placement, from_array
from napari_pseudolabel.models.translators.translate import Translation, translate
from napari_pseudolabel.sample_data.samples import SEM_LIKE
from napari_pseudolabel.strategies import LabelJob, LabelSettings
from napari_pseudolabel.tiling import MemoryLimits, TileSettings

MIB = 2**20
SAME = 1e-3
# What a driver may keep, and what other programs take and give meanwhile.
GIVEN_BACK_MIB = 64
PATIENCE_S = 30.0


@dataclass(frozen=True)
class Limited:
    """A translation under a limit, beside the same one without.

    Attributes
    ----------
    limit, mib
        What the limit is below, and how much it is; None for no limit.
    tile, batch, device
        What was used in the end.
    difference
        Largest, of images in [0, 1]; None where the tiles were smaller, which changes the translation.
    notes
        What the person is told.
    """

    limit: str
    mib: float | None
    tile: int
    batch: int
    device: str
    difference: float | None
    notes: tuple[str, ...]


def back_off(options: Options) -> Outcome:
    """Translate under limits of torch's allocator that the planned batch, a single tile, and the weights exceed."""
    if not options.on_cuda:
        return needs_cuda()
    tile, width, levels = (128, 16, (1, 2, 4)) if options.quick else (256, 64, (1, 1, 2, 2, 4, 4))
    # Without TF32 a smaller batch may differ by rounding only.
    with computing("float32", options.device):
        peaks, found = _under_limits(RandomTranslator.create(tile, width, levels), options.device)
    rows = [
        {
            "limit": one.limit,
            "MiB": "" if one.mib is None else f"{one.mib:.0f}",
            "used": f"batch {one.batch}, tile {one.tile}, {one.device}",
            "largest difference": "other tiles" if one.difference is None else f"{one.difference:.2g}",
            "said": " ".join(one.notes),
        }
        for one in found
    ]
    says = [f"{name} {value:.0f} MiB" for name, value in peaks.items()]
    numbers = {"peaks_mib": peaks, "cases": [asdict(limited) for limited in found]}
    return Outcome(numbers, rows, _backed_off(*found), [", ".join(says) + "."])


def _under_limits(
    translator: RandomTranslator, device: torch.device
) -> tuple[dict[str, float], list[Limited]]:
    # The last layer begins near zero, where a mistake would not show.
    torch.nn.init.normal_(translator.network.all_modules[-1].weight, std=0.3)
    side = translator.config.image_size
    image = np.random.default_rng(0).random((4 * side, 4 * side), dtype=np.float32)
    limits = MemoryLimits()

    def run(
        image: NDArray[np.float32],
        limit: float | None = None,
        batch: int | None = None,
        known: MemoryLimits | None = None,
    ) -> Translation:
        translator.to(torch.device("cpu"))
        settings = TileSettings(device=str(device), batch=batch)
        with _limited(device, limit):
            return translate(translator, image, settings=settings, limits=known)

    def compared(name: str, limit: float | None, free: Translation, found: Translation) -> Limited:
        plan = found.plan
        same = plan.tile == free.plan.tile
        off = float(np.abs(found.mean - free.mean).max()) if same else None
        mib = None if limit is None else limit / MIB
        return Limited(name, mib, plan.tile, plan.batch, str(plan.device), off, found.notes)

    weights = sum(p.nbytes for p in translator.network.parameters())
    free = run(image)
    planned = _peak(device)
    run(image, batch=1)
    single = _peak(device)
    # One tile only, because the CPU takes long.
    corner = image[:side, :side]
    free_corner = run(corner)
    batch, tile, least = (planned + single) / 2, (weights + single) / 2, weights / 2
    found = [
        compared("none", None, free, free),
        compared("below the batch", batch, free, run(image, batch, known=limits)),
        compared("the same again", batch, free, run(image, batch, known=limits)),
        compared("below a tile", tile, free, run(image, tile)),
        compared("below the weights", least, free_corner, run(corner, least)),
    ]
    peaks = {"planned batch": planned / MIB, "one tile": single / MIB, "weights": weights / MIB}
    return peaks, found


def _backed_off(free: Limited, batch: Limited, again: Limited, tile: Limited, weights: Limited) -> bool:
    """Whether every limit was met by the least that was needed, and said, and nothing changed but rounding."""
    return (
        all((limited.difference or 0.0) <= SAME for limited in (batch, again, tile, weights))
        and (batch.tile, batch.device) == (free.tile, free.device)
        and batch.batch < free.batch
        and (again.tile, again.batch, again.device) == (batch.tile, batch.batch, batch.device)
        and tile.tile < free.tile
        and tile.device == free.device
        and (weights.tile, weights.device) == (free.tile, "cpu")
        and all(limited.notes for limited in (batch, again, tile, weights))
    )


@contextmanager
def _limited(device: torch.device, limit: float | None) -> Iterator[None]:
    """Let torch take `limit` bytes of the GPU at most; None for all."""
    _, total = torch.cuda.mem_get_info(device)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    torch.cuda.set_per_process_memory_fraction(1.0 if limit is None else limit / total, device)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)


def _peak(device: torch.device) -> int:
    """Most bytes that torch held since the last `_limited` began."""
    return torch.cuda.max_memory_reserved(device)


def release(options: Options) -> Outcome:
    """Label on the device, release when the job has ended, and again in the middle of one; on a CPU main memory counts."""
    engine = Engine()
    try:
        before = _taken(engine, options)
        found = {"before": before}
        engine.submit(_job(options)).result()
        found["after the job"] = _taken(engine, options)
        engine.release()
        found["released"] = _settled(engine, options, before)
        begun = threading.Event()

        def hear(progress: Progress) -> None:
            if progress.done:
                begun.set()

        # Samples enough that it is not over before it is stopped.
        handle = engine.submit(_job(options, samples=100), listener=Listener(progress=hear))
        if not begun.wait(PATIENCE_S * 10):
            raise RuntimeError("the second job never began")
        found["in the middle of a job"] = _taken(engine, options)
        engine.release()
        found["released in the middle"] = _settled(engine, options, before)
        cancelled = isinstance(handle.outcome.exception(PATIENCE_S), Cancelled)
    finally:
        engine.shutdown(PATIENCE_S)
    kept = max(found["released"], found["released in the middle"]) - before
    rows = [{"moment": name, "MiB taken": f"{value / MIB:.0f}"} for name, value in found.items()]
    held = found["after the job"] - before
    met = cancelled and held > GIVEN_BACK_MIB * MIB and kept <= GIVEN_BACK_MIB * MIB
    where = "Of the GPU, by all programs" if options.on_cuda else "Main memory of the workers"
    says = (f"{where}. Kept after both releases: {kept / MIB:.0f} MiB.",)
    return Outcome({"bytes": found, "cancelled": cancelled}, rows, met, says)


def _taken(engine: Engine, options: Options) -> int:
    """Bytes in use; the GPU's as its driver says, with the own context of this process, which is always there."""
    if not options.on_cuda:
        return engine.memory_bytes()
    torch.cuda.init()
    free, total = torch.cuda.mem_get_info(options.device)
    return total - free


def _settled(engine: Engine, options: Options, before: int) -> int:
    """Bytes in use, after the driver has had time to clean up."""
    end = time.monotonic() + PATIENCE_S
    while (taken := _taken(engine, options)) - before > GIVEN_BACK_MIB * MIB and time.monotonic() < end:
        time.sleep(0.1)
    return taken


def _job(options: Options, samples: int = 1) -> LabelJob:
    pixel = SEM_LIKE.pixel_size_um
    assert pixel is not None
    placement = Placement((pixel, pixel), (0.0, 0.0), units=("micrometer",) * 2, axis_labels=("y", "x"))
    pixels = SEM_LIKE.draw()[0]
    image: Image = from_array(pixels[:96, :96] if options.quick else pixels, placement=placement, name="SEM")
    settings = LabelSettings(samples=samples, flips=0, tiles=TileSettings(device=str(options.device)))
    return LabelJob(image, translator="sample:sem-to-tem", segmenter="sample:tem-axons", settings=settings)

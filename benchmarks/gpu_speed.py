"""What the device can do, how fast the tile engine is on it, and what other precisions would bring."""

from __future__ import annotations

import statistics
import time
from importlib.metadata import version
from typing import Any

import speed
import torch
from gpu_rates import computing, machine, matrix_peak, network_flops, precisions, wait_for
from gpu_report import Options, Outcome

from napari_pseudolabel.tiling import TileSettings, is_out_of_memory, make_plan

_PACKAGES = ("numpy", "dask", "distributed", "lightning-fabric", "safetensors", "napari")
_QUICK_SIDES = (256, 512)
_PUBLISHED, _TINY = (256, 64, (1, 1, 2, 2, 4, 4)), (32, 8, (1, 2))
_CALLS = 10


def facts(options: Options) -> Outcome:
    """The device, the versions, and its matrix products in every precision."""
    peaks = _peaks(options)
    rows = [
        {"precision": name, "matrix products, TFLOP/s": f"{peak / 1e12:.3g}"} for name, peak in peaks.items()
    ]
    versions = {name: version(name) for name in _PACKAGES}
    says = [", ".join(f"{k} {v}" for k, v in (machine(options.device) | versions).items())]
    return Outcome({"versions": versions, "matrix_product_flops": peaks}, rows, says=says)


def _peaks(options: Options) -> dict[str, float]:
    sides = _QUICK_SIDES if options.quick else None
    return {name: matrix_peak(options.device, name, sides) for name in precisions(options.device)}


def engine(options: Options) -> Outcome:
    """`speed.py` with the published generator of 256 pixels."""
    tile, width, levels = _TINY if options.quick else _PUBLISHED
    size = 3 * tile if options.quick else 4 * tile
    told: list[Any] = [
        "--size",
        size,
        "--tile",
        tile,
        "--width",
        width,
        "--levels",
        *levels,
        "--device",
        options.device,
    ]
    told += ["--repeats", 2 if options.quick else 5]
    found = speed.measure(speed.parser().parse_args(list(map(str, told))))
    rows = [
        {
            "": name,
            "median s": f"{median:.3f}",
            "tiles per s": f"{found['tiles_per_second'][name]:.2f}",
            "times the plain loop": f"{found['times_as_fast_as_plain_loop'][name]:.2f}",
            "TFLOP/s": f"{found['achieved_tflops'][name]:.3g}",
            "of matrix products": f"{100 * found['share_of_matrix_products'][name]:.0f} %",
        }
        for name, median in found["median_seconds"].items()
    ]
    task = ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in found["task"].items())
    return Outcome({k: v for k, v in found.items() if k != "machine"}, rows, says=[task])


def network(options: Options) -> Outcome:
    """The bare generator in every precision and memory format: what the tile engine could gain."""
    tile, width, levels = _TINY if options.quick else _PUBLISHED
    translator = speed.RandomTranslator.create(tile, width, levels)
    plan = make_plan(TileSettings(device=str(options.device)), tile=tile, stride=translator.stride)
    peaks = _peaks(options)
    rows, numbers = [], []
    for precision in precisions(options.device):
        for batch in sorted({1, plan.batch}):
            for last in (False, True):
                case = {"precision": precision, "batch": batch, "channels": "last" if last else "first"}
                with computing(precision, options.device):
                    seconds, flops = _calls(translator.to(options.device), batch, last=last, options=options)
                share = flops / seconds / peaks[precision]
                rates = {"tiles_and_steps_per_second": batch / seconds, "tflops": flops / seconds / 1e12}
                numbers.append(case | rates | {"share_of_matrix_products": share})
                rows.append(
                    {name: str(value) for name, value in case.items()}
                    | {
                        "tiles and steps per s": f"{batch / seconds:.2f}" if flops else "out of memory",
                        "TFLOP/s": f"{flops / seconds / 1e12:.3g}",
                        "of matrix products": f"{100 * share:.0f} %",
                    }
                )
    return Outcome({"tile": tile, "width": width, "levels": levels, "cases": numbers}, rows)


def _calls(
    translator: speed.RandomTranslator, batch: int, *, last: bool, options: Options
) -> tuple[float, float]:
    """Median seconds and FLOPs of one call; infinity and nothing where memory runs out."""
    device, layout = options.device, torch.channels_last if last else torch.contiguous_format
    side = translator.config.image_size
    net = translator.network.to(memory_format=layout)
    x = torch.randn(batch, 2, side, side, device=device).to(memory_format=layout)
    inputs: tuple[Any, ...] = (x, torch.zeros(batch, dtype=torch.int64, device=device))
    inputs += (torch.randn(batch, translator.config.nz, device=device),)
    times = []
    try:
        flops = network_flops(net, *inputs)  # warms up
        with torch.inference_mode():
            for _ in range(3 if options.quick else _CALLS):
                wait_for(device)
                begin = time.perf_counter()
                net(*inputs)
                wait_for(device)
                times.append(time.perf_counter() - begin)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return float("inf"), 0.0
    return statistics.median(times), float(flops)

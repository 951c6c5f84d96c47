"""Is the tile engine fast? Against a plain loop, and against the bare network.

Three things translate the same image with the same network, the same tiles and the same steps:

plain loop    one tile at a time, float32, fresh tensors, own noise, results pasted without blending
tile engine   `translate`: position-keyed noise, batches, blending; in tiled and in joint mode
bare network  only the network calls of the engine, on ready inputs: the least that is possible

The repeats are interleaved, and medians are shown. The FLOPs of the network (products and convolutions of every tile in every
step) over these seconds are set beside the most FLOP/s that products of large matrices reach on the same device,
in the precision in which torch computes convolutions unless told otherwise: float32, on newer NVIDIA GPUs TF32.

    python benchmarks/speed.py [--size 512] [--tile 128] [--width 16] [--device auto] [--json speed.json]
    OMP_NUM_THREADS=1 python benchmarks/speed.py --goals [--size 512] [--json speed.json]

With ``--goals`` the shipped models do it instead, on a generated image: against the original procedure, which pastes tiles that
share nothing, and against what labelling took in November.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gpu_rates import machine, matrix_peak, network_flops, own_precision, wait_for
from rich.console import Console
from rich.table import Table
from speed_goals import labels, table, translations

from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.translators.generator_config import GeneratorConfig
from napari_pseudolabel.models.translators.ncsnpp import NCSNpp
from napari_pseudolabel.models.translators.schedule import Schedule
from napari_pseudolabel.models.translators.translate import Translation, translate
from napari_pseudolabel.tiling import Covering, Grid, TileSettings, make_grid, pad


@dataclass
class RandomTranslator:
    """A generator of the published architecture with random weights; speed does not need training."""

    config: GeneratorConfig
    network: NCSNpp
    card: Card
    sha256: str = "random weights"
    diffusive: bool = True
    source_channels: int = 1

    @classmethod
    def create(cls, tile: int, width: int, levels: tuple[int, ...]) -> RandomTranslator:
        config = GeneratorConfig(image_size=tile, num_channels_dae=width, ch_mult=levels)
        torch.manual_seed(0)
        card = Card(
            kind="translator",
            family="syndiff",
            architecture={"image_size": tile, "nz": config.nz},
            schedule={"num_timesteps": config.num_timesteps},
        )
        return cls(config, NCSNpp(config).eval().requires_grad_(False), card)

    @property
    def stride(self) -> int:
        return self.config.stride

    @property
    def layout(self) -> Covering:
        return Covering(self.config.image_size, self.config.image_size // 8, self.stride)

    @property
    def process(self) -> Schedule:
        return Schedule.from_card(self.card.schedule)

    def told(self, source: torch.Tensor) -> torch.Tensor:
        return source

    def to(self, device: torch.device) -> RandomTranslator:
        self.network.to(device)
        return self


def grid_of(translator: RandomTranslator, image: np.ndarray, used: Translation) -> Grid:
    """Return the tiles of the engine, for everyone to use."""
    height, width = image.shape
    return make_grid(height, width, used.plan.tile, used.plan.overlap, translator.stride)


def plain_loop(translator: RandomTranslator, image: np.ndarray, used: Translation) -> np.ndarray:
    """Translate tile after tile, as a straightforward script does."""
    plan, config = used.plan, translator.config
    grid = grid_of(translator, image, used)
    padded = pad(torch.from_numpy(image)[None] * 2 - 1, grid)
    schedule = Schedule.from_card(translator.card.schedule)
    result = torch.zeros_like(padded)
    with torch.no_grad():
        for origin in grid.origins - (grid.rows.first, grid.columns.first):
            where = tuple(slice(start, start + plan.tile) for start in origin)
            source = padded[(None, slice(None), *where)].to(plan.device)
            x = torch.randn_like(source)
            for i in reversed(range(schedule.steps)):
                step = torch.full((1,), i, dtype=torch.int64, device=plan.device)
                latent = torch.randn(1, config.nz, device=plan.device)
                clean = translator.network(torch.cat([x, source], dim=1), step, latent)[:, :1]
                x = float(schedule.c1[i]) * clean + float(schedule.c2[i]) * x
                if i:
                    x = x + float((0.5 * schedule.log_variance[i]).exp()) * torch.randn_like(x)
            result[(slice(None), *where)] = x[0].cpu()
    return result.numpy()


def bare_network(translator: RandomTranslator, image: np.ndarray, used: Translation) -> None:
    """Make the network calls of the engine and nothing else."""
    plan = used.plan
    tiles = len(grid_of(translator, image, used))
    memory_format = torch.channels_last if plan.device.type == "cpu" else torch.contiguous_format
    x = torch.randn(plan.batch, 2, plan.tile, plan.tile, device=plan.device).to(memory_format=memory_format)
    step = torch.zeros(1, dtype=torch.int64, device=plan.device)
    latent = torch.randn(1, translator.config.nz, device=plan.device)
    with torch.inference_mode():
        for _ in range(translator.config.num_timesteps):
            for begin in range(0, tiles, plan.batch):
                count = min(plan.batch, tiles - begin)
                translator.network(x[:count], step, latent)


def seconds(function: Callable[[], object], device: torch.device) -> float:
    """Measure one call, waiting for the GPU."""
    wait_for(device)
    begin = time.perf_counter()
    function()
    wait_for(device)
    return time.perf_counter() - begin


def flops_per_call(translator: RandomTranslator, used: Translation) -> int:
    """FLOPs of the network for one tile and step."""
    plan = used.plan
    x = torch.zeros(1, 2, plan.tile, plan.tile, device=plan.device)
    step = torch.zeros(1, dtype=torch.int64, device=plan.device)
    latent = torch.zeros(1, translator.config.nz, device=plan.device)
    return network_flops(translator.network, x, step, latent)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run all contenders and return every number."""
    translator = RandomTranslator.create(options.tile, options.width, tuple(options.levels))
    image = np.random.default_rng(0).random((options.size, options.size), dtype=np.float32)
    settings = TileSettings(overlap=options.overlap, batch=options.batch, device=options.device)
    used = translate(translator, image, settings=settings)  # warms up and tells the plan
    contenders: dict[str, Callable[[], object]] = {
        "plain loop": lambda: plain_loop(translator, image, used),
        "tile engine, tiled": lambda: translate(translator, image, settings=settings, mode="tiled"),
        "tile engine, joint": lambda: translate(translator, image, settings=settings, mode="joint"),
        "bare network": lambda: bare_network(translator, image, used),
    }
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for name in contenders:
        contenders[name]()
    for _ in range(options.repeats):
        for name, function in contenders.items():
            times[name].append(seconds(function, used.plan.device))
    medians = {name: statistics.median(values) for name, values in times.items()}
    tiles, steps = len(grid_of(translator, image, used)), translator.config.num_timesteps
    flops = flops_per_call(translator, used)
    precision = own_precision(used.plan.device)
    peak = matrix_peak(used.plan.device, precision)
    achieved = {name: flops * tiles * steps / median for name, median in medians.items()}
    return {
        "machine": machine(used.plan.device),
        "task": {
            "image": list(image.shape),
            "tile": used.plan.tile,
            "overlap": used.plan.overlap,
            "batch": used.plan.batch,
            "tiles": tiles,
            "steps": steps,
            "gflop_per_tile_and_step": flops / 1e9,
            "precision": precision,
            "matrix_product_tflops": peak / 1e12,
            "parameters": sum(p.numel() for p in translator.network.parameters()),
            "repeats": options.repeats,
        },
        "seconds": times,
        "median_seconds": medians,
        "times_as_fast_as_plain_loop": {n: medians["plain loop"] / m for n, m in medians.items()},
        "overhead_over_bare_network": {n: m / medians["bare network"] - 1 for n, m in medians.items()},
        "tiles_per_second": {n: tiles / m for n, m in medians.items()},
        "achieved_tflops": {n: rate / 1e12 for n, rate in achieved.items()},
        "share_of_matrix_products": {n: rate / peak for n, rate in achieved.items()},
    }


def show(result: dict[str, Any]) -> None:
    """Print the table."""
    console = Console(width=120)
    for part in ("machine", "task"):
        values = {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in result[part].items()}
        console.print(", ".join(f"{key}: {value}" for key, value in values.items()), highlight=False)
    heads = ("median s", "tiles per s", "against the loop", "over the bare network", "TFLOP/s", "of products")
    table = Table("", *heads)
    for name, median in result["median_seconds"].items():
        table.add_row(
            name,
            f"{median:.3f}",
            f"{result['tiles_per_second'][name]:.2f}",
            f"{result['times_as_fast_as_plain_loop'][name]:.2f} times",
            f"{100 * result['overhead_over_bare_network'][name]:+.1f} %",
            f"{result['achieved_tflops'][name]:.3g}",
            f"{100 * result['share_of_matrix_products'][name]:.0f} %",
        )
    console.print(table)


def parser() -> argparse.ArgumentParser:
    """The options of this benchmark; `measure` takes what it parses."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=512, help="side of the image in pixels")
    parser.add_argument("--tile", type=int, default=128, help="side of a tile and of the training images")
    parser.add_argument("--overlap", type=int, help="default: the engine's")
    parser.add_argument("--batch", type=int, help="default: the engine's")
    parser.add_argument("--width", type=int, default=16, help="channels of the first level; 64 as published")
    parser.add_argument(
        "--levels", type=int, nargs="+", default=[1, 2, 2, 4], help="1 1 2 2 4 4 as published"
    )
    parser.add_argument("--goals", action="store_true", help="the goals, with the shipped models; on the CPU")
    parser.add_argument(
        "--also", default="", help="with --goals: another translator from SEM to TEM, such as a fast version"
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write all numbers here")
    return parser


def main() -> None:
    options = parser().parse_args()
    if options.goals:
        torch.set_num_threads(1)
        repeats = min(options.repeats, 3)
        rows = [
            *translations(options.size, repeats, options.also),
            *labels(options.size, 0, repeats, options.also),
        ]
        Console(width=140).print(table(rows), ", ".join(map(str, machine(torch.device("cpu")).values())))
        if options.json:
            options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
        return
    result = measure(options)
    show(result)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

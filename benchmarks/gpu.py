"""Everything that must be measured on a GPU, by one command.

    python benchmarks/gpu.py [--out benchmarks/results] [--parts golden release ...] [--golden DIR]
    python benchmarks/gpu.py --device cpu --quick --out DIR     whether the parts run; small networks, no numbers to keep

Every part runs in a process of its own, one after another, so that one that fails, or breaks the GPU's context, leaves the
others alone. It writes DIR/gpu-PART.json with the device, the versions and the date; a summary is printed as Markdown.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gpu_golden
import gpu_memory
import gpu_speed
import gpu_suite
import gpu_training
import torch
from gpu_rates import machine
from gpu_report import Options, Outcome, markdown

from napari_pseudolabel.errors import DeviceError
from napari_pseudolabel.tiling import pick_device

GOLDEN = Path(__file__).parents[2] / "shared" / "golden"

PARTS: dict[str, tuple[str, Callable[[Options], Outcome]]] = {
    "device": ("The device", gpu_speed.facts),
    "golden": ("Recorded runs of the original networks", gpu_golden.golden),
    "back-off": ("Fitting into memory", gpu_memory.back_off),
    "release": ("Memory after Release GPU", gpu_memory.release),
    "speed": ("The tile engine", gpu_speed.engine),
    "network": ("The bare generator by precision", gpu_speed.network),
    "training": ("Steps of a SynDiff training", gpu_training.training),
    "suite": ("The test suite", gpu_suite.suite),
}


def main() -> None:
    options = _options()
    device = pick_device(options.device)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.here is not None:
        record = run(options.here, Options(device, options.quick, options.golden))
        _file(options.out, options.here).write_text(json.dumps(record, indent=1) + "\n")
        return
    print(f"# Measured on {machine(device)['device']}\n", flush=True)
    records = [in_own_process(part, options) for part in options.parts]
    if not all(record["status"] != "failed" and record["met"] is not False for record in records):
        raise SystemExit("Some parts failed or missed their goal, see above.")


def run(part: str, options: Options) -> dict[str, Any]:
    """Run one part here; a failure becomes part of the record."""
    begin = time.perf_counter()
    try:
        outcome = PARTS[part][1](options)
        status = "done" if outcome.numbers else "not run"
    except Exception as error:
        traceback.print_exc()
        outcome, status = Outcome({}, says=(f"{type(error).__name__}: {error}",)), "failed"
    return _record(part, options.device, options.quick, outcome, status, time.perf_counter() - begin)


def in_own_process(part: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run one part in a new process, print its section and return its record."""
    file = _file(options.out, part)
    file.unlink(missing_ok=True)
    command = [
        sys.executable,
        __file__,
        "--here",
        part,
        "--device",
        options.device,
        "--out",
        str(options.out),
    ]
    command += ["--golden", str(options.golden)] + ["--quick"] * options.quick
    begin = time.perf_counter()
    ended = subprocess.run(command, check=False).returncode
    if not file.exists():
        outcome = Outcome({}, says=(f"The process ended with {ended} and wrote nothing.",))
        device, seconds = pick_device(options.device), time.perf_counter() - begin
        record = _record(part, device, options.quick, outcome, "failed", seconds)
        file.write_text(json.dumps(record, indent=1) + "\n")
    found: dict[str, Any] = json.loads(file.read_text())
    print(markdown(PARTS[part][0], found), flush=True)
    return found


def _record(
    part: str, device: torch.device, quick: bool, outcome: Outcome, status: str, seconds: float
) -> dict[str, Any]:
    about = {"part": part, "status": status, "quick": quick, "seconds": seconds}
    return about | {"machine": machine(device)} | asdict(outcome)


def _file(folder: Path, part: str) -> Path:
    return folder / f"gpu-{part}.json"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1 ... or cpu")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--golden", type=Path, default=GOLDEN, help="folder of the recorded runs")
    parser.add_argument("--quick", action="store_true", help="small networks, to see that everything runs")
    parser.add_argument("--here", choices=PARTS, metavar="PART", help="run one part in this process")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except DeviceError as error:
        raise SystemExit(str(error)) from None

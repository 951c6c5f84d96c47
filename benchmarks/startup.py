"""How long do commands take to start? Against the import of torch, and against the bare networks.

Every row is a child process of one thread, and what it took is its CPU seconds, those of its own children included. The
rows take turns, so that a busy machine is as busy for each of them; the ratios are medians over the rounds, each
against the `import torch` (or the bare networks) of the same round.

    python benchmarks/startup.py [--rounds 7] [--json startup.json]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

SHELL = "from napari_pseudolabel.cli import main; main()"
TRANSLATOR, SEGMENTER = "sample:sem-to-tem", "sample:tem-axons"
# Importing torch and what the label of 64 x 64 pixels asks of the networks, on ready inputs, and nothing else.
BARE = """
import json, sys
import torch
from napari_pseudolabel.models.segmenters.dynamic_unet import DynamicUNet
from napari_pseudolabel.models.translators.generator_config import GeneratorConfig
from napari_pseudolabel.models.translators.ncsnpp import NCSNpp
calls = torch.load(sys.argv[1])
networks = {"segmenter": lambda about: DynamicUNet(**about), "translator": lambda about: NCSNpp(GeneratorConfig(**about))}
with torch.inference_mode():
    for kind, about, inputs in calls:
        network = networks[kind](about).eval()
        for given in inputs:
            network(*given)
"""
RECORD = """
import sys
import torch
from dataclasses import asdict
from napari_pseudolabel.models.segmenters.dynamic_unet import DynamicUNet
from napari_pseudolabel.models.translators.ncsnpp import NCSNpp
inputs = {DynamicUNet: [], NCSNpp: []}
made = {}
for kind in inputs:
    def noted(self, *given, kind=kind, forward=kind.forward):
        made[kind] = self
        inputs[kind].append(given)
        return forward(self, *given)
    kind.forward = noted
path = sys.argv.pop()
from napari_pseudolabel.cli import main
try:
    main()
except SystemExit as end:
    assert end.code == 0
unet = made[DynamicUNet]
filters = [unet.input_block.conv1.conv.out_channels, *(d.conv1.conv.out_channels for d in unet.downsamples)]
filters.append(unet.bottleneck.conv1.conv.out_channels)
about = dict(in_channels=1, classes=unet.output_block["conv"].conv.out_channels, filters=filters)
# The first calls of loading look whether a network can take an image; they are part of what is asked here.
torch.save([("segmenter", about, inputs[DynamicUNet]), ("translator", asdict(made[NCSNpp].config), inputs[NCSNpp])], path)
"""


def cpu_seconds(code: str, *arguments: str) -> float:
    """CPU seconds of a process that runs `code`, and of its children."""
    before = psutil.Process().cpu_times()
    ran = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    after = psutil.Process().cpu_times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def measure(rounds: int) -> dict[str, list[float]]:
    """CPU seconds of every row in every round."""
    with tempfile.TemporaryDirectory() as folder:
        image, calls, labels = f"{folder}/a.tif", f"{folder}/calls.pt", f"{folder}/labels.png"
        written = f"import numpy as n, tifffile as t; t.imwrite({image!r}, n.arange(4096).reshape(64, 64).astype('u1'))"
        subprocess.run([sys.executable, "-c", written], check=True)
        label = ["label", image, labels, "--translator", TRANSLATOR, "--segmenter", SEGMENTER]
        subprocess.run([sys.executable, "-c", RECORD, *label, calls], check=True, capture_output=True)
        rows = {
            "import torch": ("import torch", []),
            "bare networks": (BARE, [calls]),
            "models": (SHELL, ["models"]),
            "inspect a translator": (SHELL, ["inspect", TRANSLATOR]),
            "inspect a segmenter": (SHELL, ["inspect", SEGMENTER]),
            "label of 64 x 64": (SHELL, label),
        }
        found: dict[str, list[float]] = {name: [] for name in rows}
        for number in range(rounds + 1):
            for name, (code, arguments) in rows.items():
                Path(labels).unlink(missing_ok=True)
                taken = cpu_seconds(code, *arguments)
                if number:  # the first round reads what the others find in memory
                    found[name].append(taken)
    return found


def ratio(found: dict[str, list[float]], row: str, against: str) -> float:
    """Median over the rounds."""
    return statistics.median(a / b for a, b in zip(found[row], found[against], strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write all numbers here")
    options = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    found = measure(options.rounds)
    print(f"{'':22} median CPU s  import torch  bare networks")
    for row in found:
        print(
            f"{row:22} {statistics.median(found[row]):12.2f}"
            f" {ratio(found, row, 'import torch'):13.2f} {ratio(found, row, 'bare networks'):14.2f}"
        )
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()

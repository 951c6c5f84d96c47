"""Do the recorded runs of the original networks come out on this device, and how far off are lower precisions?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gpu_rates import computing, precisions
from gpu_report import Options, Outcome
from PIL import Image

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models import load_translator
from napari_pseudolabel.models.segmenters import nnunet
from napari_pseudolabel.models.translators import syndiff
from napari_pseudolabel.tiling import TileSettings

GOAL = 1e-3
# The recorded probabilities were summed in float16, whose own rounding is about 1e-3.
GOAL_PROBABILITIES, GOAL_LABELS = 2e-3, 10


def golden(options: Options) -> Outcome:
    """Repeat all recorded runs in every precision of the device."""
    if not options.golden.is_dir():
        raise InputError(f"There is no folder {options.golden.name} of recorded runs; name it with --golden.")
    numbers: dict[str, Any] = {}
    rows = []
    for name, compare in _cases(options):
        for precision in precisions(options.device):
            with computing(precision, options.device):
                found = compare()
            numbers.setdefault(name, {})[precision] = found
            rows.append({"case": name, "precision": precision} | {k: _shown(v) for k, v in found.items()})
    if not numbers:
        raise InputError(f"The folder {options.golden.name} holds no recorded runs.")
    rows = [{key: row.get(key, "") for key in _columns(rows)} for row in rows]
    met = all(_met(found["float32"]) for found in numbers.values())
    bounds = {
        precision: max(
            max(found[precision].get(key, 0.0) for key in _DIFFERENCES) for found in numbers.values()
        )
        for precision in precisions(options.device)
    }
    says = [f"Largest difference in {name}: {bound:.2g}." for name, bound in bounds.items()]
    return Outcome({"cases": numbers, "bounds": bounds}, rows, met, says)


_DIFFERENCES = ("output", "logits", "probabilities")


def _shown(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.2g}"


def _columns(rows: list[dict[str, str]]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))


def _met(found: dict[str, float]) -> bool:
    return (
        max(found.get("output", 0.0), found.get("logits", 0.0)) <= GOAL
        and found.get("probabilities", 0.0) <= GOAL_PROBABILITIES
        and found.get("labels that differ", 0.0) <= GOAL_LABELS
    )


def _cases(options: Options) -> list[tuple[str, Any]]:
    """Name of every recorded run, and a function that repeats it and returns differences."""
    cases: list[tuple[str, Any]] = []
    for file in sorted(options.golden.glob("*/config.json")):
        cases.append((file.parent.name, _Syndiff(file.parent, options.device)))
    for file in sorted(options.golden.glob("*/case.json")):
        cases.append((file.parent.name, _Nnunet(file.parent, options.device)))
    return cases


class _Syndiff:
    """A recorded run of the sampler, with its noise."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.folder = folder
        config = json.loads((folder / "config.json").read_text())
        self.steps = config["generator_config"]["num_timesteps"]
        card = {"num_timesteps": self.steps}
        self.translator = load_translator(folder / config["checkpoint"], card=card).to(device)

    def __call__(self) -> dict[str, float]:
        noise = syndiff.RecordedNoise(
            self._array("x_init_noise"), self._recorded("latent_z"), self._recorded("posterior_noise")
        )
        output = self.translator.sample(self._array("source"), noise=noise)
        off = np.abs(output - self._array("output"))
        return {"output": float(off.max()), "output, mean": float(off.mean())}

    def _array(self, name: str) -> np.ndarray:
        found: np.ndarray = np.load(self.folder / f"{name}.npy")
        return found

    def _recorded(self, name: str) -> list[np.ndarray]:
        return [self._array(f"step{s}_t{self.steps - 1 - s}_{name}") for s in range(self.steps)]


class _Nnunet:
    """A recorded call of the network, and recorded predictions of whole images; the largest differences."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.folder, self.device = folder, device
        self.predictions = json.loads((folder / "case.json").read_text())["predictions"]
        self.segmenters = {n: nnunet.load(folder / "model", checkpoint=n) for n in nnunet.CHECKPOINTS}

    def __call__(self) -> dict[str, float]:
        expected = self.folder / "expected"
        network = self.segmenters["final"].network(0).to(self.device)
        x = torch.from_numpy(np.load(expected / "forward_input.npy")).to(self.device)
        with torch.inference_mode():
            logits = network(x).float().cpu().numpy()
        off = np.abs(logits - np.load(expected / "forward_logits_fold_0.npy")).max()
        both = [self._prediction(prediction) for prediction in self.predictions]
        return {
            "logits": float(off),
            "probabilities": max(probabilities for probabilities, _ in both),
            "labels that differ": max(labels for _, labels in both),
        }

    def _prediction(self, one: dict[str, Any]) -> tuple[float, int]:
        """Largest difference of the probabilities, and pixels with another label."""
        segmenter = self.segmenters[one["checkpoint"].removeprefix("checkpoint_").removesuffix(".pth")]
        name, arguments = one["image"] + one["tag"], one["predictor"]
        found = segmenter.probabilities(
            self._picture(f"inputs/{one['inputs'][0]}")[None],
            mirror=arguments["use_mirroring"],
            tile_step_size=arguments["tile_step_size"],
            use_gaussian=arguments["use_gaussian"],
            settings=TileSettings(device=str(self.device)),
        )
        expected = np.load(self.folder / "expected" / f"{name}_probabilities.npy").reshape(found.shape)
        labels = segmenter.labels(found) != self._picture(f"expected/{name}_seg.png")
        return float(np.abs(found - expected).max()), int(np.count_nonzero(labels))

    def _picture(self, name: str) -> np.ndarray:
        return np.asarray(Image.open(self.folder / name), dtype=np.float32)

"""Which pixels a self-training may learn from: the shipped gate beside stricter ones, on mitochondria, ssTEM -> FIB-SEM.

    python benchmarks/self_training_gates.py --data DIR

From the segmenter *source only* of `quality.py` (trained first where it is not there). Six FIB-SEM slices are learned from without their
labels, half of the patches are labelled ssTEM. Three scored slices of the same half of the stack are for a choice among gates, the six of
the other half for its check. Beside Dice stands the agreement of looks on the scored slices, which nothing is learned from: a round
that lowers it could be refused. Every slice is labelled for itself, in rounds of 60 steps, as the strategy did when it had no neighbours.
Scores are written as they come; what is done is found again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from unittest import mock

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from quality_cases import Case
from quality_directions import directions
from quality_strategies import start_of
from quality_training import Bench
from self_training import as_folder, as_target

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import IntensityRange
from napari_pseudolabel.labels.confidence import class_confidence, mean_dice, tempered
from napari_pseudolabel.models import load_segmenter, resolve
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.segmenters.base import Segmenter, of_limits
from napari_pseudolabel.training.data.target_images import TargetImages
from napari_pseudolabel.training.self_training import self_training, target_parts
from napari_pseudolabel.training.self_training.gating import TargetLabels
from napari_pseudolabel.training.self_training.self_training_task import SelfTrainingSettings
from napari_pseudolabel.training.training_jobs import SelfTrainingJob

_NO_TEMPERATURE = 0.02

Gate = Callable[[TargetLabels, float], NDArray[np.bool_]]


def shipped(said: TargetLabels, least: float) -> NDArray[np.bool_]:
    """Both looks agree, and the mean is surer than `least`."""
    return (said.votes == said.labels).all(axis=0) & (said.sure > least)


def surest_half(said: TargetLabels, least: float) -> NDArray[np.bool_]:
    """Of what the shipped gate lets through, the surer half of each class of each part."""
    passing = shipped(said, least)
    for value in np.unique(said.labels[passing]):
        own = passing & (said.labels == value)
        passing &= ~own | (said.sure >= np.median(said.sure[own]))
    return passing


# By name: the gate, the confidence it asks for, and whether the temperature of the card comes first.
GATES: dict[str, tuple[Gate, float, bool]] = {
    "p > .8": (shipped, 0.8, False),
    "p > .8 after temperature": (shipped, 0.8, True),
    "p > .95": (shipped, 0.95, False),
    "the surer half of each class": (surest_half, 0.8, False),
}


def scored(segmenter: Segmenter, cases: list[Case]) -> list[tuple[float, float]]:
    """Dice with the truth by the mean of two looks, and Dice between the looks, of every slice."""
    found = []
    part = of_limits(IntensityRange(0.0, 1.0, clip=False))
    for case in cases:
        image = case.plane.image
        looks = [
            np.flip(segmenter.probabilities(np.ascontiguousarray(np.flip(image, axes)), part=part), axes)
            for axes in ((), (-1,))
        ]
        mean = np.asarray(np.mean(looks, axis=0), np.float32)
        agreement = mean_dice(*(segmenter.labels(look) for look in looks))
        found.append((mean_dice(segmenter.labels(mean), case.plane.labels), agreement))
    return found


def main(
    data: Path = Path(__file__).parents[2] / "shared" / "data",
    runs: Path = Path("runs/quality"),
    steps: int = 400,
    rounds: int = 2,
) -> None:
    """Train, score, print."""
    torch.set_num_threads(1)
    bench = Bench(data, runs, steps)
    (direction,) = (one for one in directions(Path("runs/mito")) if one.name.endswith("FIB-SEM"))
    start = start_of(bench, direction, 0)
    everything = direction.target.cases(data)
    learned = [case.plane for case in everything if not case.scored and not case.held_out][::2][:6]
    cases = [case for case in everything if case.scored]
    folder = bench.folder / "gates"
    source = as_folder(direction.source.recipe.training(data), folder / "sources", None)
    first = load_segmenter(resolve(start))
    temperature = 1.0 if first.card.calibration is None else first.card.calibration.temperature
    typer.echo(f"temperature of the card: {temperature}", err=True)

    def sure(chances: NDArray[np.float32], classes):  # type: ignore[no-untyped-def]
        return class_confidence(tempered(chances, classes, temperature), classes)

    typer.echo("| gate | round | passes | Dice, for the choice | other half | worst change | looks agree |")
    typer.echo("|---" * 7 + "|")
    before = _row("start", 0, None, scored(first, cases), cases, None)
    settings = SelfTrainingSettings(
        rounds=rounds, round_steps=60, lr=3e-4, patch=128, large_shift=True, device="cpu", patience=rounds + 1
    )
    for name, (gate, least, warm) in GATES.items():
        if warm and abs(temperature - 1) < _NO_TEMPERATURE:
            typer.echo(f"| {name} | the temperature is {temperature}, so it is the gate above | | | | | |")
            continue
        own = folder / name.replace(" ", "-").replace(">", "").replace(".", "")
        images = TargetImages(tuple(as_target(plane) for plane in learned))
        with (
            mock.patch.object(TargetLabels, "passes", gate),
            # Each slice for itself.
            mock.patch.object(self_training, "shares", lambda images: np.eye(len(images), dtype=np.float32)),
            mock.patch.object(target_parts, "class_confidence", sure if warm else class_confidence),
        ):
            job = SelfTrainingJob(images, start, own, replace(settings, least_confidence=least), source)
            made = job.run(Control(), LoadedModels())
        for one in made.rounds[1:]:
            path = own / f"round-{one.number}" / "teacher.safetensors"
            kept = own / f"scores-{one.number}.json"
            if not kept.exists():
                kept.write_text(json.dumps([asdict(one), scored(load_segmenter(path), cases)]))
            _row(name, one.number, one.gated, json.loads(kept.read_text())[1], cases, before)


def _row(
    name: str,
    number: int,
    gated: float | None,
    found: list[tuple[float, float]],
    cases: list[Case],
    before: list[tuple[float, float]] | None,
) -> list[tuple[float, float]]:
    dice = np.array([one for one, _ in found])
    held = np.array([case.held_out for case in cases])
    worst = "" if before is None else f"{min(dice - [one for one, _ in before]):+.3f}"
    share = "" if gated is None else f"{gated:.1%}"
    typer.echo(
        f"| {name} | {number} | {share} | {dice[~held].mean():.3f} | {dice[held].mean():.3f} | {worst} | "
        f"{np.mean([one for _, one in found]):.3f} |"
    )
    return found


if __name__ == "__main__":
    typer.run(main)

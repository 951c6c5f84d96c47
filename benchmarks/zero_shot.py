"""Does a translator that has never seen the images follow them? Labels behind zero-shot translators beside their rivals.

    python benchmarks/zero_shot.py fields [--condition information] [--minutes 3] [--runs DIR]
    python benchmarks/zero_shot.py real [--data DIR] [--minutes 120] [--runs DIR]

A diffusion learns TEM images alone, for so many CPU minutes (one thread; what was trained is kept in RUNS, and gone on with). SEM images
are redrawn by it and labelled by the shipped TEM segmenter (one look); everything on the grid of that segmenter. `fields`: generated
TEM fields, and others in the SEM look of the generator. `real`: ten TEM images of eight mice; the middles of the six SEM images. Rows:

itself          what the segmenter makes of the TEM look of the same scene; fields only
as it is        ... of the SEM image
match           ... histogram matched to the TEM images, all SEM images by one curve
inversion       ... turned around
invert + match  both
SynDiff         ... translated by the shipped SynDiff translator, which has seen such images
own             ... redrawn by the zero-shot translator; one sample
own, matched    the same, histogram matched afterwards
own, 4 samples  probabilities of four samples together
own, 20 steps   the same in twenty steps instead of five; one sample
own, first      of its first prediction alone
shuffled        ... *another* image redrawn: what is left is what the diffusion makes up by itself

Dice of myelin and of axons, means over the crops; +- is the standard deviation between the four samples of the mean over crops.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
import tools_path  # noqa: F401
import torch
import typer
from numpy.typing import NDArray
from quality_tables import about, dump
from recipes import axons
from recipes.generated import stretched
from rich.console import Console
from rich.table import Table

from napari_pseudolabel.imaging import labels_to, resample
from napari_pseudolabel.models import load_segmenter, load_translator
from napari_pseudolabel.models.segmenters.base import Segmenter
from napari_pseudolabel.models.translators.implicit_schedule import ImplicitSchedule
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.sample_data.fields import FieldParams, axon_field
from napari_pseudolabel.sample_data.looks import render_sem, render_tem
from napari_pseudolabel.tiling import TileSettings
from napari_pseudolabel.training.common.training_record import STATE
from napari_pseudolabel.training.translator import grey_levels_fit, zero_shot_learning
from napari_pseudolabel.training.translator.tune_translator import ModalityImages
from napari_pseudolabel.training.translator.zero_shot_settings import ZeroShotSettings
from napari_pseudolabel.training.translator.zero_shot_task import CHECKPOINT, ZeroShotTask
from napari_pseudolabel.training.translator.zero_shot_training import ZeroShotTraining

Plane = NDArray[np.float32]
Dice = tuple[float, float]

SAMPLES, FIELDS, SIDE, CROP = 4, 40, 128, 128
SEEDS = range(70_000, 70_006)
CPU = TileSettings(device="cpu")
# Axons are as wide as the segmenter knows them.
ZOOM = float(axons.TEM.object_size_px or 1) / float(axons.SEM.object_size_px or 1)


@dataclass(frozen=True, eq=False)
class Crop:
    """One scene: (h, w) in [0, 1] on the grid of the TEM segmenter, and on that of SynDiff; `itself` is its TEM look."""

    image: Plane
    truth: NDArray[np.uint8]
    smaller: Plane
    itself: Plane | None = None


def main(
    what: Literal["fields", "real"],
    data: Path = Path(__file__).parents[2] / "shared" / "data",
    runs: Path = Path("runs/zero_shot"),
    condition: Literal["gradients", "information"] = "gradients",
    minutes: float = 3,
    crops: int = typer.Option(6, help="Fewer to try it out."),
    json_path: Path = typer.Option(Path("runs/zero_shot.json"), "--json"),
) -> None:
    """Train, measure, print the table and write it as JSON."""
    torch.set_num_threads(1)
    settings = ZeroShotSettings(steps=10**6, condition=condition, lr=5e-4)
    known = generated() if what == "fields" else [one.image for one in axons.training(data, axons.TEM)]
    folder = runs / f"{what}-{condition}"
    steps, seconds = train(known, settings, folder, 60 * minutes)
    scenes = list(islice(fields() if what == "fields" else real(data), crops))
    rows = measured(scenes, known, folder / CHECKPOINT)
    title = f"{what}, {condition}: {steps} steps, {seconds / 60:.0f} CPU minutes"
    table = Table("row", "Dice myelin", "Dice axon", title=title)
    for name, found in rows.items():
        means = np.mean(found, axis=1)  # samples x classes
        spread = means.std(axis=0)
        table.add_row(
            name,
            *(
                f"{m:.3f}" + (f" +- {s:.3f}" if len(found) > 1 else "")
                for m, s in zip(means.mean(0), spread, strict=True)
            ),
        )
    Console().print(table)
    kept = json.loads(json_path.read_text()) if json_path.exists() else {}
    numbers = {name: np.mean(found, axis=(0, 1)).round(4).tolist() for name, found in rows.items()}
    dump(json_path, {**kept, **about(), title: numbers})


def generated() -> list[Plane]:
    """TEM looks of generated fields."""
    return [one.looks[0] for one in islice(axons.generated(), FIELDS)]


def fields() -> list[Crop]:
    """Other fields, in both looks."""
    found = []
    for seed in SEEDS:
        params = FieldParams(axon_diameter_px=16, fibre_fraction=0.6)
        labels = axon_field((SIDE, SIDE), seed=seed, params=params)
        sem = stretched(render_sem(labels, seed=seed))
        found.append(Crop(sem, labels, resample(sem, 1 / ZOOM), stretched(render_tem(labels, seed=seed))))
    return found


def real(data: Path) -> list[Crop]:
    """The middles of the SEM images."""
    found = []
    for _, plane in axons.planes(data, axons.SEM):
        y, x = ((length - CROP) // 2 for length in plane.image.shape)
        image, truth = (values[y : y + CROP, x : x + CROP] for values in (plane.image, plane.labels))
        larger = resample(image, ZOOM).clip(0, 1)
        found.append(Crop(larger, labels_to(truth, larger.shape), image))
    return found


def train(
    known: Sequence[Plane], settings: ZeroShotSettings, folder: Path, seconds: float
) -> tuple[int, float]:
    """Train until so many seconds of the CPU were spent in all, and write the checkpoint; return steps and seconds."""
    training = ZeroShotTraining(known, settings, device=torch.device("cpu"))
    folder.mkdir(parents=True, exist_ok=True)
    training.resume(folder / STATE)
    clock = folder / "seconds.json"
    spent = float(json.loads(clock.read_text())) if clock.exists() else 0.0
    while spent < seconds:
        started = time.process_time()
        for _ in range(100):
            training.train_step()
        spent += time.process_time() - started
        training.save(folder / STATE)
        clock.write_text(json.dumps(spent))
    task = ZeroShotTask(ModalityImages("TEM", folder=folder), folder)
    zero_shot_learning.write(training.averaged, task, axons.TEM, training.step)
    return training.step, spent


def measured(scenes: Sequence[Crop], known: Sequence[Plane], checkpoint: Path) -> dict[str, list[list[Dice]]]:
    """Dice of every row: samples x crops x classes."""
    segmenter = load_segmenter("sample:tem-axons")
    zero_shot, syndiff = load_translator(checkpoint), load_translator("sample:sem-to-tem")
    images = [one.image for one in scenes]
    curves = {
        name: grey_levels_fit.fit(images, known, method)
        for name, method in (("match", "match"), ("inversion", "invert"), ("invert + match", "invert-match"))
    }
    draw = partial(translate, zero_shot, settings=CPU, evaluations="quality")
    own = [draw(one, samples=SAMPLES).samples for one in images]
    first = [translate(zero_shot, one, settings=CPU, evaluations="preview").mean for one in images]
    zero_shot.network.schedule = ImplicitSchedule.create(num_timesteps=20)
    twenty = [draw(one).mean for one in images]
    back = grey_levels_fit.fit([one[0] for one in own], known, "match")
    rows: dict[str, list[list[Dice]]] = defaultdict(list)

    def add(name: str, looks: Sequence[Plane]) -> None:
        labels = [segmenter.labels(segmenter.probabilities(look)) for look in looks]
        rows[name].append([dice(one, scene.truth) for one, scene in zip(labels, scenes, strict=True)])

    if all(scene.itself is not None for scene in scenes):
        add("itself", [scene.itself for scene in scenes if scene.itself is not None])
    add("as it is", images)
    for name, curve in curves.items():
        add(name, [grey_levels_fit.apply(curve, one) for one in images])
    add("SynDiff", [_by_syndiff(syndiff, scene) for scene in scenes])
    for sample in range(SAMPLES):
        add("own", [one[sample] for one in own])
    add("own, matched", [grey_levels_fit.apply(back, one[0]) for one in own])
    add("own, 20 steps", twenty)
    rows["own, 4 samples"].append(
        [dice(_together(segmenter, looks), scene.truth) for looks, scene in zip(own, scenes, strict=True)]
    )
    add("own, first", first)
    for sample in range(SAMPLES):
        add("shuffled", [own[number - 1][sample] for number in range(len(own))])
    return rows


def _by_syndiff(translator, scene: Crop) -> Plane:  # type: ignore[no-untyped-def]
    made = translate(translator, scene.smaller, settings=CPU, evaluations="quality").mean
    height, width = scene.image.shape
    return resample(made, ZOOM).clip(0, 1)[:height, :width]


def _together(segmenter: Segmenter, looks: Sequence[Plane]) -> NDArray[np.uint8]:
    return segmenter.labels(np.mean([segmenter.probabilities(look) for look in looks], axis=0))


def dice(labels: NDArray[np.integer], truth: NDArray[np.uint8]) -> Dice:
    """Of myelin and of axons."""
    found = []
    for value in (1, 2):
        one, other = labels == value, truth == value
        found.append(2 * float((one & other).sum()) / max(float(one.sum() + other.sum()), 1.0))
    return found[0], found[1]


if __name__ == "__main__":
    typer.run(main)

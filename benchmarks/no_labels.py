"""Labels of nuclei from no labels: Otsu and watershed, rendered fields and cycled masks beside a supervised bound.

    python benchmarks/no_labels.py [--data DIR] [--only purple] [--row "rendered fields"] [--seed 0 --seed 1]

Sets are nuclei in fluorescence, purple and lavender, and the unevenly lit images of the first (`unevenly_lit`).
Every third image of nuclei is held out: nothing was chosen on it. Nobody's labels are seen by any row but the bound, so those rows
learn from up to 16 of the very images that they label, as dock and shell do; the bound learns from the labels of up to 16 others. Rows:

Otsu + watershed       the strategy `otsu`, nothing is learned
rendered fields        the strategy `rendered`, about a minute
cycled masks           the strategy `cycled`, some minutes: its segmenter learns from made images and, as many, from rendered fields
cycled masks alone     the same cycle, but the segmenter learns from made images only
masks that went in     as that, but from the masks that images were made of, not from those that came back
supervised bound       the same network and steps on labels that people drew, in other images

F1 of objects at an IoU of .5 and Dice, means over the held-out images (F1 also of all objects together).
Rows are written beside what the JSON already holds; a row that is measured again is replaced. Trainings are kept in RUNS and gone on with.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import typer
from objects_targets import Scene, nuclei_scenes
from quality_tables import about, dump

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import Need, labels_to, measure, normalise, resample
from napari_pseudolabel.labels.matching import Detection, detection
from napari_pseudolabel.labels.objects import scheme_for, to_instances
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import LabelSettings, registry
from napari_pseudolabel.strategies.strategy import LabelRequest, Strategy
from napari_pseudolabel.training.cycled import cycling
from napari_pseudolabel.training.unlabelled.seen_images import seen_in
from napari_pseudolabel.training.unlabelled.unlabelled_segmenter import conclude, labelled, train_segmenter

FOLDERS = {"fluorescence": "fluorescence", "purple": "stain_purple_on_white", "lavender": "stain_lavender"}
UNEVEN = "unevenly lit"
SETS = {**FOLDERS, UNEVEN: FOLDERS["fluorescence"]}
MOST = 16
_RASTER, _UNEVEN_BY = 4, 0.05
BOUND, CYCLED_ROW = "supervised bound", "cycled masks"
_MODELS = LoadedModels()

Asked = Callable[[Strategy, LabelRequest, list[Scene], dict[str, int]], LabelRequest]
"""Gets what is asked for so far, what to learn from, and how many steps of what, where not as usual."""


def main(
    data: Path = Path(__file__).parents[2] / "shared" / "data",
    only: str = typer.Option("", help="Measure only sets whose name holds this text."),
    row: list[str] | None = typer.Option(None, help="Rows to measure; all by default."),
    seed: list[int] | None = typer.Option(None, help="Seeds of the trainings; 0 by default."),
    split: str = typer.Option("held-out", help="held-out, or choosing for what decides about settings."),
    steps: int | None = typer.Option(None, help="Of every segmenter; as usual by default."),
    cycle_steps: int | None = typer.Option(None, help="Of the cycle; as usual by default."),
    runs: Path = Path("runs/no_labels"),
    json_path: Path = typer.Option(Path("runs/no_labels.json"), "--json"),
) -> None:
    """Measure, print the table and write it as JSON."""
    asked_for = {"steps": steps, "cycle_steps": cycle_steps}
    budget = {key: count for key, count in asked_for.items() if count is not None}
    found = json.loads(json_path.read_text())["sets"] if json_path.exists() else {}
    for name in (name for name in SETS if only in name):
        scenes = nuclei_scenes(data, SETS[name])
        if name == UNEVEN:
            scenes = [one for one in scenes if unevenly_lit(one)]
        others = [one for one in scenes if not one.held_out]
        learned = [others[i] for i in np.unique(np.linspace(0, len(others) - 1, MOST).round().astype(int))]
        tested = [one for one in scenes if one.held_out] if split == "held-out" else others[:30]
        for title, (strategy, asked) in ROWS.items():
            if row and title not in row:
                continue
            for number in [0] if title == "Otsu + watershed" else seed or [0]:
                folder = runs / f"{name} {split} {number}".replace(" ", "-") / title.replace(" ", "-")
                started = time.process_time()
                seen = learned if title == BOUND else tested
                first = LabelRequest(folder=folder, settings=LabelSettings(seed=number))
                request = asked(registry.find(strategy), first, seen, budget)
                seconds = spent(folder, time.process_time() - started)
                scored = [score(registry.find(strategy), request, one) for one in tested]
                pooled = sum((one for one, _ in scored), Detection())
                numbers = {
                    "F1": float(np.mean([one.f1 for one, _ in scored])),
                    "F1 pooled": pooled.f1,
                    "Dice": float(np.mean([dice for _, dice in scored])),
                    "CPU s": seconds,
                    "images": len(tested),
                }
                found.setdefault(f"{name}, {split}", {})[f"{title}, seed {number}"] = numbers
                dump(json_path, {**about(), "sets": found})
                print(
                    f"| {name} | {title} | {number} | " + " | ".join(f"{v:.3f}" for v in numbers.values()),
                    flush=True,
                )


def unevenly_lit(scene: Scene) -> bool:
    """Whether what is around objects, the tenth percentile of each of 16 parts, differs by a twentieth of the range of grey levels."""
    plane = scene.image.plane()
    parts = [part for row in np.array_split(plane, _RASTER) for part in np.array_split(row, _RASTER, axis=1)]
    low, high = np.percentile(plane, (1, 99.5))
    return bool(np.ptp([np.percentile(part, 10) for part in parts]) >= _UNEVEN_BY * (high - low))


def spent(folder: Path, seconds: float) -> float:
    """CPU seconds of all runs that went on in a folder, this one included."""
    if not folder.is_dir():
        return seconds
    clock = folder / "seconds.json"
    total = seconds + (json.loads(clock.read_text()) if clock.exists() else 0.0)
    clock.write_text(json.dumps(total))
    return total


def score(strategy: Strategy, request: LabelRequest, scene: Scene) -> tuple[Detection, float]:
    """Label an image as the docks do, and compare."""
    found = strategy.job(scene.image, request).run(Control(), _MODELS)
    assert found.labels is not None
    labels = found.labels[0]
    numbered = to_instances(labels, scheme_for(found.classes))
    here, there = labels > 0, scene.truth > 0
    dice = 2 * np.count_nonzero(here & there) / max(np.count_nonzero(here) + np.count_nonzero(there), 1)
    return detection(numbered, scene.objects["nucleus"]), float(dice)


def as_it_is(
    strategy: Strategy, asked: LabelRequest, learned: list[Scene], budget: dict[str, int]
) -> LabelRequest:
    """Nothing is prepared."""
    return replace(asked, folder=None)


def job_of(strategy: Strategy, asked: LabelRequest, learned: list[Scene], budget: dict[str, int]) -> Any:
    """Return the preparing job of a strategy that learns from images without labels."""
    assert strategy.preparation is not None
    job: Any = strategy.preparation.job(replace(asked, images=tuple(scene.image for scene in learned)), "")
    known = {key: count for key, count in budget.items() if hasattr(job.settings, key)}
    return replace(job, settings=replace(job.settings, **known))


def prepared(
    strategy: Strategy, asked: LabelRequest, learned: list[Scene], budget: dict[str, int]
) -> LabelRequest:
    """Prepare as shell and dock do, from images without labels."""
    assert strategy.preparation is not None
    job = job_of(strategy, asked, learned, budget)
    return strategy.preparation.with_result(asked, job, job.run(Control(), _MODELS))


def supervised(
    strategy: Strategy, asked: LabelRequest, learned: list[Scene], budget: dict[str, int]
) -> LabelRequest:
    """Learn from labels, at the magnification that is measured without them, with the same network and steps."""
    assert strategy.preparation is not None
    job = job_of(strategy, asked, learned, budget)
    job.folder.mkdir(parents=True, exist_ok=True)
    factor = seen_in(job, None, None, Control()).factor
    planes = []
    for scene in learned:
        limits = measure(scene.image, [None], Need()).channels[0].limits
        image = np.clip(resample(normalise(scene.image.plane(), limits), factor), 0, 1)
        planes.append(labelled(scene.name, image, labels_to(scene.objects["nucleus"], image.shape)))
    train_segmenter(job, job.settings, planes, "", "labels of people", Control())
    return strategy.preparation.with_result(asked, job, conclude(job, factor, ()))


def by_made_images(
    strategy: Strategy, asked: LabelRequest, learned: list[Scene], budget: dict[str, int], *, inputs: bool
) -> LabelRequest:
    """Learn from made images alone, with the masks that went in or came back; the cycle is that of `CYCLED_ROW` where that is there."""
    assert strategy.preparation is not None
    job = job_of(strategy, asked, learned, budget)
    known = job.folder.parent / CYCLED_ROW.replace(" ", "-") / cycling.CYCLE
    if known.is_dir():
        shutil.copytree(known, job.folder / cycling.CYCLE, dirs_exist_ok=True)
    seen = seen_in(job, None, None, Control())
    training, _ = cycling.trained(job, seen, Control())
    s = job.settings
    fields = list(cycling.cycled_fields(training, seen, s.fields, s.seed, inputs=inputs))
    train_segmenter(job, s, fields, "", "images made of masks", Control())
    return strategy.preparation.with_result(asked, job, conclude(job, seen.factor, ()))


ROWS: dict[str, tuple[str, Asked]] = {
    "Otsu + watershed": ("otsu", as_it_is),
    "rendered fields": ("rendered", prepared),
    CYCLED_ROW: ("cycled", prepared),
    "cycled masks alone": ("cycled", partial(by_made_images, inputs=False)),
    "masks that went in": ("cycled", partial(by_made_images, inputs=True)),
    BOUND: ("rendered", supervised),
}

if __name__ == "__main__":
    typer.run(main)

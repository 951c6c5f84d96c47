"""How much does a person have to correct? A simulated one corrects regions of a real image, and the segmenter learns.

    python benchmarks/effort_fine_tuning.py [--data DIR] [--image ID ...] [--regions 1,2,4,8] [--json FILE]

The shipped translator and segmenter label an SEM image. The person, who knows the truth, corrects and confirms 1, 2, 4
or 8 regions of 256 x 256 pixels; a quarter of each is kept for validation, as in a workspace. Then two trainings see
these regions:

fine-tuned    the shipped segmenter, on the translated image, learns from the regions, and with little weight from
              the pseudo labels around them
from scratch  a new segmenter, on the image as it is, learns from the regions alone

The new segmenter is what the plugin makes by default, a smaller network that takes half the time per step; learning rate
and steps were chosen for the fine-tuning. Both have the same number of steps at most, which take one CPU core about a
minute; the seconds in the table are CPU time of the training without the translation, which is made once: its
seconds, and those of the labelling, are in the row "shipped".
Dice is measured on the *rest* of the image: what lies outside of all eight regions, the same pixels in every row.
It is that of the best step of a training, promoted or not. Seeds decide which regions are corrected, which quarter
is kept, and every random number of the training.

The defaults of `FineTuneSettings` were chosen on the image of rat 2, so the others are the ones to read. The
translator has seen the images of all animals but rat 4 unlabelled; no training of anything shipped has seen an SEM label.
"""

from __future__ import annotations

import csv
import json
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import IntensityRange, intensity_range, normalise, read, resample, resample_to
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.classes import AXON_CLASSES
from napari_pseudolabel.labels.confidence import class_confidence
from napari_pseudolabel.models import load_segmenter, load_translator
from napari_pseudolabel.models.grids import magnification
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.segmenters.base import Segmenter, of_limits
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.training.data.annotated_plane import AnnotatedPlane
from napari_pseudolabel.training.segmenter.fine_tune_task import FineTuneResult, FineTuneSettings
from napari_pseudolabel.training.training_jobs import FineTuneJob

TRANSLATOR, SEGMENTER = "sample:sem-to-tem", "sample:tem-axons"
SIDE = 256
MOST = 8
LEAST_SHARE = 0.05  # of each class in a region: nobody corrects an empty one
NAMES = {c.name: c.value for c in AXON_CLASSES if c.value}
FINE_TUNED, SCRATCH = "fine-tuned", "from scratch"

Region = tuple[int, int, int, int]  # y0, x0, y1, x1


@dataclass(frozen=True, eq=False)
class Labelled:
    """Labels of an image and how sure the segmenter is."""

    labels: NDArray[np.uint8]
    confidence: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Case:
    """One labelled image with everything that does not depend on the regions."""

    name: str
    image: NDArray[np.float32]
    truth: NDArray[np.uint8]
    pixel_um: float
    limits: IntensityRange
    pseudo: Labelled
    translated: Callable[[Segmenter], Labelled]
    plain: Callable[[Segmenter], Labelled]
    cpu_seconds: float


@dataclass(frozen=True)
class Trial:
    """One training, and its Dice on the rest of the image by class; `regions` 0 is the shipped segmenter."""

    image: str
    method: str
    regions: int
    seed: int
    dice: dict[str, float]
    promoted: bool
    validation_before: float | None
    validation: float | None
    best_step: int
    steps: int
    cpu_seconds: float


def load(data: Path, name: str) -> Case:
    """Read an image, translate it and label it with the shipped models."""
    with (data / "axon_sem" / "index.csv").open() as file:
        (row,) = (row for row in csv.DictReader(file) if row["id"] == name)
    image = read(data / "axon_sem" / "images" / f"{name}.png")
    truth = read(data / "axon_sem" / "labels" / f"{name}.png").plane((), None).astype(np.uint8)
    raw, limits, pixel_um = image.plane((), None), intensity_range(image), float(row["pixel_um"])
    translator, shipped = load_translator(TRANSLATOR), load_segmenter(SEGMENTER)
    assert translator.card.source is not None
    factor, _ = Scale().to_model(pixel_um, translator.card.source.pixel_size_um, None)
    began = time.process_time()
    sample = translate(translator, resample(normalise(raw, limits), factor)).mean
    step = magnification(translator.card.target, shipped.card.source)

    def translated(segmenter: Segmenter) -> Labelled:
        return label(segmenter, resample(sample, step), IntensityRange(0.0, 1.0), truth.shape)

    def plain(segmenter: Segmenter) -> Labelled:
        return label(segmenter, raw, limits, truth.shape)

    pseudo = translated(shipped)
    seconds = time.process_time() - began
    return Case(name, raw, truth, pixel_um, limits, pseudo, translated, plain, seconds)


def label(
    segmenter: Segmenter, picture: NDArray[np.float32], limits: IntensityRange, shape: tuple[int, ...]
) -> Labelled:
    """Segment a plane and bring the labels to the grid of the image."""
    found = resample_to(segmenter.probabilities(picture, part=of_limits(limits)), (shape[0], shape[1]))
    return Labelled(segmenter.labels(found), class_confidence(found, segmenter.classes))


def corrected(case: Case, seed: int) -> list[Region]:
    """Eight regions of a regular grid in the order in which the person corrects them."""
    height, width = case.truth.shape
    rows, columns = height // SIDE, width // SIDE
    top, left = (height - rows * SIDE) // 2, (width - columns * SIDE) // 2
    found = []
    for y in range(top, top + rows * SIDE, SIDE):
        for x in range(left, left + columns * SIDE, SIDE):
            part = case.truth[y : y + SIDE, x : x + SIDE]
            if all((part == value).mean() >= LEAST_SHARE for value in NAMES.values()):
                found.append((y, x, y + SIDE, x + SIDE))
    if len(found) < MOST:
        raise typer.BadParameter(f"{case.name} has room for only {len(found)} regions with all classes.")
    order = np.random.default_rng(seed).permutation(len(found))[:MOST]
    return [found[i] for i in order]


def known(case: Case, regions: list[Region], seed: int) -> AnnotatedPlane:
    """What the layers hold after these regions were corrected and confirmed."""
    labels, touched = case.pseudo.labels.copy(), np.zeros(case.truth.shape, bool)
    validation = np.zeros(case.truth.shape, bool)
    for number, (y0, x0, y1, x1) in enumerate(regions):
        labels[y0:y1, x0:x1] = case.truth[y0:y1, x0:x1]
        touched[y0:y1, x0:x1] = True
        down, right = np.random.default_rng((seed, number)).integers(0, 2, 2)
        y, x = y0 + down * (y1 - y0) // 2, x0 + right * (x1 - x0) // 2
        validation[y : y + (y1 - y0) // 2, x : x + (x1 - x0) // 2] = True
    return AnnotatedPlane(
        name=case.name,
        key=case.name,
        image=case.image,
        limits=case.limits,
        pixel_size_um=case.pixel_um,
        labels=labels,
        touched=touched,
        confidence=case.pseudo.confidence,
        validation=validation,
    )


def on_rest(case: Case, found: Labelled, regions: list[Region]) -> dict[str, float]:
    """Dice outside of all regions."""
    rest = np.ones(case.truth.shape, bool)
    for y0, x0, y1, x1 in regions:
        rest[y0:y1, x0:x1] = False
    dice: dict[str, float] = {}
    for name, value in NAMES.items():
        a, b = found.labels[rest] == value, case.truth[rest] == value
        dice[name] = float(2 * (a & b).sum() / (a.sum() + b.sum()))
    return dice


def trial(
    case: Case, regions: list[Region], count: int, method: str, settings: FineTuneSettings, runs: Path
) -> Trial:
    """Correct `count` regions, train, and measure."""
    plane = known(case, regions[:count], settings.seed)
    fine = method == FINE_TUNED
    with tempfile.TemporaryDirectory(dir=runs) as folder:
        job = FineTuneJob(
            (plane,),
            SEGMENTER if fine else "",
            TRANSLATOR if fine else None,
            Path(folder),
            settings if fine else replace(settings, trust=0.0),
            classes=AXON_CLASSES,
            inputs=runs / "inputs",
        )
        models = LoadedModels()
        if fine:
            translate_once(job, models)
        began = time.process_time()
        made: FineTuneResult = job.run(Control(), models)
        seconds = time.process_time() - began
        assert made.checkpoint is not None
        assert made.best is not None
        path = Path(folder) / "made.safetensors"
        path.write_bytes(made.checkpoint)
        segmenter = load_segmenter(path)
        with (Path(folder) / "validation.csv").open() as file:
            steps = int(list(csv.DictReader(file))[-1]["step"])
    found = (case.translated if fine else case.plain)(segmenter)
    return Trial(
        case.name,
        method,
        count,
        settings.seed,
        on_rest(case, found, regions),
        made.promoted,
        made.before.mean if made.before else None,
        made.best.mean,
        made.best.step,
        steps,
        seconds,
    )


def translate_once(job: FineTuneJob, models: LoadedModels) -> None:
    """Fill the folder of translated inputs, so that the clock sees the training alone."""
    first = replace(job.settings, steps=1, epoch_steps=1)
    with tempfile.TemporaryDirectory(dir=job.folder) as folder:
        replace(job, settings=first, folder=Path(folder)).run(Control(), models)


def trials(
    data: Path, images: list[str], counts: list[int], seeds: list[int], settings: FineTuneSettings, runs: Path
) -> Iterator[Trial]:
    """Every training of the table."""
    for image in images:
        case = load(data, image)
        for seed in seeds:
            regions = corrected(case, seed)
            dice = on_rest(case, case.pseudo, regions)
            yield Trial(image, "shipped", 0, seed, dice, False, None, None, 0, 0, case.cpu_seconds)
            for count in counts:
                for method in (FINE_TUNED, SCRATCH):
                    yield trial(case, regions, count, method, replace(settings, seed=seed), runs)


def show(done: list[Trial]) -> Table:
    """Means over seeds; the spread is the standard deviation."""
    table = Table(
        "image",
        "regions",
        "method",
        *NAMES,
        "mean",
        "gain",
        "from, to",
        "promoted",
        "steps",
        "CPU s",
        "seeds",
    )
    groups: dict[tuple[str, int, str], list[Trial]] = {}
    for one in done:
        groups.setdefault((one.image, one.regions, one.method), []).append(one)
    for (image, count, method), own in groups.items():
        start = {one.seed: mean(one) for one in groups[(image, 0, "shipped")]}
        each = [[one.dice[name] for one in own] for name in NAMES]
        gains = [mean(one) - start[one.seed] for one in own]
        table.add_row(
            image.split("_")[0],
            str(count),
            method,
            *(plus_minus(values) for values in each),
            plus_minus([mean(one) for one in own]),
            f"{np.mean(gains):+.3f}" if count else "",
            f"{min(gains):+.3f} to {max(gains):+.3f}" if count else "",
            f"{sum(one.promoted for one in own)} of {len(own)}" if count else "",
            f"{np.mean([one.steps for one in own]):.0f}" if count else "",
            f"{np.mean([one.cpu_seconds for one in own]):.0f}",
            str(len(own)),
        )
    return table


def mean(one: Trial) -> float:
    """Mean Dice of the classes."""
    return float(np.mean(list(one.dice.values())))


def plus_minus(values: list[float]) -> str:
    """Mean and standard deviation."""
    return f"{np.mean(values):.3f} ± {np.std(values):.3f}"


def main(
    data: Path = typer.Option(Path("../shared/data"), help="Folder with axon_sem."),
    image: list[str] = typer.Option(["sub-rat1_sample-data1", "sub-rat4_sample-data12"]),
    regions: str = typer.Option("1,2,4,8", help="How many are corrected."),
    seeds: str = typer.Option("0,1,2"),
    threads: int = typer.Option(1, help="Threads of the training."),
    steps: int = typer.Option(FineTuneSettings.steps),
    batch: int = typer.Option(FineTuneSettings.batch),
    patch: int = typer.Option(FineTuneSettings.patch),
    lr: float = typer.Option(FineTuneSettings.lr),
    trust: float = typer.Option(FineTuneSettings.trust),
    epoch_steps: int = typer.Option(FineTuneSettings.epoch_steps),
    patience: int = typer.Option(FineTuneSettings.patience),
    json_path: Path = typer.Option(Path("runs/effort_fine_tuning.json"), "--json"),
) -> None:
    """Print the table and write every training as JSON."""
    if not (data / "axon_sem").is_dir():
        typer.echo(f"{data} has no folder axon_sem; give the folder that holds it by --data.", err=True)
        raise typer.Exit(2)
    torch.set_num_threads(threads)
    settings = FineTuneSettings(steps, batch, patch, lr, trust, epoch_steps, patience, device="cpu")
    json_path.parent.mkdir(parents=True, exist_ok=True)
    done: list[Trial] = []
    with tempfile.TemporaryDirectory() as runs:
        numbers = [[int(n) for n in text.split(",")] for text in (regions, seeds)]
        for one in trials(data, image, *numbers, settings, Path(runs)):
            done.append(one)
            typer.echo(f"{one.image} {one.method} {one.regions} seed {one.seed}: {one}", err=True)
            machine = f"{platform.machine()}, {threads} threads, torch {torch.__version__}"
            facts = {"date": date.today().isoformat(), "machine": machine, "settings": asdict(settings)}
            json_path.write_text(json.dumps({**facts, "trials": [asdict(t) for t in done]}, indent=1))
    Console(width=160).print(show(done))


if __name__ == "__main__":
    typer.run(main)

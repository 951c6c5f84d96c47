"""Does the score of a region follow its true Dice? Rank correlation, and what reviewing by score saves.

    python benchmarks/confidence.py [--data DIR] [--runs DIR] [--json FILE] [--reverse]

Every SEM image is labelled by the shipped translator and segmenter, with different ensembles: 1 or 2 translation samples
(seeds 0, 1, 2), each segmented as it is (flips 0), in one mirror (1) or in all (3). The image is cut into the regions of the
review queue; those with foreground in the prediction or in the truth count. Of each region the true quality is the Dice
between prediction and manual labels, mean over the classes that either has. Scores:

confidence     mean probability of the chosen class, over the predicted foreground
agreement      pairwise Dice of the members alone
quality        what the review queue shows: expected Dice and agreement (labels.review)

rho            Spearman's rank correlation with the true Dice
area           under the risk-coverage curve: mean of 1 - Dice over the best x % of regions, for all x
smaller        by how much the area is smaller than that of a random order, in percent
possible       ... and by how much it is for the perfect order, which knows the truth: no score can save more
of possible    the former as a share of the latter

Objects: the same for single fibres (axon and myelin) with their surroundings, against the truth there.

How often labels are right by how sure they are, and when they are said to be of no use, is the question of ``reliability.py``.

With --reverse, the reverse classification accuracy of whole images as well (training.segmenter.reverse_accuracy): a quick segmenter
learns from the labels of an image and is judged on the labelled TEM images, translated to SEM. Labels of different quality: the
pseudo labels, and what the same segmenter makes of the image inverted and of the image as it is.

Variants of the quality and the length of what is redrawn were tuned on the images of rats 1 and 2; those of rats 3 and 4 are
reported apart, but are not untouched: all images were looked at before agreement was kept in the quality (on rats 1 and 2 the
expected Dice alone is better by 0.01) and the default ensemble was chosen. The translator has seen the images of all animals but
rat 4 unlabelled; no training of anything shipped has seen an SEM label.
The CPU seconds are those of one thread for translation and segmentation of all six images.
"""

from __future__ import annotations

import csv
import json
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from object_scores import object_scores
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import IntensityRange, intensity_range, normalise, read, resample, resample_to
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.classes import AXON_CLASSES
from napari_pseudolabel.labels.confidence import mean_dice, tempered
from napari_pseudolabel.labels.objects import scheme_for, to_instances
from napari_pseudolabel.labels.review import measure
from napari_pseudolabel.models import load_segmenter, load_translator
from napari_pseudolabel.models.grids import magnification
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.segmenters.base import Segmenter, of_limits
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.strategies import LabelSettings
from napari_pseudolabel.strategies.ensemble import SegmenterInput, members
from napari_pseudolabel.training.data.labelled_sets import LabelledSet
from napari_pseudolabel.training.segmenter.reverse_accuracy import ReverseAccuracyJob

TRANSLATOR, SEGMENTER = "sample:sem-to-tem", "sample:tem-axons"
SEEDS = (0, 1, 2)
TUNED_ON = ("sub-rat1", "sub-rat2")
# Samples and flips.
ENSEMBLES = ((1, 0), (1, 1), (1, 3), (2, 0), (2, 1), (2, 3))
DEFAULT = (1, 3)
MOST_SAMPLES, MOST_FLIPS = 2, 3
# Around an object its truth is looked for in a box that is so much larger.
MARGIN_PX = 4
TEM_PIXEL_UM = 0.00493
# The grid on which the shipped translators see SEM images; the segmenter of TEM images has objects of that size there.
SEM_GRID_UM = 0.12

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Case:
    """One image with everything that its ensembles are made of."""

    name: str
    truth: NDArray[np.uint8]
    probabilities: dict[tuple[int, int], NDArray[np.float32]]  # by sample and flip
    translation_seconds: float  # of one sample
    segmentation_seconds: float  # of one member


@dataclass(frozen=True)
class Curve:
    """How a score stands to the truth."""

    count: int
    rho: float
    area: float
    random: float
    perfect: float

    @property
    def smaller(self) -> float:
        return 100 * (1 - self.area / self.random)

    @property
    def possible(self) -> float:
        return 100 * (1 - self.perfect / self.random)


@dataclass(frozen=True)
class Row:
    """One line: means over the seeds."""

    what: str
    images: str
    samples: int
    flips: int
    score: str
    count: float
    dice: float
    rho: float
    rho_spread: float
    area: float
    random: float
    perfect: float
    smaller: float
    possible: float
    cpu_seconds: float


def cases(data: Path, runs: Path, seed: int) -> Iterator[Case]:
    """Every labelled image, translated and segmented; what was made before is read from `runs`."""
    runs.mkdir(parents=True, exist_ok=True)
    for row in _index(data):
        kept = runs / f"{row['id']}-{seed}.npz"
        if not kept.exists():
            np.savez(kept, allow_pickle=False, **ensemble_of(data, row, seed))
        truth = read(data / "axon_sem" / "labels" / f"{row['id']}.png").plane((), None).astype(np.uint8)
        with np.load(kept) as found:
            probabilities = {
                (sample, flip): found[f"{sample}-{flip}"].astype(np.float32)
                for sample in range(MOST_SAMPLES)
                for flip in range(MOST_FLIPS + 1)
            }
            seconds = found["seconds"]
        yield Case(row["id"], truth, probabilities, float(seconds[0]), float(seconds[1]))


def _index(data: Path) -> list[dict[str, str]]:
    with (data / "axon_sem" / "index.csv").open() as file:
        return list(csv.DictReader(file))


def _short(name: str) -> str:
    return name.removeprefix("sub-").replace("_sample-", " ")


def ensemble_of(data: Path, row: dict[str, str], seed: int) -> dict[str, NDArray[np.floating]]:
    """Probabilities of the largest ensemble on the pixels of the image, and what a member takes."""
    image = read(data / "axon_sem" / "images" / f"{row['id']}.png")
    translator, segmenter = load_translator(TRANSLATOR), load_segmenter(SEGMENTER)
    assert translator.card.source is not None
    factor, _ = Scale().to_model(float(row["pixel_um"]), translator.card.source.pixel_size_um, None)
    plane = resample(normalise(image.plane((), None), intensity_range(image)), factor)
    began = time.process_time()
    samples = translate(translator, plane, samples=MOST_SAMPLES, seed=seed).samples
    translated = time.process_time()
    step = magnification(translator.card.target, segmenter.card.source)
    onto = partial(resample_to, shape=image.shape[-2:])
    given = SegmenterInput(segmenter, resample(samples, step), of_limits(IntensityRange(0.0, 1.0)), onto)
    settings = LabelSettings(samples=MOST_SAMPLES, flips=MOST_FLIPS)
    made = [found for _, found in members(given, settings, control=Control())]
    ended = time.process_time()
    typer.echo(f"{row['id']}, seed {seed}: {ended - began:.0f} s", err=True)
    kept: dict[str, NDArray[np.floating]] = {
        f"{number // (MOST_FLIPS + 1)}-{number % (MOST_FLIPS + 1)}": one.astype(np.float16)
        for number, one in enumerate(made)
    }
    kept["seconds"] = np.array([(translated - began) / MOST_SAMPLES, (ended - translated) / len(made)])
    return kept


@dataclass(frozen=True, eq=False)
class Labelled:
    """What an ensemble says about an image."""

    labels: NDArray[np.uint8]
    confidence: NDArray[np.float32]
    candidates: NDArray[np.uint8]

    @classmethod
    def by(cls, case: Case, samples: int, flips: int) -> Labelled:
        used = [case.probabilities[s, f] for s in range(samples) for f in range(flips + 1)]
        mean = np.mean(used, axis=0)
        values = np.array([label_class.value for label_class in AXON_CLASSES], np.uint8)
        candidates = np.stack([values[one.argmax(axis=0)] for one in used])
        sure = tempered(mean, AXON_CLASSES, _temperature()).max(axis=0)
        return cls(values[mean.argmax(axis=0)], sure, candidates)


@cache
def _temperature() -> float:
    """That of the segmenter behind a translator."""
    known = load_segmenter(SEGMENTER).card.calibration
    return 1.0 if known is None else known.of(translated=True)


def _agreement(members: np.ndarray) -> float:
    """Mean Dice of all pairs of members (K, H, W) together, so that one that lacks a small object counts little."""
    votes = {
        value: (members == value).sum(axis=0)
        for value in np.unique(members).tolist()
        if value not in (0, 255)
    }
    scores = [(vote * (vote - 1)).sum() / ((len(members) - 1) * vote.sum()) for vote in votes.values()]
    return float(np.mean(scores)) if scores else 1.0


def regions(case: Case, made: Labelled) -> tuple[Array, dict[str, Array]]:
    """True Dice and scores of every region with foreground."""
    true: list[float] = []
    scores: dict[str, list[float]] = {"confidence": [], "agreement": [], "quality": []}
    for score in measure(made.labels, confidence=made.confidence, candidates=made.candidates):
        y0, x0, y1, x1 = score.box
        here = np.s_[y0:y1, x0:x1]
        foreground = made.labels[here] > 0
        if not (foreground.any() or case.truth[here].any()):
            continue
        true.append(mean_dice(made.labels[here], case.truth[here]))
        sure = made.confidence[here][foreground]
        scores["confidence"].append(float(sure.mean()) if sure.size else 1.0)
        scores["agreement"].append(
            _agreement(made.candidates[:, *here]) if len(made.candidates) > 1 else np.nan
        )
        scores["quality"].append(score.quality)
    return np.array(true), {name: np.array(values) for name, values in scores.items()}


def objects(case: Case, made: Labelled) -> tuple[Array, dict[str, Array]]:
    """True Dice and scores of every predicted fibre, in a box around it."""
    instances = to_instances(made.labels, scheme_for(AXON_CLASSES))
    found = object_scores(made.labels, instances, confidence=made.confidence, candidates=made.candidates)
    true, quality, confidence = [], [], []
    for score in found:
        y0, x0, y1, x1 = score.box
        here = np.s_[max(y0 - MARGIN_PX, 0) : y1 + MARGIN_PX, max(x0 - MARGIN_PX, 0) : x1 + MARGIN_PX]
        # Other objects in the box are not judged here.
        own = (instances[here] == score.number) | (instances[here] == 0)
        mask = instances[here] == score.number
        true.append(mean_dice(made.labels[here][own], case.truth[here][own]))
        quality.append(score.quality)
        confidence.append(float(made.confidence[here][mask].mean()))
    return np.array(true), {"confidence": np.array(confidence), "quality": np.array(quality)}


def curve(score: Array, true: Array) -> Curve:
    """Rank correlation and risk-coverage of a score."""
    return Curve(
        len(true),
        float(spearmanr(score, true).statistic),
        area(score, true),
        float(1 - true.mean()),
        area(true, true),
    )


def area(score: Array, true: Array) -> float:
    """Under the risk-coverage curve: the regions with the best scores are kept first."""
    risk = 1 - true[np.argsort(-score, kind="stable")]
    return float(np.mean(np.cumsum(risk) / np.arange(1, len(risk) + 1)))


@dataclass(frozen=True)
class Reverse:
    """Reverse classification accuracy of one way to label one image."""

    image: str
    labels: str
    dice: float
    reverse: float
    cpu_seconds: float


def reverse(data: Path, runs: Path) -> Iterator[Reverse]:
    """Every image in three ways."""
    models = LoadedModels()
    segmenter = models.segmenter(SEGMENTER)
    known = LabelledSet(
        data / "axon_tem" / "images",
        data / "axon_tem" / "labels",
        "sample:tem-to-sem",
        Scale(pixel_size_um=TEM_PIXEL_UM),
    )
    for row, case in zip(_index(data), cases(data, runs, SEEDS[0]), strict=True):
        image = read(data / "axon_sem" / "images" / f"{row['id']}.png")
        scale = Scale(pixel_size_um=float(row["pixel_um"]))
        grid = resample(
            normalise(image.plane((), None), intensity_range(image)), float(row["pixel_um"]) / SEM_GRID_UM
        )
        for name, labels in {
            "pseudo labels": Labelled.by(case, *DEFAULT).labels,
            "of the inverted image": _segmented(segmenter, 1 - grid, case.truth.shape),
            "of the image as it is": _segmented(segmenter, grid, case.truth.shape),
        }.items():
            began = time.process_time()
            job = ReverseAccuracyJob(
                image, labels, AXON_CLASSES, known, runs / "reverse", scale=scale, device="cpu"
            )
            try:
                found = job.run(Control(), models).mean
            except InputError:
                found = 0.0  # labels that hold nothing teach nothing
            seconds = time.process_time() - began
            yield Reverse(_short(row["id"]), name, mean_dice(labels, case.truth), found, seconds)


def _segmented(segmenter: Segmenter, plane: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.uint8]:
    found = resample_to(segmenter.probabilities(plane, part=of_limits(IntensityRange(0.0, 1.0))), shape)
    return segmenter.labels(found)


Measured = dict[tuple[str, int, int], tuple[Array, dict[str, Array]]]  # by image, samples and flips


def rows(per_seed: Sequence[Measured], what: str, seconds: Callable[[int, int], float]) -> Iterator[Row]:
    """One row per image, and for the two groups of images pooled, for every ensemble and score."""
    names = sorted({name for name, _, _ in per_seed[0]})
    tuned_on = [name for name in names if name.startswith(TUNED_ON)]
    groups = {_short(name): [name] for name in names}
    groups |= {
        "rats 1, 2 (tuned on)": tuned_on,
        "rats 3, 4": [n for n in names if n not in tuned_on],
        "all": names,
    }
    for samples, flips in sorted({(s, f) for _, s, f in per_seed[0]}):
        for group, images in groups.items():
            for score in next(iter(per_seed[0].values()))[1]:
                if score == "agreement" and (samples, flips) == (1, 0):
                    continue
                curves, dice = [], []
                for measured in per_seed:
                    parts = [measured[name, samples, flips] for name in images]
                    true = np.concatenate([part[0] for part in parts])
                    curves.append(curve(np.concatenate([part[1][score] for part in parts]), true))
                    dice.append(true.mean())

                def mean(name: str, curves: list[Curve] = curves) -> float:
                    return float(np.mean([getattr(one, name) for one in curves]))

                yield Row(
                    what,
                    group,
                    samples,
                    flips,
                    score,
                    mean("count"),
                    float(np.mean(dice)),
                    mean("rho"),
                    float(np.std([one.rho for one in curves])),
                    mean("area"),
                    mean("random"),
                    mean("perfect"),
                    mean("smaller"),
                    mean("possible"),
                    seconds(samples, flips),
                )


def show(found: Sequence[Row], title: str) -> None:
    """Print rows as a table."""
    shown = Table(title=title)
    columns = (
        "images",
        "samples",
        "flips",
        "score",
        "n",
        "Dice",
        "rho",
        "smaller",
        "possible",
        "of possible",
        "CPU s",
    )
    for name in columns:
        shown.add_column(name, justify="left" if name in ("images", "score") else "right")
    for row in found:
        shown.add_row(
            row.images,
            str(row.samples),
            str(row.flips),
            row.score,
            f"{row.count:.0f}",
            f"{row.dice:.3f}",
            f"{row.rho:.2f} ± {row.rho_spread:.2f}",
            f"{row.smaller:.0f} %",
            f"{row.possible:.0f} %",
            f"{100 * row.smaller / row.possible:.0f} %",
            f"{row.cpu_seconds:.0f}",
        )
    Console(width=130).print(shown)


def show_reverse(found: Sequence[Reverse]) -> None:
    """Print the reverse classification accuracies, and how they follow the true Dice."""
    true, scores = np.array([one.dice for one in found]), np.array([one.reverse for one in found])
    rho = float(spearmanr(scores, true).statistic)
    own = [one for one in found if one.labels == found[0].labels]
    within = float(spearmanr([one.reverse for one in own], [one.dice for one in own]).statistic)
    shown = Table(
        title=f"Reverse classification accuracy: rho {rho:.2f}, of {found[0].labels} alone {within:.2f}"
    )
    for name in ("image", "labels", "Dice", "reverse", "CPU s"):
        shown.add_column(name, justify="left" if name in ("image", "labels") else "right")
    for one in found:
        shown.add_row(
            one.image, one.labels, f"{one.dice:.3f}", f"{one.reverse:.3f}", f"{one.cpu_seconds:.0f}"
        )
    Console(width=130).print(shown)


def main(
    data: Path = Path(__file__).parents[2] / "shared" / "data",
    runs: Path = Path("runs/confidence"),
    seeds: int = len(SEEDS),
    json_path: Path = typer.Option(Path("runs/confidence.json"), "--json"),
    with_reverse: bool = typer.Option(False, "--reverse", help="Reverse classification accuracy as well."),
) -> None:
    """Print the tables and write them as JSON."""
    if not data.is_dir():
        typer.echo(f"{data} is missing; give the folder with axon_sem by --data.", err=True)
        raise typer.Exit(2)
    torch.set_num_threads(1)
    of_regions: list[Measured] = []
    of_objects: list[Measured] = []
    spent: dict[str, tuple[float, float]] = {}
    for seed in SEEDS[:seeds]:
        of_regions.append({})
        of_objects.append({})
        for case in cases(data, runs, seed):
            spent[case.name] = (case.translation_seconds, case.segmentation_seconds)
            for samples, flips in ENSEMBLES:
                made = Labelled.by(case, samples, flips)
                of_regions[-1][case.name, samples, flips] = regions(case, made)
                if (samples, flips) == DEFAULT:
                    of_objects[-1][case.name, samples, flips] = objects(case, made)

    def seconds(samples: int, flips: int) -> float:
        return sum(samples * (one + (flips + 1) * other) for one, other in spent.values())

    found = [*rows(of_regions, "regions", seconds), *rows(of_objects, "objects", seconds)]
    pooled = [row for row in found if row.what == "regions" and row.images.startswith(("rats", "all"))]
    show([row for row in pooled if row.score == "quality"], "Which ensemble: the score of the queue")
    default = [row for row in found if (row.samples, row.flips) == DEFAULT]
    show([row for row in default if row.what == "regions"], "Regions, 1 sample in 4 mirrors")
    show([row for row in default if row.what == "objects"], "Objects, 1 sample in 4 mirrors")
    reversed_rows = list(reverse(data, runs)) if with_reverse else []
    if reversed_rows:
        show_reverse(reversed_rows)
    machine = f"{platform.machine()}, {torch.get_num_threads()} thread, torch {torch.__version__}"
    json_path.parent.mkdir(parents=True, exist_ok=True)
    kept = {
        "date": date.today().isoformat(),
        "machine": machine,
        "rows": [asdict(row) for row in found],
        "reverse": [asdict(row) for row in reversed_rows],
    }
    json_path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)

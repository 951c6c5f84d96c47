"""How good are the labels? Dice of axon and myelin, TEM -> SEM and SEM -> TEM, against honest baselines.

    python benchmarks/quality.py [--data DIR] [--runs DIR] [--json FILE] [--cards]

Rows, all with the same segmenter and recipe:

supervised bound     trained on the target's own labels, cross-validated by animal
source only          trained on the source, applied to the target as it is
inversion            ... to the inverted target
invert + match       ... to the inverted target, histogram matched to the source
SynDiff adaptation   ... to the target translated by the shipped checkpoint
SynDiff tutorship    trained on the source translated by the shipped checkpoint, applied to the target as it is

Means over the target's animals; +- is the standard deviation over the seeds of the segmenter. Segmenters are kept in
RUNS, so a second call only measures. The shipped translators saw the target images of all animals but
``HELD_OUT``, unlabelled; the SEM labels enter only the SEM segmenters here, none of which is shipped.
"""

from __future__ import annotations

import csv
import json
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes
from skimage.exposure import match_histograms

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import IntensityRange, labels_to, read, resample_to
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.classes import AXON_CLASSES
from napari_pseudolabel.labels.metrics import evaluate
from napari_pseudolabel.models import load_segmenter, load_translator, resolve
from napari_pseudolabel.models.cards import Card, Measure
from napari_pseudolabel.models.sidecar import HEADER_KEY, atomic_write, read_header_card
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.sample_data.train import HELD_OUT, SEM, TEM, generated
from napari_pseudolabel.strategies import LabelSettings
from napari_pseudolabel.strategies.ensemble import Judge, segment_looks
from napari_pseudolabel.tiling import KnownLimits
from napari_pseudolabel.training.adapted import Adapter
from napari_pseudolabel.training.folders import LabelledPlane, Preparation, prepare
from napari_pseudolabel.training.labelled_sources import SourcePlane
from napari_pseudolabel.training.segmenter import SegmenterSettings, SegmenterTraining
from napari_pseudolabel.training.synthetic import translated

SEEDS = (0, 1, 2)
SAMPLES = 2  # translations per image
SETTINGS = SegmenterSettings(steps=600, batch=6, patch=96, validate_every=100)
ADAPTATION, TUTORSHIP = "SynDiff adaptation", "SynDiff tutorship"
NAMES = {c.name: c.value for c in AXON_CLASSES if c.value}
SETS = {"TEM": ("axon_tem", TEM), "SEM": ("axon_sem", SEM)}

Scores = dict[str, dict[str, float]]  # by animal and class


@dataclass(frozen=True, eq=False)
class Case:
    """One labelled image: on the model's grid, and its labels on its own."""

    animal: str
    plane: LabelledPlane
    truth: NDArray[np.uint8]


# What a method makes of a target image before it is segmented: (K, H, W) samples in [0, 1].
Look = Callable[[Case], NDArray[np.float32]]


@dataclass(frozen=True)
class Row:
    """One line of the table: Dice per class, mean over animals; spread over seeds."""

    direction: str
    method: str
    dice: dict[str, float]
    spread: dict[str, float]
    held_out: dict[str, float]
    seeds: int


def cases(data: Path, modality: str) -> list[Case]:
    """All images of a modality with labels."""
    folder, model = SETS[modality]
    with (data / folder / "index.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = []
    for row in rows:
        (path,) = (data / folder / "images").glob(row["id"] + "*")
        truth = read(data / folder / "labels" / path.name).plane((), None).astype(np.uint8)
        preparation = Preparation(Scale(pixel_size_um=float(row["pixel_um"])), model.pixel_size_um)
        (plane,) = prepare(read(path), preparation)
        labelled = LabelledPlane(row["id"], plane, labels_to(truth, plane.shape))
        found.append(Case(row["subject"], labelled, truth))
    return found


def segmenter(
    runs: Path, modality: str, train: Sequence[Case], validation: Sequence[Case], tag: str, seed: int
) -> Path:
    """Train a segmenter, or find the one trained before."""
    folder = runs / f"{modality}-{tag}-{seed}"
    path = folder / "best.safetensors"
    if not (folder / "done").exists():
        looks = {"TEM": 1, "SEM": 2}[modality]
        made = [LabelledPlane(f"field {i}", item[looks], item[0]) for i, item in enumerate(generated())]
        card = Card(kind="segmenter", family="monai-unet", source=SETS[modality][1], classes=AXON_CLASSES)
        weights = [0.75 / len(train)] * len(train) + [0.25 / len(made)] * len(made)
        settings = replace(SETTINGS, seed=seed)
        training = SegmenterTraining(
            [*(c.plane for c in train), *made], [c.plane for c in validation], card, settings, weights=weights
        )
        score = training.run(folder)
        typer.echo(f"{folder.name}: validation Dice {score.mean:.3f} at step {score.step}", err=True)
        (folder / "done").touch()
    return path


def score(model: Path, targets: Sequence[Case], look: Look) -> Scores:
    """Dice per animal and class of a segmenter on what `look` makes of the targets."""
    loaded = load_segmenter(model)
    per_animal: dict[str, list[dict[str, float]]] = {}
    for case in targets:
        found = segment_looks(
            [Judge(loaded, look(case), 1.0, IntensityRange(0.0, 1.0))],
            LabelSettings(),
            onto=partial(resample_to, shape=case.truth.shape),
            control=Control(),
        )
        per_animal.setdefault(case.animal, []).append(evaluate(found.labels, case.truth, NAMES).dice)
    return {
        animal: {name: float(np.mean([s[name] for s in scores])) for name in NAMES}
        for animal, scores in per_animal.items()
    }


def mean(scores: Scores) -> dict[str, float]:
    """Mean over animals."""
    return {name: float(np.mean([s[name] for s in scores.values()])) for name in NAMES}


def folds(targets: Sequence[Case], count: int) -> Iterator[tuple[list[Case], list[Case]]]:
    """Split by animal: (rest, fold)."""
    animals = sorted({case.animal for case in targets})
    for k in range(min(count, len(animals))):
        inside = set(animals[k::count])
        yield [c for c in targets if c.animal not in inside], [c for c in targets if c.animal in inside]


def bound(runs: Path, modality: str, targets: Sequence[Case], seed: int) -> Scores:
    """Cross-validated by animal; the checkpoint is the last validation-best on one animal of the rest."""
    scores: Scores = {}
    for k, (rest, fold) in enumerate(folds(targets, 4)):
        keep = sorted({c.animal for c in rest})[0]
        path = segmenter(
            runs,
            modality,
            [c for c in rest if c.animal != keep],
            [c for c in rest if c.animal == keep],
            f"fold{k}",
            seed,
        )
        scores |= score(path, fold, lambda case: case.plane.image[None])
    return scores


def looks(source: Sequence[Case], translator_ref: str) -> dict[str, Look]:
    """The methods of the table that need no training on the target."""
    reference = np.concatenate([c.plane.image.ravel() for c in source])[None]
    translator = load_translator(translator_ref)
    kept: dict[str, NDArray[np.float32]] = {}

    def translated(case: Case) -> NDArray[np.float32]:
        if case.plane.name not in kept:
            kept[case.plane.name] = translate(translator, case.plane.image, samples=SAMPLES, seed=0).samples
        return kept[case.plane.name]

    def matched(case: Case) -> NDArray[np.float32]:
        inverted = (1 - case.plane.image).ravel()[None]
        return match_histograms(inverted, reference).reshape(1, *case.plane.image.shape).astype(np.float32)

    return {
        "source only": lambda case: case.plane.image[None],
        "inversion": lambda case: 1 - case.plane.image[None],
        "invert + match": matched,
        ADAPTATION: translated,
    }


def tutored(source: Sequence[Case], translator_ref: str, runs: Path, *, validation: bool) -> list[Case]:
    """Source images in the look of the target: all samples, or the first one for validation."""
    translator = load_translator(translator_ref)
    proxy = Card(kind="segmenter", family="monai-unet", source=translator.card.target)
    adapter = Adapter(proxy, translator, Scale(), SAMPLES, 0, "cpu", KnownLimits(), runs / "tutored")
    made, _ = translated([SourcePlane(case.plane) for case in source], adapter, Control())
    planes = [(plane.validate(),) if validation else plane.train() for plane in made]
    return [
        replace(case, plane=plane)
        for case, samples in zip(source, planes, strict=True)
        for plane in samples
        if plane is not None
    ]


def table(data: Path, runs: Path, seeds: Sequence[int], refs: dict[str, str]) -> list[Row]:
    """Measure everything."""
    rows = []
    sets = {modality: cases(data, modality) for modality in SETS}
    for source, target in (("TEM", "SEM"), ("SEM", "TEM")):
        direction, targets = f"{source} -> {target}", sets[target]
        held = HELD_OUT[SETS[target][0]]
        held_source = HELD_OUT[SETS[source][0]]
        train = [c for c in sets[source] if c.animal not in held_source]
        validation = [c for c in sets[source] if c.animal in held_source]
        results: dict[str, list[Scores]] = {"supervised bound": [bound(runs, target, targets, seeds[0])]}
        methods = looks(train, refs[direction])
        # The labels are carried the same way by the translator of the other direction.
        back = refs[f"{target} -> {source}"]
        synthetic = tutored(train, back, runs, validation=False)
        synthetic_validation = tutored(validation, back, runs, validation=True)
        for seed in seeds:
            path = segmenter(runs, source, train, validation, "source", seed)
            for method, look in methods.items():
                results.setdefault(method, []).append(score(path, targets, look))
            path = segmenter(runs, target, synthetic, synthetic_validation, "tutored", seed)
            results.setdefault(TUTORSHIP, []).append(
                score(path, targets, lambda case: case.plane.image[None])
            )
        for method, per_seed in results.items():
            means = [mean(scores) for scores in per_seed]
            unseen = [mean({a: s for a, s in scores.items() if a in held}) for scores in per_seed]
            rows.append(
                Row(
                    direction,
                    method,
                    {n: float(np.mean([m[n] for m in means])) for n in NAMES},
                    {n: float(np.std([m[n] for m in means])) for n in NAMES},
                    {n: float(np.mean([m[n] for m in unseen])) for n in NAMES},
                    len(per_seed),
                )
            )
    return rows


def write_card(path: Path, rows: Sequence[Row]) -> None:
    """Put the measured Dice of the adaptation, and of what it is to be held against, into a checkpoint's card."""
    by_method = {row.method: row for row in rows}
    quality = tuple(
        Measure(
            metric=f"Dice {name}" if method == ADAPTATION else f"Dice {name} ({method})",
            value=round(by_method[method].dice[name], 3),
            data=f"labels carried {rows[0].direction}, mean over the animals of the target",
            command="python benchmarks/quality.py",
        )
        # The checkpoint's own first: it is what is shown where there is room for one.
        for method in (ADAPTATION, "invert + match", "supervised bound")
        for name in NAMES
    )
    card = Card.model_validate(read_header_card(path)).model_copy(update={"quality": quality})
    header = {HEADER_KEY: json.dumps(card.model_dump(mode="json", exclude_none=True), ensure_ascii=False)}
    atomic_write(path, to_bytes(load_file(path), header))


def main(
    data: Path = Path(__file__).parents[2] / "shared" / "data",
    runs: Path = Path("runs/quality"),
    seeds: int = len(SEEDS),
    sem_to_tem: str = "sample:sem-to-tem",
    tem_to_sem: str = "sample:tem-to-sem",
    json_path: Path = typer.Option(Path("runs/quality.json"), "--json"),
    cards: bool = typer.Option(
        False, "--cards", help="Write the numbers into the cards of the two translators."
    ),
) -> None:
    """Print the table and write it as JSON."""
    if not data.is_dir():
        typer.echo(f"{data} is missing; give the folder with axon_tem and axon_sem by --data.", err=True)
        raise typer.Exit(2)
    rows = table(data, runs, SEEDS[:seeds], {"TEM -> SEM": sem_to_tem, "SEM -> TEM": tem_to_sem})
    shown = Table("direction", "method", *NAMES, *(f"{n}, unseen animal" for n in NAMES), "seeds")
    for row in rows:
        shown.add_row(
            row.direction,
            row.method,
            *(
                f"{row.dice[n]:.3f} ± {row.spread[n]:.3f}" if row.seeds > 1 else f"{row.dice[n]:.3f}"
                for n in NAMES
            ),
            *(f"{row.held_out[n]:.3f}" for n in NAMES),
            str(row.seeds),
        )
    Console(width=120).print(shown)
    if cards:
        for ref, direction in ((sem_to_tem, "TEM -> SEM"), (tem_to_sem, "SEM -> TEM")):
            write_card(resolve(ref), [row for row in rows if row.direction == direction])
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    json_path.parent.mkdir(parents=True, exist_ok=True)
    json_path.write_text(
        json.dumps(
            {"date": date.today().isoformat(), "machine": machine, "rows": [asdict(r) for r in rows]},
            indent=2,
        )
    )


if __name__ == "__main__":
    typer.run(main)

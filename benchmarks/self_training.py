"""What self-training on images without labels gains, beside the same steps on labelled images of the source alone.

    python benchmarks/self_training.py DATA RUNS --task sem
    python benchmarks/self_training.py DATA RUNS --task mito

`sem` carries axons from TEM to SEM, from the shipped proxy; `mito` mitochondria from ssTEM to FIB-SEM, from a segmenter of ssTEM
alone, which is trained first where none is given. Crops are learned from without their labels; the truth only scores. Other crops,
from images that are not learned from, are scored apart. Prints a table and writes RUNS/TASK.json; what is done is found again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time
from typing import Literal

import imagecodecs
import numpy as np
import tools_path  # noqa: F401
import torch
import typer
from numpy.typing import NDArray
from quality_cases import Case, axon_cases
from quality_mito import FIBSEM, SSTEM, SSTEM_MITO, cases
from recipes import axons
from train_model import card_of

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import IntensityRange
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.metrics import counted, detections
from napari_pseudolabel.models import load_segmenter, resolve
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.segmenters import monai_unet
from napari_pseudolabel.models.segmenters.base import Segmenter, of_limits
from napari_pseudolabel.training.data.annotated_plane import AnnotatedPlane
from napari_pseudolabel.training.data.image_folders import LabelledPlane, Notes
from napari_pseudolabel.training.data.labelled_sets import LabelledSet
from napari_pseudolabel.training.data.target_images import TargetImages
from napari_pseudolabel.training.segmenter.fine_tuning import origin_of
from napari_pseudolabel.training.segmenter.segmenter_settings import SegmenterSettings
from napari_pseudolabel.training.segmenter.segmenter_training import BEST, SegmenterTraining
from napari_pseudolabel.training.self_training.round_training import RoundInput, RoundTraining
from napari_pseudolabel.training.self_training.self_training import labelled_sources
from napari_pseudolabel.training.self_training.self_training_task import SelfTrainingSettings
from napari_pseudolabel.training.training_jobs import SelfTrainingJob

SETTINGS = SelfTrainingSettings(batch=3, patch=96, lr=3e-4, least_confidence=0.8, device="cpu")
START = SegmenterSettings(240, 4, 112, validate_every=120, warm_up=20, class_shift=0.3, ema=0.99, seed=0)


@dataclass(frozen=True, eq=False)
class Task:
    """A direction.

    Attributes
    ----------
    start
        A segmenter that labels the target already.
    sources
        Labelled crops of the source.
    translator
        Makes them look like the target; None where they are used as they are.
    learned, others
        Crops of the target that are learned from without labels, and crops of other images.
    """

    start: str
    sources: list[LabelledPlane]
    translator: str | None
    learned: list[LabelledPlane]
    others: list[LabelledPlane]
    settings: SelfTrainingSettings
    whole: tuple[LabelledPlane, ...] = ()
    """Images that the table of `quality.py` scores, as they are; only the start and the last round label them."""


def crop(case: Case, side: int) -> LabelledPlane:
    """The part of a plane that holds the most labelled pixels of nine."""
    plane = case.plane
    places = [
        (y, x)
        for y in np.linspace(0, max(plane.image.shape[0] - side, 0), 3).astype(int)
        for x in np.linspace(0, max(plane.image.shape[1] - side, 0), 3).astype(int)
    ]
    y, x = max(
        places, key=lambda at: np.count_nonzero(plane.labels[at[0] : at[0] + side, at[1] : at[1] + side])
    )
    part = np.s_[y : y + side, x : x + side]
    return LabelledPlane(plane.name, plane.image[part], plane.labels[part])


def sem_task(data: Path) -> Task:
    """TEM -> SEM: the same six 192 px crops are labelled and scored, one of an animal that no shipped model has seen."""
    target = axon_cases(data, axons.SEM)
    source = [case for case in axon_cases(data, axons.TEM) if not case.held_out][:6]
    crops = [crop(case, 192) for case in target[:6]]
    held = [crop(case, 192) for case in target if case.held_out]
    settings = replace(SETTINGS, rounds=2, round_steps=24)
    return Task(
        "sample:sem-proxy",
        [crop(one, 256) for one in source],
        "sample:tem-to-sem-grey-levels",
        crops,
        held,
        settings,
    )


def mito_task(data: Path, runs: Path, start: Path | None) -> Task:
    """ssTEM -> FIB-SEM: eight crops of slices of one half of the stack; six of the other half are scored apart."""
    if start is None:
        start = runs / "mito-start" / BEST
        if not start.exists():
            training = SegmenterTraining(
                SSTEM_MITO.training(data), SSTEM_MITO.validation(data)[:2], card_of(SSTEM_MITO), START
            )
            training.run(start.parent)
    target = cases(data, FIBSEM)
    seen, held = ([case for case in target if case.held_out == side] for side in (False, True))
    source = [case for case in cases(data, SSTEM) if not case.held_out]
    return Task(
        str(start),
        [crop(case, 384) for case in source[::2]],
        None,
        [crop(case, 256) for case in seen[::2]],
        [crop(case, 256) for case in held if case.scored],
        replace(SETTINGS, rounds=3, round_steps=30, large_shift=True),
        tuple(case.plane for case in target if case.scored),
    )


def as_target(plane: LabelledPlane) -> AnnotatedPlane:
    """Without its labels."""
    nothing = np.zeros(plane.image.shape, bool)
    return AnnotatedPlane(
        plane.name, plane.name, plane.image, IntensityRange(0.0, 1.0), None, nothing.astype(np.uint8), nothing, None, nothing
    )  # fmt: skip


def as_folder(planes: Sequence[LabelledPlane], folder: Path, translator: str | None) -> LabelledSet:
    """Write labelled planes for the job to read."""
    for number, plane in enumerate(planes):
        for name, values in (("images", np.round(plane.image * 255)), ("labels", plane.labels)):
            (folder / name).mkdir(parents=True, exist_ok=True)
            content = imagecodecs.png_encode(np.ascontiguousarray(values.astype(np.uint8)))
            (folder / name / f"{number:02d}.png").write_bytes(content)
    return LabelledSet(folder / "images", folder / "labels", translator, Scale(factor=1))


def labels(segmenter: Segmenter, plane: LabelledPlane) -> NDArray[np.uint8]:
    """By a single look."""
    part = of_limits(IntensityRange(0.0, 1.0, clip=False))
    return segmenter.labels(segmenter.probabilities(plane.image, part=part))


def scored(
    segmenter: Segmenter, planes: Sequence[LabelledPlane], before: Sequence[NDArray[np.uint8]] | None
) -> tuple[dict[str, float], list[NDArray[np.uint8]]]:
    """Dice of each class and F1 of objects over all pixels, and what survives of the false positive pixels of the start."""
    classes = {one.name: one.value for one in segmenter.classes if one.value}
    found = [labels(segmenter, plane) for plane in planes]
    truth = np.concatenate([plane.labels.ravel() for plane in planes])
    flat = np.concatenate([one.ravel() for one in found])
    told = {
        f"Dice {name}": 2 * np.count_nonzero((flat == value) & (truth == value))
        / max(np.count_nonzero(flat == value) + np.count_nonzero(truth == value), 1)
        for name, value in classes.items()
    }  # fmt: skip
    for name in counted(classes):
        parts = [
            detections(one, plane.labels, classes)[name] for one, plane in zip(found, planes, strict=True)
        ]
        told[f"F1 {name}"] = sum(parts[1:], parts[0]).f1
    if before is not None:
        old = np.concatenate([one.ravel() for one in before])
        wrong = (old != 0) & (old != truth)
        told["false positives that survive"] = np.count_nonzero(wrong & (flat == old)) / max(
            np.count_nonzero(wrong), 1
        )
    return told, found


def source_only(
    task: Task, folder: Path, labelled: LabelledSet, settings: SelfTrainingSettings
) -> list[Path]:
    """The trivial rival: as many steps on the labelled images of the source alone, changed in the same way."""
    job = SelfTrainingJob(
        TargetImages(tuple(map(as_target, task.learned))), task.start, folder, settings, labelled
    )
    models = LoadedModels()
    origin = origin_of(task.start, models, "source only")
    assert origin.weights is not None
    sources = labelled_sources(job, origin.card, models, Control(), Notes())
    steps = replace(settings, round_steps=settings.rounds * settings.round_steps)
    looks = [plane.image for plane in task.learned]
    run = RoundTraining(
        1,
        RoundInput([], sources),
        origin.card,
        steps,
        device=torch.device("cpu"),
        start=origin.weights,
        looks=looks,
    )
    folder.mkdir(parents=True, exist_ok=True)
    run.complete(folder, Control())
    path = folder / "source-only.safetensors"
    monai_unet.save(run.kept, origin.card, path)
    return [path]


def self_trained(
    task: Task, folder: Path, labelled: LabelledSet, settings: SelfTrainingSettings
) -> list[Path]:
    """Every round."""
    images = TargetImages(tuple(map(as_target, task.learned)))
    made = SelfTrainingJob(images, task.start, folder, settings, labelled).run(Control(), LoadedModels())
    for one in made.rounds:
        typer.echo(one.sentence, err=True)
    typer.echo(made.sentence, err=True)
    return [folder / f"round-{one.number}" / "teacher.safetensors" for one in made.rounds[1:]]


Row = Callable[[Task, Path, LabelledSet, SelfTrainingSettings], list[Path]]


def rows(task: Task) -> dict[str, tuple[Row, SelfTrainingSettings]]:
    """What is compared, by name."""
    s = task.settings
    found: dict[str, tuple[Row, SelfTrainingSettings]] = {
        "self-training": (self_trained, s),
        "source only, same steps": (source_only, s),
        "self-training, no blending": (self_trained, replace(s, blending="off")),
        "self-training, harmonised": (self_trained, replace(s, harmonise=True)),
    }
    if s.large_shift:
        found["self-training, no FDA, intensity, blur"] = (self_trained, replace(s, large_shift=False))
    return found


def main(
    data: Path,
    runs: Path,
    task: Literal["sem", "mito"] = "sem",
    start: Path | None = None,
    whole: bool = False,
    only: str = "",
    default: bool = False,
) -> None:
    """Train, score, print; with `whole` only what the first row does on whole images, with `only` rows of that name.

    With `default` steps, rounds and rates are those of the strategy, instead of those that were affordable.
    """
    torch.set_num_threads(1)
    asked = sem_task(data) if task == "sem" else mito_task(data, runs, start)
    if default:
        usual = SelfTrainingSettings(large_shift=asked.settings.large_shift, device="cpu")
        asked = replace(asked, settings=usual)
    labelled = as_folder(asked.sources, runs / task / "sources", asked.translator)
    found: dict[str, object] = {}
    first = load_segmenter(resolve(asked.start))
    starts = [scored(first, planes, None) for planes in (asked.learned, asked.others)]
    found["start"] = [told for told, _ in starts]
    if whole:
        last = rows(asked)["self-training"]
        path = last[0](asked, runs / task / "self-training", labelled, last[1])[-1]
        for name, segmenter in (("start", first), ("self-training", load_segmenter(path))):
            each = [scored(segmenter, [plane], None)[0] for plane in asked.whole]
            told = {key: float(np.mean([one[key] for one in each])) for key in each[0]}
            typer.echo(f"{name}, mean of {len(each)} whole images: {told}")
        return
    for name, (row, settings) in rows(asked).items():
        if only not in ("", name):
            continue
        began = process_time()
        folder = runs / task / name.replace(", ", "-").replace(" ", "-")
        for number, path in enumerate(row(asked, folder, labelled, settings), 1):
            segmenter = load_segmenter(path)
            told = [
                scored(segmenter, planes, before)[0]
                for planes, (_, before) in zip((asked.learned, asked.others), starts, strict=True)
            ]
            found[f"{name}, round {number}" if row is self_trained else name] = told
        typer.echo(f"{name}: {process_time() - began:.0f} CPU s", err=True)
        (runs / f"{task}.json").write_text(json.dumps(found, indent=1))
        print_table(found, len(asked.learned), len(asked.others))


def print_table(found: dict[str, object], learned: int, others: int) -> None:
    """Markdown: a line for each row, crops that were learned from before a slash, others behind it."""
    names = list(found["start"][0])  # type: ignore[index]
    names.append("false positives that survive")
    typer.echo(f"\n{learned} crops learned from without labels / {others} other crops\n")
    typer.echo("| | " + " | ".join(names) + " |\n" + "|---" * (len(names) + 1) + "|")
    for name, (one, other) in found.items():  # type: ignore[misc]
        cells = [
            " / ".join(f"{side[key]:.3f}" if key in side else "" for side in (one, other)) for key in names
        ]
        typer.echo(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    typer.run(main)

"""The recipe of the shipped sample checkpoints.

    python sample_data/train.py translator DATA OUT     SynDiff TEM <-> SEM
    python sample_data/train.py segmenter  DATA OUT     axons and myelin in TEM

DATA holds the folders ``axon_tem`` and ``axon_sem`` (each with ``images/``, ``labels/`` and
``index.csv``). The SEM labels are never read. Both commands resume when they are called again and
write checkpoints with cards; the quality on the cards of the translators is added by
``benchmarks/quality.py --cards``. The shipped translator was trained in two sittings: its first 1,600
steps saw only densely packed fields (fibre fraction 0.7). Two small corrections to the generator came after
all three: shading no longer shifts the mean of an image, and the smallest axons keep a pixel of myelin.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from datetime import date
from pathlib import Path

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from napari_pseudolabel.cli.progress import shown_progress
from napari_pseudolabel.imaging import labels_to, read
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.classes import AXON_CLASSES
from napari_pseudolabel.models.cards import Card, Modality, Training
from napari_pseudolabel.sample_data.fields import FieldParams, axon_field
from napari_pseudolabel.sample_data.looks import render_sem, render_tem
from napari_pseudolabel.training import presets
from napari_pseudolabel.training.export import write_translators
from napari_pseudolabel.training.folders import LabelledPlane, Preparation, prepare
from napari_pseudolabel.training.patches import PatchPool
from napari_pseudolabel.training.segmenter import SegmenterSettings, SegmenterTraining
from napari_pseudolabel.training.syndiff import SynDiffTraining

TEM = Modality(name="TEM", pixel_size_um=0.01972, object_size_px=25)
SEM = Modality(name="SEM", pixel_size_um=0.12, object_size_px=20)
# Animals that no training sees; the segmenter is chosen, and the quality measured, on them.
HELD_OUT = {"axon_tem": ("sub-371", "sub-373C"), "axon_sem": ("sub-rat4",)}
FIELDS, FIELD_SHAPE, FIELD_SEED = 40, (320, 320), 10_000
DATA = ("axondeepseg/data_axondeepseg_srf_testing (TEM, MIT)", "axondeepseg/data_axondeepseg_sem (SEM, MIT)")

TRANSLATOR = presets.SMALL
SEGMENTER = SegmenterSettings(steps=1500, batch=6, patch=96)

app = typer.Typer(add_completion=False, help=__doc__)


def planes(
    data: Path, name: str, modality: Modality, animals: Collection[str] | None = None
) -> Iterator[LabelledPlane]:
    """Images of one set on the model's grid; all animals but `animals`, or None for all.

    Labels are zeros for the SEM set: its labels are never read here.
    """
    with (data / name / "index.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if animals is not None and row["subject"] in animals:
            continue
        preparation = Preparation(Scale(pixel_size_um=float(row["pixel_um"])), modality.pixel_size_um)
        (path,) = (data / name / "images").glob(row["id"] + "*")
        (plane,) = prepare(read(path), preparation)
        labels = np.zeros(plane.shape, np.uint8)
        if name == "axon_tem":
            (path,) = (data / name / "labels").glob(row["id"] + "*")
            labels = labels_to(read(path).plane((), None).astype(np.uint8), plane.shape)
        yield LabelledPlane(row["id"], plane, labels)


def generated(
    count: int = FIELDS,
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]]:
    """Generated fields: labels, TEM look and SEM look; (H, W) uint8 and float32 in [0, 1]."""
    # From nearly empty to packed: the empty ones are meant against taking a large dark void for an axon.
    for seed, fraction in enumerate(np.linspace(0.15, 0.7, count), FIELD_SEED):
        labels = axon_field(FIELD_SHAPE, seed=seed, params=FieldParams(fibre_fraction=float(fraction)))
        looks = (render(labels, seed=seed) for render in (render_tem, render_sem))
        tem, sem = (_stretch(look) for look in looks)
        yield labels, tem, sem


def _stretch(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    low, high = np.percentile(image, (0.5, 99.5))
    return np.clip((image.astype(np.float32) - low) / (high - low), 0, 1).astype(np.float32)


def _mixed(real: list[NDArray[np.float32]], made: list[NDArray[np.float32]], share: float) -> PatchPool:
    """Patches of real planes by area, and of generated ones with probability `share`."""
    area = sum(plane.size for plane in real)
    weights = [plane.size / area * (1 - share) for plane in real] + [share / len(made)] * len(made)
    return PatchPool([plane[None] for plane in [*real, *made]], weights=weights)


@app.command()
def translator(data: Path, out: Path, device: str = "cpu") -> None:
    """Train SynDiff in both directions and write the two checkpoints."""
    fields = list(generated())
    tem = [plane.image for plane in planes(data, "axon_tem", TEM, HELD_OUT["axon_tem"])]
    sem = [plane.image for plane in planes(data, "axon_sem", SEM, HELD_OUT["axon_sem"])]
    pools = (
        _mixed(tem, [look for _, look, _ in fields], 0.25),
        _mixed(sem, [look for _, _, look in fields], 0.25),
    )
    pairs = PatchPool([np.stack([a, b]) for _, a, b in fields], n_images=2)
    run = SynDiffTraining(pools, TRANSLATOR, pairs=pairs, device=torch.device(device))
    with shown_progress() as control:
        run.run(out, control)
    training = Training(
        data=(*DATA, f"{FIELDS} generated axon fields"),
        licence="MIT",
        steps=run.step,
        seed=TRANSLATOR.seed,
        date=date.today().isoformat(),
        command="python sample_data/train.py translator DATA OUT",
    )
    write_translators(
        run, out, modalities=(TEM, SEM), names=("sem-to-tem", "tem-to-sem"), training=training, half=True
    )


@app.command()
def segmenter(data: Path, out: Path, device: str = "cpu") -> None:
    """Train the TEM segmenter and write its checkpoint."""
    train = list(planes(data, "axon_tem", TEM, HELD_OUT["axon_tem"]))
    names = {plane.name for plane in train}
    validation = [plane for plane in planes(data, "axon_tem", TEM) if plane.name not in names]
    made = [LabelledPlane(f"field {i}", tem, labels) for i, (labels, tem, _) in enumerate(generated())]
    card = Card(
        kind="segmenter",
        family="monai-unet",
        name="TEM axons and myelin",
        description="Axons and myelin in transmission electron micrographs of nerve tissue.",
        architecture={"filters": [24, 48, 96, 128]},
        source=TEM,
        classes=AXON_CLASSES,
        licence="BSD-3-Clause",
        training=Training(
            data=(DATA[0], f"{FIELDS} generated axon fields"),
            licence="MIT",
            steps=SEGMENTER.steps,
            seed=SEGMENTER.seed,
            date=date.today().isoformat(),
            command="python sample_data/train.py segmenter DATA OUT",
        ),
    )
    weights = [0.75 / len(train)] * len(train) + [0.25 / len(made)] * len(made)
    run = SegmenterTraining(
        [*train, *made], validation, card, SEGMENTER, device=torch.device(device), weights=weights
    )
    with shown_progress() as control:
        score = run.run(out, control)
    typer.echo(f"Validation Dice {score.per_class} at step {score.step}")


if __name__ == "__main__":
    app()

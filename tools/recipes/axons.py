"""TEM <-> SEM of axons: which images the recipes see, at which size.

DATA holds the folders ``axon_tem`` and ``axon_sem``, each with ``images/``, ``labels/`` and ``index.csv`` (axondeepseg, MIT). Labels
of a modality are used only by what is trained to carry them to the other one; translators use no labels at all.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.imaging import labels_to, read, read_labels
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.cards import Modality
from napari_pseudolabel.sample_data.fields import FieldParams, axon_field
from napari_pseudolabel.sample_data.looks import render_sem, render_tem
from napari_pseudolabel.training.data.image_folders import FolderPreprocessing, LabelledPlane, prepare
from recipes import nuclei
from recipes.generated import Field, stretched

TEM = Modality(name="TEM", pixel_size_um=0.01972, object_size_px=25)
SEM = Modality(name="SEM", pixel_size_um=0.12, object_size_px=20)
# Animals that no training sees; the segmenter is chosen, and the quality measured, on them.
HELD_OUT = {"TEM": ("sub-371", "sub-373C"), "SEM": ("sub-rat4",)}
FOLDERS = {"TEM": "axon_tem", "SEM": "axon_sem"}
AXON = 2  # class value in the labels of both sets
FIELDS, FIELD_SHAPE, FIELD_SEED = 60, (320, 320), 10_000
DATA = {
    "TEM": "axondeepseg/data_axondeepseg_srf_testing (TEM, MIT)",
    "SEM": "axondeepseg/data_axondeepseg_sem (SEM, MIT)",
}


def training(data: Path, modality: Modality) -> list[LabelledPlane]:
    """Labelled images of the animals that trainings may see, on the model's grid."""
    return [plane for animal, plane in planes(data, modality) if animal not in HELD_OUT[modality.name]]


def held_out(data: Path, modality: Modality) -> list[LabelledPlane]:
    """Labelled images of the other animals."""
    return [plane for animal, plane in planes(data, modality) if animal in HELD_OUT[modality.name]]


def planes(data: Path, modality: Modality) -> Iterator[tuple[str, LabelledPlane]]:
    """Animal and labelled image, on the model's grid."""
    folder = data / FOLDERS[modality.name]
    with (folder / "index.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        (path,) = (folder / "images").glob(row["id"] + "*")
        preparation = FolderPreprocessing(Scale(pixel_size_um=float(row["pixel_um"])), modality.pixel_size_um)
        (image,) = prepare(read(path), preparation)
        truth = np.asarray(read_labels(folder / "labels" / path.name).data)
        yield row["subject"], LabelledPlane(row["id"], image, labels_to(truth, image.shape))


def gap_weight(labels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How much pixels count in the training: five times as much between axons that nearly touch; see `nuclei.gap_weight`."""
    return nuclei.gap_weight((labels == AXON).astype(np.uint8))


def generated() -> Iterator[Field]:
    """Fields of axons in TEM and SEM looks."""
    # From nearly empty to packed: the empty ones are meant against taking a large dark void for an axon.
    fractions = np.linspace(0.15, 0.7, FIELDS)
    # From thin to thick: real images hold both, and what a translator has never seen it leaves out.
    diameters = np.random.default_rng(FIELD_SEED).permutation(np.geomspace(8, 24, FIELDS))
    for seed, (fraction, diameter) in enumerate(zip(fractions, diameters, strict=True), FIELD_SEED):
        params = FieldParams(axon_diameter_px=float(diameter), fibre_fraction=float(fraction))
        labels = axon_field(FIELD_SHAPE, seed=seed, params=params)
        yield Field(
            labels, (stretched(render_tem(labels, seed=seed)), stretched(render_sem(labels, seed=seed)))
        )

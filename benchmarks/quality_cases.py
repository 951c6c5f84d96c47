"""Labelled images that labels are carried to, and which of them the trainings may see: axons and nuclei."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tools_path  # noqa: F401
from numpy.typing import NDArray
from recipes import axons, nuclei
from recipes.pairs import FLUORESCENCE_NUCLEI, SEM_AXONS, TEM_AXONS, LabelledSet

from napari_pseudolabel.imaging import labels_to, read
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.cards import Modality
from napari_pseudolabel.training.data.image_folders import FolderPreprocessing, LabelledPlane, prepare


@dataclass(frozen=True, eq=False)
class Case:
    """One labelled image.

    Attributes
    ----------
    group
        Animal, image or block of slices: what is never on both sides of a split.
    plane
        On the model's grid.
    truth
        (H, W) uint8, classes on the image's own pixels.
    instances
        (H, W) int32, numbered objects on the image's own pixels; None where the truth does not tell them apart.
    held_out
        Whether no translator and no shipped model has seen the image.
    scored
        False where the image only trains the supervised bound.
    """

    group: str
    plane: LabelledPlane
    truth: NDArray[np.uint8]
    instances: NDArray[np.int32] | None
    held_out: bool
    scored: bool = True


@dataclass(frozen=True, eq=False)
class Side:
    """A modality.

    Attributes
    ----------
    recipe
        How a segmenter of it is trained.
    cases
        All its labelled images in DATA that may be measured on.
    fields
        Whether trainings mix in generated fields.
    segmenter
        Name of the shipped segmenter that learned from its labels.
    """

    recipe: LabelledSet
    cases: Callable[[Path], list[Case]]
    fields: bool = True
    segmenter: str | None = None

    @property
    def name(self) -> str:
        """Of the modality."""
        return self.recipe.modality.name


def axon_cases(data: Path, modality: Modality) -> list[Case]:
    """All images of an axon set; groups are animals."""
    folder = data / axons.FOLDERS[modality.name]
    with (folder / "index.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = []
    for row in rows:
        (path,) = (folder / "images").glob(row["id"] + "*")
        truth = read(folder / "labels" / path.name).plane((), None).astype(np.uint8)
        preparation = FolderPreprocessing(Scale(pixel_size_um=float(row["pixel_um"])), modality.pixel_size_um)
        (image,) = prepare(read(path), preparation)
        plane = LabelledPlane(row["id"], image, labels_to(truth, image.shape))
        held_out = row["subject"] in axons.HELD_OUT[modality.name]
        found.append(Case(row["subject"], plane, truth, None, held_out))
    return found


def purple_cases(data: Path) -> list[Case]:
    """All images of the purple stain, pixels as they are; every image is a group."""
    found = []
    for held_out in (False, True):
        for name in nuclei.names(data, nuclei.PURPLE, held_out=held_out):
            numbered = nuclei.instances(data, nuclei.PURPLE, name)
            image = nuclei.plane(data, nuclei.PURPLE, name)
            plane = LabelledPlane(name, image, nuclei.outlined(numbered))
            found.append(Case(name, plane, (numbered > 0).astype(np.uint8), numbered, held_out))
    return found


def fluorescence_cases(data: Path) -> list[Case]:
    """Images that no training has seen, on the model's grid; the truth is that of the recipe."""
    planes = nuclei.labelled(data, nuclei.FLUORESCENCE, held_out=True)
    return [Case(plane.name, plane, plane.labels, None, True) for plane in planes]


def _purple_planes(data: Path, *, held_out: bool) -> list[LabelledPlane]:
    return [case.plane for case in purple_cases(data) if case.held_out == held_out]


TEM = Side(TEM_AXONS, lambda data: axon_cases(data, axons.TEM), segmenter="sample:tem-axons")
SEM = Side(SEM_AXONS, lambda data: axon_cases(data, axons.SEM), segmenter="sample:sem-axons")
FLUORESCENCE = Side(FLUORESCENCE_NUCLEI, fluorescence_cases, segmenter="sample:fluorescence-nuclei")
PURPLE = Side(
    replace(
        FLUORESCENCE_NUCLEI,
        name="purple-nuclei",
        title="Purple nuclei",
        description="Nuclei in a purple stain; for benchmarks only.",
        modality=nuclei.PURPLE,
        look=1,
        training=lambda data: _purple_planes(data, held_out=False),
        validation=lambda data: _purple_planes(data, held_out=True),
    ),
    purple_cases,
)

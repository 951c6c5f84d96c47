"""The labelled images that `objects.py` counts objects in, each at its own size."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tools_path  # noqa: F401
from numpy.typing import NDArray
from recipes import axons, nuclei

from napari_pseudolabel.imaging import Image, read, read_labels
from napari_pseudolabel.labels.classes import AXON_CLASSES
from napari_pseudolabel.labels.objects import scheme_for, to_instances
from napari_pseudolabel.models.cards import LabelClass, Modality


@dataclass(frozen=True, eq=False)
class Scene:
    """One labelled image.

    Attributes
    ----------
    group
        Animal or image: what numbers are averaged over.
    image
        As it is in the file, without a size.
    pixel_um
        From the index of the data; None where nobody knows.
    truth
        (H, W) uint8 classes.
    objects
        (H, W) int32 by the name of what is counted, each numbered from 1.
    held_out
        Whether no choice was made on it.
    """

    name: str
    group: str
    image: Image
    pixel_um: float | None
    truth: NDArray[np.uint8]
    objects: dict[str, NDArray[np.int32]]
    held_out: bool


@dataclass(frozen=True)
class Target:
    """Images of one kind.

    Attributes
    ----------
    modality
        As the models are trained on it; its pixel size is where axons are brought to, nuclei stay as they are.
    bound
        Shipped segmenter that learned from labels of other animals of this modality; None if there is none.
    source_segmenter
        Shipped segmenter of the modality whose labels are carried here.
    syndiff, grey_levels
        Shipped translators to that modality; None if there are none.
    proxy, any_contrast
        Shipped segmenters of this modality that learned without its labels: from translated images, and from images in
        random contrasts; None if there are none.
    """

    name: str
    modality: Modality
    classes: tuple[LabelClass, ...]
    scenes: Callable[[Path], list[Scene]]
    source_segmenter: str
    bound: str | None = None
    syndiff: str | None = None
    grey_levels: str | None = None
    proxy: str | None = None
    any_contrast: str | None = None


def counted(labels: NDArray[np.uint8], classes: tuple[LabelClass, ...]) -> dict[str, NDArray[np.int32]]:
    """Number what is counted in labels of axons: the axons, and the fibres that they make with their myelin."""
    scheme = scheme_for(classes)
    found = {}
    for fibre in scheme.fibres:
        (name,) = (one.name for one in classes if one.value == fibre.inner)
        found[name] = to_instances(np.where(labels == fibre.inner, labels, 0), scheme)
        whole = to_instances(labels, scheme)
        # Myelin without an axon is no fibre.
        with_axon = np.zeros(int(whole.max()) + 1, bool)
        with_axon[np.unique(whole[labels == fibre.inner])] = True
        with_axon[0] = False
        found["fibre"] = np.where(with_axon[whole], whole, 0)
    return found


def axon_scenes(data: Path, modality: Modality) -> list[Scene]:
    """All images of an axon set; groups are animals."""
    folder = data / axons.FOLDERS[modality.name]
    with (folder / "index.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = []
    for row in rows:
        (path,) = (folder / "images").glob(row["id"] + "*")
        truth = read(folder / "labels" / path.name).plane((), None).astype(np.uint8)
        held_out = row["subject"] in axons.HELD_OUT[modality.name]
        found.append(
            Scene(
                row["id"],
                row["subject"],
                read(path),
                float(row["pixel_um"]),
                truth,
                counted(truth, AXON_CLASSES),
                held_out,
            )
        )
    return found


def nuclei_scenes(data: Path, folder: str) -> list[Scene]:
    """All images of one appearance; every image is a group, and of every third one no choice was made."""
    with (data / "nuclei" / "index.csv").open() as file:
        names = sorted(row["id"] for row in csv.DictReader(file) if row["modality_guess"] == folder)
    found = []
    for number, name in enumerate(names):
        numbered = np.asarray(read_labels(data / "nuclei" / folder / "labels" / f"{name}.png").data)
        truth, objects = (numbered > 0).astype(np.uint8), {"nucleus": numbered.astype(np.int32)}
        image = read(data / "nuclei" / folder / "images" / f"{name}.png")
        found.append(Scene(name, name, image, None, truth, objects, number % 3 == 2))
    return found


def _nuclei(name: str, folder: str) -> Target:
    return Target(
        name,
        Modality(name=name, object_size_px=20),
        nuclei.CLASSES,
        lambda data: nuclei_scenes(data, folder),
        "sample:fluorescence-nuclei",
    )


SEM = Target(
    "SEM",
    axons.SEM,
    AXON_CLASSES,
    lambda data: axon_scenes(data, axons.SEM),
    "sample:tem-axons",
    bound="sample:sem-axons",
    syndiff="sample:sem-to-tem",
    grey_levels="sample:sem-to-tem-grey-levels",
    proxy="sample:sem-proxy",
)
TEM = Target(
    "TEM",
    axons.TEM,
    AXON_CLASSES,
    lambda data: axon_scenes(data, axons.TEM),
    "sample:sem-axons",
    bound="sample:tem-axons",
    syndiff="sample:tem-to-sem",
    grey_levels="sample:tem-to-sem-grey-levels",
)
PURPLE = replace(
    _nuclei("purple stain", "stain_purple_on_white"),
    syndiff="sample:purple-to-fluorescence",
    grey_levels="sample:purple-to-fluorescence-grey-levels",
    proxy="sample:purple-proxy",
)
LAVENDER = replace(_nuclei("lavender stain", "stain_lavender"), proxy="sample:lavender-proxy")
BRIGHT_FIELD = _nuclei("gray bright field", "brightfield_gray")
TARGETS = (SEM, TEM, PURPLE, LAVENDER, BRIGHT_FIELD)

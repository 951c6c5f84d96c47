"""Where labels are carried to by a way that is chosen, and which images took part in the choice of constants."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import tools_path  # noqa: F401
from choice_mito import mito_models
from numpy.typing import NDArray
from quality_mito import FIBSEM, FOLDERS, HELD_OUT, OWN_PIXEL_UM, SSTEM
from recipes import axons, nuclei

from napari_pseudolabel.imaging import Image, read, read_labels
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.cards import Modality
from napari_pseudolabel.strategies import LabelSettings
from napari_pseudolabel.strategies.choice.ways import Objects

AXONS: Objects = (("axon", 2), ("myelin", 1))
NUCLEI: Objects = (("nucleus", 1),)


@dataclass(frozen=True, eq=False)
class View:
    """An image as a person would open it.

    Attributes
    ----------
    truth
        (H, W) uint8, never seen by what is measured.
    chosen
        Whether the kind of score was chosen on it: on all axons, and on no nuclei and no mitochondria.
    """

    name: str
    image: Image
    truth: NDArray[np.uint8]
    chosen: bool
    settings: LabelSettings = field(default_factory=LabelSettings)


@dataclass(frozen=True, eq=False)
class Carried:
    """Labels of one modality, carried to images of another.

    Attributes
    ----------
    modality
        What the images show.
    without
        Shipped models that learned from labels of the images' own modality.
    views
        Lists the images in DATA.
    trained
        References of a segmenter and translators that were trained for it; none where shipped models do.
    objects
        What is looked for; None where the modality tells.
    """

    name: str
    modality: str
    without: tuple[str, ...]
    views: Callable[[Path], Iterator[View]]
    trained: Callable[[Path, Path], tuple[str, ...]] | None = None
    objects: Objects | None = None


def untold(views: Callable[[Path], Iterator[View]], every: int = 1) -> Callable[[Path], Iterator[View]]:
    """Views of images of which nobody has said what they show; some of many."""

    def found(data: Path) -> Iterator[View]:
        for view in islice(views(data), 0, None, every):
            yield replace(view, image=replace(view.image, modality=""))

    return found


def axon_views(data: Path, modality: Modality) -> Iterator[View]:
    """All images, with the size of a pixel."""
    folder = data / axons.FOLDERS[modality.name]
    with (folder / "index.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        (path,) = (folder / "images").glob(row["id"] + "*")
        image = read(path)
        placement = image.placement.with_pixel_size_um(float(row["pixel_um"]))
        truth = np.asarray(read_labels(folder / "labels" / path.name).data).astype(np.uint8)
        image = replace(image, placement=placement, modality=modality.name)
        yield View(row["id"], image, truth, chosen=True)


def nuclei_views(data: Path, modality: Modality, most: int, *, sized: bool) -> Iterator[View]:
    """The first images; of the fluorescence those that no training has seen. Sized: one nucleus was drawn across, else as they are."""
    if modality == nuclei.FLUORESCENCE:
        names = nuclei.names(data, modality, held_out=True)
    else:
        names = sorted(
            nuclei.names(data, modality, held_out=True) + nuclei.names(data, modality, held_out=False)
        )
    for name in names[:most]:
        image = read(data / "nuclei" / nuclei.FOLDERS[modality.name] / "images" / f"{name}.png")
        numbered = nuclei.instances(data, modality, name)
        scale = Scale(object_size_px=nuclei.median_diameter(numbered)) if sized else Scale(factor=1.0)
        yield View(
            name,
            replace(image, modality=modality.name),
            (numbered > 0).astype(np.uint8),
            False,
            LabelSettings(scale=scale),
        )


def mito_views(data: Path, name: str) -> Iterator[View]:
    """Four slices of the half that no training has seen, spread over it."""
    folder = data / FOLDERS[name]
    paths = sorted((folder / "images").glob("*.png"))
    for number in HELD_OUT[name][:: len(HELD_OUT[name]) // 4]:
        path = paths[number]
        image = read(path)
        placement = image.placement.with_pixel_size_um(OWN_PIXEL_UM[name])
        truth = (np.asarray(read_labels(folder / "labels_mito" / path.name).data) > 0).astype(np.uint8)
        yield View(path.stem, replace(image, placement=placement, modality=name), truth, False)


DIRECTIONS = (
    Carried("TEM -> SEM", "SEM", ("sample:sem-axons",), partial(axon_views, modality=axons.SEM)),
    Carried(
        "SEM -> TEM", "TEM", ("sample:tem-axons", "sample:sem-proxy"), partial(axon_views, modality=axons.TEM)
    ),
    Carried(
        "fluorescence -> purple stain",
        "purple stain",
        ("sample:lavender-proxy",),
        partial(nuclei_views, modality=nuclei.PURPLE, most=14, sized=False),
    ),
    Carried(
        "purple stain -> fluorescence",
        "fluorescence",
        ("sample:fluorescence-nuclei",),
        partial(nuclei_views, modality=nuclei.FLUORESCENCE, most=12, sized=True),
    ),
    Carried(
        "other nuclei -> lavender stain",
        "lavender stain",
        (),
        partial(nuclei_views, modality=nuclei.LAVENDER, most=8, sized=False),
    ),
    Carried(
        "mitochondria: ssTEM -> FIB-SEM",
        "FIB-SEM",
        (),
        partial(mito_views, name="FIB-SEM"),
        partial(mito_models, source=SSTEM),
    ),
    Carried(
        "mitochondria: FIB-SEM -> ssTEM",
        "ssTEM",
        (),
        partial(mito_views, name="ssTEM"),
        partial(mito_models, source=FIBSEM),
    ),
    Carried(
        "unknown kind: SEM",
        "",
        ("sample:sem-axons",),
        untold(partial(axon_views, modality=axons.SEM)),
        objects=AXONS,
    ),
    Carried(
        "unknown kind: TEM",
        "",
        ("sample:tem-axons", "sample:sem-proxy"),
        untold(partial(axon_views, modality=axons.TEM), 3),
        objects=AXONS,
    ),
    Carried(
        "unknown kind: purple stain",
        "",
        ("sample:lavender-proxy",),
        untold(partial(nuclei_views, modality=nuclei.PURPLE, most=6, sized=True)),
        objects=NUCLEI,
    ),
    Carried(
        "unknown kind: fluorescence",
        "",
        ("sample:fluorescence-nuclei",),
        untold(partial(nuclei_views, modality=nuclei.FLUORESCENCE, most=6, sized=True)),
        objects=NUCLEI,
    ),
)

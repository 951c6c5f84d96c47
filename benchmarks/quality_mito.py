"""Mitochondria in ssTEM and FIB-SEM: for measuring only, because the licences of the images forbid to ship what learned from them.

DATA holds ``mito_vnc_sstem`` (CC BY-NC-SA) and ``mito_lucchi_fibsem`` (research use), each with ``images`` and ``labels_mito``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import tools_path  # noqa: F401
from quality_cases import Case, Side
from recipes.pairs import SEGMENTER, LabelledSet, Pair

from napari_pseudolabel.imaging import labels_to, read
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.classes import default_classes
from napari_pseudolabel.models.cards import Modality
from napari_pseudolabel.training.data.image_folders import FolderPreprocessing, LabelledPlane, prepare
from napari_pseudolabel.training.translator import syndiff_settings as presets

SSTEM = Modality(name="ssTEM", pixel_size_um=0.01)
FIBSEM = Modality(name="FIB-SEM", pixel_size_um=0.01)
FOLDERS = {"ssTEM": "mito_vnc_sstem", "FIB-SEM": "mito_lucchi_fibsem"}
OWN_PIXEL_UM = {"ssTEM": 0.0046, "FIB-SEM": 0.005}
CLASSES = default_classes(("mitochondrion",))
# Neighbouring slices look alike, so slices are split in blocks. The one between the halves belongs to neither.
HELD_OUT = {"ssTEM": range(16, 20), "FIB-SEM": range(17, 33)}
SEEN = {"ssTEM": range(0, 15), "FIB-SEM": range(0, 16)}
BLOCK = 4
# The others only train the supervised bound.
SCORED = {"ssTEM": (16, 17, 18, 19), "FIB-SEM": (2, 8, 14, 18, 21, 24, 26, 29, 32)}


@cache
def cases(data: Path, modality: Modality) -> list[Case]:
    """All slices but the one between the halves; groups are blocks of consecutive slices."""
    return list(_cases(data, modality))


def _cases(data: Path, modality: Modality) -> Iterator[Case]:
    folder, name = data / FOLDERS[modality.name], modality.name
    preparation = FolderPreprocessing(Scale(pixel_size_um=OWN_PIXEL_UM[name]), modality.pixel_size_um)
    paths = sorted((folder / "images").glob("*.png"))
    for half, held_out in ((SEEN[name], False), (HELD_OUT[name], True)):
        for number in half:
            path = paths[number]
            truth = (read(folder / "labels_mito" / path.name).plane((), None) > 0).astype(np.uint8)
            (image,) = prepare(read(path), preparation)
            plane = LabelledPlane(path.stem, image, labels_to(truth, image.shape))
            # Counted from the start of the half, so that no block lies in both.
            block = f"{'held' if held_out else 'seen'} {(number - half.start) // BLOCK}"
            yield Case(block, plane, truth, None, held_out, scored=number in SCORED[name])


def _planes(data: Path, modality: Modality, *, held_out: bool) -> list[LabelledPlane]:
    return [case.plane for case in cases(data, modality) if case.held_out == held_out]


MITO = Pair(
    modalities=(SSTEM, FIBSEM),
    names=("fibsem-to-sstem", "sstem-to-fibsem"),
    images=lambda data: (
        [plane.image for plane in _planes(data, SSTEM, held_out=False)],
        [plane.image for plane in _planes(data, FIBSEM, held_out=False)],
    ),
    generated=lambda: (),
    data=("segmented anisotropic ssTEM of neural tissue (ssTEM)", "EPFL electron microscopy (FIB-SEM)"),
    licence="research use, not for redistribution",
    # Patches that hold a whole mitochondrion.
    settings=replace(
        presets.SMALL,
        steps=2400,
        batch=1,
        pair_weight=1.0,
        adversarial_weight=0.3,
        generator=replace(presets.SMALL.generator, image_size=128),
    ),
)

SSTEM_MITO = LabelledSet(
    name="sstem-mitochondria",
    title="ssTEM mitochondria",
    description="Mitochondria in serial section TEM; for benchmarks only.",
    modality=SSTEM,
    classes=CLASSES,
    pair=MITO,
    look=0,
    data=MITO.data,
    training=lambda data: _planes(data, SSTEM, held_out=False),
    validation=lambda data: _planes(data, SSTEM, held_out=True),
    settings=SEGMENTER,
)
FIBSEM_MITO = replace(
    SSTEM_MITO,
    name="fibsem-mitochondria",
    title="FIB-SEM mitochondria",
    description="Mitochondria in FIB-SEM; for benchmarks only.",
    modality=FIBSEM,
    look=1,
    training=lambda data: _planes(data, FIBSEM, held_out=False),
    validation=lambda data: _planes(data, FIBSEM, held_out=True),
)
SSTEM_SIDE = Side(SSTEM_MITO, lambda data: cases(data, SSTEM), fields=False)
FIBSEM_SIDE = Side(FIBSEM_MITO, lambda data: cases(data, FIBSEM), fields=False)

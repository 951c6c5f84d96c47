"""What stands in the files, byte by byte, and what it costs to know of them."""

from __future__ import annotations

import json
import re

import imagecodecs
import numpy as np
import pytest
import tifffile

from napari_pseudolabel.exporting import export, export_image
from napari_pseudolabel.imaging import Placement
from napari_pseudolabel.models.cards import LabelClass

CLASSES = (LabelClass(name="background", value=0), LabelClass(name="axon", value=2, color="#E69F00"))
PLACEMENT = Placement((0.5, 0.25), (3, 4), units=("micrometer", "nanometer"), axis_labels=("y", "x"))
LABELS = (np.arange(60).reshape(6, 10) % 3).astype(np.uint8)
SURE = (LABELS / 3).astype(np.float32)


def bare(path):
    """Without the number that every file gets at random."""
    return re.sub(rb"uuid:[0-9a-f-]{36}", b"uuid:", path.read_bytes())


def as_ever(path, data, name, **entries):
    """An OME-TIFF as the first version wrote it, and the pixel size for programs that know TIFF alone."""
    annotation = {
        "Namespace": "napari-pseudolabel",
        "axes": "YX",
        "placement": json.dumps(PLACEMENT.to_dict()),
        **entries,
    }
    sizes = {
        "PhysicalSizeY": 0.5,
        "PhysicalSizeYUnit": "µm",
        "PhysicalSizeX": 0.25,
        "PhysicalSizeXUnit": "nm",
    }
    metadata = {"axes": "YX", "Name": name, "MapAnnotation": annotation, **sizes}
    per_cm = {"resolution": (1e4 / 0.25e-3, 1e4 / 0.5), "resolutionunit": "CENTIMETER"}
    how = {"photometric": "minisblack", "compression": "zlib", **per_cm}
    tifffile.imwrite(path, data, ome=True, metadata=metadata, **how)


def test_ome_tiff(tmp_path):
    path = tmp_path / "a.tif"
    export(path, LABELS, classes=CLASSES, placement=PLACEMENT, provenance={}, confidence=SURE)
    classes = json.dumps([one.model_dump() for one in CLASSES])
    as_ever(tmp_path / "labels", LABELS, "a", classes=classes)
    assert bare(path) == bare(tmp_path / "labels")
    as_ever(tmp_path / "confidence", SURE, "a confidence")
    assert bare(tmp_path / "a.confidence.ome.tif") == bare(tmp_path / "confidence")
    export_image(path, SURE, placement=PLACEMENT, provenance={})
    as_ever(tmp_path / "image", SURE, "a")
    assert bare(path) == bare(tmp_path / "image")


@pytest.mark.parametrize(
    ("dtype", "stored"), [(np.uint8, np.uint8), (np.uint16, np.uint16), (np.uint32, np.uint16)]
)
def test_png(tmp_path, dtype, stored):
    path = tmp_path / "a.png"
    export(path, LABELS.astype(dtype), classes=CLASSES, placement=PLACEMENT, provenance={})
    assert path.read_bytes() == imagecodecs.png_encode(LABELS.astype(stored))


def test_png_of_an_image(tmp_path):
    export_image(tmp_path / "a.png", SURE, placement=PLACEMENT, provenance={})
    grey = np.rint(SURE * 255).astype(np.uint8)
    assert (tmp_path / "a.png").read_bytes() == imagecodecs.png_encode(grey)

"""What counts and divides objects sees the same ones, whatever the shape of the pixels that they were drawn with."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_pseudolabel.api import evaluate as evaluated
from napari_pseudolabel.imaging import Placement
from napari_pseudolabel.labels.classes import default_classes
from napari_pseudolabel.labels.measures import measure
from napari_pseudolabel.labels.metrics import evaluate
from napari_pseudolabel.labels.objects import census, object_at, scheme_for, to_instances
from napari_pseudolabel.labels.objects.incomplete import covered_shares
from napari_pseudolabel.labels.objects.stitched_touching import count_touching

NUCLEI = default_classes(["background", "nuclei"])
# Pixels of the square grid by rows and columns of the other.
STRETCHED = [(1, 1), (3, 1), (1, 3)]


def nuclei():
    """Two that touch, one long, and two that touch only a little, above each other: five objects, three components."""
    y, x = np.mgrid[:64, :96].astype(float)
    discs = [(16, 14), (16, 29), (38, 75), (53, 75)]
    plane = np.any([(y - row) ** 2 + (x - column) ** 2 <= 81 for row, column in discs], axis=0)
    return (plane | (((y - 46) / 6) ** 2 + ((x - 30) / 24) ** 2 <= 1)).astype(np.uint8)


@pytest.mark.parametrize("stretched", STRETCHED)
def test_touching_objects_are_divided_by_lengths(stretched, tmp_path):
    plane = nuclei().repeat(stretched[0], 0).repeat(stretched[1], 1)
    height, width = (0.3 / times for times in stretched)
    aspect = height / width
    scheme = scheme_for(NUCLEI, aspect)
    assert to_instances(plane, scheme).max() == 5
    assert count_touching(plane, 1, side=40, aspect=aspect) == 5
    assert census(plane, NUCLEI, aspect=aspect)[0].number == 5
    assert measure(plane, NUCLEI, "objects", spacing=(height, width)).count == 5
    assert evaluate(plane, plane, {"nuclei": 1}, aspect=aspect).objects["nuclei"].real == 5
    at = 16 * stretched[0], 14 * stretched[1]
    found = object_at(plane, at, scheme)
    assert found is not None
    assert found.mask.sum() < 300 * np.prod(stretched)  # one disc of 253 pixels, and not both
    file = tmp_path / "nuclei.ome.tif"
    sizes = {"PhysicalSizeY": height, "PhysicalSizeX": width}
    tifffile.imwrite(file, plane, metadata={"axes": "YX", **sizes})
    assert evaluated(plane, file, {"nuclei": 1}).scores.objects["nuclei"].real == 5
    assert Placement((height, width), (0, 0), units=("um", "um")).pixel_aspect == pytest.approx(aspect)


@pytest.mark.parametrize("stretched", STRETCHED)
def test_the_covered_share_of_a_border_is_one_of_its_length(stretched):
    axon = np.zeros((8, 8), np.int32)
    axon[2:6, 2:6] = 1
    myelin = np.zeros(axon.shape, bool)
    myelin[:2] = True  # above: one of four sides
    axon, myelin = (one.repeat(stretched[0], 0).repeat(stretched[1], 1) for one in (axon, myelin))
    assert covered_shares(axon, 1, myelin, stretched[1] / stretched[0])[0] == pytest.approx(0.25)

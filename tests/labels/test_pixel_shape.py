"""What counts and divides objects sees the same ones, whatever the shape of the pixels that they were drawn with."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_pseudolabel.api import evaluate as evaluated
from napari_pseudolabel.imaging import Placement
from napari_pseudolabel.labels import tools
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


def lengths(stretched):
    """Of a disc on other grids: its plane, what is under its middle, and the height of a pixel by its width."""
    y, x = np.mgrid[:120, :120] - 60.0
    plane = (y**2 + x**2 <= 30**2).astype(np.uint8)[:: stretched[0], :: stretched[1]]
    at = 60 // stretched[0], 60 // stretched[1]
    return plane, tools.component_at(plane, at), stretched[0] / stretched[1]


@pytest.mark.parametrize("stretched", [(1, 1), (2, 1), (1, 3), (3, 2)])
def test_borders_move_by_the_same_length_in_all_directions(stretched):
    plane, target, aspect = lengths(stretched)
    long = max(stretched)
    for tool, sign, steps in ((tools.grow, 1, 4), (tools.shrink, -1, 4), (tools.grow, 1, 1)):
        change = tool(plane, target, steps, aspect=aspect)
        after = np.zeros_like(plane)
        after[change.window] = change.labels
        for axis, side in enumerate(stretched):
            moved = after.any(axis=1 - axis).sum() - plane.any(axis=1 - axis).sum()
            assert moved * side == pytest.approx(sign * 2 * steps * long, abs=2 * side)


@pytest.mark.parametrize("stretched", [(1, 1), (2, 1), (1, 3)])
def test_bumps_are_smoothed_by_their_length(stretched):
    plane, _, aspect = lengths(stretched)
    middle, long = [side // 2 for side in plane.shape], max(stretched)
    kept = []
    for axis in (0, 1):
        bumpy, reach = plane.copy(), 6 * long // stretched[axis]
        wide = 2 * long // stretched[1 - axis]
        first = np.flatnonzero(plane.any(axis=1 - axis))[0]
        window = [slice(0, 0), slice(0, 0)]
        window[axis] = slice(first - reach, first)
        window[1 - axis] = slice(middle[1 - axis] - wide, middle[1 - axis] + wide)
        bumpy[tuple(window)] = 1
        target = tools.component_at(bumpy, tuple(middle))
        change = tools.smooth(bumpy, target, 3, aspect=aspect)
        bumpy[change.window] = change.labels
        kept.append(bumpy[tuple(window)].mean())
    assert abs(kept[0] - kept[1]) < 0.15  # the bump is as high above as it is wide at the side
    assert max(kept) < 0.8


def test_growing_jumps_over_no_gap_where_pixels_are_flat():
    plane = np.zeros((9, 40), np.uint8)
    plane[3:6, 5:9] = 1
    plane[:, 12] = 2
    change = tools.grow(plane, tools.component_at(plane, (4, 6)), 2, aspect=4.0)
    plane[change.window] = change.labels
    assert not (plane[:, 13:] == 1).any()
    assert (plane[4, 9:12] == 1).all()

"""Values that no class has are said wherever labels are compared, measured or written, because they may be numbers of objects."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_pseudolabel.api import evaluate, measure
from napari_pseudolabel.exporting import export, read_sidecar
from napari_pseudolabel.imaging import Placement
from napari_pseudolabel.models.cards import LabelClass


@pytest.fixture
def numbers(tmp_path):
    """Six numbered objects, too few to be taken for numbers; and the class of all of them."""
    plane = np.zeros((20, 60), np.uint16)
    for number in range(6):
        plane[4:12, 10 * number + 1 : 10 * number + 7] = number + 1
    tifffile.imwrite(tmp_path / "numbers.tif", plane)
    return tmp_path / "numbers.tif", plane


def test_they_are_said_wherever_classes_are_named(numbers, tmp_path):
    file, plane = numbers
    said = "values 2, 3, 4, 5 and 6 of {} belong to no class that is named: "
    notes = evaluate(file, (plane > 0).astype(np.uint8), {"a": 1}).notes
    assert any(said.format("the prediction") + "taken for background" in note for note in notes)
    assert not any("the reference belong" in note for note in notes)
    assert any(said.format("numbers") + "measured all" in note for note in measure(file, {"a": 1}).notes)
    classes, placement = (LabelClass(name="a", value=1),), Placement.identity(2, "YX")
    for name, told in (("out.geojson", True), ("out.coco.json", True), ("out.tif", False)):
        export(tmp_path / name, plane, classes=classes, placement=placement, provenance={})
        found = read_sidecar(tmp_path / name).export_notes
        assert any("taken for classes, and not for numbers of objects" in note for note in found) == told
        export(tmp_path / name, np.minimum(plane, 1), classes=classes, placement=placement, provenance={})
        assert read_sidecar(tmp_path / name).export_notes == ()


@pytest.mark.parametrize("white", [255, 65535])
def test_white_of_any_depth_is_the_one_class(numbers, white):
    mask = numbers[1] > 0
    found = evaluate((mask * np.uint16(white)).astype(np.uint16), mask.astype(np.uint8), {"a": 1})
    assert found.scores.dice["a"] == 1
    assert f"mask of 0 and {white}; {white} was taken for a" in found.notes[0]

"""Measures of objects whose size and shape are known."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.labels.classes import AXON_CLASSES, default_classes
from napari_pseudolabel.labels.measures import COLUMNS, TOTALS, measure, measures_text, totals_text
from napari_pseudolabel.labels.measures.measure_columns import page_table
from napari_pseudolabel.labels.objects import numbered, scheme_for

MYELIN, AXON = 1, 2
CELLS = default_classes(("cell",))
OTHERS = default_classes(("spine",))


def test_the_page_lists_what_is_declared():
    page = (Path(__file__).parents[2] / "docs" / "measures.md").read_text(encoding="utf-8")
    for kind, columns in (*COLUMNS.items(), *TOTALS.items()):
        assert page_table(kind, columns) in page, "run: python tools/write_measure_page.py"


def distance(shape, middle, spacing=(1.0, 1.0)):
    y, x = np.indices(shape)
    return np.hypot((y - middle[0]) * spacing[0], (x - middle[1]) * spacing[1])


def ring(shape, middle, inner, outer, spacing=(1.0, 1.0)):
    """An axon of a radius in myelin of another."""
    far = distance(shape, middle, spacing)
    return np.where(far <= inner, AXON, np.where(far <= outer, MYELIN, 0)).astype(np.uint8)


def ellipse(shape, middle, long, short, angle):
    """With the long axis at an angle to the Y axis, counter-clockwise."""
    y, x = np.indices(shape) - np.reshape(middle, (2, 1, 1))
    along, across = y * np.cos(angle) + x * np.sin(angle), x * np.cos(angle) - y * np.sin(angle)
    return ((along / long) ** 2 + (across / short) ** 2 <= 1).astype(np.uint8)


@pytest.mark.parametrize("spacing", [(0.1, 0.1), (0.05, 0.1), (0.2, 0.1)])
def test_a_ring_has_the_g_ratio_that_it_was_drawn_with(spacing):
    shape = tuple(int(10 / one) for one in spacing)
    middle = [4.9 / one for one in spacing]
    found = measure(ring(shape, middle, 2.1, 3.5, spacing), AXON_CLASSES, "fibres", spacing=spacing)
    row = {name: values[0] for name, values in found.rows.items()}
    assert found.count == 1
    wanted = {
        "gratio": 0.6,
        "axon_diam": 4.2,
        "myelin_thickness": 1.4,
        "axon_area": np.pi * 2.1**2,
        "myelin_area": np.pi * (3.5**2 - 2.1**2),
        "axon_perimeter": np.pi * 4.2,
        "axonmyelin_perimeter": np.pi * 7,
        "x0": middle[1],
        "y0": middle[0],
        "myelin_cover": 1,
    }
    assert {name: row[name] for name in wanted} == pytest.approx(wanted, rel=0.03)
    assert row["eccentricity"] < 0.2
    assert row["solidity"] > 0.95
    assert not row["image_border_touching"]
    assert found.totals[0]["gratio_aggr"] == pytest.approx(0.6, rel=0.01)
    assert found.totals[0]["avf"] == pytest.approx(np.pi * 2.1**2 / 100, rel=0.03)
    assert found.totals[0]["axon_density_mm2"] == pytest.approx(1e6 / 100)


@pytest.mark.parametrize("angle", np.linspace(-1.5, 1.5, 7))
def test_shape_does_not_depend_on_direction(angle):
    found = measure(ellipse((100, 100), (50, 48), 40, 20, angle), OTHERS, "objects").rows
    assert found["orientation"][0] == pytest.approx(angle, abs=0.02)
    assert found["major_axis"][0] == pytest.approx(80, rel=0.01)
    assert found["minor_axis"][0] == pytest.approx(40, rel=0.01)
    assert found["eccentricity"][0] == pytest.approx(np.sqrt(0.75), rel=0.01)
    assert found["perimeter"][0] == pytest.approx(193.77, rel=0.01)  # Ramanujan


def test_there_are_no_micrometres_without_a_pixel_size():
    plane = ring((30, 30), (14, 14), 5, 9)
    with pytest.raises(InputError, match="pixel size is not known"):
        measure(plane, AXON_CLASSES, "fibres")
    found = measure(plane, AXON_CLASSES, "objects")
    head = measures_text([("a", found)]).splitlines()[0]
    assert "(um" not in head
    assert "area (px^2)" in head
    assert found.notes == ("The pixel size is not known, so lengths and areas are in pixels.",)
    assert found.rows["area"].tolist() == [np.count_nonzero(plane)]
    with pytest.raises(InputError, match="no such classes"):
        measure(plane, CELLS, "fibres", spacing=(1, 1))


def test_what_may_go_on_beyond_is_marked_and_what_is_not_labelled_is_no_background():
    plane = np.zeros((40, 90), np.uint8)
    for left in (0, 30, 60):
        plane[:, left : left + 30] = ring((40, 30), (20, 15), 6, 12)
    plane[:9] = np.where(np.arange(90) < 30, MYELIN, plane[:9])
    labelled = np.ones(plane.shape, bool)
    labelled[:, 78:] = False
    found = measure(plane, AXON_CLASSES, "fibres", spacing=(1, 1), labelled=labelled)
    assert found.rows["image_border_touching"].tolist() == [True, False, True]
    inside = plane[labelled]
    assert found.totals[0]["avf"] == np.mean(inside == AXON)
    assert found.totals[0]["mvf"] == np.mean(inside == MYELIN)
    assert found.totals[0]["labelled_area"] == inside.size
    assert not found.instances[~labelled].any()
    objects = measure(plane, AXON_CLASSES, "objects", labelled=labelled)
    assert objects.rows["image_border_touching"].tolist() == [True, False, True]


def test_axons_without_myelin_have_no_g_ratio_and_myelin_without_axon_is_no_fibre():
    plane = ring((40, 40), (20, 20), 6, 6)
    plane[:5, :5] = MYELIN
    found = measure(plane, AXON_CLASSES, "fibres", spacing=(1, 1))
    assert found.count == 1
    assert np.isnan(found.rows["gratio"][0])
    assert found.rows["myelin_thickness"].tolist() == found.rows["myelin_cover"].tolist() == [0]
    assert measure(plane, AXON_CLASSES, "objects").rows["class"].tolist() == ["fibre", "myelin"]
    assert ",," in measures_text([("a", found)])


def test_measuring_can_be_stopped_within_a_plane():
    plane = np.zeros((40, 400), np.uint8)
    plane[5:35:10, 5:395:10] = 1
    asked = []

    def check():
        asked.append(None)
        if len(asked) == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        measure(plane, OTHERS, "objects", check=check)
    assert measure(plane, OTHERS, "objects").count == 3 * 39


@pytest.mark.parametrize(("kind", "classes"), [("objects", CELLS), ("fibres", AXON_CLASSES)])
def test_empty_labels_and_empty_planes(kind, classes):
    nothing = measure(np.zeros((2, 8, 8), np.uint8), classes, kind, spacing=(1, 1))
    assert nothing.count == 0
    assert len(measures_text([("a", nothing)]).splitlines()) == 1
    assert len(totals_text([("a", nothing)]).splitlines()) == 2
    stack = np.zeros((2, 30, 30), np.uint8)
    stack[1] = ring((30, 30), (14, 14), 5, 9) if kind == "fibres" else distance((30, 30), (14, 14)) < 9
    found = measure(stack, classes, kind, spacing=(1, 1))
    assert (found.planes, found.rows["plane"].tolist()) == (((1,),), ["1"])
    unlabelled = measure(stack, classes, kind, spacing=(1, 1), labelled=np.zeros(stack.shape, bool))
    assert unlabelled.count == 0
    assert np.isnan(unlabelled.totals[0]["area_fraction" if kind == "objects" else "avf"])


def test_objects_are_those_of_exports_and_their_confidence_is_their_own():
    stack = np.zeros((2, 20, 40), np.uint8)
    stack[:, 5:12, 3:10] = stack[:, 5:12, 20:30] = 1
    sure = np.where(np.arange(40) < 15, 0.25, 0.75) * np.ones((2, 20, 1))
    sure[:, :7] = np.nan
    found = measure(stack, OTHERS, "objects", confidence=sure)
    np.testing.assert_array_equal(found.instances, numbered(stack, scheme_for(OTHERS)))
    assert found.rows["number"].tolist() == [1, 2, 3, 4]
    assert found.rows["mean_confidence"].tolist() == [0.25, 0.75] * 2
    told = measure(stack, OTHERS, "objects", instances=stack * 7)
    assert told.rows["number"].tolist() == [7, 7]
    assert told.rows["area"].tolist() == [7 * 17] * 2


def test_tables_of_many_files_keep_units_apart():
    plane = ring((30, 30), (14, 14), 5, 9)
    pair = [
        ("a", measure(plane, AXON_CLASSES, "objects", spacing=(2, 2))),
        ("b", measure(plane, AXON_CLASSES, "objects")),
    ]
    for text, columns in (
        (measures_text(pair, files=True), COLUMNS),
        (totals_text(pair, files=True), TOTALS),
    ):
        rows = list(csv.DictReader(io.StringIO(text)))
        name = next(
            one.name for one in columns["objects"] if one.name.endswith("area") and one.name[0] in "am"
        )
        micrometres, pixels = ([row[f"{name} ({unit})"] for row in rows] for unit in ("um^2", "px^2"))
        assert micrometres[0] == str(4 * int(pixels[-len(rows) // 2]))
        assert micrometres[-1] == pixels[0] == ""

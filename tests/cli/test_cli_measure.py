"""pseudolabel measure."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import tifffile

from napari_pseudolabel.exporting import ExportContent, export
from napari_pseudolabel.imaging import Placement
from napari_pseudolabel.labels.classes import AXON_CLASSES

MICROMETRES = Placement((0.5, 0.5), (0, 0), units=("micrometer", "micrometer"))


@pytest.fixture
def ring():
    y, x = np.mgrid[:60, :80]
    far = np.hypot(y - 30, x - 40)
    return np.where(far <= 12, 2, np.where(far <= 20, 1, 0)).astype(np.uint8)


def exported(path, labels, placement=MICROMETRES, **more):
    export(path, labels, classes=AXON_CLASSES, placement=placement, provenance={}, **more)
    return path


def rows_of(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_fibres_of_a_file_that_knows_what_it_is(cli, ring, tmp_path):
    labelled = np.ones(ring.shape, bool)
    labelled[:, 70:] = False
    path = exported(
        tmp_path / "a.png", ring, labelled=labelled, confidence=np.full(ring.shape, 0.75, np.float32)
    )
    ran = cli("measure", path, tmp_path / "out.csv", "--json")
    assert ran.code == 0, ran.err
    (row,), (total,) = rows_of(tmp_path / "out.csv"), rows_of(tmp_path / "out.totals.csv")
    assert float(row["gratio"]) == pytest.approx(0.6, rel=0.02)
    assert float(row["axon_diam (um)"]) == pytest.approx(12, rel=0.02)
    assert (row["image_border_touching"], row["mean_confidence"]) == ("False", "0.75")
    assert float(total["labelled_area (um^2)"]) == 60 * 70 / 4
    assert ran.json["kind"] == "fibres"
    assert ran.json["measured"][0]["totals"][0]["axons"] == 1
    assert "gratio_aggr" in cli("measure", path, tmp_path / "out.csv").out


def test_without_a_pixel_size_there_are_pixels_or_a_sentence(cli, ring, tmp_path):
    path = exported(tmp_path / "a.ome.tif", ring, Placement.identity(2))
    ran = cli("measure", path, tmp_path / "out.csv", "--what", "fibres")
    assert (ran.code, "pixel size is not known" in ran.sentence) == (2, True)
    assert not (tmp_path / "out.csv").exists()
    ran = cli("measure", path, tmp_path / "out.csv")
    assert "lengths and areas are in pixels" in ran.out
    assert rows_of(tmp_path / "out.csv")[0]["area (px^2)"] == str(np.count_nonzero(ring))
    assert cli("measure", path, tmp_path / "out.csv", "--pixel-size", "0.1").code == 0
    assert float(rows_of(tmp_path / "out.csv")[0]["axon_diam (um)"]) == pytest.approx(2.4, rel=0.02)


def test_a_folder_is_one_table_and_one_bad_file_stops_no_other(cli, ring, tmp_path):
    folder = tmp_path / "labels"
    folder.mkdir()
    exported(folder / "a.png", ring)
    exported(folder / "b.png", ring)
    (folder / "c.png").write_bytes(b"no image")
    ran = cli("measure", folder, tmp_path / "out.csv")
    assert ran.code == 2
    assert "1 of 3 label files could not be measured (c.png" in ran.err
    assert [row["file"] for row in rows_of(tmp_path / "out.csv")] == ["a.png", "b.png"]
    assert [row["axons"] for row in rows_of(tmp_path / "out.totals.csv")] == ["1", "1"]


def test_files_of_others_are_classes_or_numbers(cli, ring, tmp_path):
    numbers = np.zeros((20, 120), np.uint16)
    for number in range(12):
        numbers[5:15, 10 * number : 10 * number + 10] = number + 1
    tifffile.imwrite(tmp_path / "numbers.tif", numbers)
    tifffile.imwrite(tmp_path / "classes.tif", ring)
    out = tmp_path / "out.csv"
    ran = cli("measure", tmp_path / "numbers.tif", out)
    assert "were taken for numbers of objects" in ran.out
    assert [row["area (px^2)"] for row in rows_of(out)] == ["100"] * 12
    # Also those that were exported here from a layer whose values nobody has named.
    ExportContent(numbers, (), MICROMETRES, {}).write(tmp_path / "exported.tif", "ome-tiff")
    assert "were taken for numbers of objects" in cli("measure", tmp_path / "exported.tif", out).out
    assert {(row["class"], row["area (um^2)"]) for row in rows_of(out)} == {("object", "25")}
    ran = cli("measure", tmp_path / "classes.tif", out)
    assert "Nothing says what the values of classes" in ran.out
    assert [row["class"] for row in rows_of(out)] == ["class 1", "class 2"]
    axon = ("--class", "myelin=1", "--class", "axon=2", "--pixel-size", "1")
    assert cli("measure", tmp_path / "classes.tif", out, *axon).code == 0
    assert len(rows_of(out)) == 1
    for words, part in (
        ((tmp_path / "numbers.tif", tmp_path / "out.txt"), "end out.txt with .csv"),
        ((tmp_path / "numbers.tif", out, "--pixel-size", "0"), "from 1e-05"),
        ((tmp_path / "classes.tif", out, *axon, "--numbered"), "name one"),
    ):
        ran = cli("measure", *words)
        assert (ran.code, part in ran.sentence) == (2, True), ran.err


def test_a_table_of_somebody_else_is_not_replaced(cli, ring, tmp_path):
    path = exported(tmp_path / "a.png", ring)
    assert cli("measure", path, tmp_path / "out.csv").code == 0
    for name in ("out.csv", "out.totals.csv"):
        before = (tmp_path / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text("day,weight\n1,20\n", encoding="utf-8")
        ran = cli("measure", path, tmp_path / "out.csv")
        assert (ran.code, f"{name} is there already and holds no measures" in ran.err) == (2, True)
        (tmp_path / name).write_text(before, encoding="utf-8")
    assert cli("measure", path, tmp_path / "out.csv").code == 0

"""What was never predicted leaves as not labelled, and comes back as such."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import tifffile

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting import ExportContent, FileContent, export, not_labelled, read_sidecar
from napari_pseudolabel.imaging import Placement, read
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.training.data.image_folders import FolderPreprocessing, labelled_planes

CLASSES = (LabelClass(name="background", value=0), LabelClass(name="axon", value=1))
PLACEMENT = Placement(scale=(1.0, 1.0), translate=(0.0, 0.0))
LABELS = np.eye(12, dtype=np.uint8)
LABELLED = np.arange(144).reshape(12, 12) % 12 < 4


def write(path, labels=LABELS, labelled=LABELLED, classes=CLASSES, **more):
    return export(
        path, labels, classes=classes, placement=PLACEMENT, provenance={}, labelled=labelled, **more
    )


@pytest.mark.parametrize("name", ["a.ome.tif", "a.png"])
def test_the_file_has_a_value_for_it_that_the_provenance_names(tmp_path, name):
    write(tmp_path / name)
    found = read(tmp_path / name).plane(())
    np.testing.assert_array_equal(found[LABELLED], LABELS[LABELLED])
    assert (found[~LABELLED] == 255).all()
    sidecar = read_sidecar(tmp_path / name)
    assert (sidecar.not_labelled, not_labelled(tmp_path / name)) == (255, 255)
    assert sidecar.share_labelled == pytest.approx(1 / 3)
    assert sidecar.classes == CLASSES


def test_the_tiff_itself_says_what_the_value_means(tmp_path):
    import tifffile

    write(tmp_path / "a.ome.tif")
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
        text = file.ome_metadata
    assert text is not None
    assert "not labelled" in text


@pytest.mark.parametrize(
    ("highest", "expected", "dtype"),
    [(254, 255, np.uint8), (255, 65535, np.uint16), (65535, 2**32 - 1, np.uint32)],
)
def test_the_value_is_one_that_no_label_has(tmp_path, highest, expected, dtype):
    labels = LABELS.astype(np.uint32)
    labels[0, 0] = highest
    write(tmp_path / "a.tif", labels.astype(dtype) if highest <= np.iinfo(dtype).max else labels)
    found = np.asarray(read(tmp_path / "a.tif").data)
    assert found.max() == expected == not_labelled(tmp_path / "a.tif")
    assert (found[~LABELLED] == expected).all()
    assert found[0, 0] == highest


def test_a_class_that_occurs_nowhere_keeps_its_value_too(tmp_path):
    write(tmp_path / "a.png", classes=(*CLASSES, LabelClass(name="last", value=255)))
    assert not_labelled(tmp_path / "a.png") == 65535


def test_what_is_labelled_everywhere_is_written_as_before(tmp_path):
    write(tmp_path / "a.tif", labelled=np.ones((12, 12), bool))
    np.testing.assert_array_equal(read(tmp_path / "a.tif").plane(()), LABELS)
    sidecar = read_sidecar(tmp_path / "a.tif")
    assert (sidecar.not_labelled, sidecar.share_labelled) == (None, 1.0)
    write(tmp_path / "b.tif", labelled=None)
    assert read_sidecar(tmp_path / "b.tif").share_labelled is None


def test_another_shape_is_refused(tmp_path):
    with pytest.raises(InputError, match="same region"):
        write(tmp_path / "a.tif", labelled=np.ones((3, 3), bool))
    assert not list(tmp_path.iterdir())


def test_the_confidence_is_none_where_nothing_is_labelled(tmp_path):
    content = ExportContent(LABELS, CLASSES, PLACEMENT, {}, confidence=np.ones((12, 12)), labelled=LABELLED)
    content.write(tmp_path / "a.ome.tif", "ome-tiff")
    np.testing.assert_array_equal(read(tmp_path / "a.confidence.ome.tif").plane(()), LABELLED)


def test_a_training_on_such_a_file_leaves_it_out(tmp_path):
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    tifffile.imwrite(tmp_path / "images" / "a.tif", LABELS)
    write(tmp_path / "labels" / "a.tif")
    (plane,) = labelled_planes(tmp_path / "images", tmp_path / "labels", FolderPreprocessing())
    assert plane.weight is not None
    np.testing.assert_array_equal(plane.weight > 0, LABELLED)
    write(tmp_path / "labels" / "a.tif", labelled=np.zeros((12, 12), bool))
    with pytest.raises(InputError, match="Nothing is labelled"):
        labelled_planes(tmp_path / "images", tmp_path / "labels", FolderPreprocessing())
    write(tmp_path / "labels" / "a.tif", labelled=None)
    (plane,) = labelled_planes(tmp_path / "images", tmp_path / "labels", FolderPreprocessing())
    assert plane.weight is None


def test_a_comparison_leaves_it_out(tmp_path, capsys):
    from napari_pseudolabel.cli.labels import evaluate

    other = np.where(LABELLED, LABELS, 1).astype(np.uint8)
    write(tmp_path / "a.tif")
    write(tmp_path / "b.tif", other, None)
    for one, two in (("a.tif", "b.tif"), ("b.tif", "a.tif")):
        evaluate(tmp_path / one, tmp_path / two, ["axon=1"], as_json=True)
        assert '"axon": 1.0' in capsys.readouterr().out


def test_measures_lie_beside_and_have_the_numbers_of_the_instances(tmp_path):
    sure = np.where(LABELLED, 0.5, np.nan)
    content = ExportContent(LABELS, CLASSES, PLACEMENT, {}, confidence=sure, labelled=LABELLED)
    files = content.write(tmp_path / "a.png", "png", confidence=False, measures=True)
    assert [path.name for path in files] == ["a.png", "a.provenance.json", "a.measures.csv"]
    rows = list(csv.DictReader(files[2].read_text(encoding="utf-8").splitlines()))
    numbers = FileContent("", PLACEMENT, LABELS, classes=CLASSES, labelled=LABELLED).instances
    assert [int(row["number"]) for row in rows] == np.unique(numbers[numbers > 0]).tolist()
    assert {row["mean_confidence"] for row in rows} == {"0.5"}
    numbered = ExportContent(np.arange(144).reshape(12, 12) // 12, (), PLACEMENT, {}).measured()
    assert (numbered.count, set(numbered.rows["class"].tolist())) == (11, {"object"})

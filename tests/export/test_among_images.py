"""What was exported among the images of a folder is not taken for one of them."""

import numpy as np
import pytest
import tifffile

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting import export, export_image
from napari_pseudolabel.imaging import Placement
from napari_pseudolabel.imaging.reading.file_names import images_in, label_files_in, left_out
from napari_pseudolabel.training.data.image_folders import labelled_files

LABELS = (np.arange(30 * 40).reshape(30, 40) % 3).astype(np.uint8)
SURE = np.random.default_rng(0).random(LABELS.shape).astype(np.float32)


def write(path, **arguments):
    given = {"classes": (), "placement": Placement.identity(2), "provenance": {}}
    return export(path, LABELS, **given | arguments)


def translate(path):
    return export_image(path, SURE, placement=Placement.identity(2), provenance={})


@pytest.fixture
def folder(tmp_path):
    """Two images, with labels, a confidence and a translation among them."""
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(tmp_path / name, LABELS)
    write(tmp_path / "a_labels.ome.tif", confidence=SURE, effort="effort")
    write(tmp_path / "a.png")
    translate(tmp_path / "b_as_tem.ome.tif")
    return tmp_path


def names(paths):
    return [path.name for path in paths]


def test_labels_and_translations_are_no_images_of_the_folder(folder):
    assert names(images_in(folder)) == ["a.tif", "b.tif"]
    (sentence,) = left_out(folder)
    assert "because they were made here: a.png, a_labels.confidence.ome.tif, a_labels.ome.tif and 1 more" in (
        sentence
    )


def test_ome_tiffs_that_have_lost_their_provenance_say_it_themselves(folder):
    for side in folder.glob("*.provenance.json"):
        side.unlink()
    assert names(images_in(folder)) == ["a.png", "a.tif", "b.tif"]  # PNG holds no mark


def test_a_folder_of_translations_is_a_folder_of_images(tmp_path):
    for name in ("a.ome.tif", "b.png"):
        translate(tmp_path / name)
    assert names(images_in(tmp_path)) == ["a.ome.tif", "b.png"]
    assert left_out(tmp_path) == ()
    write(tmp_path / "c.ome.tif")
    assert names(images_in(tmp_path)) == ["a.ome.tif", "b.png"]


def test_a_folder_of_labels_holds_labels_only(tmp_path):
    (tmp_path / "images").mkdir()
    tifffile.imwrite(tmp_path / "images" / "a.tif", LABELS)
    (tmp_path / "labels").mkdir()
    write(tmp_path / "labels" / "a.ome.tif", confidence=SURE)
    translate(tmp_path / "labels" / "a.png")
    assert names(label_files_in(tmp_path / "labels")) == ["a.ome.tif"]
    assert names(labelled_files(tmp_path / "images", tmp_path / "labels")[0]) == ["a.tif", "a.ome.tif"]
    (tmp_path / "labels" / "a.png").unlink()
    with pytest.raises(InputError, match=r"holds no images, only what was made here: a\.confidence\.ome"):
        images_in(tmp_path / "labels")
    assert len(left_out(tmp_path / "images", tmp_path / "labels")) == 1


@pytest.mark.parametrize("text", ["", "[", '{"files": "a.tif"}', '{"files": {"labels": ["a.tif"]}}'])
def test_foreign_provenance_files_take_no_image_away(tmp_path, text):
    tifffile.imwrite(tmp_path / "a.tif", LABELS)
    (tmp_path / "a.provenance.json").write_text(text)
    assert names(images_in(tmp_path)) == ["a.tif"]

"""Which files of a folder are images, and which belong together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import read
from napari_pseudolabel.imaging.reading.file_names import images_in, partners, stem
from napari_pseudolabel.training.data.image_folders import (
    FolderPreprocessing,
    labelled_files,
    labelled_planes,
)
from napari_pseudolabel.training.data.training_inputs import ModelGrid, aligned

FIELD = Path(__file__).parents[2] / "field"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cell.1.tif", "cell.1"),
        ("cell.1.ome.tif", "cell.1"),
        ("cell.OME.TIFF", "cell"),
        ("2024.05.01 10.5x.png", "2024.05.01 10.5x"),
        ("a.ome.zarr", "a"),
        ("a.tif.png", "a.tif"),
        ("cell.1", "cell.1"),
        (".tif", ".tif"),
    ],
)
def test_a_stem_is_the_name_without_one_suffix(name, expected):
    assert stem(Path(name)) == expected


def test_names_with_dots_find_their_own_labels():
    folder = FIELD / "c01_dots"
    planes = labelled_planes(folder / "images", folder / "labels", FolderPreprocessing())
    first_rows = {plane.name: int(np.flatnonzero(plane.labels.any(axis=1))[0]) for plane in planes}
    assert first_rows == {"cell.1.tif": 0, "cell.2.tif": 5, "cell.3.tif": 10}


@pytest.mark.parametrize("twins", [("a.tif", "a.png"), ("a.tif", "a.ome.tif"), ("cell.1.TIF", "cell.1.jpg")])
@pytest.mark.parametrize("side", ["images", "labels"])
def test_two_files_never_claim_one_partner(tmp_path, twins, side):
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
        names = twins if folder == side else twins[:1]
        for name in names:
            (tmp_path / folder / name).touch()
    with pytest.raises(InputError) as caught:
        labelled_files(tmp_path / "images", tmp_path / "labels")
    assert all(name in str(caught.value) for name in twins)


def test_labels_of_another_name_up_to_the_first_dot_are_no_partner(tmp_path):
    for folder, name in (("images", "cell.1.tif"), ("labels", "cell.2.tif"), ("labels", "cell.tif")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).touch()
    with pytest.raises(InputError, match=r"no label file for cell\.1\.tif"):
        labelled_files(tmp_path / "images", tmp_path / "labels")


def test_a_confidence_beside_labels_is_not_taken_for_them(tmp_path):
    labels = [tmp_path / name for name in ("a.confidence.ome.tif", "a.ome.tif")]
    assert partners([Path("a.png")], labels, "label file") == [(Path("a.png"), labels[1])]


def test_twins_that_nobody_asks_for_do_not_matter():
    labels = [Path(name) for name in ("a.tif", "b.png", "b.tif")]
    assert partners([Path("a.png")], labels, "label file") == [(Path("a.png"), labels[0])]


def test_accents_may_be_written_in_two_ways():
    composed, apart = Path("caf\u00e9.1.tif"), Path("cafe\u0301.1.png")
    assert partners([composed], [apart], "label file") == [(composed, apart)]
    with pytest.raises(InputError, match="called the same"):
        partners([composed, apart], [apart], "label file")


def test_aligned_pairs_are_matched_by_whole_names(tmp_path):
    for number, folder in enumerate(("a", "b")):
        (tmp_path / folder).mkdir()
        for name in ("f.1", "f.2"):
            value = int(name[-1]) * 50
            data = np.full((16, 16), value, np.uint8)
            data[0, 0] = number  # so that there is something to normalise
            tifffile.imwrite(tmp_path / folder / f"{name}.tif", data)
    grid = ModelGrid("any")
    assert len(aligned((tmp_path / "a", tmp_path / "b"), (grid, grid))) == 2
    (tmp_path / "b" / "f.2.tif").rename(tmp_path / "b" / "f.3.tif")
    with pytest.raises(InputError, match=r"f\.2 is in only one"):
        aligned((tmp_path / "a", tmp_path / "b"), (grid, grid))


def test_hidden_files_are_no_images(tmp_path):
    folder = FIELD / "c18_appledouble"
    assert [path.name for path in images_in(folder / "images")] == ["a.tif", "b.tif"]
    planes = labelled_planes(folder / "images", folder / "labels", FolderPreprocessing())
    assert [plane.name for plane in planes] == ["a.tif", "b.tif"]
    for name in ("._b.png", ".DS_Store", "Thumbs.db", ".hidden.tif", "desktop.ini", "notes.txt"):
        (tmp_path / name).write_bytes(b"no image")
    with pytest.raises(InputError, match="holds no images"):
        images_in(tmp_path)
    (tmp_path / "folder.zarr").mkdir()  # not an array
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4), np.uint8))
    assert images_in(tmp_path) == [tmp_path / "a.tif"]
    assert read(images_in(tmp_path)[0]).shape == (4, 4)

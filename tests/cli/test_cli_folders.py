"""Folders of images: what is one image, what can have no result, and where results go."""

from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_pseudolabel.cli.working import folder_lines
from napari_pseudolabel.imaging import read

OME = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


def picture(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).integers(1, 255, shape).astype(np.uint8)


def write_set(folder: Path, name: str, planes: np.ndarray) -> list[str]:
    """Write an image with one file per plane, of which each describes all."""
    files = {f"{name}_{z}.ome.tif": f"urn:uuid:{uuid.uuid4()}" for z in range(len(planes))}
    parts = "".join(
        f'<TiffData FirstC="0" FirstT="0" FirstZ="{z}" IFD="0" PlaneCount="1"><UUID FileName="{file}">{own}</UUID></TiffData>'
        for z, (file, own) in enumerate(files.items())
    )
    height, width = planes.shape[1:]
    pixels = (
        f'<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="{width}" SizeY="{height}" '
        f'SizeZ="{len(planes)}" SizeC="1" SizeT="1" PhysicalSizeX="0.1" PhysicalSizeY="0.1">'
        f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{parts}</Pixels>'
    )
    for (file, own), plane in zip(files.items(), planes, strict=True):
        xml = f'<?xml version="1.0"?><OME xmlns="{OME}" UUID="{own}"><Image ID="Image:0" Name="{name}">{pixels}</Image></OME>'
        tifffile.imwrite(folder / file, plane, description=xml, metadata=None)
    return list(files)


@pytest.fixture
def folder(tmp_path):
    (made := tmp_path / "images").mkdir()
    return made


def test_an_image_in_several_files_is_labelled_once(cli, folder, tmp_path, tiny_segmenter):
    files = write_set(folder, "m", picture(3, 24, 20))
    tifffile.imwrite(folder / "single.tif", picture(24, 20))
    ran = cli("segment", folder, tmp_path / "out", "--segmenter", tiny_segmenter, "--scale", 1, "--json")
    assert ran.code == 0, ran.err
    assert [Path(one["output"]).name for one in ran.json["results"]] == ["m_0.ome.tif", "single.ome.tif"]
    assert read(tmp_path / "out" / "m_0.ome.tif").shape == (3, 24, 20)
    told = [note for note in ran.json["notes"] if "begins with m_0.ome.tif" in note]
    assert [note.split(" ")[0] for note in told] == files[1:]


def test_a_name_that_is_too_long_for_its_results_stops_no_other(cli, folder, tmp_path, tiny_segmenter):
    long = "b" * 245 + ".tif"
    for name in ("a.tif", long, "c.tif"):
        tifffile.imwrite(folder / name, picture(20, 20))
    ran = cli("segment", folder, tmp_path / "out", "--segmenter", tiny_segmenter, "--scale", 1, "--json")
    assert ran.code == 2
    assert [Path(one["output"]).name for one in ran.json["results"]] == ["a.ome.tif", "c.ome.tif"]
    (failed,) = ran.json["failed"]
    assert Path(failed["input"]).name == long
    assert "longer than 255" in failed["problem"]
    assert "1 of 3 images could not be used" in ran.err


def test_a_single_result_with_too_long_a_name_is_one_sentence(cli, folder, tmp_path, tiny_segmenter):
    tifffile.imwrite(folder / "a.tif", picture(20, 20))
    out = tmp_path / ("c" * 250 + ".png")
    ran = cli("segment", folder / "a.tif", out, "--segmenter", tiny_segmenter)
    assert ran.code == 2
    assert "too long a name" in ran.err


@pytest.mark.parametrize("name", ["o.tif", "o.ome.tif", "o.png", "o.zarr", "o.jpg"])
def test_results_of_a_folder_do_not_go_into_a_file(cli, folder, tmp_path, tiny_segmenter, name):
    tifffile.imwrite(folder / "a.tif", picture(20, 20))
    ran = cli("segment", folder, tmp_path / name, "--segmenter", tiny_segmenter)
    assert ran.code == 2
    assert f"{name} is the name of a file" in ran.err
    assert not (tmp_path / name).exists()
    (tmp_path / name).write_text("")
    assert "is a file" in cli("segment", folder, tmp_path / name, "--segmenter", tiny_segmenter).err


def test_what_is_finished_is_not_done_again_and_what_was_changed_is_not_replaced(
    cli, folder, tmp_path, tiny_segmenter
):
    for name in ("a.tif", "b.tif", "c.tif"):
        tifffile.imwrite(folder / name, picture(20, 20))
    out = tmp_path / "out"
    asked = ("segment", folder, out, "--segmenter", tiny_segmenter, "--scale", 1)
    assert "3 images, in" in cli(*asked).out
    (out / "b.ome.tif").unlink()
    corrected = np.full((20, 20), 1, np.uint8)
    tifffile.imwrite(out / "c.ome.tif", corrected)
    ran = cli(*asked, "--json")
    assert ran.code == 2
    assert "c.ome.tif was changed since it was written" in ran.err
    assert [one.get("finished_before", False) for one in ran.json["results"]] == [True, False]
    assert np.array_equal(tifffile.imread(out / "c.ome.tif"), corrected)
    (out / "c.ome.tif").unlink()
    ran = cli(*asked)
    assert ran.out.count("finished before") == 2
    assert "finished_before" not in cli(*asked, "--flips", 1, "--json").out, "other settings, other labels"


def test_what_others_have_made_is_not_replaced_and_labels_are_not_labelled(
    cli, folder, tmp_path, tiny_segmenter
):
    tifffile.imwrite(folder / "a.tif", picture(20, 20))
    out, drawn = tmp_path / "out", np.full((20, 20), 1, np.uint8)
    out.mkdir()
    how = ("--segmenter", tiny_segmenter, "--scale", 1)
    for target, asked in ((out / "a.ome.tif", out), (tmp_path / "drawn.tif", tmp_path / "drawn.tif")):
        tifffile.imwrite(target, drawn)
        ran = cli("segment", folder / "a.tif" if asked == target else folder, asked, *how)
        assert ran.code == 2
        assert f"{target.name} is there already and was not written here" in ran.err
        assert np.array_equal(tifffile.imread(target), drawn)
        target.unlink()
    made = tmp_path / "made.tif"
    for _ in range(2):
        assert cli("segment", folder / "a.tif", made, *how).code == 0
    ran = cli("segment", made, tmp_path / "again.tif", *how)
    assert ran.code == 2
    assert "made.tif holds labels, or a confidence, that were made here" in ran.err


def test_files_that_cannot_be_read_stop_no_other(cli, folder, tmp_path, tiny_segmenter):
    tifffile.imwrite(folder / "a.tif", picture(20, 20))
    (folder / "b.tif").touch()
    (folder / "c.tif").symlink_to(folder / "nowhere.tif")
    (folder / "d.tif").symlink_to(folder / "d.tif")
    ran = cli("segment", folder, tmp_path / "out", "--segmenter", tiny_segmenter, "--scale", 1, "--json")
    assert ran.code == 2
    assert [Path(one["input"]).name for one in ran.json["failed"]] == ["b.tif", "c.tif", "d.tif"]
    assert len(ran.json["results"]) == 1


def test_a_set_goes_on_where_it_was_stopped_image_by_image(cli, folder, tmp_path, tiny_segmenter):
    for name in ("a.tif", "b.tif", "c.tif"):
        tifffile.imwrite(folder / name, picture(40, 40))
    out = tmp_path / "Dataset501_A"
    asked = ("segment", folder, out, "--segmenter", tiny_segmenter, "--scale", 1, "--format", "nnunet")
    assert cli(*asked).code == 0
    made = {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert "a.tif" in {path.name for path in made}
    for name in ("a.tif", "b.tif"):
        (out / "labelsTr" / name).unlink()
    corrected = np.full((40, 40), 1, np.uint8)
    tifffile.imwrite(out / "labelsTr" / "c.tif", corrected)
    ran = cli(*asked, "--json")
    assert ran.code == 2
    assert "c in Dataset501_A was changed since it was written" in ran.err
    assert len(ran.json["results"]) == 2
    assert np.array_equal(tifffile.imread(out / "labelsTr" / "c.tif"), corrected)
    (out / "labelsTr" / "c.tif").write_bytes(made[(out / "labelsTr" / "c.tif").relative_to(out)])
    assert cli(*asked).out.count("finished before") == 3
    assert {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()} == made


def test_what_is_said_of_every_image_is_said_once_and_the_rest_with_its_image():
    def result(name, *notes):
        return {
            "output": f"out/{name}.ome.tif",
            "seconds": 1.0,
            "notes": [f"It is not known what {name} shows.", *notes],
        }

    text = "\n".join(folder_lines([result("a"), result("b", "It is dark.")]))
    assert "It is not known what the image shows. (2 images)" in text
    assert "It is dark. (b.ome.tif)" in text
    assert "(" not in folder_lines([result("a")])[-1]
    # An image may be called as a word of every sentence.
    said = "It says how far a pixel is from a level."
    for names in (("a",), ("a", "b")):
        assert any(line.startswith(said) for line in folder_lines([result(name, said) for name in names]))

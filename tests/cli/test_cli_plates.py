"""A file of several images, such as a plate, is labelled as a folder of images is."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from plate_case import FIELDS, picture, write_plate
from zarr_server import serving

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting import read_sidecar
from napari_pseudolabel.imaging import ReadOptions, read
from napari_pseudolabel.imaging.reading.file_images import images_at, images_in_file
from napari_pseudolabel.strategies.finished_images import FinishedImages


@pytest.fixture
def plate(tmp_path):
    return write_plate(tmp_path / "P.ome.zarr")


@pytest.fixture
def segment(cli, tmp_path, tiny_segmenter):
    def call(source, *more, out="out"):
        return cli("segment", source, tmp_path / out, "--segmenter", tiny_segmenter, "--scale", 1, *more)

    return call


def outputs(ran) -> list[str]:
    return [Path(one["output"]).name for one in ran.json["results"]]


def test_every_field_is_an_image_and_a_killed_run_goes_on(segment, plate, tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    note, done = FinishedImages.note, []

    def note_one(self, *told):
        done.append(note(self, *told) if not done else die())

    with monkeypatch.context() as patch:
        patch.setattr(FinishedImages, "note", note_one)
        with pytest.raises(Killed):  # labels are written, and nobody noted it
            segment(plate)
    first = (tmp_path / "out" / "P_A1_0.ome.tif").stat().st_mtime_ns
    ran = segment(plate, "--json")
    assert ran.code == 0, ran.err
    assert outputs(ran) == ["P_A1_0.ome.tif", "P_A1_1.ome.tif", "P_B2_0.ome.tif"]
    assert [one.get("finished_before", False) for one in ran.json["results"]] == [True, False, False]
    assert (tmp_path / "out" / "P_A1_0.ome.tif").stat().st_mtime_ns == first
    told = [one["source"] for one in ran.json["results"]]
    assert [(one["path"], one["position"]) for one in told] == [(str(plate), field) for field in FIELDS]
    # The same labels as those of the field by itself.
    assert segment(plate / "B/2/0", out="a.ome.tif").code == 0
    made = tmp_path / "out" / "P_B2_0.ome.tif"
    np.testing.assert_array_equal(tifffile.imread(made), tifffile.imread(tmp_path / "a.ome.tif"))
    # One field is changed on the disk, and only that one is another.
    zarr.open_array(plate / "B/2/0/0", mode="r+")[:] = picture(9)
    ran = segment(plate)
    assert ran.out.count("finished before") == 2
    assert "3 images, in" in ran.out


def test_all_fields_of_a_folder_of_plates_are_images(segment, tmp_path):
    folder = tmp_path / "plates"
    folder.mkdir()
    for name in ("P", "Q"):
        write_plate(folder / f"{name}.zarr", FIELDS[1:])
    tifffile.imwrite(folder / "R.tif", picture(7))
    (folder / "S.czi").write_bytes(b"no such file")
    ran = segment(folder, "--json")
    assert outputs(ran) == [f"{name}.ome.tif" for name in ("P_A1_1", "P_B2_0", "Q_A1_1", "Q_B2_0", "R")]
    told = [one["source"].get("position") for one in ran.json["results"]]
    assert told == ["A/1/1", "B/2/0", "A/1/1", "B/2/0", None]
    assert outputs(segment(folder, "--position", "B/*", "--json", out="some"))[:2] == [
        "P_B2_0.ome.tif",
        "Q_B2_0.ome.tif",
    ]


def test_positions_of_a_tiff_in_a_folder_are_images(segment, tmp_path, monkeypatch):
    """As series of their own, or along an axis, as Micro-Manager writes them; what decides is read without the pixels."""
    folder = tmp_path / "folder"
    folder.mkdir()
    with tifffile.TiffWriter(folder / "a.ome.tif", ome=True) as file:
        for number, name in enumerate(("Pos 1", "Pos 2")):
            file.write(picture(number), metadata={"axes": "YX", "Name": name})
    tifffile.imwrite(folder / "b.tif", np.stack([picture(2), picture(3)]), metadata={"axes": "RYX"})
    tifffile.imwrite(folder / "c.tif", picture(4))
    with monkeypatch.context() as patch:
        patch.setattr(tifffile.TiffPageSeries, "asarray", None)
        found = images_at(folder)
    assert [one.name for one in found] == ["a_Pos-1", "a_Pos-2", "b_0", "b_1", "c"]
    for number, one in enumerate(found):
        np.testing.assert_array_equal(one.read().plane(), picture(number))
    ran = segment(folder, "--json")
    assert ran.code == 0, ran.err
    assert outputs(ran) == [f"{one.name}.ome.tif" for one in found]
    told = [one["source"].get("position") for one in ran.json["results"]]
    assert told == ["Pos 1", "Pos 2", 0, 1, None]


def test_a_broken_and_a_missing_field_stop_no_other_and_are_named(segment, plate, tmp_path):
    (plate / "A/1/0/0/.zarray").write_text("{")
    shutil.rmtree(plate / "B")
    ran = segment(plate, "--json")
    assert ran.code == 2
    assert outputs(ran) == ["P_A1_1.ome.tif"]
    assert [one["position"] for one in ran.json["failed"]] == ["A/1/0", "B/2"]
    assert "2 of 3 images could not be used (P_A1_0: " in ran.err
    assert "P_B-2: " in ran.err
    assert "names B/2, which is not in it" in ran.err


def test_positions_pick_and_sets_take_all(segment, plate, tmp_path):
    assert outputs(segment(plate, "--position", "A/*", "--json", out="some")) == [
        "P_A1_0.ome.tif",
        "P_A1_1.ome.tif",
    ]
    assert outputs(segment(plate, "--position", "2", "--json", out="one")) == ["P_B2_0.ome.tif"]
    assert "no position C" in segment(plate, "--position", "C/*", out="none").err
    assert "where a folder for the results takes all" in segment(plate, out="a.tif").err
    assert "cannot go into the folder of the images" in segment(plate, out="P.ome.zarr/labels").err
    ran = segment(plate, "--format", "nnunet", "--position", "*/0", out="Dataset501_P")
    assert ran.code == 0, ran.err
    made = tmp_path / "Dataset501_P"
    assert sorted(one.name for one in (made / "labelsTr").iterdir()) == ["P_A1_0.tif", "P_B2_0.tif"]
    assert sorted(read_sidecar(made).model_extra["images"]) == ["P_A1_0", "P_B2_0"]
    inside = read(next((made / "imagesTr").glob("P_B2_0*"))).plane()
    np.testing.assert_array_equal(inside, picture(2))


def test_images_of_a_file_have_names_of_their_own_whatever_they_are_called(tmp_path):
    plate = write_plate(tmp_path / "P.zarr", ("A/11/0", "A1/1/0", "A/2/x y", "A/2/x-y"))
    found = images_in_file(plate, ReadOptions())
    assert [one.name for one in found] == ["P_A11_0", "P_A1-1-0", "P_A2_x-y-2", "P_A2_x-y-3"]
    for one in found:
        np.testing.assert_array_equal(one.read().plane(), read(plate / str(one.position)).plane())
    series = tmp_path / "s.tif"
    with tifffile.TiffWriter(series, ome=True) as file:
        for number, name in enumerate(("s 1", "S-1", "7", "7", "0")):
            file.write(picture(number), metadata={"axes": "YX", "Name": name})
    found = images_in_file(series, ReadOptions())
    assert [one.name for one in found] == ["s_s-1-0", "s_S-1-1", "s_2", "s_3", "s_0"]
    for number, one in enumerate(found):
        np.testing.assert_array_equal(one.read().plane(), picture(number))
        assert one.read().name == one.name
    tifffile.imwrite(tmp_path / "one.tif", picture(0))
    assert images_in_file(tmp_path / "one.tif", ReadOptions()) == []
    with pytest.raises(InputError, match="no position 5"):
        images_in_file(series, ReadOptions(position="5"))


def test_a_plate_behind_an_address_is_labelled_and_what_was_changed_there_again(segment, plate, tmp_path):
    with serving(tmp_path) as (url, _):
        ran = segment(f"{url}/{plate.name}", "--json")
        assert (ran.code, len(ran.json["results"])) == (0, 3), ran.err
        assert ran.json["results"][0]["input"] == f"{url}/{plate.name}"
        here = segment(plate, "--json", out="here")
        for name in outputs(ran):
            np.testing.assert_array_equal(
                read(tmp_path / "out" / name).data, read(tmp_path / "here" / name).data
            )
        assert outputs(here) == outputs(ran)
        shutil.copy(plate / "B/2/0/0/0.0", plate / "A/1/1/0/0.0")
        again = segment(f"{url}/{plate.name}", "--json")
        assert ["finished_before" in one for one in again.json["results"]] == [True, False, True]
        assert "There is no Zarr array or group" in segment(f"{url}/no.zarr", out="no.ome.tif").err

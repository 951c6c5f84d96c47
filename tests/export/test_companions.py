"""Files beside exported files: whose they are."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting import export, export_image, read_sidecar, sidecar_path
from napari_pseudolabel.imaging import Placement, read

LABELS = np.arange(12, dtype=np.uint8).reshape(3, 4) % 3


def write(path, seed=0, **arguments):
    given = {"classes": (), "placement": Placement.identity(2), "provenance": {"seed": seed}}
    return export(path, LABELS, **given | arguments)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_every_file_of_one_stem_keeps_its_own_companions(tmp_path):
    files = ["a.ome.tif", "a.png", "a.tif", "a.ome.tiff", "a.b.tif", "a.c.tif"]
    for seed, name in enumerate(files):
        sure = np.full(LABELS.shape, seed / 10, np.float32)
        write(tmp_path / name, seed, confidence=sure, effort=f"effort {seed}")
    for again in range(2):
        for seed, name in enumerate(files):
            told = read_sidecar(tmp_path / name)
            assert (told.seed, told.files["labels"]) == (seed, name)
            assert np.unique(read(tmp_path / told.files["confidence"]).plane(())) == np.float32(seed / 10)
            assert (tmp_path / told.files["effort"]).read_text() == f"effort {seed}"
            if not again:  # written again, all keep their names
                before = names(tmp_path)
                write(tmp_path / name, seed, confidence=sure * 0 + seed / 10, effort=f"effort {seed}")
                assert names(tmp_path) == before
    assert {"a.provenance.json", "a.png.provenance.json", "a.b.provenance.json"} <= set(names(tmp_path))


@pytest.mark.parametrize("role", [".provenance.json", ".confidence.ome.tif", ".effort.csv"])
@pytest.mark.parametrize("content", ["mine", "[1]", '{"files": 3}', '{"files": {"labels": "b.png"}}'])
def test_what_belongs_to_somebody_else_is_never_replaced(tmp_path, role, content):
    (tmp_path / f"a{role}").write_text(content)
    sure = np.zeros(LABELS.shape, np.float32)
    with pytest.raises(InputError, match="was not written for a; move it away"):
        write(tmp_path / "a", format="png", confidence=sure, effort="effort")  # has no longer name
    written = write(tmp_path / "a.png", 5, confidence=sure, effort="effort")
    assert (tmp_path / f"a{role}").read_text() == content
    assert all(path.name.startswith("a.png") for path in written)
    assert read_sidecar(tmp_path / "a.png").seed == 5
    for path in written[1:]:
        path.unlink()
        path.write_text("mine, too")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InputError, match=r"was not written for a\.png; move it away"):
        write(tmp_path / "a.png", 6, confidence=sure, effort="effort")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_images_have_their_own_provenance_too(tmp_path):
    write(tmp_path / "a.png", 1)
    export_image(tmp_path / "a.ome.tif", LABELS / 2, placement=Placement.identity(2), provenance={"seed": 2})
    assert read_sidecar(tmp_path / "a.png").seed == 1
    assert read_sidecar(tmp_path / "a.ome.tif").files == {"image": "a.ome.tif"}


def test_a_disk_that_makes_no_difference_of_capitals(tmp_path):
    """There `A.png` finds the file `a.provenance.json` under the name `A.provenance.json`."""
    write(tmp_path / "a.ome.tif", 1)
    (tmp_path / "a.provenance.json").rename(tmp_path / "A.provenance.json")
    write(tmp_path / "A.png", 2)
    assert json.loads((tmp_path / "A.provenance.json").read_text())["seed"] == 1
    assert read_sidecar(tmp_path / "A.png").seed == 2
    (tmp_path / "A.provenance.json").rename(tmp_path / "A.ome.provenance.json")
    write(tmp_path / "A.ome.tif", 3)  # the same file there: written by us, and for it
    assert read_sidecar(tmp_path / "A.ome.tif").seed == 3


def test_what_was_written_without_a_confidence_does_not_claim_the_former_one(tmp_path):
    sure = np.zeros(LABELS.shape, np.float32)
    write(tmp_path / "a.png", 1, confidence=sure)
    write(tmp_path / "a.png", 2)
    told = read_sidecar(tmp_path / "a.png")
    assert (told.files, told.earlier_files) == ({"labels": "a.png"}, ("a.confidence.ome.tif",))
    write(tmp_path / "a.png", 3, confidence=sure)
    assert names(tmp_path) == ["a.confidence.ome.tif", "a.png", "a.provenance.json"]
    assert read_sidecar(tmp_path / "a.png").earlier_files == ()


def test_a_provenance_of_another_file_is_not_taken_for_this_one(tmp_path):
    write(tmp_path / "a.ome.tif", 1)
    (tmp_path / "a.png").write_bytes(b"from elsewhere")
    assert not sidecar_path(tmp_path / "a.png").exists()
    # Renamed together, they still belong together.
    (tmp_path / "a.ome.tif").rename(tmp_path / "b.ome.tif")
    (tmp_path / "a.provenance.json").rename(tmp_path / "b.provenance.json")
    assert read_sidecar(tmp_path / "b.ome.tif").seed == 1


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from(["a.tif", "a.ome.tif", "A.png", "a.png", "a.b.png", "a.png.tif"]), min_size=1)
)
def test_whatever_is_written_in_which_order_tells_of_itself(tmp_path_factory, order):
    folder = tmp_path_factory.mktemp("order")
    last = {}
    for seed, name in enumerate(order):
        try:
            write(folder / name, seed)
        except InputError:  # `a.png` after `a.tif` and `a.png.tif` has no name left
            assert name == "a.png"
            continue
        last[name] = seed
    assert {name: read_sidecar(folder / name).seed for name in last} == last

"""Folders, grids, splits, records and presets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import IntensityRange, ReadOptions
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.training.common.training_record import STATE, check_record
from napari_pseudolabel.training.data.annotated_plane import AnnotatedPlane
from napari_pseudolabel.training.data.image_folders import (
    FolderPreprocessing,
    LabelledPlane,
    Notes,
    image_planes,
    labelled_planes,
)
from napari_pseudolabel.training.data.training_inputs import (
    ModelGrid,
    aligned,
    check_values,
    labelled,
    split_by_file,
    unlabelled,
)
from napari_pseudolabel.training.translator.syndiff_settings import PUBLISHED, SMALL, changed


def plane(name, value):
    image = np.full((8, 8), value, np.float32)
    return LabelledPlane(name, image, np.zeros((8, 8), np.uint8))


@given(
    contents=st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=3), min_size=2, max_size=8),
    share=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_a_split_keeps_every_plane_and_shares_no_file_and_no_copy(contents, share, seed):
    planes = [plane(f"file {i}", v) for i, values in enumerate(contents) for v in values]
    if len({tuple(values) for values in contents}) < 2:
        with pytest.raises(InputError, match="not enough"):
            split_by_file(planes, share, seed)
        return
    split = split_by_file(planes, share, seed)
    assert split.train
    assert split.validation
    assert len(split.train) + len(split.validation) == len(planes)
    sides = [{one.name for one in side} for side in (split.train, split.validation)]
    assert not sides[0] & sides[1]
    files = [{tuple(contents[int(name.split()[1])]) for name in side} for side in sides]
    assert not files[0] & files[1]


def test_a_split_depends_on_the_seed_alone():
    planes = [plane(f"file {i}", i) for i in range(10)]
    kept = [[one.name for one in split_by_file(planes, 0.3, seed).validation] for seed in (1, 1, 2)]
    assert kept[0] == kept[1] != kept[2]
    assert len(kept[0]) == 3


@pytest.fixture
def folder(tmp_path, disc_image):
    """images and labels: `a` has pixels of 0.1 um, `b` of 0.2 um."""
    for name, pixel in (("a", 0.1), ("b", 0.2)):
        for part, data in zip(("images", "labels"), disc_image((40, 60), 3), strict=True):
            (tmp_path / part).mkdir(exist_ok=True)
            sizes = {f"PhysicalSize{axis}": pixel for axis in "XY"}
            units = {f"PhysicalSize{axis}Unit": "µm" for axis in "XY"}
            tifffile.imwrite(
                tmp_path / part / f"{name}.ome.tif", data, metadata={"axes": "YX", **sizes, **units}
            )
    return tmp_path


def test_planes_are_brought_to_the_models_grid(folder):
    grid = ModelGrid("TEM", pixel_um=0.2)
    assert [one.shape for one in unlabelled(folder / "images", grid)] == [(20, 30), (40, 60)]
    planes = labelled(folder / "images", folder / "labels", grid)
    assert [one.labels.shape for one in planes] == [(20, 30), (40, 60)]
    assert all(set(np.unique(one.labels)) == {0, 1} for one in planes)
    assert all(0 <= one.image.min() < one.image.max() <= 1 for one in planes)
    # The bright discs are what the labels mark, on the new grid as well.
    assert all(one.image[one.labels == 1].mean() > one.image[one.labels == 0].mean() + 0.3 for one in planes)


def test_the_pixel_size_of_a_modality_is_only_told_where_it_is_known(folder):
    images = folder / "images"
    assert ModelGrid("x").modality(images).pixel_size_um is None  # the files differ
    assert ModelGrid("x", pixel_um=0.3).modality(images).pixel_size_um == 0.3
    assert ModelGrid("x", image_pixel_um=0.5).modality(images).pixel_size_um == 0.5
    (images / "b.ome.tif").unlink()
    assert ModelGrid("x").modality(images).pixel_size_um == pytest.approx(0.1)
    tifffile.imwrite(images / "c.tif", np.zeros((9, 9), np.uint8))
    assert ModelGrid("x").modality(images).pixel_size_um is None
    with pytest.raises(InputError, match=r"c\.tif"):
        ModelGrid("x", pixel_um=0.3).modality(images)
    with pytest.raises(InputError, match="positive"):
        ModelGrid("x", pixel_um=0)


def test_pairs_are_matched_by_name(folder, tmp_path):
    same = ModelGrid("x"), ModelGrid("y")
    pairs = aligned((folder / "images", folder / "images"), same)
    assert [pair.shape for pair in pairs] == [(2, 40, 60)] * 2
    np.testing.assert_array_equal(pairs[0][0], pairs[0][1])
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.ome.tif").write_bytes((folder / "images" / "a.ome.tif").read_bytes())
    with pytest.raises(InputError, match="b is in only one of"):
        aligned((folder / "images", other), same)


def test_tiny_images_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((6, 50), np.uint8))
    with pytest.raises(InputError, match="6 pixels"):
        unlabelled(tmp_path, ModelGrid("x"))


def test_pixels_that_are_not_square_are_taken_where_the_person_says_their_size(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.ones((16, 16), np.uint8), resolution=(10_000, 5_000), resolutionunit=3)
    with pytest.raises(InputError, match="not square"):
        unlabelled(tmp_path, ModelGrid("SEM", pixel_um=1))
    (found,) = unlabelled(tmp_path, ModelGrid("SEM", image_pixel_um=2, pixel_um=1))
    assert found.shape == (32, 32)


def test_only_the_same_training_goes_on_in_a_folder(tmp_path):
    out = tmp_path / "deep" / "out"
    record = {"kind": "segmenter", "settings": {"lr": 0.1, "filters": (1, 2)}, "data": ["abc"]}
    check_record(out, record)
    check_record(out, {**record, "data": ["else"]})  # nothing was trained yet
    check_record(out, record)
    (out / STATE).write_bytes(b"state")
    check_record(out, record)
    with pytest.raises(InputError, match=r"with other settings\.lr, data;"):
        check_record(out, {**record, "data": ["new"], "settings": {"lr": 0.2, "filters": (1, 2)}})


@pytest.mark.parametrize("name", ["losses.csv", "validation.csv", "mine.safetensors", "training.json"])
def test_a_training_replaces_no_file_of_somebody_else(tmp_path, name):
    (tmp_path / name).write_text("{}")
    with pytest.raises(InputError, match="is of no training in this folder, and would be replaced"):
        check_record(tmp_path, {"kind": "segmenter"}, ["mine"])
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "{}")]


def test_settings_are_changed_by_their_published_names():
    made = changed(SMALL, {"ema": "0.9", "ch_mult": "1,2", "fir": "no", "steps": "7", "attn_resolutions": ""})
    assert (made.ema, made.steps, made.generator.ch_mult, made.generator.fir) == (0.9, 7, (1, 2), False)
    assert made.generator.attn_resolutions == ()
    assert made.generator.nz == SMALL.generator.nz
    assert changed(PUBLISHED, {}) == PUBLISHED
    for values in ({"magic": "1"}, {"generator": "1"}, {"stride": "2"}, {"fir": "perhaps"}, {"nz": "1.5"}):
        with pytest.raises(InputError, match=r"no setting|no value"):
            changed(PUBLISHED, values)


def test_axes_and_positions_that_a_person_says(tmp_path):
    """A stack and its labels that were written as planar colours, and images of which the second is wanted."""
    stack = np.random.default_rng(0).integers(0, 255, (3, 16, 18)).astype(np.uint8)
    for folder, data in (("images", stack), ("labels", stack % 3)):
        (tmp_path / folder).mkdir()
        tifffile.imwrite(tmp_path / folder / "a.tif", data, photometric="rgb", planarconfig="separate")
    folders = tmp_path / "images", tmp_path / "labels"
    told: list[str] = []
    planes = labelled(*folders, ModelGrid("any", reading=ReadOptions("ZYX")), told.extend)
    assert [plane.image.shape for plane in planes] == [(16, 18)] * 3
    for plane, truth in zip(planes, stack % 3, strict=True):
        np.testing.assert_array_equal(plane.labels, truth)
    assert told == []
    with pytest.raises(InputError, match="must match"):
        labelled(*folders, ModelGrid("any"))
    with tifffile.TiffWriter(tmp_path / "images" / "a.tif", ome=True) as tif:
        for page in (stack[0], stack[1]):
            tif.write(page, metadata={"axes": "YX"}, contiguous=False)
    tifffile.imwrite(tmp_path / "labels" / "a.tif", stack[1] % 3)
    (plane,) = labelled(*folders, ModelGrid("any", reading=ReadOptions(position=1)), told.extend)
    assert np.corrcoef(plane.image.ravel(), stack[1].ravel())[0, 1] > 0.99
    assert told == []
    with pytest.raises(InputError, match="holds 2 images"):
        labelled(*folders, ModelGrid("any"))


@pytest.fixture
def unsized(tmp_path, disc_image):
    """Five images, one of which says its size, and their labels."""
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    image, labels = disc_image((20, 20), 1)
    for number in range(5):
        said = {"resolution": (1e4, 1e4), "resolutionunit": "CENTIMETER"} if number == 2 else {}
        tifffile.imwrite(tmp_path / "images" / f"{number}.tif", image, **said)
        tifffile.imwrite(tmp_path / "labels" / f"{number}.tif", labels)
    return tmp_path / "images"


def test_labels_with_pixels_of_another_size_than_their_image_are_named(folder):
    image = tifffile.imread(folder / "labels" / "b.ome.tif")
    sizes = {"PhysicalSizeX": 0.4, "PhysicalSizeY": 0.4, "PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm"}
    notes = Notes()
    labelled_planes(folder / "images", folder / "labels", FolderPreprocessing(), notes.add)
    assert not any("wide" in note for note in notes)
    tifffile.imwrite(folder / "labels" / "b.ome.tif", image, metadata={"axes": "YX", **sizes})
    labelled_planes(folder / "images", folder / "labels", FolderPreprocessing(), notes.add)
    assert any("0.2 um wide and those of the labels 0.4 um" in note for note in notes)


def test_where_an_image_shows_nothing_its_labels_teach_nothing(tmp_path):
    seen = np.arange(24.0 * 30).reshape(24, 30).astype(np.float32)
    part = seen.copy()
    part[:6], part[6, 0] = np.nan, np.inf
    images = {"a": seen, "b": part, "c": seen * np.nan, "d": seen * 0 + 7}
    for name, image in images.items():
        for folder, values in (("images", image), ("labels", np.ones((24, 30), np.uint8))):
            (tmp_path / folder).mkdir(exist_ok=True)
            tifffile.imwrite(tmp_path / folder / f"{name}.tif", values)
    notes = Notes()
    planes = labelled_planes(tmp_path / "images", tmp_path / "labels", FolderPreprocessing(), notes.add)
    assert [plane.name for plane in planes] == ["a.tif", "b.tif"]
    assert planes[0].weight is None
    assert np.array_equal(planes[1].weight, np.isfinite(part))
    told = " ".join(notes)
    assert "b.tif has no values (NaN, infinite) on 25.1%, and nothing was learned there" in told
    for name in "cd":
        assert f"There is nothing to see in {name}, and nothing was learned from it" in told
    with pytest.raises(InputError, match="No labelled image shows anything where something is labelled"):
        check_values([], {"nucleus": 1}, "labelled")
    decided = np.ones((24, 30), bool)
    annotated = AnnotatedPlane(
        "b", "b", part, IntensityRange(0, 1), None, decided * np.uint8(1), decided, None, ~decided
    )
    assert np.array_equal(annotated.weights(1.0), np.isfinite(part))
    annotated = replace(annotated, validation=decided)
    assert np.array_equal(annotated.held_out, np.isfinite(part))


@pytest.mark.parametrize("read", ["images", "labelled"])
def test_images_of_unknown_size_are_told_once_for_their_folder(unsized, read):
    def told(*sizes, scale=Scale(), **more):
        notes, preprocessing = Notes(), FolderPreprocessing(scale, *sizes, **more)
        if read == "images":
            image_planes(unsized, preprocessing, notes.add)
        else:
            labelled_planes(unsized, unsized.parent / "labels", preprocessing, notes.add)
        return list(notes)

    (one,) = told(1.0, 20.0)
    assert one.startswith(
        f"The scale is not known of 4 of 5 images in {unsized} (0.tif, 1.tif, 3.tif and 1 more);"
    )
    assert "used as they are. Give their pixel size or the size of their objects if" in one
    (one,) = told(None, 20.0)
    assert "5 of 5" in one
    assert "the model does not say its pixel size; used as they are. Give the size of their objects if" in one
    (one,) = told(None, None)
    assert "Give their magnification if" in one
    for known in (Scale(factor=1.0), Scale(pixel_size_um=1.0), Scale(object_size_px=20.0)):
        assert not told(1.0, 20.0, scale=known)
    assert not told(tells=False)


def test_a_model_that_will_not_know_its_scale_is_told(unsized):
    for grid, tells in (
        (ModelGrid("EM"), True),
        (ModelGrid("EM", object_px=20), False),
        (ModelGrid("EM", image_pixel_um=0.1), False),
    ):
        (*notes,) = grid.assumed(unsized, grid.modality(unsized))
        assert bool(notes) == tells
        assert all(str(unsized) in note and "give the pixel size" in note for note in notes)


def test_numbers_of_objects_are_no_classes():
    """All but the first object would be background; ten classes of one piece each may be named."""
    labels = np.zeros((8, 48), np.uint8)
    for number in range(12):
        labels[2:6, 4 * number : 4 * number + 3] = number + 1
    numbered = LabelledPlane("cells.tif", (labels > 0).astype(np.float32), labels)
    with pytest.raises(
        InputError, match=r"labels of cells\.tif number its objects \(12 values of one piece each\)"
    ):
        check_values([numbered], {"cell": 1}, "training")
    assert check_values([numbered], {f"class {value}": value for value in range(1, 13)}, "training") == ()
    for most, doubted in ((6, True), (3, False)):
        few = replace(numbered, labels=np.where(labels > most, np.uint8(0), labels))
        (note,) = check_values([few], {"cell": 1}, "training")
        assert "belong to no class, so they count as background." in note
        assert ("If they number objects" in note) == doubted
    with pytest.raises(InputError, match=r"class cell \(9\), only the values 0, 1, 2 and 3"):
        check_values([few], {"cell": 9}, "training")


def test_labels_that_lie_turned_on_their_images_are_told():
    """Most of those that are looked at."""
    rng = np.random.default_rng(0)

    def plane(name, turned, moved=0):
        labels = np.zeros((80, 120), np.uint8)
        for _ in range(20):
            y, x = rng.integers(0, 72), rng.integers(0, 112)
            labels[y : y + 7, x : x + 7] = 1
        image = (labels + rng.normal(0, 0.3, labels.shape)).astype(np.float32)
        return LabelledPlane(name, image, np.roll(labels[::-1] if turned else labels, moved, 0))

    planes = [plane(f"{number}.tif", number > 0) for number in range(3)]
    (note,) = check_values(planes, {"cell": 1}, "training")
    assert (
        "The labels of 2 of 3 images that were looked at would fit much better if they were turned upside down"
        in note
    )
    assert check_values(planes[:2], {"cell": 1}, "training") == ()
    moved = [plane(f"{number}.tif", False, 6 * (number > 0)) for number in range(3)]
    (note,) = check_values(moved, {"cell": 1}, "training")
    assert (
        "The labels of 2 of 3 images that were looked at lie about 6 px too low on the pixel grid of the model"
        in note
    )

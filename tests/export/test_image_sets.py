"""Folders from which other programs learn: what is in them, what is not, and how they grow."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from PIL import Image as Picture

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting import ExportContent, export, read_sidecar
from napari_pseudolabel.formats import format_named, formats
from napari_pseudolabel.imaging import Placement
from napari_pseudolabel.imaging.image import from_array
from napari_pseudolabel.labels.rectangles import rectangles
from napari_pseudolabel.models.cards import LabelClass

CLASSES = (
    LabelClass(name="background", value=0),
    LabelClass(name="axon", value=3),
    LabelClass(name="myelin", value=7),
)
SIZE = (140, 200)
MACHINE = {"strategy": "segmentation"}
SETS = [one.name for one in formats() if one.collects]


def fibres():
    labels = np.zeros(SIZE, np.uint8)
    yy, xx = np.mgrid[:140, :200]
    for y in range(15, 140, 30):
        for x in range(15, 200, 30):
            away = np.hypot(yy - y, xx - x)
            labels[away < 12], labels[away < 7] = 7, 3
    return labels


def picture(dtype=np.uint16, *shape):
    return (np.random.default_rng(0).random((*shape, *SIZE)) * 200).astype(dtype)


def image(name="cells.tif", data=None):
    found = from_array(picture() if data is None else data, name=name.partition(".")[0])
    return replace(found, path=f"somewhere/{name}")


def put(path, labels=None, *, source=None, **named):
    labels = fibres() if labels is None else labels
    arguments = {
        "classes": CLASSES, "placement": Placement.identity(labels.ndim), "provenance": {}, "source": source or image()
    }  # fmt: skip
    return export(path, labels, **arguments | named)


def asked(name, **options):
    chosen = format_named(name)
    return replace(chosen, options=replace(chosen.options, **options))


def some():
    """What is confirmed: two rectangles that touch."""
    known = np.zeros(SIZE, bool)
    known[10:110, 5:105] = known[40:140, 105:200] = True
    return known


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_rectangles_hold_known_pixels_only_and_none_twice():
    rng = np.random.default_rng(1)
    for ragged in (0, 0, 0, 300):
        mask = np.zeros((300, 400), bool)
        for _ in range(6):
            y, x = rng.integers(0, 250, 2)
            mask[y : y + rng.integers(20, 90), x : x + rng.integers(20, 120)] = True
        mask[tuple(rng.integers(0, 300, (2, ragged)))] = False
        seen = np.zeros(mask.shape, int)
        for window in rectangles(mask, 24):
            assert all(part.stop - part.start >= 24 for part in window)
            assert mask[window].all()
            seen[window] += 1
        assert seen.max() <= 1
    assert rectangles(some(), 64) == (
        (slice(10, 110), slice(5, 105)),
        (slice(40, 140), slice(105, 200)),
    )


@pytest.mark.parametrize("ignored", ["unlabelled", "unconfirmed"])
def test_nnunet_reads_its_set(tmp_path, ignored):
    from napari_pseudolabel.training.data.nnunet_raw import read_raw

    known, labels = some(), fibres()
    chosen, folder = asked("nnunet", ignored=ignored), tmp_path / "Dataset501_Cells"
    put(folder, format=chosen, labelled=np.ones(SIZE, bool), confirmed=known, provenance=MACHINE)
    found = read_raw(folder)
    assert [(one.name, one.value) for one in found.classes] == [("background", 0), ("axon", 1), ("myelin", 2)]
    (case,) = found.cases
    truth = np.zeros(SIZE, int)
    truth[labels == 3], truth[labels == 7] = 1, 2
    truth = truth if ignored == "unlabelled" else np.where(known, truth, 3)
    np.testing.assert_array_equal(tifffile.imread(case.labels), truth)
    np.testing.assert_array_equal(tifffile.imread(case.image), picture())
    assert found.ignored == 3
    told = json.loads((folder / "dataset.json").read_text())
    # What nnU-Net asks of a set (`verify_dataset_integrity`): consecutive labels, ignore the highest, a count, a reader.
    assert sorted(told["labels"].values()) == [0, 1, 2, 3]
    assert told["labels"]["ignore"] == max(told["labels"].values())
    assert told["numTraining"] == len(found.cases) == len(list((folder / "labelsTr").iterdir()))
    assert set(told["channel_names"]) == {"0"}
    notes = read_sidecar(folder).export_notes
    assert len(notes) == (ignored == "unconfirmed")
    assert all("ignore" in note for note in notes)


def test_nnunet_knows_planes_channels_and_what_is_not_labelled(tmp_path):
    labels = np.stack([fibres(), fibres()[::-1]])
    known = np.ones(labels.shape, bool)
    known[1, :50] = False
    source = from_array(picture(np.uint8, 2, 2), "ZCYX", name="stack")
    placement, folder = Placement.identity(3, "ZYX"), tmp_path / "Dataset502_Stack"
    put(folder, labels, format="nnunet", placement=placement, labelled=known, source=source)
    assert files(folder / "imagesTr") == [f"stack_z00{z}_000{c}.tif" for z in (0, 1) for c in (0, 1)]
    np.testing.assert_array_equal(
        tifffile.imread(folder / "imagesTr" / "stack_z001_0001.tif"), source.data[1, 1]
    )
    truth = tifffile.imread(folder / "labelsTr" / "stack_z001.tif")
    np.testing.assert_array_equal(truth == 3, ~known[1])
    assert list(json.loads((folder / "dataset.json").read_text())["channel_names"]) == ["0", "1"]


@pytest.mark.parametrize(
    ("name", "images", "masks"),
    [("cellpose", "{}.tif", "{}_masks.tif"), ("stardist", "images/{}.tif", "masks/{}.tif")],
)
def test_crops_hold_what_is_confirmed_and_nothing_else(tmp_path, name, images, masks):
    numbers = np.zeros(SIZE, np.uint32)
    for number, (y, x) in enumerate(np.ndindex(5, 7), start=70_000):
        numbers[30 * y : 30 * y + 30, 30 * x : 30 * x + 30] = number
    labels = fibres()
    numbers[labels == 0] = 0
    folder = tmp_path / "set"
    put(folder, format=name, confirmed=some(), provenance=MACHINE, instances=numbers)
    crops = {"cells_y0010_x0005": np.s_[10:110, 5:105], "cells_y0040_x0105": np.s_[40:140, 105:200]}
    assert files(folder) == sorted(end.format(crop) for crop in crops for end in (images, masks))
    for crop, window in crops.items():
        np.testing.assert_array_equal(tifffile.imread(folder / images.format(crop)), picture()[window])
        found, truth = tifffile.imread(folder / masks.format(crop)), numbers[window]
        assert found.dtype == np.uint16
        assert (
            len(np.unique(found)) == len(np.unique(truth)) == len({*zip(found.flat, truth.flat, strict=True)})
        )
        np.testing.assert_array_equal(found > 0, truth > 0)
    (note,) = read_sidecar(folder).export_notes
    assert "2 rectangles: 69.6% of the image" in note
    # One class alone, of all that is labelled, few of them, in colour.
    labels[:, 70:] = 0
    colours = from_array(picture(np.uint8, 3).transpose(1, 2, 0), "YXS", name="colours")
    put(folder, labels, format=asked(name, take="labelled", object_class="Axon"), source=colours)
    np.testing.assert_array_equal(tifffile.imread(folder / masks.format("colours")) > 0, labels == 3)
    np.testing.assert_array_equal(tifffile.imread(folder / images.format("colours")), colours.data)
    labels[:, 35:] = labels[40:] = 0
    put(folder, labels, format=asked(name, take="labelled"), source=colours)
    assert "1 of 1 images hold fewer than 5 objects" in read_sidecar(folder).export_notes[-1]
    assert len(files(folder)) == 6


@pytest.mark.parametrize("name", ["cellpose", "stardist"])
def test_what_nobody_confirmed_teaches_nobody(tmp_path, name):
    none = np.zeros(SIZE, bool)
    small = none.copy()
    small[:60] = True
    for confirmed, message in (
        (None, "Nobody has confirmed"),
        (none, "Nobody has confirmed"),
        (small, "no rectangle of 64 x 64"),
    ):
        with pytest.raises(InputError, match=message):
            put(tmp_path / "set", format=name, confirmed=confirmed, provenance=MACHINE)
    with pytest.raises(InputError, match="no class 'soma' in these labels; give one of axon, myelin"):
        put(tmp_path / "set", format=asked(name, take="labelled", object_class="soma"))
    assert files(tmp_path) == []
    # Labels of a person need no confirmation.
    put(tmp_path / "set", format=name)
    assert len(files(tmp_path / "set")) == 2


def test_axondeepseg_finds_masks_image_and_pixel_size(tmp_path):
    labels, known = fibres(), np.ones(SIZE, bool)
    labels[60:80, 60:80] = 9
    known[:20] = False
    classes = (*CLASSES, LabelClass(name="Unmyelinated axon", value=9))
    placement = Placement((0.1, 0.1), (0, 0), units=("um", "um"))
    folder = tmp_path / "set"
    grey = image("a.1.png", picture(np.uint8))
    put(
        folder,
        labels,
        format="axondeepseg",
        classes=classes,
        labelled=known,
        placement=placement,
        source=grey,
    )
    read = {path.name: np.asarray(Picture.open(path)) for path in folder.glob("*.png")}
    seen = np.where(known, labels, 0)
    np.testing.assert_array_equal(
        read["a-1_seg-axonmyelin.png"], np.select([seen == 3, seen == 7], [255, 127])
    )
    for kind, value in (("axon", 3), ("myelin", 7), ("uaxon", 9)):
        np.testing.assert_array_equal(read[f"a-1_seg-{kind}.png"], 255 * (seen == value))
    np.testing.assert_array_equal(read["a-1_not-labelled.png"], 255 * ~known)
    np.testing.assert_array_equal(read["a-1.png"], grey.data)
    assert float((folder / "pixel_size_in_micrometer.txt").read_text()) == pytest.approx(0.1)
    assert "14.3% of a-1 are not labelled" in read_sidecar(folder).export_notes[0]
    with pytest.raises(InputError, match=r"pixels of 0\.1 um, and these have 0\.2 um"):
        put(folder, format="axondeepseg", placement=Placement((0.2, 0.2), (0, 0), units=("um", "um")))
    with pytest.raises(
        InputError, match="the classes of these labels are nucleus; call two of them axon and myelin"
    ):
        put(tmp_path / "other", format="axondeepseg", classes=[LabelClass(name="nucleus", value=3)])
    put(tmp_path / "other", format="axondeepseg")
    assert files(tmp_path / "other")[0] == "cells.png"
    assert read_sidecar(tmp_path / "other").export_notes[0].startswith("The pixel size is not known")


@pytest.mark.parametrize("name", SETS)
def test_sets_grow_by_images(tmp_path, name):
    folder = tmp_path / format_named(name).proposed
    put(folder, format=name, source=image("one.tif"), provenance={"source": {"path": "a/one.tif"}, "seed": 1})
    first = {file: (folder / file).read_bytes() for file in files(folder) if "one" in file}
    put(folder, format=name, source=image("two.tif"), provenance={"source": {"path": "a/two.tif"}, "seed": 2})
    assert {file: (folder / file).read_bytes() for file in files(folder) if "one" in file} == first
    assert {file.replace("two", "one") for file in files(folder) if "two" in file} == first.keys()
    told = read_sidecar(folder).model_extra["images"]
    assert [(case, one["seed"]) for case, one in told.items()] == [("one", 1), ("two", 2)]
    # An image that is there is replaced, and no other is touched; another one of its name is refused.
    before = {file: (folder / file).read_bytes() for file in files(folder)}
    with pytest.raises(InputError, match="holds another image called one"):
        put(folder, format=name, source=image("one.tif"), provenance={"source": {"path": "b/one.tif"}})
    assert {file: (folder / file).read_bytes() for file in files(folder)} == before
    empty = np.zeros(SIZE, np.uint8)
    put(folder, empty, format=name, source=image("one.tif"), provenance={"source": {"path": "a/one.tif"}})
    after = {file: (folder / file).read_bytes() for file in files(folder)}
    assert after.keys() == before.keys()
    assert {file for file in after if "two" in file and after[file] != before[file]} == set()
    assert any(after[file] != before[file] for file in first)


@pytest.mark.parametrize("name", SETS)
def test_what_is_missing_for_a_set_is_one_sentence(tmp_path, name):
    folder = tmp_path / format_named(name).proposed
    content = ExportContent(fibres(), CLASSES, Placement.identity(2), {})
    if format_named(name).source == "needed":
        with pytest.raises(
            InputError, match="the image of these is not known; open it, or name it with --image"
        ):
            content.write(folder, name)
    with pytest.raises(InputError, match=r"has the shape \(140, 200\), but the labels have \(140, 199\)"):
        put(folder, fibres()[:, 1:], format=name)
    tifffile.imwrite(tmp_path / "b.tif", picture())
    replace(content, provenance={"source": {"path": str(tmp_path / "b.tif")}}).write(folder, name)
    assert any(file.rpartition("/")[2].startswith("b") for file in files(folder))


def test_sets_of_nnunet_have_its_names_and_one_set_of_classes(tmp_path):
    with pytest.raises(InputError, match="has a name like Dataset501_labels, or others would not find it"):
        put(tmp_path / "cells", format="nnunet")
    folder = tmp_path / "Dataset501_labels"
    put(folder, format="nnunet")
    with pytest.raises(
        InputError, match="The set has the classes background, axon, myelin, ignore, but this image has"
    ):
        put(folder, format="nnunet", classes=CLASSES[:2], source=image("b.tif"))

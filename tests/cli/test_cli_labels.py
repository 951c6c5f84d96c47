"""evaluate and export, inspect and models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting import export, read_sidecar
from napari_pseudolabel.imaging import Placement, read
from napari_pseudolabel.models.cards import LabelClass

FIELD = Path(__file__).parents[1] / "field"


@pytest.fixture
def pair(tmp_path):
    """A square of 4 x 4 that is predicted one pixel too far to the right, and one pixel of class 2."""
    reference = np.zeros((12, 12), np.uint8)
    reference[2:6, 2:6] = 1
    prediction = np.roll(reference, 1, axis=1)
    prediction[10, 10] = 2
    for name, labels in (("prediction", prediction), ("reference", reference)):
        tifffile.imwrite(tmp_path / f"{name}.tif", labels)
    return tmp_path / "prediction.tif", tmp_path / "reference.tif"


def test_evaluate_prints_exactly_the_scores(cli, pair):
    ran = cli("evaluate", *pair, "--class", "axon=1", "--class", "myelin=2", "--json")
    assert ran.code == 0
    found = ran.json
    assert "Sheaths of myelin touch" in found.pop("notes")[0]
    assert found == {
        "dice": {"axon": 0.75, "myelin": 0.0},
        "iou": {"axon": 0.6, "myelin": 0.0},
        "f1": {"axon": 1.0, "myelin": 0.0, "fibre": 1.0},
        "precision": {"axon": 1.0, "myelin": 0.0, "fibre": 1.0},
        "recall": {"axon": 1.0, "myelin": 0.0, "fibre": 1.0},
        "sq": {"axon": 0.6, "myelin": 0.0, "fibre": 0.6},
        "pq": {"axon": 0.6, "myelin": 0.0, "fibre": 0.6},
        "ap": {
            name: dict.fromkeys(("0.5", "0.6", "0.7", "0.8", "0.9"), 0.0)
            for name in ("axon", "myelin", "fibre")
        }
        | {name: {"0.5": 1.0, "0.6": 1.0, "0.7": 0.0, "0.8": 0.0, "0.9": 0.0} for name in ("axon", "fibre")},
        "objects": {
            "axon": {"matched": 1, "predicted": 1, "real": 1},
            "myelin": {"matched": 0, "predicted": 1, "real": 0},
            "fibre": {"matched": 1, "predicted": 1, "real": 1},
        },
    }
    table = cli("evaluate", *pair, "--class", "axon=1").out.splitlines()
    assert table == [
        "class    dice     iou      f1  precision  recall      sq      pq  matched  predicted  real",
        "axon   0.7500  0.6000  1.0000     1.0000  1.0000  0.6000  0.6000        1          1     1",
        "",
        "class  ap 0.5  ap 0.6  ap 0.7  ap 0.8  ap 0.9",
        "axon   1.0000  1.0000  0.0000  0.0000  0.0000",
        "The value 2 of the prediction belongs to no class that is named: taken for background.",
    ]
    assert "nothing tells them apart" in cli("evaluate", *pair, "--class", "myelin=2").out


def test_evaluate_keeps_large_labels_apart(cli, tmp_path):
    large = 2**24
    for name, value in (("a", large), ("b", large + 1)):  # the same number in float32
        tifffile.imwrite(tmp_path / f"{name}.tif", np.full((4, 4), value, np.uint32))
    ran = cli("evaluate", tmp_path / "a.tif", tmp_path / "b.tif", "--class", f"cell={large}", "--json")
    assert ran.json["dice"] == {"cell": 0.0}


def test_evaluate_says_what_is_wrong(cli, pair, tmp_path):
    tifffile.imwrite(tmp_path / "small.tif", np.zeros((3, 3), np.uint8))
    tifffile.imwrite(tmp_path / "float.tif", np.full((12, 12), 0.5, np.float32))
    tifffile.imwrite(
        tmp_path / "rgb.tif", np.eye(12, dtype=np.uint8)[..., None] * np.uint8([1, 2, 3]), photometric="rgb"
    )
    axon = ("--class", "axon=1")
    for words, part in [
        ((*pair,), "--class axon=2"),
        ((*pair, "--class", "axon"), "“axon”"),
        ((*pair, "--class", "axon=-1"), "“axon=-1”"),
        ((*pair, *axon, "--class", "axon=2"), "repeats"),
        ((pair[0], tmp_path / "small.tif", *axon), "12 x 12"),
        ((pair[0], tmp_path / "float.tif", *axon), "float32"),
        ((pair[0], tmp_path / "rgb.tif", *axon), "colours"),
        ((pair[0], tmp_path / "none.tif", *axon), "none.tif"),
    ]:
        ran = cli("evaluate", *words, "--json")
        assert ran.code == 2
        assert part in ran.sentence


def test_evaluate_takes_numbered_objects_as_they_are(cli, tmp_path):
    """Nuclei that touch are two where the truth says so, although their classes are one piece."""
    touching = np.zeros((30, 80), np.uint16)
    for number in range(12):
        touching[4:24, 4 + 6 * number : 10 + 6 * number] = number + 1
    paths = [tmp_path / f"{name}.tif" for name in ("numbers", "classes", "few")]
    values = touching, (touching > 0).astype(np.uint8), np.minimum(touching, 3)
    for path, one in zip(paths, values, strict=True):
        tifffile.imwrite(path, one)
    numbers, classes, few = paths
    nucleus = ("--class", "nucleus=1", "--json")
    told = cli("evaluate", classes, numbers, *nucleus).json
    assert told["notes"] == [
        "The reference numbers its objects, so each of its values was taken for one nucleus."
    ]
    assert told["objects"]["nucleus"]["real"] == 12
    assert told["dice"]["nucleus"] == 1
    assert cli("evaluate", numbers, numbers, *nucleus).json["f1"]["nucleus"] == 1
    # Three values could be classes, until somebody says what they are.
    (told,) = cli("evaluate", few, few, *nucleus).json["notes"]
    assert told.startswith(
        "The values 2 and 3 of both images belong to no class that is named: taken for background; if"
    )
    said = cli("evaluate", few, few, *nucleus, "--numbered", "both").json
    assert said["objects"]["nucleus"] == {"matched": 3, "predicted": 3, "real": 3}


def test_evaluate_refuses_or_says_what_would_mean_nothing(cli, pair, tmp_path):
    def write(name, values, **told):
        path = tmp_path / name
        if told:
            export(path, values, classes=told["classes"], placement=Placement.identity(2), provenance={})
        else:
            tifffile.imwrite(path, values)
        return path

    cells = np.zeros((40, 40), np.uint16)
    for number in range(25):
        y, x = divmod(number, 5)
        cells[y * 8 : y * 8 + 6, x * 8 : x * 8 + 6] = number + 1
    numbered, classes = write("numbers.tif", cells), write("classes.tif", (cells > 0).astype(np.uint8))
    for words, side in [((numbered, classes), "prediction"), ((classes, numbered), "reference")]:
        ran = cli("evaluate", *words, "--class", "cell=1", "--class", "glia=90")
        assert ran.code == 2
        assert f"The {side} numbers its objects (25 values" in ran.sentence
    ours = write("ours.tif", cells, classes=(LabelClass(name="Axon", value=2),))
    sentence = cli("evaluate", ours, classes, "--class", "axon=1").sentence
    assert sentence == "axon is 2 in ours.tif, as its provenance says, and not 1; correct the class."
    two = write(
        "two.tif", classes_of := (cells > 0).astype(np.uint8) * 2, classes=(LabelClass(name="axon", value=2),)
    )
    told = cli("evaluate", two, two, "--json").json
    assert told["dice"] == {"axon": 1}
    assert "axon=2" in told["notes"][0]
    other = write("other.tif", classes_of, classes=(LabelClass(name="axon", value=1),))
    assert "axon is 1 in other.tif" in cli("evaluate", two, other).sentence
    mask = write("mask.tif", (cells > 0).astype(np.uint8) * 255)
    for words, note in [
        (
            (mask, classes, "--class", "cell=1"),
            "The prediction is a mask of 0 and 255; 255 was taken for cell.",
        ),
        (
            (*pair, "--class", "axon=1", "--class", "glia=5"),
            "Neither label image holds glia (5), so its scores say nothing; the values are 0, 1 and 2.",
        ),
    ]:
        ran = cli("evaluate", *words)
        assert ran.code == 0
        assert note in ran.out.splitlines()
        assert cli("evaluate", *words, "--json").json["notes"][0] == note


def test_export_carries_provenance_classes_placement_and_confidence(cli, tmp_path):
    labels = np.arange(30, dtype=np.uint8).reshape(5, 6) % 3
    classes = (LabelClass(name="background", value=0), LabelClass(name="axon", value=2, color="#E69F00"))
    placement = Placement((0.5, 0.5), (3.0, 4.0), units=("micrometer",) * 2, axis_labels=("y", "x"))
    told = {
        "strategy": "adaptation",
        "seed": 9,
        "date": "2024-01-02T03:04:05+00:00",
        "models": [{"role": "translator", "name": "t", "sha256": "ab" * 32}],
        "share_corrected": 0.125,
        "notes": ["a note"],
    }
    confidence = np.linspace(0, 1, 30, dtype=np.float32).reshape(5, 6)
    first = tmp_path / "first.tif"
    export(first, labels, classes=classes, placement=placement, provenance=told, confidence=confidence)
    second = tmp_path / "deeper" / "second.ome.tif"
    second.parent.mkdir()
    ran = cli("export", first, second, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["notes"] == []
    assert len(ran.json["files"]) == 3
    before, after = read_sidecar(first), read_sidecar(second)
    assert after.model_dump(exclude={"files"}) == before.model_dump(exclude={"files"})
    assert after.files == {"labels": "second.ome.tif", "confidence": "second.confidence.ome.tif"}
    found = read(second)
    np.testing.assert_array_equal(found.data, labels)
    assert found.placement == placement
    np.testing.assert_array_equal(read(tmp_path / "deeper" / "second.confidence.ome.tif").data, confidence)


def test_export_beside_itself_keeps_both_provenances(cli, tmp_path):
    labels = np.arange(30, dtype=np.uint8).reshape(5, 6) % 3
    sure = np.ones(labels.shape, np.float32)
    first, second = tmp_path / "labels.ome.tif", tmp_path / "labels.png"
    export(
        first, labels, classes=(), placement=Placement.identity(2), provenance={"seed": 4}, confidence=sure
    )
    ran = cli("export", first, second)
    assert ran.code == 0, ran.err
    assert read_sidecar(first).files == {"labels": first.name, "confidence": "labels.confidence.ome.tif"}
    told = read_sidecar(second)
    assert told.seed == 4
    assert told.files == {"labels": "labels.png", "confidence": "labels.png.confidence.ome.tif"}
    assert all((tmp_path / name).exists() for name in told.files.values())


def test_export_of_labels_without_provenance_says_so(cli, pair, tmp_path):
    ran = cli("export", pair[0], tmp_path / "out.png")
    assert ran.code == 0
    assert "no provenance" in ran.out
    np.testing.assert_array_equal(read(tmp_path / "out.png").data, read(pair[0]).data)
    assert "overwrite" in cli("export", pair[0], pair[0]).sentence


def test_inspect_describes_a_checkpoint(cli, tiny_translator):
    ran = cli("inspect", tiny_translator, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.json["usable"] is True
    assert ran.json["card"]["schedule"]["num_timesteps"] == 2
    text = cli("inspect", tiny_translator).out
    assert "SEM to TEM" in text
    assert "0.2 um to 0.1 um" in text


def test_inspect_says_how_sure_a_segmenter_may_be(cli):
    said = cli("inspect", "sample:sem-proxy").out
    assert "\n  temperature: " in said
    assert "fitted on validation images" in said


def test_inspect_of_a_bad_file_is_one_sentence(cli, tiny_translator, tmp_path):
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(tiny_translator.read_bytes()[:2000])
    ran = cli("inspect", cut)
    assert ran.code == 2
    assert "cut.safetensors" in ran.sentence
    ran = cli("inspect", cut, "--json")
    assert ran.code == 2
    assert ran.json["usable"] is False
    assert len(ran.err.splitlines()) == 1


def test_models_lists_samples_and_the_users_own(cli, monkeypatch, tmp_path, tiny_translator, tiny_segmenter):
    from napari_pseudolabel.models import registry

    monkeypatch.setattr(registry, "sample_folder", lambda: tmp_path / "none")
    monkeypatch.setattr(registry, "models_folder", lambda: tmp_path)
    assert cli("models", "--json").json["models"] == []
    for path, name in ((tiny_translator, "mine"), (tiny_segmenter, "yours")):
        (tmp_path / f"{name}.safetensors").write_bytes(path.read_bytes())
    (tmp_path / "bare.pth").write_bytes(b"no card")
    found = {one["name"]: one["card"] for one in cli("models", "--json").json["models"]}
    assert set(found) == {"user:mine", "user:yours", "user:bare"}
    assert found["user:bare"] is None
    assert found["user:mine"]["target"]["name"] == "TEM"
    text = cli("models").out
    assert "SEM to TEM" in text
    assert "axon" in text


def test_models_has_one_number_per_class_and_short_lines(cli, monkeypatch, tmp_path):
    from napari_pseudolabel.models import named_checkpoints, registry
    from napari_pseudolabel.models.headline import headline

    monkeypatch.setattr(registry, "models_folder", lambda: tmp_path)
    lines = cli("models").out.splitlines()
    assert max(map(len, lines[:-1])) <= 100  # the last is a path
    for one in named_checkpoints():
        (line,) = [line for line in lines if line.startswith(f"{one.name} ")]
        assert one.card.source.name in line
        told = headline(one.card)
        assert line.endswith(told)
        for name in {label_class.name for label_class in one.card.classes if label_class.value}:
            assert told.count(name) == 1


@pytest.mark.parametrize(
    ("prediction", "reference", "classes", "options"),
    [
        ("c11_three_planes_labels.tif", "c11_three_planes_labels.tif", ("a=1", "b=2"), ()),
        ("c11_three_planes_labels.tif", "c11_three_planes_labels.tif", ("a=1", "b=2"), ("--axes", "ZYX")),
        ("c14_mask_1bit.png", "c14_labels.tif", ("a=1",), ()),
        ("c14_mask_1bit.tif", "c14_labels.tif", ("a=1",), ()),
        ("c16_labels_float32.tif", "c14_labels.tif", ("a=1",), ()),
        ("c16_labels_rgb_grey.png", "c14_labels.tif", ("a=1",), ()),
        ("c17_labels_5d.ome.zarr", "c17_labels_2d.tif", ("a=464",), ()),
    ],
)
def test_label_files_from_the_field_agree_with_themselves(cli, prediction, reference, classes, options):
    named = [word for one in classes for word in ("--class", one)]
    ran = cli("evaluate", FIELD / prediction, FIELD / reference, *named, *options, "--json")
    assert ran.code == 0, ran.err
    assert set(ran.json["dice"].values()) == {1.0}
    # What was assumed is said, and nothing has to be where the person says it.
    told = [note for note in ran.json.get("notes", ()) if "taken for background" not in note]
    assert bool(told) == (prediction.startswith("c11") and not options)


def test_classes_that_no_file_holds_are_refused(cli):
    files = FIELD / "c17_labels_5d.ome.zarr", FIELD / "c17_labels_2d.tif"
    ran = cli("evaluate", *files, "--class", "a=3", "--json")
    assert (ran.code, ran.sentence) == (
        2,
        "Neither label image holds a (3); the values are 0 and 464. Name the classes by the values that they have.",
    )


def test_axes_of_length_one_are_no_stack(cli, tmp_path):
    ran = cli("export", FIELD / "c17_labels_5d.ome.zarr", tmp_path / "a.png")
    assert ran.code == 0, ran.err
    np.testing.assert_array_equal(read(tmp_path / "a.png").data, tifffile.imread(FIELD / "c17_labels_2d.tif"))


def test_export_takes_image_classes_and_pixel_size_where_no_file_tells(cli, pair, tmp_path):
    labels, image = pair[0], tmp_path / "cells.tif"
    tifffile.imwrite(image, np.arange(144, dtype=np.uint8).reshape(12, 12))
    options = ("--image", image, "--class", "axon=1", "--class", "myelin=2", "--pixel-size", 0.25)
    ran = cli("export", labels, tmp_path / "set", "--format", "axondeepseg", *options, "--json")
    assert ran.code == 0
    names = {path.name for path in (tmp_path / "set").iterdir()}
    assert {"cells.png", "cells_seg-axonmyelin.png", "pixel_size_in_micrometer.txt"} <= names
    assert (tmp_path / "set" / "pixel_size_in_micrometer.txt").read_text() == "0.25\n"
    assert read_sidecar(tmp_path / "set").source.path == str(image)
    assert cli("export", labels, tmp_path / "a.coco.json", *options).code == 0
    assert '"file_name": "cells.tif"' in (tmp_path / "a.coco.json").read_text()
    ran = cli("export", labels, tmp_path / "Dataset501_A", "--format", "nnunet")
    assert (ran.code, "name it with --image" in ran.err) == (2, True)
    ran = cli("export", labels, tmp_path / "a.tif", "--pixel-size", 0)
    assert (ran.code, "correct --pixel-size" in ran.err) == (2, True)
    # What the image says counts where the labels say nothing, and what is told else is no other size.
    write = {f"PhysicalSize{one}": 0.2 for one in "XY"}
    tifffile.imwrite(tmp_path / "sized.ome.tif", tifffile.imread(image), metadata={"axes": "YX", **write})
    sized = ("export", labels, tmp_path / "b.ome.tif", "--image", tmp_path / "sized.ome.tif")
    assert cli(*sized).code == 0
    assert read(tmp_path / "b.ome.tif").placement.pixel_size_um() == 0.2
    assert cli(*sized, "--pixel-size", 0.2).code == 0
    ran = cli(*sized, "--pixel-size", 0.5)
    assert (ran.code, "are 0.2 um wide by its file or that of its image, not 0.5" in ran.err) == (2, True)
    assert read(tmp_path / "b.ome.tif").placement.pixel_size_um() == 0.2
    own = (tmp_path / "b.ome.tif", tmp_path / "c.ome.tif", "--image", image)
    tifffile.imwrite(
        image, tifffile.imread(image), metadata={"axes": "YX", **write, "PhysicalSizeX": 0.4}, ome=True
    )
    assert "are 0.2 um wide and those of cells 0.4 um" in cli("export", *own).out
    # Also where only capital letters differ: on many disks that is one file, and readers would take one for the other.
    for target in (image, image.with_name(image.name.upper())):
        ran = cli("export", labels, target, "--format", "ome-tiff", "--image", image)
        assert (ran.code, "would overwrite an input" in ran.err) == (2, True)


def test_all_images_of_a_folder_go_into_one_set(tmp_path):
    from napari_pseudolabel.exporting.planned_files import planned

    images = tmp_path / "images"
    images.mkdir()
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(images / name, np.zeros((4, 4), np.uint8))
    found = planned(images, tmp_path / "Dataset501_A", "nnunet", confidence=False)
    assert found.targets == [tmp_path / "Dataset501_A"] * 2
    tifffile.imwrite(images / "A .tif", np.zeros((4, 4), np.uint8))
    with pytest.raises(InputError, match="Two images would be called A in Dataset501_A"):
        planned(images, tmp_path / "Dataset501_A", "nnunet", confidence=False)
    with pytest.raises(InputError, match="has a name like Dataset501_labels"):
        planned(images, tmp_path / "out", "nnunet", confidence=False)

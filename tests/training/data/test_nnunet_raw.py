"""Raw data sets of nnU-Net: what is read, what is written, and what nnU-Net would ask of it."""

from __future__ import annotations

import json

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tutor_case import SIDE, field, labelled_folders, raw_dataset, tutor_job, write

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import CheckpointError, InputError
from napari_pseudolabel.formats.image_sets import case_name
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.data.nnunet_raw import check_raw_target, read_raw, write_raw

pytestmark = pytest.mark.usefixtures("one_thread")


def png(path):
    return imagecodecs.png_decode(path.read_bytes())


def accepted(folder):
    """What nnU-Net's own check of a raw data set asks for."""
    content = json.loads((folder / "dataset.json").read_text())
    ending = content["file_ending"]
    images = {path.name.removesuffix(ending) for path in (folder / "imagesTr").iterdir()}
    labels = {path.name.removesuffix(ending) for path in (folder / "labelsTr").iterdir()}
    assert {name[:-5] for name in images} == labels
    assert {name[-5:] for name in images} == {f"_{int(one):04d}" for one in content["channel_names"]}
    assert content["numTraining"] == len(labels)
    values = list(content["labels"].values())
    assert content["labels"]["background"] == 0
    assert sorted(values) == list(range(len(values)))
    assert content["labels"].get("ignore", max(values)) == max(values)
    for name in labels:
        image = png(folder / "imagesTr" / f"{name}_0000{ending}")
        truth = png(folder / "labelsTr" / f"{name}{ending}")
        assert image.shape == truth.shape
        assert image.dtype == truth.dtype == np.uint8
        assert set(np.unique(truth)) <= set(values)
    for split in json.loads((folder / "splits_final.json").read_text()):
        assert set(split["train"]) | set(split["val"]) == labels
        assert not set(split["train"]) & set(split["val"])
    return content, labels


def test_a_kept_set_is_one_that_nnunet_accepts(tiny_translator, tmp_path):
    kept = tmp_path / "Dataset501_TEM"
    job = tutor_job(
        tmp_path / "run", tiny_translator, labelled_folders(tmp_path / "set"), folds=2, steps=1, nnunet=kept
    )
    made = job.run(Control(), LoadedModels())
    content, cases = accepted(kept)
    assert cases == {f"field_{seed}_sample{k}" for seed in range(4) for k in (1, 2)}
    assert content["labels"] == {"background": 0, "myelin": 1, "axon": 2}
    splits = json.loads((kept / "splits_final.json").read_text())
    assert len(splits) == 2
    for split in splits:
        files = [{name.split("_sample")[0] for name in split[part]} for part in ("train", "val")]
        assert not files[0] & files[1]
    for seed in range(4):
        for k in (1, 2):
            np.testing.assert_array_equal(
                png(kept / "labelsTr" / f"field_{seed}_sample{k}.png"), field(seed)[1]
            )
    looks = [png(kept / "imagesTr" / f"field_0_sample{k}_0000.png") for k in (1, 2)]
    assert not np.array_equal(*looks)
    # It reads back as a labelled set, and the same job leaves it alone.
    raw = read_raw(kept)
    assert [case.name for case in raw.cases] == sorted(cases)
    assert [(one.name, one.value) for one in raw.classes] == [("background", 0), ("myelin", 1), ("axon", 2)]
    before = (kept / "dataset.json").stat().st_mtime_ns
    again = job.run(Control(), LoadedModels())
    assert (kept / "dataset.json").stat().st_mtime_ns == before
    assert again.proxies[0].checkpoint == made.proxies[0].checkpoint


def test_a_set_can_be_kept_after_the_training(tiny_translator, tmp_path):
    source = labelled_folders(tmp_path / "set")
    made = tutor_job(tmp_path / "run", tiny_translator, source, steps=1).run(Control(), LoadedModels())
    kept = tmp_path / "Dataset501_TEM"
    again = tutor_job(tmp_path / "run", tiny_translator, source, steps=1, nnunet=kept).run(
        Control(), LoadedModels()
    )
    accepted(kept)
    assert again.proxies[0].checkpoint == made.proxies[0].checkpoint


def test_a_folder_of_the_person_is_never_replaced(tiny_translator, tmp_path):
    kept = tmp_path / "Dataset501_MINE"
    (kept / "imagesTr").mkdir(parents=True)
    (kept / "imagesTr" / "precious.png").write_bytes(b"precious")
    job = tutor_job(tmp_path / "run", tiny_translator, labelled_folders(tmp_path / "set"), nnunet=kept)
    with pytest.raises(InputError, match="holds something else already"):
        job.run(Control(), LoadedModels())
    assert (kept / "imagesTr" / "precious.png").read_bytes() == b"precious"
    assert not (tmp_path / "run").exists()
    with pytest.raises(InputError, match="does not exist"):
        check_raw_target(tmp_path / "nowhere" / "Dataset501_A", "mark")
    (tmp_path / "Dataset502_FILE").write_text("a file")
    with pytest.raises(InputError, match="holds something else"):
        check_raw_target(tmp_path / "Dataset502_FILE", "mark")
    (tmp_path / "Dataset503_EMPTY").mkdir()
    assert check_raw_target(tmp_path / "Dataset503_EMPTY", "mark") is False


@settings(deadline=None, max_examples=25)
@given(
    values=st.sets(st.integers(1, 255), min_size=1, max_size=6),
    seed=st.integers(0, 100),
    partly=st.booleans(),
)
def test_any_classes_become_consecutive_values(tmp_path_factory, values, seed, partly):
    rng = np.random.default_rng(seed)
    classes = [LabelClass(name="background", value=0)]
    classes += [LabelClass(name=f"class {value}", value=value) for value in values]
    labels = rng.integers(0, 256, (9, 11)).astype(np.uint8)
    weight = (rng.random(labels.shape) > 0.3).astype(np.float32) if partly else None
    image = rng.random(labels.shape).astype(np.float32)
    folder = tmp_path_factory.mktemp("raw") / "Dataset001_X"
    plane = LabelledPlane("one", image, labels, weight)
    splits = [{"train": ["one"], "val": []}]
    write_raw(folder, [plane], classes, splits=splits, description="", licence="", mark="m")
    content, _ = accepted(folder)
    found = png(folder / "labelsTr" / "one.png")
    by_name = {one.name: one.value for one in classes}
    for name, value in content["labels"].items():
        if name == "ignore":
            np.testing.assert_array_equal(found == value, weight == 0)
        elif name != "background":
            counted = labels == by_name[name] if weight is None else (labels == by_name[name]) & (weight > 0)
            np.testing.assert_array_equal(found == value, counted)
    np.testing.assert_allclose(png(folder / "imagesTr" / "one_0000.png") / 255, image, atol=0.5 / 255 + 1e-6)
    assert check_raw_target(folder, "m") is True


def test_pixels_to_ignore_do_not_train(tiny_translator, tmp_path):
    source = raw_dataset(
        tmp_path / "Dataset001_A", labels={"background": 0, "myelin": 1, "axon": 2, "ignore": 3}
    )
    truth = field(0)[1]
    truth[:, :30] = 3
    write(source.folder / "labelsTr" / "field_0.png", truth)
    kept = tmp_path / "Dataset002_B"
    made = tutor_job(tmp_path / "run", tiny_translator, source, classes=(), steps=1, nnunet=kept).run(
        Control(), LoadedModels()
    )
    (note,) = made.notes
    assert "It is not known what Dataset001_A shows" in note
    content, _ = accepted(kept)
    assert content["labels"]["ignore"] == 3
    np.testing.assert_array_equal(png(kept / "labelsTr" / "field_0_sample1.png"), truth)


def test_regions_paint_their_values(tmp_path):
    source = raw_dataset(
        tmp_path / "Dataset001_A",
        labels={"background": 0, "fibre": [1, 2], "axon": [2]},
        regions_class_order=[1, 2],
    )
    raw = read_raw(source.folder)
    assert [(one.name, one.value) for one in raw.classes] == [("background", 0), ("fibre", 1), ("axon", 2)]


def test_only_the_first_of_several_channels_is_used(tmp_path):
    source = raw_dataset(tmp_path / "Dataset001_A", count=2, channel_names={"0": "membrane", "1": "nuclei"})
    for seed in range(2):
        write(source.folder / "imagesTr" / f"field_{seed}_0001.png", field(seed)[0])
    raw = read_raw(source.folder)
    assert [case.image.name for case in raw.cases] == ["field_0_0000.png", "field_1_0000.png"]
    assert raw.notes == ("The images of Dataset001_A have several channels; the first, membrane, was used.",)


def test_hidden_files_are_no_cases_and_dots_belong_to_names(tmp_path):
    folder = raw_dataset(tmp_path / "Dataset001_SEM").folder
    before = [case.name for case in read_raw(folder).cases]
    for part, name in (("imagesTr", "._x_0000.png"), ("imagesTr", "b.2_0000.png"), ("labelsTr", "b.2.png")):
        (folder / part / name).write_bytes(b"")
    assert [case.name for case in read_raw(folder).cases] == sorted([*before, "b.2"])


def test_what_is_no_raw_data_set_is_one_sentence(tmp_path):
    def refused(folder, kind=InputError):
        with pytest.raises(kind) as found:
            read_raw(folder)
        return str(found.value)

    assert "is not a folder" in refused(tmp_path / "no")
    (tmp_path / "empty").mkdir()
    assert "no dataset.json" in refused(tmp_path / "empty", CheckpointError)
    assert "nnU-Net v1" in refused(
        raw_dataset(tmp_path / "v1", labels={"0": "background", "1": "axon"}).folder, CheckpointError
    )
    assert "“.nii.gz”" in refused(raw_dataset(tmp_path / "nifti", file_ending=".nii.gz").folder)
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "dataset.json").write_text(
        (tmp_path / "nifti" / "dataset.json").read_text().replace(".nii.gz", ".png")
    )
    assert "holds no imagesTr" in refused(bare)
    missing = raw_dataset(tmp_path / "missing").folder
    (missing / "labelsTr" / "field_2.png").unlink()
    assert "holds no field_2.png" in refused(missing)
    named = raw_dataset(tmp_path / "named").folder
    write(named / "imagesTr" / "other.png", np.zeros((SIDE, SIDE), np.uint8))
    assert "other.png" in refused(named)
    assert "CASE_0000.png" in refused(named)


@given(st.text(max_size=20))
def test_a_case_name_is_a_file_name(text):
    name = case_name(text)
    assert name
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")

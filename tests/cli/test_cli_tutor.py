"""label --strategy tutorship, in this process and killed."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
import tifffile
from dask_cluster import cluster
from shell import kill

from napari_pseudolabel.models import load_segmenter, load_translator

TRAINING = (
    "--class", "disc=1", "--steps", 4, "--patch", 32, "--train-batch", 2, "--width", 2, "--validate-every", 2,
    "--labelled-scale", 1, "--scale", 1, "--device", "cpu",
)  # fmt: skip


@pytest.fixture
def command(tmp_path, training_set, tiny_translator):
    """Label the images of folder b after learning from folder a and its labels."""
    return (
        "label", tmp_path / "b", tmp_path / "out", "--strategy", "tutorship", "--translator", tiny_translator,
        "--labelled-images", tmp_path / "a", "--labelled-labels", tmp_path / "labels",
        "--work-dir", tmp_path / "work", *TRAINING,
    )  # fmt: skip


def test_tutorship_trains_once_and_labels_with_provenance(cli, command, tmp_path, tiny_translator):
    ran = cli(*command, "--folds", 2, "--licence", "CC0-1.0", "--confidence", "--flips", 1)
    assert ran.code == 0, ran.err
    assert "Proxy 1 of 2, step" in ran.out
    assert "Proxy 2 of 2, step" in ran.out
    assert "Dice on synthetic images disc" in ran.out
    for seed in range(4):
        assert tifffile.imread(tmp_path / "out" / f"field_{seed}.ome.tif").shape == (48, 48)
        assert (tmp_path / "out" / f"field_{seed}.confidence.ome.tif").exists()
    told = json.loads((tmp_path / "out" / "field_0.provenance.json").read_text())
    assert told["strategy"] == "tutorship"
    assert [one["role"] for one in told["models"]] == ["tutor", "segmenter", "second opinion"]
    assert told["models"][0]["sha256"] == load_translator(tiny_translator).sha256
    assert [one["name"] for one in told["classes"]] == ["background", "disc"]
    assert any("/a (4 labelled images), translated by tiny SEM to TEM" in note for note in told["notes"])
    card = load_segmenter(tmp_path / "work" / "fold-2" / "proxy.safetensors").card
    assert card.licence == "CC0-1.0"
    assert card.name == "disc in TEM, tutored, fold 2"
    # Called again it does not train again.
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*") if path.is_file()}
    again = cli(*command, "--folds", 2, "--licence", "CC0-1.0", "--json")
    assert again.code == 0, again.err
    assert len(again.json["results"]) == 4
    assert {
        path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*") if path.is_file()
    } == before
    # Other settings are another training.
    assert "settings.steps" in cli(*command, "--folds", 2, "--steps", 6).sentence


def test_an_nnunet_set_is_read_and_kept(cli, tmp_path, training_set, tiny_translator):
    raw = tmp_path / "Dataset001_DISCS"
    for part in ("imagesTr", "labelsTr"):
        (raw / part).mkdir(parents=True)
    for seed in range(4):
        source = tmp_path / "a" / f"field_{seed}.tif"
        (raw / "imagesTr" / f"field_{seed}_0000.tif").write_bytes(source.read_bytes())
        labels = tmp_path / "labels" / f"field_{seed}.tif"
        (raw / "labelsTr" / f"field_{seed}.tif").write_bytes(labels.read_bytes())
    content = {"channel_names": {"0": "SEM"}, "labels": {"background": 0, "disc": 1}, "file_ending": ".tif"}
    (raw / "dataset.json").write_text(json.dumps(content))
    kept = tmp_path / "Dataset501_TEM"
    ran = cli(
        "label", tmp_path / "b" / "field_0.tif", tmp_path / "out.png", "--strategy", "tutorship",
        "--translator", tiny_translator, "--labelled-nnunet", raw, "--work-dir", tmp_path / "work",
        "--keep-nnunet", kept, *TRAINING[2:], "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert list(ran.json["results"][0]["shares"]) == ["background", "disc"]
    assert json.loads((kept / "dataset.json").read_text())["numTraining"] == 8
    assert len(list((kept / "imagesTr").iterdir())) == 8


def test_adaptation_stays_the_default(cli, tmp_path, image, tiny_translator, tiny_segmenter):
    models = ("--translator", tiny_translator, "--segmenter", tiny_segmenter, "--device", "cpu")
    ran = cli("label", image, tmp_path / "out.tif", *models, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["results"][0]["strategy"] == "adaptation"


def test_bad_input_is_one_sentence_before_anything_is_trained(
    cli, command, tmp_path, tiny_translator, tiny_segmenter
):
    a, labels, work = tmp_path / "a", tmp_path / "labels", tmp_path / "work"
    base = ("label", tmp_path / "b", tmp_path / "out", "--translator", tiny_translator)
    tutored = (*base, "--strategy", "tutorship")
    folders = ("--labelled-images", a, "--labelled-labels", labels)
    for words, part in [
        ((*command, "--segmenter", tiny_segmenter), "leave out --segmenter"),
        ((*command, "--second-opinion", tiny_segmenter), "--second-opinion"),
        ((*command, "--samples", 2), "--train-samples"),
        (tutored, "--work-dir"),
        ((*tutored, "--work-dir", work), "--labelled-images and --labelled-labels"),
        ((*tutored, "--work-dir", work, "--labelled-images", a), "--labelled-labels"),
        ((*command, "--labelled-nnunet", a), "not both"),
        ((*tutored, "--work-dir", work, *folders), "--class axon=2"),
        ((*tutored, "--work-dir", work, *folders, "--class", "disc=300"), "255"),
        ((*tutored, "--work-dir", work, "--labelled-nnunet", a), "no dataset.json"),
        ((*command, "--class", "other=9"), "other (9)"),
        ((*command, "--labelled-labels", tmp_path / "none"), "is not a folder"),
        ((*command, "--labelled-axes", "ZYX"), "do not fit"),
        ((*command, "--labelled-position", "B"), "position B does not exist"),
        ((*command, "--folds", 9), "9 folds need at least 9"),
        ((*command, "--validation-share", 2), "Validation share must be above 0 and below 1"),
        ((*command, "--validation-files", "nobody"), "“nobody”"),
        ((*command, "--patch", 40), "multiple of 16"),
        ((*command, "--keep-nnunet", tmp_path / "kept"), "Dataset501_SEM"),
        ((*command, "--format", "png", "--translator", "sample:none"), "sample:none"),
        (("label", tmp_path / "no", *command[2:]), "does not exist"),
        (("label", tmp_path / "b", tmp_path / "b", *command[3:]), "cannot go into the folder of the images"),
        (("label", tmp_path / "b", labels, *command[3:]), "a folder of the labelled images"),
        (base, "give --segmenter"),
        ((*base, "--segmenter", tiny_segmenter, "--steps", 5), "--steps is for tutorship"),
        ((*base, "--segmenter", tiny_segmenter, "--class", "a=1"), "--class is for tutorship"),
    ]:
        ran = cli(*words)
        assert (ran.code, words) == (2, words)
        assert part.lower() in ran.sentence.lower()
    assert not work.exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_command_goes_on_where_it_was(cli, command, tmp_path):
    whole = (*command, "--folds", 2, "--work-dir", tmp_path / "whole")
    assert cli(*whole).code == 0
    labels = [tifffile.imread(tmp_path / "out" / f"field_{seed}.ome.tif") for seed in range(4)]
    proxies = [(tmp_path / "whole" / f"fold-{k}" / "proxy.safetensors").read_bytes() for k in (1, 2)]
    (tmp_path / "out" / "field_0.ome.tif").unlink()
    kill((*command, "--folds", 2))  # the third state is the first of the second fold
    assert not (tmp_path / "out" / "field_0.ome.tif").exists()
    first = tmp_path / "work" / "fold-1" / "proxy.safetensors"
    assert first.read_bytes() == proxies[0]
    assert not (tmp_path / "work" / "fold-2" / "proxy.safetensors").exists()
    before = first.stat().st_mtime_ns
    ran = cli(*command, "--folds", 2)
    assert ran.code == 0, ran.err
    assert first.stat().st_mtime_ns == before
    assert (tmp_path / "work" / "fold-2" / "proxy.safetensors").read_bytes() == proxies[1]
    for seed in range(4):
        np.testing.assert_array_equal(
            tifffile.imread(tmp_path / "out" / f"field_{seed}.ome.tif"), labels[seed]
        )


def test_workers_elsewhere_train_and_label_as_it_is_here(cli, command, tmp_path):
    (tmp_path / "cluster").mkdir()
    with cluster(tmp_path / "cluster", workers=1, brief=True) as found:
        there = cli(*command, "--scheduler", found.address)
    assert there.code == 0, there.err
    assert "Proxy 1 of 1" in there.out
    labels = tifffile.imread(tmp_path / "out" / "field_0.ome.tif")
    here = cli(*command, "--work-dir", tmp_path / "here")
    assert here.code == 0, here.err
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out" / "field_0.ome.tif"), labels)
    proxies = [tmp_path / name / "fold-1" / "proxy.safetensors" for name in ("work", "here")]
    assert proxies[0].read_bytes() == proxies[1].read_bytes()

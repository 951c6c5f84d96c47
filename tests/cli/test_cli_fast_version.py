"""train fast-version, in this process."""

from __future__ import annotations

from families import SEGMENTERS, TRANSLATORS

from napari_pseudolabel.models import load_translator
from napari_pseudolabel.training.student import distil_task


def test_a_fast_version_is_made_only_where_the_labels_agree(cli, training_set, tmp_path, monkeypatch):
    models = tmp_path / "models"
    models.mkdir()
    translator, segmenter = TRANSLATORS["syndiff"](models), SEGMENTERS["monai-unet"](models)
    small = ("--steps", 2, "--samples", 1, "--compared-samples", 2, "--device", "cpu", "--pixel-size", 0.2)
    command = ("train", "fast-version", training_set / "a", tmp_path / "out")
    given = ("--translator", translator, "--segmenter", segmenter, *small)
    assert "this image is TEM" in cli(*command, *given, "--modality", "TEM").sentence
    ran = cli(*command, *given, "--modality", "SEM", "--json")
    assert ran.code == 0, ran.err
    assert (ran.json["kept"], ran.json["checkpoint"]) == (False, None)
    assert set(ran.json["dice"]) == set(ran.json["dice_of_a_single_try"])
    assert "was not kept" in ran.json["sentence"]
    assert not list((tmp_path / "out").glob("*-fast.safetensors"))
    # It goes on where it was, and only the verdict is another one.
    monkeypatch.setattr(distil_task, "LEAST_DICE", 0.0)
    ran = cli(*command, *given, "--modality", "SEM", "--licence", "MIT")
    assert ran.code == 0, ran.err
    assert "Going on after step 2" in ran.out
    (path,) = (tmp_path / "out").glob("*-fast.safetensors")
    assert str(path) in ran.out
    made = load_translator(path)
    assert made.card.licence == "MIT"
    assert made.card.parent == load_translator(translator).sha256
    assert made.card.training.data[0] == "a (folder of a)"
    done = cli(
        "label", training_set / "a" / "field_0.tif", tmp_path / "labels.ome.tif", "--translator", path,
        "--segmenter", segmenter, "--pixel-size", 0.2, "--device", "cpu", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err

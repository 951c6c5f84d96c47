"""train translator and train segmenter, in this process."""

from __future__ import annotations

import json

import pytest
from shell import SEGMENTER, TRANSLATOR

from napari_pseudolabel.models import load_segmenter, load_translator


def test_a_translator_is_trained_in_both_directions(cli, training_set, tmp_path):
    options = (*TRANSLATOR, "--source-name", "SEM", "--target-name", "TEM", "--pairs-source", tmp_path / "a")
    sizes = ("--source-pixel-size", 0.1, "--target-pixel-size", 0.3, "--model-target-pixel-size", 0.2)
    command = ("train", "translator", tmp_path / "a", tmp_path / "b", tmp_path / "out", *options, *sizes)
    assert "--pairs-target" in cli(*command).sentence
    # The pairs have the same grid in files, but not on the model's.
    assert "differ in size" in cli(*command, "--pairs-target", tmp_path / "b").sentence
    command = (*command, "--pairs-target", tmp_path / "b", "--model-source-pixel-size", 0.2 / 3)
    ran = cli(*command, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["steps"] == 2
    assert ran.json["resumed_at"] == 0
    models = [load_translator(path) for path in ran.json["checkpoints"]]
    ways = {(model.card.source.name, model.card.target.name): model.card for model in models}
    assert set(ways) == {("SEM", "TEM"), ("TEM", "SEM")}
    card = ways["SEM", "TEM"]
    assert (card.source.pixel_size_um, card.target.pixel_size_um) == pytest.approx((0.2 / 3, 0.2))
    assert card.training.steps == 2
    assert card.architecture["num_channels_dae"] == 8
    assert (tmp_path / "out" / "sem-to-tem.safetensors").is_file()
    # Only the same training goes on in that folder.
    assert "settings.ema" in cli(*command, "--set", "ema=0.9").sentence
    again = cli(*command)
    assert "Going on after step 2" in again.out


def test_a_segmenter_is_trained_with_its_quality_on_the_card(cli, training_set, tmp_path):
    command = ("train", "segmenter", tmp_path / "a", tmp_path / "labels", tmp_path / "out", *SEGMENTER)
    ran = cli(*command, "--name", "discs", "--object-size", 14, "--modality", "TEM", "--json")
    assert ran.code == 0, ran.err
    (path,) = ran.json["checkpoints"]
    card = load_segmenter(path).card
    assert [(one.name, one.value) for one in card.classes] == [("background", 0), ("disc", 1)]
    assert card.source.object_size_px == 14
    (measure,) = card.quality
    assert measure.metric == "Dice disc"
    assert measure.value == pytest.approx(ran.json["validation"]["dice"]["disc"])
    assert measure.data.startswith("1 images kept out of training (field_")
    record = json.loads((tmp_path / "out" / "training.json").read_text())
    assert record["classes"] == {"background": 0, "disc": 1}


def test_bad_training_input_is_one_sentence(cli, training_set, tmp_path):
    import tifffile

    a, labels, out = tmp_path / "a", tmp_path / "labels", tmp_path / "out"
    (tmp_path / "few").mkdir()
    tifffile.imwrite(tmp_path / "few" / "field_0.tif", tifffile.imread(a / "field_0.tif"))
    held = tmp_path / "held"
    held.mkdir()
    for name, folder in (("images", a), ("labels", labels)):
        (held / name).mkdir()
        (held / name / "field_3.tif").write_bytes((folder / "field_3.tif").read_bytes())
    for words, part in [
        (("segmenter", a, labels, out), "--class axon=2"),
        (("segmenter", a, labels, out, *SEGMENTER, "--class", "other=9"), "other (9)"),
        (("segmenter", a, labels, out, *SEGMENTER, "--class", "background=9"), "background"),
        (("segmenter", a, labels, out, *SEGMENTER, "--patch", 40), "multiple of 16"),
        (("segmenter", a, labels, out, *SEGMENTER, "--validation-dir", held), "also a training image"),
        (("segmenter", a, labels, out, *SEGMENTER, "--model-pixel-size", 0.1), "does not say its pixel size"),
        (("segmenter", a, labels, out, *SEGMENTER, "--name", "../x"), "../x"),
        (("segmenter", tmp_path / "few", labels, out, *SEGMENTER), "One labelled image"),
        (("segmenter", a, tmp_path / "few", out, *SEGMENTER), "no label file for field_1.tif"),
        (("segmenter", a, tmp_path / "none", out, *SEGMENTER), "is not a folder"),
        (("segmenter", a, labels, out, *SEGMENTER, "--device", "cuda:77"), "cuda"),
        (("translator", a, a, out, *TRANSLATOR), "Both modalities"),
        (("translator", a, labels, out, *TRANSLATOR, "--set", "magic=1"), "magic"),
        (("translator", a, labels, out, *TRANSLATOR, "--set", "ema=much"), "“much”"),
        (("translator", a, labels, out, *TRANSLATOR, "--image-size", 33), "multiple of 2"),
        (("translator", a, labels, out, *TRANSLATOR, "--source-pixel-size", -1), "positive"),
    ]:
        ran = cli("train", *words)
        assert (ran.code, words) == (2, words)
        assert part.lower() in ran.sentence.lower()
    assert not list(tmp_path.rglob("*.safetensors"))

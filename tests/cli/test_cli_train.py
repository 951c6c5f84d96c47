"""train translator and train segmenter, in this process."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
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


def test_a_translator_goes_on_from_checkpoints_and_shows_the_way(cli, training_set, tmp_path):
    a, b, first, out = (tmp_path / name for name in ("a", "b", "first", "out"))
    sizes = ("--source-pixel-size", 0.1, "--target-pixel-size", 0.1)
    assert cli("train", "translator", a, b, first, *TRANSLATOR, *sizes).code == 0
    start = ("--start-source-to-target", first / "a-to-b.safetensors")
    command = ("train", "translator", a, b, out, "--preset", "small", "--batch", 1, "--device", "cpu", *sizes)
    small = ("--set", "critic_width=4", "--set", "one_pass_width=4", "--preview-every", 2)
    assert "--start-target-to-source" in cli(*command, *start).sentence
    start = (*start, "--start-target-to-source", first / "b-to-a.safetensors")
    assert "leave out num_channels_dae" in cli(*command, *start, "--width", 8).sentence
    ran = cli(*command, *start, *small, "--steps", 4)
    assert ran.code == 0, ran.err
    looks = [line for line in ran.out.splitlines() if line.startswith("Step ") and "sharpness" in line]
    assert [line.split(":")[0] for line in looks] == ["Step 0", "Step 2", "Step 4"]
    assert looks[0].endswith("the best so far.")
    parents = {
        load_translator(path).sha256 for path in first.glob("*.safetensors") if "best" not in path.name
    }
    made = {path: load_translator(out / f"{path}.safetensors").card for path in ("a-to-b", "b-to-a")}
    assert {card.parent for card in made.values()} == parents
    assert made["a-to-b"].architecture["num_channels_dae"] == 8
    assert made["a-to-b"].source.pixel_size_um == pytest.approx(0.1)
    # It may become longer, from where it is; and another one begins with all of its networks.
    ran = cli(*command, *start, *small, "--steps", 6)
    assert "Going on after step 4" in ran.out
    state = ("--start-state", out / "training.pt")
    ran = cli(*command[:4], tmp_path / "third", *TRANSLATOR, *sizes, *state, "--steps", 1, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["resumed_at"] == 0
    fourth = (*command[:4], tmp_path / "fourth", *TRANSLATOR, *sizes)
    other = cli(*fourth, *state, "--set", "critic_width=8").sentence
    assert "holds no training of networks of this size" in other
    assert "There is no training state" in cli(*fourth, "--start-state", tmp_path / "no.pt").sentence


def test_two_processes_train_one_translator(cli, training_set, tmp_path):
    command = ("train", "translator", tmp_path / "a", tmp_path / "b", tmp_path / "out", *TRANSLATOR)
    assert "--device cuda" in cli(*command[:-2], "--device", "cuda:0", "--devices", 2).sentence
    ran = cli(*command, "--devices", 2, "--steps", 12, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["steps"] == 12
    models = {load_translator(path).card.name for path in ran.json["checkpoints"]}
    assert models == {"a to b", "b to a"}
    assert (tmp_path / "out" / "losses.csv").read_text().splitlines()[1].startswith("10,")


def test_a_segmenter_is_trained_with_its_quality_on_the_card(cli, training_set, tmp_path):
    command = ("train", "segmenter", tmp_path / "a", tmp_path / "labels", tmp_path / "out", *SEGMENTER)
    ran = cli(*command, "--name", "discs", "--object-size", 14, "--modality", "TEM", "--json")
    assert ran.code == 0, ran.err
    (path,) = ran.json["checkpoints"]
    card = load_segmenter(path).card
    assert [(one.name, one.value) for one in card.classes] == [("background", 0), ("disc", 1)]
    assert card.source.object_size_px == 14
    measure, objects = card.quality
    assert (measure.metric, objects.metric) == ("Dice disc", "F1 disc")
    assert measure.value == pytest.approx(ran.json["validation"]["dice"]["disc"], abs=5e-4)
    assert objects.value == pytest.approx(ran.json["validation"]["f1"]["disc"], abs=5e-4)
    assert measure.data.startswith("1 images kept out of training (field_")
    record = json.loads((tmp_path / "out" / "training.json").read_text())
    assert record["classes"] == {"background": 0, "disc": 1}


def test_grey_levels_are_matched_in_both_directions(cli, training_set, tmp_path):
    command = ("train", "grey-levels", tmp_path / "a", tmp_path / "b", tmp_path / "out")
    names = ("--source-name", "bright", "--target-name", "dark", "--source-pixel-size", 0.1)
    ran = cli(*command, "--method", "invert-match", *names, "--licence", "MIT", "--json")
    assert ran.code == 0, ran.err
    assert [note.split(" images")[0] for note in ran.json["notes"]] == ["The dark"]
    there, back = (load_translator(path).card for path in ran.json["checkpoints"])
    assert (there.source.name, there.target.name, back.target.name) == ("bright", "dark", "bright")
    assert (there.target.pixel_size_um, back.target.pixel_size_um) == (0.1, None)
    assert there.licence == "MIT"
    # Discs are bright in the one and dark in the other set: labels of one fit the other after it.
    image, made = tmp_path / "a" / "field_0.tif", tmp_path / "made.tif"
    assert cli("translate", image, made, "--translator", ran.json["checkpoints"][0]).code == 0
    before, after = (tifffile.imread(path).astype(float) for path in (image, made))
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] < -0.8
    assert "--method" in cli(*command).err
    assert (
        "is not a folder" in cli(*command[:2], tmp_path / "none", *command[3:], "--method", "match").sentence
    )


def test_bad_training_input_is_one_sentence(cli, training_set, tmp_path):
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


def test_modalities_in_folders_of_the_same_name_are_called_after_those_above(cli, training_set, tmp_path):
    for name in ("A", "B"):
        (tmp_path / name).mkdir()
        (tmp_path / name.lower()).rename(tmp_path / name / "images")
    folders = tmp_path / "A" / "images", f"{tmp_path / 'B' / 'images'}/"
    ran = cli("train", "grey-levels", *folders, tmp_path / "curves", "--method", "invert-match", "--json")
    assert ran.code == 0, ran.err
    assert sorted(path.name for path in (tmp_path / "curves").iterdir()) == [
        "a-to-b-invert-match.safetensors",
        "b-to-a-invert-match.safetensors",
    ]
    card = load_translator(ran.json["checkpoints"][0]).card
    assert (card.source.name, card.target.name) == ("A", "B")
    ran = cli("train", "translator", *folders, tmp_path / "out", *TRANSLATOR, "--json")
    assert ran.code == 0, ran.err
    assert (tmp_path / "out" / "a-to-b.safetensors").is_file()
    ran = cli("train", "segmenter", folders[0], tmp_path / "labels", tmp_path / "seg", *SEGMENTER, "--json")
    assert ran.code == 0, ran.err
    assert load_segmenter(ran.json["checkpoints"][0]).card.source.name == "A"
    curves = [path.read_bytes() for path in sorted((tmp_path / "curves").iterdir())]
    names = ("--source-name", "A", "--target-name", "B")
    other = ("train", "grey-levels", tmp_path / "labels", folders[1], tmp_path / "curves", *names)
    assert "was not made from these images" in cli(*other, "--method", "invert-match").sentence
    assert [path.read_bytes() for path in sorted((tmp_path / "curves").iterdir())] == curves
    ran = cli("train", "grey-levels", *folders, tmp_path / "curves", "--method", "invert-match")
    assert ran.code == 0, ran.err
    again = ("train", "grey-levels", folders[0], folders[0], tmp_path / "curves", "--method", "match")
    assert "Both modalities are in the same folder" in cli(*again).sentence


def test_grey_levels_take_the_axes_that_a_person_says(cli, tmp_path):
    """Three planes that were written as planar colours: their luminance is none of them."""
    stack = np.random.default_rng(0).integers(0, 255, (3, 24, 24)).astype(np.uint8)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        tifffile.imwrite(tmp_path / folder / "f.tif", stack, photometric="rgb", planarconfig="separate")
    command = ("train", "grey-levels", tmp_path / "a", tmp_path / "b", tmp_path / "out", "--method", "match")
    ran = cli(*command, "--source-axes", "ZYX", "--target-axes", "TYX", "--json")
    assert ran.code == 0, ran.err
    assert "do not fit" in cli(*command, "--source-axes", "TZYX").sentence
    assert "do not fit" in cli(*command, "--target-axes", "CTYX").sentence

"""``pseudolabel check``."""

from __future__ import annotations

import pytest
import tifffile


@pytest.fixture
def labels(tmp_path, disc_image):
    path = tmp_path / "image-labels.tif"
    tifffile.imwrite(path, disc_image((40, 52), 1)[1])
    return path


def test_check_prints_the_dice_of_what_was_learned(cli, image, labels, training_set, tiny_translator):
    known = training_set / "a", training_set / "labels"
    common = ("--class", "disc=1", "--steps", 3, "--device", "cpu")
    ran = cli("check", image, labels, *known, *common, "--json")
    assert ran.code == 0, ran.err
    assert set(ran.json["per_class"]) == {"disc"}
    assert ran.json["planes"] == 4
    translated = ("--translator", tiny_translator, "--known-pixel-size", 0.2, "--pixel-size", 0.1)
    ran = cli("check", image, labels, *known, *common, *translated)
    assert ran.code == 0, ran.err
    assert "reverse_dice" in ran.out
    assert "mean" in ran.out


def test_check_says_what_is_missing(cli, image, labels, training_set):
    ran = cli("check", image, labels, training_set / "a", training_set / "labels")
    assert ran.code == 2
    assert "--class axon=2" in ran.err
    ran = cli("check", image, labels, training_set / "none", training_set / "labels", "--class", "disc=1")
    assert ran.code == 2
    assert "not a folder" in ran.err


def test_check_reads_the_axes_that_a_person_says(cli, image, labels, training_set):
    known = training_set / "a", training_set / "labels"
    common = ("--class", "disc=1", "--steps", 1, "--device", "cpu")
    assert "do not fit" in cli("check", image, labels, *known, *common, "--axes", "ZYX").sentence
    assert (
        "position 1 does not exist" in cli("check", image, labels, *known, *common, "--position", 1).sentence
    )
    ran = cli("check", image, labels, *known, *common, "--known-axes", "TZYX")
    assert ran.code == 2
    assert "do not fit" in ran.err
    ran = cli("check", image, labels, *known, *common, "--axes", "yx", "--known-axes", "YX", "--position", 0)
    assert ran.code == 0, ran.err

"""Flips and second opinions from the shell."""

from __future__ import annotations

import numpy as np
import tifffile

from napari_pseudolabel.exporting import read_sidecar
from napari_pseudolabel.models import load_segmenter
from napari_pseudolabel.models.cards import CardCalibration, TypicalLabels
from napari_pseudolabel.models.segmenters import monai_unet


def test_flips_and_second_opinions_are_used_and_written_down(
    cli, image, tmp_path, tiny_translator, tiny_segmenter
):
    out = tmp_path / "out.ome.tif"
    models = ("--translator", tiny_translator, "--segmenter", tiny_segmenter)
    ran = cli(
        "label",
        image,
        out,
        *models,
        "--flips",
        1,
        "--smallest-object",
        0.2,
        "--second-opinion",
        tiny_segmenter,
        "--device",
        "cpu",
        "--json",
    )
    assert ran.code == 0, ran.err
    (result,) = ran.json["results"]
    assert result["parameters"]["flips"] == 1
    assert result["parameters"]["smallest_object"] == 0.2
    assert 0 <= result["agreement"] <= 1  # there is more than one member
    assert [model.role for model in read_sidecar(out).models] == ["translator", "segmenter", "second opinion"]


def test_segment_takes_flips_too(cli, image, tmp_path, tiny_segmenter):
    out = tmp_path / "out.png"
    options = ("--flips", 3, "--smallest-object", 0.1, "--device", "cpu", "--json")
    ran = cli("segment", image, out, "--segmenter", tiny_segmenter, *options)
    assert ran.code == 0, ran.err
    assert ran.json["results"][0]["parameters"]["smallest_object"] == 0.1
    assert 0 <= ran.json["results"][0]["agreement"] <= 1


def test_a_second_opinion_that_is_not_there_is_told_before_any_work(
    cli, image, tmp_path, tiny_translator, tiny_segmenter
):
    models = ("--translator", tiny_translator, "--segmenter", tiny_segmenter)
    ran = cli(
        "label", image, tmp_path / "out.png", *models, "--second-opinion", tmp_path / "none.safetensors"
    )
    assert ran.code == 2
    assert "none.safetensors" in ran.err
    assert "--flips" in cli("label", image, tmp_path / "out.png", *models, "--flips", 4).err


def test_labels_that_are_probably_not_usable_are_said_to_be_so_on_standard_error(
    cli, tmp_path, tiny_segmenter
):
    """The segmenter is not trained at all, and its card says how sure one that is would be."""
    known = load_segmenter(tiny_segmenter)
    typical = TypicalLabels(agreement=0.98, hesitation=0.02)
    card = known.card.model_copy(update={"calibration": CardCalibration(typical=typical)})
    model, image = tmp_path / "model.safetensors", tmp_path / "image.tif"
    monai_unet.save(known.network, card, model)
    tifffile.imwrite(image, np.random.default_rng(0).integers(0, 255, (96, 128), np.uint8))
    options = ("--segmenter", model, "--scale", 1, "--flips", 1, "--device", "cpu")
    ran = cli("segment", image, tmp_path / "out.png", *options)
    assert ran.code == 0
    assert "image.tif: These labels are probably not usable: " in ran.err
    assert "far less sure" in ran.err
    assert "\n  These labels are probably not usable: " in ran.out
    told = cli("segment", image, tmp_path / "again.png", *options, "--json").json["results"][0]
    assert told["usable"]["verdict"] == "probably not"
    assert told["notes"][0].startswith("These labels are probably not usable: ")
    assert read_sidecar(tmp_path / "out.png").model_dump()["usable"] == told["usable"]

"""Flips and second opinions from the shell."""

from __future__ import annotations

from napari_pseudolabel.export import read_sidecar


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

"""label --strategy self-training: it learns from the images that it labels, once, and says what became of it."""

from __future__ import annotations

import json

import pytest

from napari_pseudolabel.models import load_segmenter


@pytest.fixture
def command(tmp_path, training_set, tiny_segmenter):
    """Label the images of folder b after learning from them."""
    return (
        "label", tmp_path / "b", tmp_path / "out", "--strategy", "self-training", "--segmenter", tiny_segmenter,
        "--work-dir", tmp_path / "work", "--rounds", 1, "--round-steps", 2, "--least-confidence", 0, "--large-shift",
        "--device", "cpu", "--scale", 1, "--flips", 0,
    )  # fmt: skip


def test_it_learns_once_from_the_images_and_labels_them(cli, command, tmp_path, tiny_segmenter):
    ran = cli(*command)
    assert ran.code == 0, ran.err
    assert "Before the first round: looks agree by" in ran.out
    assert "Round 1: looks agree by" in ran.out
    told = json.loads((tmp_path / "out" / "field_0.provenance.json").read_text())
    (used,) = told["models"]
    assert any("Nobody has corrected" in note for note in told["notes"])
    assert (told["strategy"], used["role"]) == ("self-training", "segmenter")
    assert load_segmenter(tmp_path / "work/round-1/teacher.safetensors").card.name == "tiny TEM, self-trained"
    summary = json.loads((tmp_path / "work" / "result.json").read_text())
    assert used["path"] == str(
        tmp_path / "work" / "self-trained.safetensors" if summary["best"] else tiny_segmenter
    )
    # Called again it finds what is done.
    teacher = tmp_path / "work/round-1/teacher.safetensors"
    before = teacher.stat().st_mtime_ns
    again = cli(*command)
    assert again.code == 0, again.err
    assert "Round 1" not in again.out
    assert teacher.stat().st_mtime_ns == before


def test_what_does_not_fit_is_one_sentence(cli, command, tmp_path):
    for more, part in [
        (("--corrected-labels", tmp_path / "nowhere"), "nowhere"),
        (("--source-images", tmp_path / "a"), "Give both --source-images and --source-labels"),
        (("--source-translator", "sample:tem-to-sem"), "give --source-images as well"),
        (("--steps", 2), "--steps is for tutorship"),
        (("--rounds", 0), "--rounds"),
    ]:
        ran = cli(*command, *more)
        assert (ran.code, part in ran.err) == (2, True), ran.err
    assert not (tmp_path / "out").exists()

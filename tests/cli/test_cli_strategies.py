"""Every strategy of the registry in the shell, those that are added as well."""

from __future__ import annotations

import pytest
import tifffile
from toy_strategy import add

from napari_pseudolabel.strategies import registry


@pytest.fixture
def toy(monkeypatch):
    add(monkeypatch)


def test_an_added_strategy_has_its_option_and_its_help(toy, cli, image, tmp_path):
    out = tmp_path / "out.ome.tif"
    ran = cli("label", image, out, "--strategy", "threshold", "--level", 0.5, "--json")
    assert ran.code == 0, ran.err
    assert (tifffile.imread(out) == (tifffile.imread(image) > 0.5)).all()
    told = ran.json["results"][0]
    assert (told["strategy"], told["parameters"]["options"]) == ("threshold", {"level": 0.5})
    helped = cli("label", "--help")
    assert "labels what is brighter than a level" in " ".join(helped.out.replace("│", " ").split())
    assert "--level" in helped.out
    assert "0.5" in helped.out


def test_an_added_strategy_prepares_once(toy, cli, image, tmp_path):
    out, work = tmp_path / "out.ome.tif", tmp_path / "work"
    words = ("label", image, out, "--strategy", "learned", "--share", 0.5)
    ran = cli(*words)
    assert (ran.code, ran.sentence) == (2, "Learned threshold keeps what it prepares; give --work-dir.")
    for told in ("A level is learned.", ""):
        ran = cli(*words, "--work-dir", work)
        assert ran.code == 0, ran.err
        assert told in ran.out + ran.err
        assert (tifffile.imread(out) == (tifffile.imread(image) > 0.5)).all()
    assert ("A level is learned." in ran.out + ran.err) is False
    ran = cli(*words[:5], "--work-dir", work, "--json")
    assert ran.json["results"][0]["parameters"]["options"] == {"share": 0.25}


def test_what_a_strategy_does_not_take_is_refused(toy, cli, image, tmp_path, tiny_translator, tiny_segmenter):
    out = tmp_path / "out.ome.tif"
    for words, part in [
        (("--strategy", "threshold", "--translator", tiny_translator), "Threshold takes no translator"),
        (("--strategy", "threshold", "--level", -1), "--level"),
        (("--strategy", "threshold", "--samples", 2), "does not translate the images"),
        (("--strategy", "otsu", "--object-size", 30), "leave out --object-size"),
        (("--strategy", "threshold", "--steps", 2), "--steps is for tutorship"),
        (("--level", 0.5), "--level is for threshold"),
        (("--strategy", "threshold", "--work-dir", tmp_path), "Threshold prepares nothing"),
        (("--strategy", "segmentation"), "give --segmenter"),
        (
            ("--strategy", "segmentation", "--segmenter", tiny_segmenter, "--translator", tiny_translator),
            "takes no translator",
        ),
        (("--segmenter", tiny_segmenter), "give --translator"),
        ((), "Say what the images show, and models are proposed: --modality with one of"),
        (("--modality", "CT"), "No named model takes CT"),
        (("--strategy", "tutorship"), "Tutorship needs a translator from the labelled modality"),
        (("--strategy", "translation", "--translator", tiny_translator), "no strategy “translation”"),
        (
            ("--strategy", "magic"),
            f"There is no strategy “magic”; use {', '.join(one.name for one in registry.offered())} or auto.",
        ),
    ]:
        ran = cli("label", image, out, *words)
        assert (ran.code, words) == (2, words)
        assert part in ran.sentence
    assert not out.exists()


def test_segmentation_is_what_segment_does(cli, image, tmp_path, tiny_segmenter):
    common = ("--segmenter", tiny_segmenter, "--device", "cpu", "--json")
    one = cli("label", image, tmp_path / "a.ome.tif", "--strategy", "segmentation", *common)
    other = cli("segment", image, tmp_path / "b.ome.tif", *common)
    assert one.code == other.code == 0
    assert (tifffile.imread(tmp_path / "a.ome.tif") == tifffile.imread(tmp_path / "b.ome.tif")).all()
    assert one.json["results"][0]["strategy"] == other.json["results"][0]["strategy"] == "segmentation"


def test_the_best_way_is_found_and_told(cli, image, tmp_path, tiny_segmenter, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_: str(tmp_path / "cache"))
    words = ("label", image, tmp_path / "a.ome.tif", "--strategy", "auto", "--device", "cpu", "--scale", 1)
    given = ("--segmenter", tiny_segmenter, "--modality", "Y")
    ran = cli(*words, *given, "--json")
    assert ran.code == 0, ran.err
    lines = [line for line in ran.err.splitlines() if "then “" in line or "As it is, by “" in line]
    assert len(lines) == 3  # two ways, and which was chosen
    told = ran.json["results"][0]
    assert told["strategy"] == "adaptation"
    assert told["models"][0]["path"].startswith(("inverted:", "unchanged:"))
    assert {one["group"] for one in told["choice"]["tried"]} == {
        "turned around",
        "as it is",
        "without labels",
    }
    for more, part in [
        ((), "Say what the images show, or choose a segmenter"),
        ((*given, "--steps", 2), "--steps is for tutorship"),
        ((*given, "--work-dir", tmp_path), "leave out --work-dir"),
        ((*given, "--translator", "nowhere"), "nowhere"),
    ]:
        ran = cli(*words, *more)
        assert (ran.code, part in ran.err) == (2, True), ran.err

"""``pseudolabel scale``, and what runs say of a scale that was found."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from napari_pseudolabel.strategies import known_scales


@pytest.fixture
def unsized(tmp_path, monkeypatch):
    monkeypatch.setattr(known_scales, "folder", lambda: tmp_path / "scales")
    path = tmp_path / "unsized.tif"
    values = gaussian_filter(np.random.default_rng(3).normal(size=(100, 110)), 2)
    tifffile.imwrite(path, values.astype(np.float32))
    return path


def test_scale_says_what_it_found_and_on_what_evidence(cli, unsized, tiny_segmenter):
    ran = cli("scale", unsized, "--segmenter", tiny_segmenter, "--device", "cpu", "--json")
    assert ran.code == 0, ran.err
    found = ran.json
    assert found["factor"] > 0
    assert found["object_size_px"] == pytest.approx(20 / found["factor"])
    assert len(found["tried"]) > 4
    assert {"factor", "agreement", "foreground", "wider"} == set(found["tried"][0])
    assert found["sentence"].startswith("Magnified" if found["sure"] else "The scale was not found, because")
    told = cli("scale", unsized, "--segmenter", tiny_segmenter, "--device", "cpu")
    assert found["sentence"] in told.out
    assert "A typical object would be" in told.out
    assert "agreement" in told.out


def test_runs_say_the_same_and_can_do_without(cli, unsized, tmp_path, tiny_segmenter):
    found = cli("scale", unsized, "--segmenter", tiny_segmenter, "--device", "cpu", "--json").json
    options = ("--segmenter", tiny_segmenter, "--device", "cpu", "--json")
    ran = cli("segment", unsized, tmp_path / "a.tif", *options)
    (result,) = ran.json["results"]
    assert result["parameters"]["factor"] == (found["factor"] if found["sure"] else 1.0)
    assert result["parameters"]["found"]["factor"] == found["factor"]
    assert any(found["sentence"] in note for note in result["notes"])
    (never,) = cli("segment", unsized, tmp_path / "b.tif", *options, "--find-scale", "never").json["results"]
    assert never["parameters"]["factor"] == 1.0
    assert "found" not in never["parameters"]


def test_without_a_model_there_is_nothing_to_look_with(cli, unsized):
    ran = cli("scale", unsized)
    assert ran.code == 2
    assert "choose a translator, a segmenter, or both" in ran.sentence

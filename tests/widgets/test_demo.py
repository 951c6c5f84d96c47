"""``make demo`` without models that take minutes."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
from scripted_engine import MODELS, segmenter, translator

from napari_pseudolabel import demo
from napari_pseudolabel.exporting import read_sidecar
from napari_pseudolabel.imaging import read
from napari_pseudolabel.sample_data.samples import PURPLE_LIKE, SEM_LIKE
from napari_pseudolabel.widgets.pseudo_label import label_jobs


def test_without_screen_and_without_xvfb_one_sentence_says_what_to_do(monkeypatch, capsys):
    monkeypatch.setattr(demo, "has_screen", lambda: False)
    monkeypatch.setattr(demo.shutil, "which", lambda name: None)
    assert demo.main() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "install it" in line


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a screen")
def test_a_screen_is_one_of_x11_or_wayland(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not demo.has_screen()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert demo.has_screen()


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed")
def test_the_virtual_screen_comes_and_goes(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    with demo.virtual_screen():
        assert os.environ["DISPLAY"].startswith(":")
    assert "DISPLAY" not in os.environ


@pytest.mark.parametrize(
    ("sample", "class_name"),
    # The second one is the same way through other pictures; its models are judged in strategies/test_sample_checkpoints.py.
    [(SEM_LIKE, "axon"), pytest.param(PURPLE_LIKE, "nucleus", marks=pytest.mark.soak)],
)
def test_the_whole_job_leaves_picture_labels_and_provenance(
    sample, class_name, make_napari_viewer, script, searches, tmp_path, monkeypatch, capsys, qtbot
):
    monkeypatch.setattr("napari.Viewer", lambda **kwargs: make_napari_viewer(show=True))
    purple = (translator("sample:purple-to-dapi", "purple stain", "DAPI"), segmenter("sample:nuclei", "DAPI"))
    monkeypatch.setattr(label_jobs.FindModels, "run", lambda self, control, models: (*MODELS, *purple))
    assert demo._off_screen(tmp_path / "out", sample) == 0
    assert (tmp_path / "out" / "window.png").stat().st_size > 10_000
    assert read(tmp_path / "out" / "labels.ome.tif").shape == (512, 512)
    record = read_sidecar(tmp_path / "out" / "labels.ome.tif")
    assert record.source.name == sample.title
    printed = capsys.readouterr().out
    assert "Labels ready" in printed
    # As on a screen: all ways are tried on the sample, and the best labels it.
    (search,), (job,) = searches, script.jobs
    assert len(search.ways) > 1
    assert job.origin.choice["best"] in printed
    assert f"Dice {class_name}: 0." in printed
    assert f"F1 {class_name}: 0." in printed


@pytest.mark.parametrize("sample", [SEM_LIKE, PURPLE_LIKE])
def test_the_scores_are_one_where_the_labels_are_the_truth(sample, viewer):
    sample = replace(sample, shape=(96, 96))
    _, truth = sample.draw()
    viewer.layers.clear()
    image = viewer.add_image(np.zeros(truth.shape))
    labels = viewer.add_labels(truth)
    labels.metadata["napari_pseudolabel"] = {
        "role": "labels",
        "uid": str(labels.unique_id),
        "source": {"uid": str(image.unique_id)},
    }
    scores = demo.scores_of(viewer, sample)
    assert set(scores.dice.values()) == {one.f1 for one in scores.objects.values()} == {1.0}
    labels.data = np.zeros_like(truth)
    assert set(demo.scores_of(viewer, sample).dice.values()) == {0.0}
    viewer.layers.remove(labels)
    assert demo.scores_of(viewer, sample) is None


def test_an_unknown_sample_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["demo", "--sample", "cats"])
    with pytest.raises(SystemExit):
        demo._arguments()
    assert "nuclei" in capsys.readouterr().err

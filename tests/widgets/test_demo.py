"""``make demo`` without models that take minutes."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

from napari_pseudolabel import demo
from napari_pseudolabel.export import read_sidecar
from napari_pseudolabel.imaging import read


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


def test_the_whole_job_leaves_picture_labels_and_provenance(
    make_napari_viewer, script, tmp_path, monkeypatch, capsys, qtbot
):
    monkeypatch.setattr("napari.Viewer", lambda **kwargs: make_napari_viewer(show=True))
    assert demo._off_screen(tmp_path / "out") == 0
    assert (tmp_path / "out" / "window.png").stat().st_size > 10_000
    assert read(tmp_path / "out" / "labels.ome.tif").shape == (512, 512)
    assert read_sidecar(tmp_path / "out" / "labels.ome.tif").source.name == "SEM-like axons"
    printed = capsys.readouterr().out
    assert "Labels ready" in printed
    assert "Dice axon: 0." in printed

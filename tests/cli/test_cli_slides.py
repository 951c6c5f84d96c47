"""Labels of large images in the shell: written part by part, taken up again, complete only in the end."""

from __future__ import annotations

import errno
import os
import signal

import numpy as np
import pytest
import tifffile
import zarr
from shell import command_line, interrupted
from warm_process import warm

from napari_pseudolabel.exporting import read_sidecar
from napari_pseudolabel.imaging import read, read_labels
from napari_pseudolabel.labels.objects import scheme_for, to_instances

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has neither SIGKILL nor pseudo terminals")


def killed_at_the_second_part(*words: str) -> None:
    """Run a command that ends after the second part was noted."""
    from napari_pseudolabel.slides.slide_store import SlideStore

    note, calls = SlideStore._note, []

    def counted(self, line):
        note(self, line)
        calls.append(line)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    SlideStore._note = counted
    command_line(*words)


@pytest.fixture
def slide(tmp_path):
    """A Zarr of several chunks."""
    random = np.random.default_rng(0)
    values = np.kron(random.integers(0, 255, (20, 26)), np.ones((20, 20))).astype(np.uint8)
    array = zarr.create_array(str(tmp_path / "slide.zarr"), shape=values.shape, dtype="u1", chunks=(64, 64))
    array[:] = values
    return tmp_path / "slide.zarr"


@pytest.fixture
def command(slide, tmp_path, tiny_translator, tiny_segmenter):
    def words(out, *more):
        models = ("--translator", tiny_translator, "--segmenter", tiny_segmenter, "--flips", 0)
        return ["label", slide, tmp_path / out, *models, "--device", "cpu", "--scale", 1, "--json", *more]

    return words


def test_a_zarr_becomes_the_labels_that_a_tiff_gets(cli, command, tmp_path):
    whole, parts = (
        cli(*command("a.ome.tif", "--confidence")),
        cli(*command("b.ome.zarr", "--confidence", "--instances")),
    )
    assert (whole.code, parts.code) == (0, 0), whole.err + parts.err
    one, other = (ran.json["results"][0] for ran in (whole, parts))
    np.testing.assert_array_equal(
        np.asarray(read_labels(tmp_path / "a.ome.tif").data),
        np.asarray(read_labels(tmp_path / "b.ome.zarr").data),
    )
    sure = np.asarray(read(tmp_path / "b.ome.zarr" / "confidence").data)
    np.testing.assert_allclose(np.asarray(read(tmp_path / "a.confidence.ome.tif").data), sure, atol=0.5 / 254)
    assert other["shares"] == pytest.approx(one["shares"])
    assert other["mean_confidence"] == pytest.approx(one["mean_confidence"], abs=1e-3)
    for name in ("models", "agreement", "parameters", "seed", "notes", "objects"):
        assert other[name] == one[name], name
    first, second = (read_sidecar(tmp_path / name) for name in ("a.ome.tif", "b.ome.zarr"))
    assert first.classes == second.classes
    assert first.placement == second.placement
    numbers = np.asarray(read_labels(tmp_path / "b.ome.zarr" / "instances").data)
    labels = np.asarray(read_labels(tmp_path / "a.ome.tif").data)
    assert numbers.max() == to_instances(labels, scheme_for(first.classes)).max()
    assert not (tmp_path / "b.ome.zarr.part").exists()
    left = {one.name for one in (tmp_path / "b.ome.zarr").iterdir()}
    assert left == {"zarr.json", "0", "1", "confidence", "instances"}


@posix
def test_a_killed_label_goes_on_where_it_stopped(cli, command, tmp_path):
    words = map(str, command("a.ome.zarr"))
    running = warm(killed_at_the_second_part, *words, log=(log := tmp_path / "log"))
    running.join(280)
    assert running.exitcode == -signal.SIGKILL, log.read_text()
    assert not (tmp_path / "a.ome.zarr").exists()
    assert not (tmp_path / "a.provenance.json").exists()
    half = cli("evaluate", tmp_path / "a.ome.zarr.part", tmp_path / "a.ome.zarr.part", "--class", "axon=1")
    assert half.code == 2, "what is not complete must not be read as labels"
    other = cli(*command("a.ome.zarr", "--flips", 1))
    assert other.code == 2
    assert "unfinished run with other settings" in other.sentence
    again, whole = cli(*command("a.ome.zarr")), cli(*command("b.ome.zarr"))
    assert (again.code, whole.code) == (0, 0), again.err + whole.err
    np.testing.assert_array_equal(
        np.asarray(read_labels(tmp_path / "a.ome.zarr").data),
        np.asarray(read_labels(tmp_path / "b.ome.zarr").data),
    )
    one, other = (ran.json["results"][0] for ran in (again, whole))
    for name in ("shares", "agreement", "usable", "models"):
        assert one[name] == other[name], name


@posix
def test_an_interrupted_label_says_where_it_goes_on(command, tmp_path):
    ran = interrupted(command("a.ome.zarr", "--samples", 50))
    assert ran.code == 130
    assert "what was done is in a.ome.zarr.part, and the same command goes on with it." in ran.err
    assert not (tmp_path / "a.ome.zarr").exists()


def test_a_full_disk_is_said_and_the_same_command_goes_on(cli, slide, tmp_path, monkeypatch):
    from napari_pseudolabel.slides.slide_store import SlideStore

    def full(self, line):
        raise OSError(errno.ENOSPC, "No space left on device")

    asked = ("label", slide, tmp_path / "a.ome.zarr", "--strategy", "otsu")
    with monkeypatch.context() as patch:
        patch.setattr(SlideStore, "_note", full)
        ran = cli(*asked)
    assert ran.code == 2
    assert (
        "is full; make room, then do the same again; what was done is in a.ome.zarr.part, and the same command"
        in ran.err
    )
    assert cli(*asked).code == 0


def test_translations_are_written_part_by_part(cli, slide, tmp_path, tiny_translator):
    for out in ("a.ome.tif", "a2.ome.zarr"):
        ran = cli(
            "translate",
            slide,
            tmp_path / out,
            "--translator",
            tiny_translator,
            "--device",
            "cpu",
            "--scale",
            1,
        )
        assert ran.code == 0, ran.err
    made = np.asarray(read(tmp_path / "a2.ome.zarr").data)
    np.testing.assert_allclose(made, tifffile.imread(tmp_path / "a.ome.tif"), atol=1e-6)


def test_results_that_the_memory_cannot_hold_are_refused_before_the_work(cli, command, tmp_path, monkeypatch):
    import napari_pseudolabel.cli.streamed_work as streaming

    array = zarr.create_array(
        str(tmp_path / "huge.zarr"), shape=(10_000, 10_000), dtype="u1", chunks=(512, 512)
    )
    assert array.shape
    monkeypatch.setattr(streaming, "free_memory", lambda: 2**20)
    words = command("a.ome.tif")
    ran = cli(words[0], tmp_path / "huge.zarr", *words[2:-1])
    assert ran.code == 2
    assert "ends with .ome.zarr, which is written part by part" in ran.sentence

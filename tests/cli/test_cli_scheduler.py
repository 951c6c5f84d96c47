"""Commands whose work is done by the workers of a scheduler; over TLS on the loopback address."""

from __future__ import annotations

import os
import signal
import socket
from functools import partial

import numpy as np
import pytest
import tifffile
from dask_cluster import certificates, cluster
from shell import interrupted, start

from napari_pseudolabel.imaging import read
from napari_pseudolabel.strategies.chunks import cut


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Options that send the work to a cluster."""
    folder = tmp_path_factory.mktemp("cluster")
    _, options = certificates(folder)
    with cluster(folder, workers=1, tls=options) as found:
        yield ["--scheduler", found.address, *options]


def test_a_folder_is_labelled_as_it_is_here(
    cli, elsewhere, image, tmp_path, tiny_translator, tiny_segmenter, monkeypatch
):
    monkeypatch.setattr("napari_pseudolabel.strategies.jobs.cut", partial(cut, tiles=1))
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "a.ome.tif").write_bytes(image.read_bytes())
    (folder / "b.tif").write_bytes(image.read_bytes()[:300])
    tifffile.imwrite(folder / "c.tif", np.stack([read(image).data] * 2), metadata={"axes": "TYX"})
    options = ["--translator", tiny_translator, "--segmenter", tiny_segmenter, "--seed", 5, "--device", "cpu"]
    options += ["--samples", 2, "--confidence", "--pixel-size", 0.2, "--json"]
    here, there = (
        cli("label", folder, tmp_path / name, *options, *more)
        for name, more in (("here", ()), ("there", elsewhere))
    )
    assert here.code == there.code == 2
    assert there.err == here.err
    assert "b.tif" in there.err
    assert len(there.json["results"]) == 2
    for one, other in zip(here.json["results"], there.json["results"], strict=True):
        assert other["shares"] == one["shares"]
        assert other["agreement"] == pytest.approx(one["agreement"], abs=1e-6)
        assert other["parameters"] == one["parameters"]
        assert other["models"] == one["models"]
        assert other["notes"] == one["notes"]
    for name in ("a.ome.tif", "c.ome.tif"):
        np.testing.assert_array_equal(
            read(tmp_path / "there" / name).data, read(tmp_path / "here" / name).data
        )
    assert read(tmp_path / "there" / "c.ome.tif").shape == (2, 40, 52)


def test_translate_and_segment_go_there_too(cli, elsewhere, image, tmp_path, tiny_translator, tiny_segmenter):
    for command, model in (
        ("translate", ("--translator", tiny_translator)),
        ("segment", ("--segmenter", tiny_segmenter)),
    ):
        made = []
        for name, options in (("here", ()), ("there", elsewhere)):
            out = tmp_path / f"{command}-{name}.tif"
            ran = cli(command, image, out, *model, "--device", "cpu", *options)
            assert ran.code == 0, ran.err
            assert ran.err == ""
            made.append(tifffile.imread(out))
        np.testing.assert_allclose(made[1], made[0], atol=1e-5)


def test_what_cannot_work_is_one_sentence(cli, elsewhere, image, tmp_path, tiny_segmenter, monkeypatch):
    monkeypatch.setattr("napari_pseudolabel.engine.lane._CONNECT_S", 1)
    before = sorted(tmp_path.rglob("*"))
    for options, part in [
        ((*elsewhere, "--device", "cuda:77"), "CUDA"),  # only the worker knows
        ((*elsewhere, "--overlap", 500), "overlap"),
        (("--scheduler", "tcp://127.0.0.1:1"), "does not answer"),
        (("--scheduler", elsewhere[1]), "TLS files"),
        (("--scheduler", "127.0.0.1:8786"), "is no address of a scheduler"),
        ((*elsewhere[:2], "--tls-ca-file", image), "TLS needs three files"),
        ((*elsewhere[:-1], tmp_path / "none.pem"), "none.pem"),
        (elsewhere[2:], "give --scheduler as well"),
    ]:
        ran = cli("segment", image, tmp_path / "out.tif", "--segmenter", tiny_segmenter, *options)
        assert (ran.code, options) == (2, options)
        assert part in ran.sentence
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo terminals")
def test_ctrl_c_stops_the_work_there(cli, elsewhere, image, tmp_path, tiny_translator, tiny_segmenter):
    large = tmp_path / "large.tif"
    tifffile.imwrite(large, np.random.default_rng(0).integers(0, 255, (500, 500), np.uint8))
    before = sorted(tmp_path.iterdir())
    models = ("--translator", tiny_translator, "--segmenter", tiny_segmenter, "--samples", 100)
    words = ["label", large, tmp_path / "out.tif", *models, "--device", "cpu", *elsewhere]
    ran = interrupted(words)
    assert (ran.code, ran.out) == (130, ""), ran.err
    assert ran.err.rstrip().endswith("Cancelled; nothing was changed.")
    assert "Traceback" not in ran.err
    assert sorted(tmp_path.iterdir()) == before
    # The worker is free again; with a hundred samples of all chunks it would not be for minutes.
    ran = cli("segment", image, tmp_path / "s.tif", *models[2:4], "--device", "cpu", *elsewhere)
    assert ran.code == 0, ran.err


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals for a process")
def test_ctrl_c_does_not_wait_for_somebody_who_says_nothing(image, tmp_path, tiny_segmenter):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        model = ("--segmenter", tiny_segmenter)
        running = start(["segment", image, tmp_path / "out.tif", *model, "--scheduler", address])
        peer, _ = server.accept()
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
        peer.close()
    assert (running.returncode, out, err) == (130, "", "Cancelled; nothing was changed.\n")
    assert not (tmp_path / "out.tif").exists()


def test_help_of_a_command_names_the_shared_options(cli):
    ran = cli("segment", "--help")
    assert ran.code == 0
    for option in ("--segmenter", "--confidence", "--device", "--scheduler", "--tls-key", "--json"):
        assert option in ran.out
    assert "--samples" not in ran.out

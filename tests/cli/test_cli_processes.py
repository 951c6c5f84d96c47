"""Whole processes: start-up, kills and interrupts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile
from conftest import start
from safetensors.numpy import load_file
from test_cli_train import SEGMENTER, TRANSLATOR

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has neither SIGKILL nor pseudo terminals")


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_do_not_import_torch(option):
    code = (
        "import sys\n"
        f"sys.argv = ['pseudolabel', '{option}']\n"
        "from napari_pseudolabel.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert end.code == 0, end.code\n"
        "heavy = {'torch', 'monai', 'napari', 'qtpy', 'skimage', 'dask', 'zarr'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert "pseudolabel" in ran.stdout


def test_bad_input_of_a_process_is_one_sentence_and_exit_code_2(process, tmp_path):
    ran = process("evaluate", tmp_path / "none.tif", tmp_path / "none.tif", "--class", "axon=1", "--json")
    assert ran.code == 2
    assert "none.tif does not exist" in ran.sentence


def _wait_for(path, running):
    until = time.monotonic() + 90
    while not path.exists():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)


@posix
@pytest.mark.parametrize(
    ("kind", "folders", "options", "made"),
    [
        ("segmenter", ("a", "labels"), (*SEGMENTER, "--steps", 60), "segmenter.safetensors"),
        ("translator", ("a", "b"), (*TRANSLATOR, "--steps", 30, "--set", "save_every=2"), "a-to-b.safetensors"),
    ],
)
def test_a_killed_training_goes_on_as_if_nothing_had_happened(
    cli, training_set, tmp_path, kind, folders, options, made
):
    def command(out):
        return ["train", kind, *(tmp_path / name for name in folders), tmp_path / out, *options, "--json"]

    killed = start(command("killed"))
    _wait_for(tmp_path / "killed" / "training.pt", killed)
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=30)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed" / made).exists()
    again, whole = cli(*command("killed")), cli(*command("whole"))
    assert (again.code, whole.code) == (0, 0), again.err + whole.err
    assert 0 < again.json["resumed_at"] < again.json["steps"] == whole.json["steps"]
    assert again.json["validation"] == whole.json["validation"]
    weights = load_file(tmp_path / "killed" / made), load_file(tmp_path / "whole" / made)
    assert weights[0].keys() == weights[1].keys()
    for name, weight in weights[0].items():
        np.testing.assert_allclose(weight, weights[1][name], rtol=1e-4, atol=1e-5, err_msg=name)


@posix
def test_an_interrupted_label_leaves_no_output_and_says_one_line(tmp_path, tiny_translator, tiny_segmenter):
    import pty

    large = tmp_path / "large.tif"
    tifffile.imwrite(large, np.random.default_rng(0).integers(0, 255, (1500, 1500), np.uint8))
    before = sorted(tmp_path.iterdir())
    terminal, end = pty.openpty()
    models = ("--translator", tiny_translator, "--segmenter", tiny_segmenter, "--samples", 20)
    running = start(["label", large, tmp_path / "out.tif", *models, "--device", "cpu"], stderr=end)
    os.close(end)
    shown = b""
    while b"Translating" not in shown:  # the progress bar, because there is a terminal
        shown += os.read(terminal, 4096)
    running.send_signal(signal.SIGINT)
    try:
        while part := os.read(terminal, 4096):
            shown += part
    except OSError:  # the other end is closed
        pass
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 130
    assert out == ""
    assert shown.decode().rstrip().endswith("Cancelled; nothing was changed.")
    assert "Traceback" not in shown.decode()
    assert sorted(tmp_path.iterdir()) == before

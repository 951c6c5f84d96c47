"""Whole processes: start-up, kills and interrupts."""

from __future__ import annotations

import os

import numpy as np
import pytest
import tifffile
from safetensors.numpy import load_file
from shell import SEGMENTER, TRANSLATOR, interrupted, kill

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has neither SIGKILL nor pseudo terminals")


def test_bad_input_of_a_process_is_one_sentence_and_exit_code_2(process, tmp_path):
    ran = process("evaluate", tmp_path / "none.tif", tmp_path / "none.tif", "--class", "axon=1", "--json")
    assert ran.code == 2
    assert "none.tif does not exist" in ran.sentence


@posix
def test_a_killed_training_goes_on_as_if_nothing_had_happened(cli, training_set, tmp_path):
    def command(kind, out):
        labels_or_target, options = {
            "segmenter": ("labels", (*SEGMENTER, "--steps", 4, "--validate-every", 1)),
            "translator": ("b", (*TRANSLATOR, "--steps", 4, "--set", "save_every=1")),
        }[kind]
        return [
            "train",
            kind,
            tmp_path / "a",
            tmp_path / labels_or_target,
            tmp_path / kind / out,
            *options,
            "--json",
        ]

    kinds = {"segmenter": "segmenter.safetensors", "translator": "a-to-b.safetensors"}
    kill(*(command(kind, "killed") for kind in kinds))
    for kind, made in kinds.items():
        killed, whole = tmp_path / kind / "killed", tmp_path / kind / "whole"
        assert not (killed / made).exists()
        again, once = cli(*command(kind, "killed")), cli(*command(kind, "whole"))
        assert (again.code, once.code) == (0, 0), again.err + once.err
        assert (again.json["resumed_at"], again.json["steps"], once.json["steps"]) == (2, 4, 4)
        assert again.json["validation"] == once.json["validation"]
        weights = load_file(killed / made), load_file(whole / made)
        assert weights[0].keys() == weights[1].keys()
        for name, weight in weights[0].items():
            np.testing.assert_allclose(weight, weights[1][name], rtol=1e-4, atol=1e-5, err_msg=name)


@posix
def test_an_interrupted_label_leaves_no_output_and_says_one_line(tmp_path, tiny_translator, tiny_segmenter):
    large = tmp_path / "large.tif"
    tifffile.imwrite(large, np.random.default_rng(0).integers(0, 255, (500, 500), np.uint8))
    before = sorted(tmp_path.iterdir())
    models = ("--translator", tiny_translator, "--segmenter", tiny_segmenter, "--samples", 100)
    ran = interrupted(["label", large, tmp_path / "out.tif", *models, "--device", "cpu"])
    assert (ran.code, ran.out) == (130, ""), ran.err
    assert ran.err.rstrip().endswith("Cancelled; nothing was changed.")
    assert "Traceback" not in ran.err
    assert sorted(tmp_path.iterdir()) == before

"""MONAI bundles: weights in our own network, images prepared as they say, nothing run."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from bundle_files import bundle

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models import inspect, load_segmenter
from napari_pseudolabel.tiling import TileSettings

IMAGE = np.random.default_rng(0).gamma(2, 40, (64, 64)).astype(np.float32)


def test_answers_are_those_of_monai(tmp_path):
    from monai.networks.nets import DynUNet
    from monai.transforms import NormalizeIntensity

    path = bundle(tmp_path / "bundle", make=DynUNet)
    found = inspect(path)
    assert found.usable, found.problem
    assert found.card.licence == "Apache 2.0"
    segmenter = load_segmenter(path)
    theirs = DynUNet(**segmenter_arguments(path)).eval()
    theirs.load_state_dict(torch.load(path / "models" / "model.pt", weights_only=True))
    with torch.inference_mode():
        prepared = NormalizeIntensity()(torch.from_numpy(IMAGE)[None])
        expected = theirs(prepared[None]).softmax(1)[0]
    answer = segmenter.probabilities(IMAGE, settings=TileSettings(tile=64, device="cpu"))
    np.testing.assert_allclose(answer, expected, atol=1e-4)
    assert [one.name for one in segmenter.classes] == ["background", "cell"]


def segmenter_arguments(path):
    said = json.loads((path / "configs" / "inference.json").read_text())
    network = {key: value for key, value in said["network_def"].items() if key != "_target_"}
    return {**network, "in_channels": said["image_channels"]}


NORMALIZE = {"_target_": "NormalizeIntensityd", "keys": "image"}
REFUSED = {
    "an expression": ({"network_def": {"in_channels": "$__import__('os').getpid()"}}, "asks to run"),
    "another network": (
        {"network_def": {"_target_": "monai.networks.nets.SwinUNETR"}},
        "of the network SwinUNETR",
    ),
    "volumes": ({"network_def": {"spatial_dims": 3}}, r"\(spatial_dims\)"),
    "another normalisation": ({"network_def": {"norm_name": "instance"}}, r"\(norm_name\)"),
    "a loop": ({"image_channels": "@image_channels"}, "refers to itself"),
    "nothing": ({"network_def": {"in_channels": "@other"}}, "which is not there"),
    "resampling": (
        {"preprocessing": {"transforms": [{"_target_": "Spacingd"}]}},
        "prepares its images by Spacing",
    ),
    "of what is not zero": (
        {"preprocessing": {"transforms": [{**NORMALIZE, "nonzero": True}]}},
        "NormalizeIntensity",
    ),
    "other weights": ({"network_def": {"filters": [4, 8, 16]}}, "does not fit its network"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_read_is_named(tmp_path, case):
    changes, words = REFUSED[case]
    path = bundle(tmp_path / "bundle", **changes)
    with pytest.raises(CheckpointError, match=words):
        load_segmenter(path)


def test_a_bundle_without_weights_is_one_sentence(tmp_path):
    path = bundle(tmp_path / "bundle")
    (path / "models" / "model.pt").unlink()
    with pytest.raises(CheckpointError, match="with its weights"):
        load_segmenter(path)

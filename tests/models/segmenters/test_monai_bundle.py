"""MONAI bundles: weights in our own network, images prepared as they say, nothing run."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch
from bioimage_files import package
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


OTHERS = {
    "UNet": {"channels": [4, 8, 8], "strides": [2, 2], "num_res_units": 1, "norm": "BATCH", "act": ["leakyrelu", {"negative_slope": 0.2}]},
    "AttentionUnet": {"channels": [4, 8, 8], "strides": [2, 2]},
    "BasicUNet": {"features": [4, 4, 8, 8, 8, 4], "norm": ["group", {"num_groups": 2}]},
    "SegResNet": {"init_filters": 8, "blocks_down": [1, 1], "blocks_up": [1]},
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_answers_of_other_networks_are_those_of_monai(tmp_path, name):
    from monai.inferers import SlidingWindowInferer
    from monai.networks import nets
    from monai.transforms import NormalizeIntensity

    arguments = {"spatial_dims": 2, "out_channels": 2, **OTHERS[name]}
    path = bundle(tmp_path / "bundle", make=getattr(nets, name), name=name, arguments=arguments)
    assert inspect(path).usable
    theirs = getattr(nets, name)(**segmenter_arguments(path)).eval()
    theirs.load_state_dict(torch.load(path / "models" / "model.pt", weights_only=True))
    prepared = NormalizeIntensity()(torch.from_numpy(IMAGE)[None])
    with torch.inference_mode():
        expected = SlidingWindowInferer((64, 64))(prepared[None], theirs).softmax(1)[0]
    answer = load_segmenter(path).probabilities(IMAGE, settings=TileSettings(tile=64, device="cpu"))
    np.testing.assert_allclose(answer, expected, atol=1e-4)
    assert expected[1].std() > 1e-3  # it says something


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"channels": [4, 10**6]}, r"wrong at channels.1"),
        ({"channels": [4] * 8, "strides": [4] * 7}, "times smaller"),
        ({"channels": [4, 8], "strides": [2], "act": "os.system"}, "wrong at act"),
        ({"channels": [4, 8], "strides": [2], "norm": ["instance", {"a": "b"}]}, "wrong at norm"),
        ({"channels": [4, 8], "strides": [2], "norm": ["instance", {"a": 1}]}, "cannot exist"),
        ({"channels": [4, 8], "strides": [2], "spatial_dims": 3}, "wrong at spatial_dims"),
        ({"channels": [4, 8], "strides": [2], "more": 3}, "wrong at more"),
    ],
)
def test_arguments_of_other_networks_are_checked(tmp_path, arguments, words):
    from monai.networks.nets import UNet

    usual = {"spatial_dims": 2, "out_channels": 2, "channels": [4, 8], "strides": [2]}
    path = bundle(tmp_path / "bundle", make=UNet, name="UNet", arguments=usual, network_def=arguments)
    with pytest.raises(CheckpointError, match=words):
        load_segmenter(path)


def test_without_monai_a_sentence_says_what_to_install(tmp_path, monkeypatch):
    from monai.networks.nets import UNet

    usual = {"spatial_dims": 2, "out_channels": 2, "channels": [4, 8], "strides": [2]}
    path = bundle(tmp_path / "bundle", make=UNet, name="UNet", arguments=usual)
    monkeypatch.setitem(sys.modules, "monai", None)
    assert "[monai]" in inspect(path).problem
    with pytest.raises(CheckpointError, match=r"napari-pseudolabel\[monai\]"):
        load_segmenter(path)


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
    "answers one by one": (
        {"postprocessing": {"transforms": [{"_target_": "Activationsd", "sigmoid": True}]}},
        r"\(sigmoid\)",
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


# State dicts in BioImage.IO packages, of the same networks: here, so that MONAI is imported once.

ARGUMENTS = {"spatial_dims": 2, "in_channels": 1, "out_channels": 2, "channels": [4, 8], "strides": [2]}


def weights_alone(path, architecture, **more):
    """A package whose only weights are those of MONAI's UNet, and the network."""
    from monai.networks.nets import UNet

    torch.manual_seed(7)
    network = UNet(**ARGUMENTS).eval()
    said = {"source": "weights.pt", "architecture": architecture, **more}
    package(path, weights={"pytorch_state_dict": said})
    torch.save(network.state_dict(), path / "weights.pt")
    return path, network


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_weights_alone_of_a_known_network_answer_as_in_monai(tmp_path, version):
    named = {"callable": "UNet", "import_from": "monai.networks.nets.unet", "kwargs": ARGUMENTS}
    told = {"architecture": named} if version == "0.5" else {
        "architecture": "monai.networks.nets.UNet", "kwargs": ARGUMENTS}  # fmt: skip
    path, network = weights_alone(tmp_path / "package", **told)
    assert inspect(path).usable
    image = np.random.default_rng(0).gamma(2, 40, (64, 64)).astype(np.float32)
    prepared = (image - image.mean()) / (image.std() + 1e-5)
    with torch.inference_mode():
        expected = network(torch.from_numpy(prepared)[None, None]).softmax(1)[0]
    found = load_segmenter(path).probabilities(image, settings=TileSettings(tile=64, device="cpu"))
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("architecture", "words"),
    [
        ({"callable": "UNet2d", "source": "unet.py", "kwargs": {}}, "no code of a package is run"),
        ({"callable": "system", "import_from": "os", "kwargs": {}}, "the network system of os"),
        ({"callable": "UNet", "import_from": "monai.networks.nets_", "kwargs": ARGUMENTS}, "no code"),
        ("unet.py:UNet", "no code of a package is run"),
        (
            {
                "callable": "UNet",
                "import_from": "monai.networks.nets",
                "kwargs": {**ARGUMENTS, "channels": [4]},
            },
            "wrong at channels",
        ),
        (
            {
                "callable": "UNet",
                "import_from": "monai.networks.nets",
                "kwargs": {**ARGUMENTS, "channels": [4, 9]},
            },
            "does not fit its network",
        ),
    ],
)
def test_weights_of_unknown_networks_are_refused(tmp_path, architecture, words):
    path, _ = weights_alone(tmp_path / "package", architecture)
    with pytest.raises(CheckpointError, match=words):
        load_segmenter(path)

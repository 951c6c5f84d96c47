"""TorchScript networks: the card says what they mean, and their code touches no files."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
import torch
from torch import nn
from torchscript_files import CARD, Threshold, saved

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models import load_segmenter
from napari_pseudolabel.models.segmenters.base import Segmenter
from napari_pseudolabel.tiling import TileSettings

pytestmark = pytest.mark.usefixtures("one_process")
SETTINGS = TileSettings(tile=64, overlap=16, device="cpu")


class WritesAFile(nn.Module):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        data = torch.from_file(self.name, True, 16)
        return torch.cat([x, x + data[0]], 1)


@pytest.mark.parametrize("softmax", [False, True])
def test_logits_or_probabilities_are_told_apart(tmp_path, softmax):
    path = saved(Threshold(softmax), tmp_path / "t.pt")
    (tmp_path / "t.card.json").write_text(json.dumps(CARD))
    segmenter = load_segmenter(path)
    assert isinstance(segmenter, Segmenter)
    assert segmenter.card.architecture["output"] == ("probabilities" if softmax else "logits")
    image = np.zeros((100, 130), np.float32)
    image[20:50, 30:70] = 255
    probabilities = segmenter.probabilities(image, settings=SETTINGS)
    np.testing.assert_allclose(probabilities.sum(0), 1, atol=1e-5)
    np.testing.assert_array_equal(segmenter.labels(probabilities), image > 0)


def test_asks_for_what_is_missing(tmp_path):
    path = saved(Threshold(), tmp_path / "t.pt")
    with pytest.raises(CheckpointError, match=r"classes and normalisation; write them into t\.card\.json"):
        load_segmenter(path)
    with pytest.raises(CheckpointError, match="does not say its normalisation;"):
        load_segmenter(path, {"classes": CARD["classes"]})


def test_card_that_does_not_fit(tmp_path):
    path = saved(Threshold(), tmp_path / "t.pt")
    three = {**CARD, "classes": [*CARD["classes"], {"name": "other", "value": 2}]}
    with pytest.raises(CheckpointError, match="2 outputs, but its card names 3 classes"):
        load_segmenter(path, three)
    with pytest.raises(CheckpointError, match="wrong at stride"):
        load_segmenter(path, {**CARD, "architecture": {"stride": "large"}})
    convolution = saved(nn.Conv2d(3, 2, 1), tmp_path / "c.pt")
    with pytest.raises(CheckpointError, match=r"fails on a 64 x 64 image with 1 channel"):
        load_segmenter(convolution, CARD)
    assert load_segmenter(convolution, {**CARD, "architecture": {"in_channels": 3}}).card.kind == "segmenter"


def test_the_refused_code_would_have_made_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.jit.script(WritesAFile("made_by_the_file"))(torch.zeros(1, 1, 4, 4))
    assert (tmp_path / "made_by_the_file").exists()


def test_other_files(tmp_path):
    path = saved(Threshold(), tmp_path / "t.pt")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError, match=r"t\.pt is incomplete or damaged"):
        load_segmenter(path)
    path.with_name("x.png").write_bytes(b"\x89PNG")
    with pytest.raises(CheckpointError, match="not a PyTorch checkpoint"):
        load_segmenter(path.with_name("x.png"))
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match=r"no safetensors file, .*no TorchScript archive, .*and not in"):
        load_segmenter(path)
    with pytest.raises(CheckpointError, match="no TorchScript archive"):
        load_segmenter(path, CARD)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/constants.pkl", b"x")
    with pytest.raises(CheckpointError, match="incomplete or damaged"):
        load_segmenter(path, CARD)

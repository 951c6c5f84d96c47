"""What the outputs of a TorchScript mean is known, or asked for; nobody guesses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torchscript_files import CARD, saved

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.imaging import read
from napari_pseudolabel.models import load_segmenter
from napari_pseudolabel.tiling import TileSettings

FIELD = Path(__file__).parents[2] / "field" / "c19_torchscript"
pytestmark = pytest.mark.usefixtures("one_process")
SETTINGS = TileSettings(tile=64, overlap=16, device="cpu")
BACKGROUND, A, B = ({"name": name, "value": value} for value, name in enumerate(("background", "a", "b")))


class Answers(nn.Module):
    """Computes p, how bright a pixel is, and hands it on in some way."""

    def p(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid((x[:, :1] - 0.5) * 20)


class Sigmoid(Answers):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.p(x)


class SigmoidLogits(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - 0.5) * 20


class Overlapping(nn.Module):
    """Class a above .3, class b above .7: where b is, a is too."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(torch.cat([(x - 0.3) * 20, (x - 0.7) * 40], 1))


class OverlappingParts(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.sigmoid((x - 0.3) * 20), torch.sigmoid((x - 0.7) * 40)], 1)


class TwoLogits(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([(0.5 - x) * 20, (x - 0.5) * 20], 1)


class Small(nn.Module):
    """Values in [0, 1] that do not add up to 1 and come from no sigmoid."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x * 0.5, 0.3 + x * 0.2], 1)


class Tuple(TwoLogits):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = torch.cat([(0.5 - x) * 20, (x - 0.5) * 20], 1)
        return y, nn.functional.avg_pool2d(y, 2)


class TwoAlike(nn.Module):
    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        y = torch.cat([(0.5 - x) * 20, (x - 0.5) * 20], 1)
        return {"aux": -y, "out": y}


class OneInAList(nn.Module):
    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [torch.cat([(0.5 - x) * 20, (x - 0.5) * 20], 1)]


class ChannelsLast(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.permute(0, 3, 1, 2)
        if x.size(1) != 1:
            raise ValueError("no channels last")
        return torch.cat([(0.5 - x) * 20, (x - 0.5) * 20], 1).permute(0, 2, 3, 1)


class NoChannels(Answers):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.p(x)[:, 0]


class HalfSize(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.avg_pool2d(x, 2)
        return torch.cat([(0.5 - x) * 20, (x - 0.5) * 20], 1)


class OneByOne(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.size(0) != 1:
            raise ValueError("one image")
        return torch.cat([(0.5 - x) * 20, (x - 0.5) * 20], 1)


class Float16(nn.Module):
    def __init__(self, inside: bool = False) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 2, 1).half()
        self.inside = inside
        with torch.no_grad():
            self.layer.weight.copy_(torch.tensor([-20.0, 20.0]).reshape(2, 1, 1, 1))
            self.layer.bias.copy_(torch.tensor([10.0, -10.0]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x.half() if self.inside else x)


def segment(network: nn.Module, folder: Path, classes: list[dict], **architecture: object):
    """Load a network with a card, and segment a bright square: labels, the square and the segmenter."""
    card = {**CARD, "classes": classes, "architecture": architecture}
    segmenter = load_segmenter(saved(network, folder / "t.pt"), card)
    image = np.zeros((80, 100), np.float32)
    image[20:50, 30:70] = 255
    found = segmenter.probabilities(image, settings=SETTINGS)
    assert found.min() >= 0
    assert found.max() <= 1
    return segmenter.labels(found), image > 0, segmenter


@pytest.mark.parametrize(
    ("network", "classes", "architecture"),
    [
        (Sigmoid(), [A], {}),
        (Sigmoid(), [BACKGROUND, A], {}),
        (Sigmoid(), [A], {"output": "probabilities"}),
        (SigmoidLogits(), [A], {"output": "sigmoid_logits"}),
        (SigmoidLogits(), [A], {"output": "logits"}),
        (SigmoidLogits(), [BACKGROUND, A], {"output": "logits"}),
        (TwoLogits(), [BACKGROUND, A], {}),
        (Tuple(), [BACKGROUND, A], {}),
        (Tuple(), [BACKGROUND, A], {"take": 0}),
        (TwoAlike(), [BACKGROUND, A], {"take": "out"}),
        (OneInAList(), [BACKGROUND, A], {}),
        (ChannelsLast(), [BACKGROUND, A], {}),
        (NoChannels(), [A], {}),
        (OneByOne(), [BACKGROUND, A], {}),
        (Float16(), [BACKGROUND, A], {}),
        (Float16(inside=True), [BACKGROUND, A], {}),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, nn.Module) else None,
)
def test_the_square_is_found(tmp_path, network, classes, architecture):
    labels, square, segmenter = segment(network, tmp_path, classes, **architecture)
    np.testing.assert_array_equal(labels, square)
    assert [one.value for one in segmenter.classes] == [0, 1]


def test_a_smaller_answer_is_enlarged(tmp_path):
    labels, square, _ = segment(HalfSize(), tmp_path, [BACKGROUND, A])
    assert (labels != square).mean() < 0.01


@pytest.mark.parametrize("network", [Overlapping(), OverlappingParts()])
def test_independent_classes_overlap_and_leave_background(tmp_path, network):
    segmenter = load_segmenter(saved(network, tmp_path / "t.pt"), {**CARD, "classes": [A, B]})
    assert segmenter.card.architecture["output"] == "sigmoid"
    assert "classes.background" in segmenter.card.inferred
    image = np.repeat(np.array([0, 128, 255], np.float32), 40)[None].repeat(64, 0)
    found = segmenter.probabilities(image, settings=SETTINGS)
    assert found[1, 5, 100] > 0.9
    assert found[2, 5, 100] > 0.9
    labels = segmenter.labels(found)
    assert [int(labels[5, x]) for x in (20, 60)] == [0, 1]
    assert labels[5, 100] in (1, 2)


def test_the_threshold_of_the_card_decides(tmp_path):
    image = np.full((64, 64), 255 * 0.55, np.float32)  # p = .73
    for threshold, expected in ((0.5, 1), (0.8, 0), (None, 1)):
        card = {**CARD, "classes": [A], "architecture": {"threshold": threshold}}
        segmenter = load_segmenter(saved(Sigmoid(), tmp_path / "t.pt"), card)
        assert set(segmenter.labels(segmenter.probabilities(image, settings=SETTINGS)).flat) == {expected}


@pytest.mark.parametrize(
    ("network", "classes", "architecture", "words"),
    [
        (SigmoidLogits(), [A], {}, r"What the 1 output of t\.pt mean cannot .* output \(sigmoid or sigmoid_logits\)"),
        (Small(), [BACKGROUND, A], {}, r"What the 2 outputs of t\.pt mean cannot be told"),
        (TwoLogits(), [A, B], {}, r"What the 2 outputs of t\.pt mean cannot be told"),
        (TwoLogits(), [A], {}, "2 outputs, but its card names 1 classes"),
        (TwoLogits(), [BACKGROUND, A], {"output": "probabilities"}, "they reach from"),
        (TwoLogits(), [BACKGROUND, A], {"threshold": 0.3}, "threshold, which needs"),
        (TwoLogits(), [BACKGROUND, A], {"output": "softmax"}, "wrong at output"),
        (TwoAlike(), [BACKGROUND, A], {}, r"answers with 2 things \('aux' 2x64x64, 'out' 2x64x64\); write which"),
        (TwoAlike(), [BACKGROUND, A], {"take": "main"}, "says take 'main', but the network answers with 'aux'"),
        (nn.Conv2d(1, 2, 5), [BACKGROUND, A], {}, "does not answer with one channel of the image's size"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_asked_for(tmp_path, network, classes, architecture, words):
    with pytest.raises(CheckpointError, match=words):
        segment(network, tmp_path, classes, **architecture)


class WholeNumbers(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x > 0.5).to(torch.int64)


class NotANumber(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, x], 1) / 0 * 0


@pytest.mark.parametrize(("network", "words"), [(WholeNumbers(), "whole numbers"), (NotANumber(), "NaN")])
def test_answers_that_are_no_chances_are_refused(tmp_path, network, words):
    with pytest.raises(CheckpointError, match=words):
        segment(network, tmp_path, [A] if network is WholeNumbers else [BACKGROUND, A])


class Noisy(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([0.5 - x, x - 0.5], 1) * 20 + 1e-3 * torch.randn_like(x)


class DropsOut(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([0.5 - x, nn.functional.dropout(x, 0.5, True) - 0.5], 1) * 20


@pytest.mark.parametrize("network", [Noisy(), DropsOut()])
def test_what_answers_differently_each_time_is_refused(tmp_path, network):
    with pytest.raises(CheckpointError, match="differently each time; save it in evaluation mode"):
        segment(network, tmp_path, [BACKGROUND, A])


class OfTheBatch(nn.Module):
    """Above the mean of all images that it is given."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = (x - x.mean()) * 20
        return torch.cat([-y, y], 1)


def test_images_that_are_normalised_by_each_other_are_handed_over_one_by_one(tmp_path):
    segmenter = load_segmenter(saved(OfTheBatch(), tmp_path / "t.pt"), CARD)
    image = np.concatenate([np.tile([[0, 100]], (64, 32)), np.tile([[200, 250]], (64, 32))], 1)
    alone, together = (
        segmenter.labels(
            segmenter.probabilities(
                image, settings=TileSettings(tile=64, overlap=0, batch=batch, device="cpu")
            )
        )
        for batch in (1, 2)
    )
    np.testing.assert_array_equal(alone, together)
    assert set(np.unique(alone[:, :64])) == {0, 1}


def test_double_precision_is_taken(tmp_path):
    network = nn.Conv2d(1, 2, 1).double()
    with torch.no_grad():
        network.weight.copy_(torch.tensor([-20.0, 20.0]).reshape(2, 1, 1, 1))
        network.bias.copy_(torch.tensor([10.0, -10.0]))
    segmenter = load_segmenter(saved(network, tmp_path / "t.pt"), CARD)
    image = np.tile(np.float32([0, 255]), (64, 32))
    np.testing.assert_array_equal(
        segmenter.labels(segmenter.probabilities(image, settings=SETTINGS)), image > 0
    )


@pytest.mark.parametrize("name", ["full", "half", "sig1_1class"])
def test_the_disc_of_the_field_is_found(tmp_path, name):
    for file in FIELD.glob(f"{name}.*"):
        shutil.copy(file, tmp_path)
    segmenter = load_segmenter(tmp_path / f"{name}.pt")
    image = np.asarray(read(FIELD / "disc.tif").data)
    labels = segmenter.labels(segmenter.probabilities(image, settings=SETTINGS))
    assert int((labels == 1).sum()) == 621
    assert set(np.unique(labels)) == {0, 1}


def test_three_channels_are_taken_as_the_card_says(tmp_path):
    for file in FIELD.glob("rgb.*"):
        shutil.copy(file, tmp_path)
    segmenter = load_segmenter(tmp_path / "rgb.pt")
    assert json.loads((tmp_path / "rgb.card.json").read_text())["architecture"] == {"in_channels": 3}
    disc = np.asarray(read(FIELD / "disc.tif").data, np.float32)
    labels = segmenter.labels(
        segmenter.probabilities(np.stack([disc, disc * 0, disc * 0]), settings=SETTINGS)
    )
    assert int((labels == 1).sum()) == 621

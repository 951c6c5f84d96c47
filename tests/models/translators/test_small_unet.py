"""The network of fast versions: how far it sees, that tiles do not matter to it, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models import inspect, load_translator
from napari_pseudolabel.models.cards import Card, Modality
from napari_pseudolabel.models.translators import syndiff
from napari_pseudolabel.models.translators.small_unet import SmallUNet
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.tiling import TileSettings

CARD = Card(
    kind="translator",
    family="small-unet",
    name="SEM to TEM, fast",
    source=Modality(name="SEM", pixel_size_um=0.1),
    target=Modality(name="TEM", pixel_size_um=0.1),
)


def network(widths):
    torch.manual_seed(len(widths))
    made = SmallUNet(widths)
    torch.nn.init.normal_(made.leave.weight, std=0.5)
    return made


@pytest.fixture
def written(tmp_path):
    return syndiff.save(network((4, 6, 8)), CARD, tmp_path / "fast.safetensors", half=True)


@pytest.mark.parametrize("widths", [(4, 6), (4, 4, 4), (3, 4, 4, 4)])
def test_it_sees_as_far_as_it_says_and_no_farther(widths):
    """By the pixels that have a gradient, for every phase of the pixel on the coarsest grid."""
    made = network(widths).double()
    side = 4 * made.reach // made.stride * made.stride
    seen = 0
    for phase in range(made.stride):
        image = torch.randn(1, 1, side, side, dtype=torch.double, requires_grad=True)
        at = side // 2 + phase
        (gradient,) = torch.autograd.grad(made(image)[0, 0, at, at], image)
        rows = gradient[0, 0].abs().sum(dim=1).nonzero().ravel()
        seen = max(seen, int((rows - at).abs().max()))
    assert seen == made.reach


def test_tiles_of_any_size_give_the_same_where_enough_lies_around_them(written):
    translator = load_translator(written)
    assert translator.reach == translator.network.reach
    image = torch.rand(1, 1, 160, 200) * 2 - 1
    whole = translator.network(image)
    around = translator.reach
    for x0, x1 in ((0, 120), (40, 200), (64, 144)):
        part = translator.network(image[..., x0:x1])
        left, right = (0 if x0 == 0 else around), x1 - x0 - (0 if x1 == 200 else around)
        torch.testing.assert_close(part[..., left:right], whole[..., x0 + left : x0 + right])
    assert whole.std() > 0.01


def test_an_image_is_translated_once_and_always_the_same(written):
    plane = np.random.default_rng(0).random((37, 91), np.float32)
    made = translate(load_translator(written), plane, samples=3, settings=TileSettings(device="cpu"))
    assert made.samples.shape == (1, 37, 91)
    assert "same answer" in made.notes[0]


def test_a_file_says_what_it_is(written, tmp_path):
    said = inspect(written)
    assert said.usable
    assert said.what == "fast version of a translator"
    assert said.card == load_translator(written).card
    assert said.card.architecture == {"widths": [4, 6, 8]}
    assert said.missing == ()
    save_file(load_file(written), tmp_path / "bare.safetensors")
    assert "source.name" in inspect(tmp_path / "bare.safetensors").missing


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: state.pop("smooth.0.bias"), "smooth.0.bias missing"),
        (lambda state: state.update({"leave.weight": torch.zeros(2, 4, 3, 3)}), "leave.weight is 2 x 4"),
        (lambda state: state.pop("down.1.weight"), "do not fit"),
        (lambda state: state.update({"down.5.weight": torch.zeros(3)}), "of no fast version"),
        (lambda state: state["enter.bias"].fill_(float("nan")), "not finite"),
    ],
)
def test_what_is_no_fast_version_is_refused(tmp_path, change, words):
    state = network((4, 6, 8)).state_dict()
    change(state)
    save_file(state, path := tmp_path / "bad.safetensors")
    with pytest.raises(CheckpointError, match=words):
        load_translator(path, CARD)


def test_a_card_of_another_network_is_refused(written):
    with pytest.raises(CheckpointError, match="correct the card"):
        load_translator(written, {"architecture": {"widths": [4, 6, 9]}})

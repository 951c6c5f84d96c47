"""A batch whose tiles share step and latent is computed with one of each, and gives the same."""

from __future__ import annotations

import pytest
import torch

from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.translators import base, syndiff
from napari_pseudolabel.models.translators.generator_config import GeneratorConfig
from napari_pseudolabel.models.translators.ncsnpp import NCSNpp
from napari_pseudolabel.models.translators.ncsnpp_layers import FirFilter
from napari_pseudolabel.models.translators.schedule import Schedule

SMALL = {
    "image_size": 16,
    "num_channels_dae": 8,
    "ch_mult": (1, 2),
    "num_res_blocks": 1,
    "nz": 4,
    "z_emb_dim": 8,
}


def network(**others) -> NCSNpp:
    torch.manual_seed(1)
    made = (
        NCSNpp(GeneratorConfig(**{**SMALL, "attn_resolutions": (8,), **others})).eval().requires_grad_(False)
    )
    for weight in made.parameters():
        weight.add_(torch.randn_like(weight) * 0.1)  # the last layers of blocks begin as nearly nothing
    return made


@pytest.mark.parametrize(
    "others",
    [
        {},
        {"fir": False},
        {"resblock_type": "biggan_oneadagn"},
        {"progressive": "output_skip"},
        {"conditional": False},
    ],
    ids=str,
)
def test_one_latent_for_all_is_the_same_latent_for_each(others):
    net = network(**others)
    x = torch.rand(3, 2, 16, 16) * 2 - 1
    step, latent = torch.tensor([2]), torch.randn(1, 4)
    with torch.inference_mode():
        one = net(x.contiguous(memory_format=torch.channels_last), step, latent)
        each = net(x, step.expand(3), latent.expand(3, -1))
    with_gradients = net(x, step.expand(3), latent.expand(3, -1))  # nothing is done in place
    torch.testing.assert_close(one, each, rtol=0, atol=1e-5)
    torch.testing.assert_close(each, with_gradients, rtol=0, atol=1e-5)
    assert one.std() > 0.01


def test_inference_leaves_its_input_alone():
    x, latent = torch.rand(2, 2, 16, 16), torch.randn(1, 4)
    before = x.clone(), latent.clone()
    with torch.inference_mode():
        network()(x, torch.tensor([1]), latent)
    assert torch.equal(x, before[0])
    assert torch.equal(latent, before[1])


@pytest.mark.parametrize("taps", [(1, 3, 3, 1), (1, 1), (1, 2, 1), (1, 4, 6, 4, 1)])
def test_filters_of_any_length_keep_an_even_image_as_it_is(taps):
    fir, x = FirFilter(taps), torch.ones(1, 2, 16, 16)
    for answer, side in ((fir.up(x), 32), (fir.down(x), 8)):
        assert answer.shape[-2:] == (side, side)
        torch.testing.assert_close(answer[..., 4:-4, 4:-4], torch.ones_like(answer[..., 4:-4, 4:-4]))


def test_weights_of_a_large_network_lie_as_pixels_on_a_cpu(monkeypatch):
    translator = syndiff.SynDiffTranslator(
        Card(kind="translator", family="syndiff"), "none", network(), schedule=Schedule.from_card({})
    )
    x, step, latent = torch.rand(2, 2, 16, 16), torch.tensor([1]), torch.randn(1, 4)
    with torch.inference_mode():
        before = translator.to("cpu").network(x, step, latent)
        monkeypatch.setattr(base, "_LARGE", 100)
        weight = translator.to("cpu").network.all_modules[3].Conv_0.weight
        assert weight.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(translator.network(x, step, latent), before, rtol=0, atol=1e-5)

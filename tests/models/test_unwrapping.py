"""Weights as trainings save them: wrapped, averaged, halved, beside optimisers and running statistics."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from translator_files import generator, prefixed, resnet

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.inspect import inspect
from napari_pseudolabel.models.registry import load_translator

FIELD = Path(__file__).parents[1] / "field"
OPTIMISER = {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 1e-4, "params": [0]}]}


def saved(tmp_path, value):
    torch.save(value, tmp_path / "weights.pth")
    return tmp_path / "weights.pth"


def same(network, state):
    found = network.state_dict()
    return found.keys() == state.keys() and all(
        torch.equal(found[name], state[name].float()) for name in state
    )


WRAPPED = {
    "state_dict": lambda s: {"state_dict": s, "epoch": 3, "optimizer": OPTIMISER},
    "model": lambda s: {"model": s, "optimizer_state_dict": OPTIMISER, "loss": 0.5},
    "net": lambda s: {"net": s},
    "module.": lambda s: prefixed(s),
    "generator": lambda s: {"generator": s, "discriminator": {"a.weight": torch.ones(2, 2)}},
    "generator.": lambda s: {**prefixed(s, "generator."), "discriminator.a.weight": torch.ones(2, 2)},
    "params_ema": lambda s: {"params_ema": s},
    "ema before model": lambda s: {"model": {n: w + 1 for n, w in s.items()}, "ema": s},
    "params_ema before params": lambda s: {"params": {n: w + 1 for n, w in s.items()}, "params_ema": s},
    "an ema without weights": lambda s: {"model": s, "ema": {"decay": 0.999}},
    "lightning": lambda s: {"state_dict": prefixed(s, "net."), "optimizer_states": [OPTIMISER]},
    "twice": lambda s: {"model": {"state_dict": prefixed(s)}},
    "averaged": lambda s: {"n_averaged": torch.tensor(4), **prefixed(s)},
    "beside a number": lambda s: {**s, "epoch": 3},
}


@pytest.mark.parametrize("wrapping", WRAPPED)
@pytest.mark.parametrize("make", [generator, resnet])
def test_wrapped_weights_are_found(tmp_path, make, wrapping):
    state = make(2)
    path = saved(tmp_path, WRAPPED[wrapping](state))
    translator = load_translator(path)
    assert same(translator.network, state)
    assert inspect(path).usable


def test_averaged_weights_go_first_and_the_card_says_so(tmp_path):
    path = saved(tmp_path, {"model": resnet(1), "ema": resnet(2)})
    translator = load_translator(path)
    assert same(translator.network, resnet(2))
    assert "weights: ema" in translator.card.inferred
    assert "ema, model" in translator.warnings[0]
    assert inspect(path).warnings[0] == translator.warnings[0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("make", [generator, resnet])
def test_halved_weights_compute_in_float32(tmp_path, make, dtype):
    state = {name: weight.to(dtype) for name, weight in make(1).items()}
    translator = load_translator(saved(tmp_path, state))
    assert same(translator.network, state)
    assert {weight.dtype for weight in translator.network.state_dict().values()} == {torch.float32}


def test_running_statistics_are_ignored():
    """A one-pass generator of CycleGAN from the field."""
    translator = load_translator(FIELD / "c22_cyclegan_running_stats.pth")
    assert translator.card.family == "resnet"
    assert "running statistics: ignored" in translator.card.inferred
    raw = torch.load(FIELD / "c22_cyclegan_running_stats.pth", weights_only=True)
    assert same(
        translator.network, {name: one for name, one in raw.items() if "running" not in name and one.ndim}
    )
    assert "running" in " ".join(inspect(FIELD / "c22_cyclegan_running_stats.pth").warnings)


@pytest.mark.parametrize("two", [("netG_A", "netG_B"), ("G_AB", "G_BA")])
def test_two_directions_are_not_guessed(tmp_path, two):
    path = saved(tmp_path, {two[0]: resnet(1), two[1]: resnet(2)})
    with pytest.raises(CheckpointError, match=two[0]):
        load_translator(path)

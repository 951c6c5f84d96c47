"""A translator training that begins with trained weights, or becomes longer than it was."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from syndiff_case import SYNDIFF

from napari_pseudolabel.training.data.patches import PatchPool
from napari_pseudolabel.training.translator.syndiff_training import SynDiffTraining

pytestmark = pytest.mark.usefixtures("one_thread")


def training(**changes):
    noise = np.random.default_rng(0).random((2, 1, 40, 40), np.float32)
    return SynDiffTraining(
        (PatchPool([noise[0]]), PatchPool([noise[1]])), dataclasses.replace(SYNDIFF, **changes)
    )


def copied(parts):
    return [value.detach().clone() for value in parts.parameters()]


def test_the_average_goes_on_from_the_weights_it_starts_with():
    trained = training(seed=5)
    weights = [trained.averaged(k).state_dict() for k in (0, 1)]
    run = training()
    run.start_from(weights)
    for k in (0, 1):
        for name, value in run.networks.diffusive[k].state_dict().items():
            torch.testing.assert_close(value, weights[k][name])
    begin = copied(run.averaged(1))
    run.train_step()
    now = copied(run.networks.diffusive[1])
    assert any(not torch.allclose(one, other) for one, other in zip(begin, now, strict=True))
    for average, first, new in zip(copied(run.averaged(1)), begin, now, strict=True):
        # The decay is a half; had the average begun anew, it would be the new weights.
        torch.testing.assert_close(average, 0.5 * first + 0.5 * new)


def test_a_state_brings_all_networks_but_no_steps(tmp_path):
    trained = training(steps=3)
    trained.run(tmp_path)
    run = training(seed=9)
    run.start_from_state(tmp_path / "training.pt")
    assert run.step == 0
    for one, other in ((run.generators, trained.generators), (run.critics, trained.critics)):
        for mine, its in zip(one.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(mine, its)


def test_the_warm_up_changes_what_starts_new_and_nothing_else():
    run = training(warm_up=1)
    diffusive, one_pass, critics = (
        copied(part) for part in (run.networks.diffusive, run.networks.one_pass, run.critics)
    )
    losses = run.train_step()
    assert set(losses) == {"critic", "r1", "imitation"}
    assert all(map(torch.equal, diffusive, copied(run.networks.diffusive)))
    for before, part in ((one_pass, run.networks.one_pass), (critics, run.critics)):
        assert not all(map(torch.equal, before, copied(part)))
    assert "cycle" in run.train_step()
    assert not all(map(torch.equal, diffusive, copied(run.networks.diffusive)))


def test_the_rates_of_a_resumed_training_follow_its_new_length(tmp_path):
    training(steps=3).run(tmp_path)
    run = training(steps=6)
    assert run.resume(tmp_path / "training.pt")
    rates = []
    while run.step <= 6:
        rates.append(run.optimisers["critics"].param_groups[0]["lr"])
        run.train_step()
    first, last = run.settings.lr_discriminator, run.settings.lr_final
    expected = last + (first - last) * (1 + np.cos(np.pi * np.arange(3, 7) / 6)) / 2
    np.testing.assert_allclose(rates, expected)
    assert rates[-1] == pytest.approx(last)


def test_translations_for_previews_repeat_and_follow_their_source():
    run = training()
    for k in (0, 1):
        torch.nn.init.normal_(run.averaged(k).all_modules[-1].weight, std=0.3)
    x = torch.rand(2, 1, 32, 32) * 2 - 1
    with torch.no_grad():
        made = [
            run.sample(run.averaged(1), source, torch.Generator().manual_seed(seed))
            for source, seed in ((x, 1), (x, 1), (x, 2), (-x, 1))
        ]
    assert made[0].shape == x.shape
    torch.testing.assert_close(made[0], made[1])
    assert not torch.allclose(made[0], made[2])
    assert not torch.allclose(made[0], made[3])

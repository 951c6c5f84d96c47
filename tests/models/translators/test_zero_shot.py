"""Zero-shot translators: the sampler, the card, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from families import zero_shot_of

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.card_files import write_sidecar
from napari_pseudolabel.models.fitting import Link, assumptions, misfit
from napari_pseudolabel.models.inspect import inspect
from napari_pseudolabel.models.registry import load_translator
from napari_pseudolabel.models.translators.implicit_schedule import ImplicitSchedule
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.tiling import TileSettings


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return zero_shot_of(tmp_path_factory.mktemp("zero-shot"))


def test_jumps_keep_the_noise_of_a_state():
    """From a clean image and noise, every jump leads to the same two in the amounts of the later step."""
    schedule = ImplicitSchedule.create(1000, 7)
    assert schedule.visited[-1] == 999
    signal, spread = schedule.amplitudes
    clean, noise = torch.randn(2, 50, dtype=torch.float64)
    state = signal[999] * clean + spread[999] * noise
    for step in range(6, 0, -1):
        jump = schedule.jump(step, step - 1)
        state = jump.clean * clean + jump.state * state
        visited = schedule.visited[step - 1]
        torch.testing.assert_close(
            state, signal[visited] * clean + spread[visited] * noise, rtol=0, atol=1e-5
        )
    last = schedule.jump(0, -1)
    assert (last.clean, last.state, last.deviation) == (1, 0, 0)


@pytest.mark.parametrize(("condition", "mode"), [("information", "tiled"), ("gradients", "joint")])
def test_a_seed_is_a_translation(tmp_path, condition, mode):
    translator = load_translator(zero_shot_of(tmp_path, condition))
    image = np.random.default_rng(0).random((40, 52), dtype=np.float32)

    def made(seed, batch=3):
        settings = TileSettings(tile=32, overlap=8, batch=batch, device="cpu")
        return translate(translator, image, seed=seed, mode=mode, settings=settings).mean

    first = made(1)
    np.testing.assert_allclose(made(1, batch=1), first, atol=1e-4)
    assert np.abs(made(2) - first).max() > 1e-3
    other = translate(translator, image[::-1].copy(), seed=1, mode=mode, settings=TileSettings(device="cpu"))
    assert np.abs(other.mean - first).max() > 1e-3  # it is told of the source


def test_a_card_tells_everything(path):
    found = inspect(path)
    assert found.usable
    assert "zero-shot translator" in found.what
    card = load_translator(path).card
    assert card.family == "zero-shot"
    assert card.assumed == ()
    assert (card.source.name, card.schedule["num_timesteps"]) == ("any", 2)


def test_without_its_maps_it_is_refused(path, tmp_path):
    for wrong, why in (
        ({"condition": "colours"}, "no maps"),
        ({"condition": "information"}, "3 channels, but it takes 4"),
        ({"num_timesteps": 5000}, "schedule"),
    ):
        (copy := tmp_path / "wrong.safetensors").write_bytes(path.read_bytes())
        write_sidecar(copy, wrong)
        with pytest.raises(CheckpointError, match=why):
            load_translator(copy)


def test_it_takes_any_modality():
    link = Link("translator", "redrawn", "any", "TEM")
    for modality in ("SEM", "", "TEM"):
        assert misfit([link, Link("segmenter", "axons", "TEM")], modality) is None
        assert assumptions([link], modality) == ()
    assert "makes TEM" in (misfit([link, Link("segmenter", "nuclei", "DAPI")], "SEM") or "")

"""Whole images through translators: seeds, tiles, modes, samples, cancel, back-off."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.models import load_translator
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.translators import syndiff
from napari_pseudolabel.models.translators.schedule import Schedule
from napari_pseudolabel.models.translators.translate import DiffusionNoise, translate
from napari_pseudolabel.tiling import (
    Covering,
    MemoryLimits,
    PositionNoise,
    TileSettings,
    make_grid,
    seam_ratio,
)

CARD = {"num_timesteps": 2, "image_size": 32, "attn_resolutions": (16,)}
STEPS = 3
REACH = 2


class Diffusive(nn.Module):
    """A small network that uses everything a diffusive generator gets, and looks `REACH` pixels far."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.first = nn.Conv2d(2, 6, 3, padding=1)
        self.style = nn.Linear(4, 6)
        self.last = nn.Conv2d(6, 2, 3, padding=1)
        self.requires_grad_(False)
        self.calls = []

    def forward(self, x, step, latent):
        assert x.shape[1] == 2
        assert step.shape == (1,)
        assert step.dtype == torch.int64
        assert latent.shape == (1, 4)
        self.calls.append(tuple(x.shape))
        style = self.style(latent) + step[:, None]
        return torch.tanh(self.last(torch.sin(self.first(x) + style[:, :, None, None])))


class OnePass(nn.Module):
    def forward(self, x):
        return -x


class FakeTranslator(SimpleNamespace):
    layout = Covering(32, 12, 4)
    source_channels = 1

    @property
    def process(self):
        return Schedule.from_card(self.card.schedule)

    def told(self, source):
        return source

    def to(self, device):
        self.device = device
        return self


def translator_of(network, diffusive=True):
    card = Card(
        kind="translator",
        family="syndiff" if diffusive else "resnet",
        architecture={"image_size": 32, "nz": 4} if diffusive else {},
        schedule={"num_timesteps": STEPS},
    )
    return FakeTranslator(card=card, sha256="0" * 64, stride=4, network=network, diffusive=diffusive)


def plane_of(height=70, width=90, seed=0):
    return np.random.default_rng(seed).random((height, width), dtype=np.float32)


def run(plane, network=None, *, tile=32, overlap=12, batch=4, **more):
    settings = TileSettings(tile=tile, overlap=overlap, batch=batch, device="cpu")
    return translate(translator_of(network or Diffusive()), plane, settings=settings, **more)


@pytest.mark.parametrize("mode", ["joint", "tiled"])
@given(st.integers(1, 75), st.integers(1, 75))
@settings(max_examples=10, deadline=None)
def test_any_size_gives_an_image_of_that_size(mode, height, width):
    result = run(plane_of(height, width), mode=mode)
    assert result.samples.shape == (1, height, width)
    assert result.samples.dtype == result.mean.dtype == np.float32
    assert result.samples.min() >= 0
    assert result.samples.max() <= 1
    assert result.spread is None


@pytest.mark.parametrize("mode", ["joint", "tiled"])
def test_the_same_seed_gives_the_same_pixels_for_every_batch(mode):
    plane = plane_of()
    results = [run(plane, mode=mode, batch=batch, seed=7).mean for batch in (1, 3, 5, 32)]
    for other in results[1:]:
        np.testing.assert_allclose(other, results[0], atol=1e-5)
    assert np.abs(run(plane, mode=mode, seed=8).mean - results[0]).mean() > 0.01


def reference(plane, seed):
    """The sampler, written down plainly, on the whole image with the noise of the engine."""
    noise = DiffusionNoise(PositionNoise(seed, 0, torch.device("cpu")))
    schedule, network = Schedule.create(STEPS), Diffusive()
    source = torch.from_numpy(plane * 2 - 1)[None, None]
    corner, shape = torch.zeros(1, 2, dtype=torch.int64), plane.shape
    x = noise.initial(corner, shape)
    for i in range(STEPS - 1, -1, -1):
        x0 = network(torch.cat([x, source], 1), torch.tensor([i]), noise.latent(i, 4)[None])[:, :1]
        x = schedule.c1[i] * x0 + schedule.c2[i] * x
        if i > 0:
            x = x + torch.exp(0.5 * schedule.log_variance[i]) * noise.posterior(i, corner, shape)
    return ((x[0, 0] + 1) / 2).numpy()


@pytest.mark.parametrize("mode", ["joint", "tiled"])
def test_one_tile_is_the_plain_sampler(mode):
    plane = plane_of(32, 32)
    np.testing.assert_allclose(run(plane, mode=mode, seed=3).mean, reference(plane, 3), atol=1e-5)


def test_joint_tiles_equal_the_untiled_image_away_from_zero_padding():
    """The window is nearly 0 where the zero padding of a tile reaches, so little of it is left."""
    plane = plane_of(96, 96)
    whole, tiled = reference(plane, 3), run(plane, mode="joint", overlap=16, seed=3).mean
    difference = np.abs(whole - tiled)[12:-12, 12:-12]
    shifted = np.abs(whole - np.roll(tiled, 1, 0))[12:-12, 12:-12]
    assert difference.mean() < 0.02 * shifted.mean()


@pytest.mark.parametrize("mode", ["joint", "tiled"])
def test_a_crop_gets_the_noise_of_the_whole(mode):
    plane = plane_of(32, 80)
    whole = run(plane, mode=mode).mean
    crop = run(plane[:, 48:], mode=mode, origin=(0, 48)).mean
    elsewhere = run(plane[:, 48:], mode=mode).mean
    same, other = (np.abs(part - whole[:, 48:])[:, 12:-4].mean() for part in (crop, elsewhere))
    assert same < 0.02 * other


def test_samples_differ_and_are_summarised():
    plane = plane_of(40, 40)
    result = run(plane, samples=3, seed=1)
    assert result.samples.shape == (3, 40, 40)
    assert np.abs(np.diff(result.samples, axis=0)).mean() > 0.01
    np.testing.assert_allclose(result.mean, result.samples.mean(0), atol=1e-6)
    np.testing.assert_allclose(result.spread, result.samples.std(0), atol=1e-6)
    np.testing.assert_array_equal(run(plane, seed=1).mean, result.samples[0])


def test_joint_mode_has_fewer_seams_than_pasted_tiles():
    plane = np.full((128, 128), 0.5, np.float32)
    joint = run(plane, overlap=16, mode="joint").mean
    assert seam_ratio(joint, make_grid(128, 128, 32, 16, 4)) == pytest.approx(1, abs=0.05)


def test_a_one_pass_translator_has_one_answer():
    plane = plane_of()
    result = translate(
        translator_of(OnePass(), diffusive=False),
        plane,
        samples=4,
        settings=TileSettings(tile=32, device="cpu"),
    )
    np.testing.assert_allclose(result.mean, 1 - plane, atol=1e-5)
    assert len(result.samples) == 1
    assert any("same answer" in note for note in result.notes)


def test_the_default_tile_is_that_of_the_training_and_another_is_doubted():
    plane = plane_of(20, 20)
    result = translate(translator_of(Diffusive()), plane, settings=TileSettings(device="cpu"))
    assert result.plan.tile == 32
    assert result.notes == ()
    notes = run(plane, tile=48).notes
    assert any("trained on tiles of 32 pixels, not 48" in note for note in notes)


@pytest.mark.parametrize("mode", ["joint", "tiled"])
def test_progress_counts_tiles_times_steps_times_samples(mode):
    reports = []
    run(plane_of(), mode=mode, samples=2, control=Control(report=reports.append))
    done = [report.done for report in reports]
    tiles = len(make_grid(70, 90, 32, 12, 4))
    assert done == sorted(done)
    assert done[-1] == reports[-1].total == tiles * STEPS * 2
    assert reports[-1].seconds_left == 0


@pytest.mark.parametrize("mode", ["joint", "tiled"])
def test_cancelling_stops_within_one_batch(mode):
    network = Diffusive()
    control = Control(cancelled=lambda: len(network.calls) >= 2)
    with pytest.raises(Cancelled):
        run(plane_of(), network, mode=mode, control=control)
    assert len(network.calls) == 2


@pytest.mark.parametrize("mode", ["joint", "tiled"])
def test_a_batch_that_does_not_fit_is_halved_without_changing_the_result(mode):
    class Hungry(Diffusive):
        def forward(self, x, step, latent):
            if len(x) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return super().forward(x, step, latent)

    limits = MemoryLimits()
    result = run(plane_of(), Hungry(), mode=mode, batch=8, limits=limits)
    assert result.plan.batch == 2
    assert result.notes == ("Out of memory at batch 8, tile 32 on the CPU: used batch 2, tile 32.",)
    np.testing.assert_allclose(result.mean, run(plane_of(), mode=mode).mean, atol=1e-5)
    again = run(plane_of(), Hungry(), mode=mode, batch=8, limits=limits)
    assert again.notes == ("Memory ran out before with this model: used batch 2, tile 32.",)


@pytest.mark.parametrize(
    ("plane", "more", "sentence"),
    [
        (np.zeros((3, 4, 5)), {}, "2D plane"),
        (np.zeros((0, 5)), {}, "2D plane"),
        (np.full((5, 5), 200.0), {}, "from 0 to 1"),
        (np.full((5, 5), np.nan), {}, "from 0 to 1"),
        (np.zeros((5, 5)), {"mode": "blended"}, "joint or tiled"),
        (np.zeros((5, 5)), {"samples": 0}, "1 or more"),
        (np.zeros((5, 5)), {"seed": -1}, "Seed"),
    ],
)
def test_bad_input_is_one_sentence(plane, more, sentence):
    with pytest.raises(InputError, match=sentence):
        run(plane, **more)


GOLDEN = Path(__file__).parents[3].parent / "shared" / "golden"


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="the conformance cases in ../shared/golden are not here")
@pytest.mark.parametrize("mode", ["joint", "tiled"])
def test_a_real_checkpoint_on_one_tile_is_its_own_sampler(mode):
    translator = load_translator(next((GOLDEN / "tiny_32_dae16_ch124_rb1").glob("gen_*.pth")), card=CARD)
    plane = plane_of(32, 32)
    noise = DiffusionNoise(PositionNoise(5, 0, torch.device("cpu")))
    corner, shape, steps = torch.zeros(1, 2, dtype=torch.int64), (32, 32), range(1, -1, -1)
    recorded = syndiff.RecordedNoise(
        noise.initial(corner, shape),
        [noise.latent(step, translator.network.config.nz)[None] for step in steps],
        [noise.posterior(step, corner, shape) for step in steps],
    )
    expected = (translator.sample(plane[None, None] * 2 - 1, noise=recorded)[0, 0] + 1) / 2
    settings = TileSettings(tile=32, device="cpu")
    result = translate(translator, plane, seed=5, mode=mode, settings=settings)
    np.testing.assert_allclose(result.mean, expected, atol=1e-4)

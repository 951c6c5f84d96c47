"""The recorded runs of the original networks, repeated, and checkpoints of our own."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from syndiff_case import WITH_ATTENTION

from napari_pseudolabel.errors import CheckpointError, InputError
from napari_pseudolabel.models import load_translator
from napari_pseudolabel.models.card_files import read_header_card, write_sidecar
from napari_pseudolabel.models.cards import Card, Modality
from napari_pseudolabel.models.translators import syndiff
from napari_pseudolabel.models.translators.ncsnpp import NCSNpp

GOLDEN = Path(__file__).parents[2].parent / "shared" / "golden"
CASES = sorted(p.parent for p in GOLDEN.glob("*/config.json"))
needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="the folder of recorded runs is not there")
TOLERANCE = 1e-4


class Case:
    """One recorded run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = json.loads((folder / "config.json").read_text())
        self.generator = self.config["generator_config"]
        self.steps = self.generator["num_timesteps"]
        self.path = folder / self.config["checkpoint"]

    def load(self):
        return load_translator(self.path, card={"num_timesteps": self.steps})

    def array(self, name: str) -> np.ndarray:
        return np.load(self.folder / f"{name}.npy")

    def recorded(self, name: str) -> list[np.ndarray]:
        return [self.array(f"step{s}_t{self.steps - 1 - s}_{name}") for s in range(self.steps)]

    def noise(self) -> syndiff.RecordedNoise:
        return syndiff.RecordedNoise(
            self.array("x_init_noise"), self.recorded("latent_z"), self.recorded("posterior_noise")
        )


@pytest.fixture(params=CASES, ids=lambda p: p.name)
def case(request) -> Case:
    return Case(request.param)


def test_cases_are_found_where_the_folder_exists():
    assert bool(CASES) == GOLDEN.is_dir()


@needs_golden
def test_sample_repeats_the_recorded_run(case):
    output = case.load().sample(case.array("source"), noise=case.noise())
    assert isinstance(output, np.ndarray)
    assert output.dtype == np.float32
    np.testing.assert_allclose(output, case.array("output"), atol=TOLERANCE, rtol=0)


@needs_golden
def test_tensors_in_tensors_out(case):
    noise = case.noise()
    as_tensors = syndiff.RecordedNoise(
        torch.from_numpy(noise.initial),
        [torch.from_numpy(z) for z in noise.latents],
        [torch.from_numpy(p) for p in noise.posteriors],
    )
    output = case.load().sample(torch.from_numpy(case.array("source")), noise=as_tensors)
    assert isinstance(output, torch.Tensor)
    np.testing.assert_allclose(output.numpy(), case.array("output"), atol=TOLERANCE, rtol=0)


@needs_golden
def test_axondeepsynth_from_bytes_to_bytes(case):
    pixels = case.array("input_u8").astype(np.float32)
    output = case.load().sample(pixels / 127.5 - 1, noise=case.noise())
    written = ((output + 1) * 127.5).clip(0, 255).astype(np.uint8)
    if (case.folder / "output_u8_as_saved.npy").exists():
        expected = case.array("output_u8_as_saved")
    else:
        expected = ((case.array("output") + 1) * 127.5).clip(0, 255).astype(np.uint8)
    assert np.abs(written.astype(int) - expected.astype(int)).max() <= 1
    assert (written != expected).mean() < 1e-3


@needs_golden
def test_network_repeats_every_recorded_call(case):
    """Walk along the recorded outputs, so that an error in one step cannot hide in another."""
    translator = case.load()
    state, source = case.array("x_init_noise"), case.array("source")
    coefficients = case.config["coefficients"]
    for index, step in enumerate(reversed(range(case.steps))):
        x = np.concatenate([state, source], axis=1)
        time = np.full(len(x), step, dtype=np.int64)
        latent = case.recorded("latent_z")[index]
        expected = case.recorded("gen_out")[index]
        from_arrays = translator.network(x, time, latent)
        from_tensors = translator.network(*map(torch.from_numpy, (x, time, latent)))
        np.testing.assert_allclose(from_arrays, expected, atol=TOLERANCE, rtol=0)
        np.testing.assert_allclose(from_tensors.numpy(), expected, atol=TOLERANCE, rtol=0)
        state = (
            coefficients["posterior_mean_coef1"][step] * expected[:, :1]
            + coefficients["posterior_mean_coef2"][step] * state
        )
        if step:
            deviation = np.exp(0.5 * coefficients["posterior_log_variance_clipped"][step])
            state = state + deviation * case.recorded("posterior_noise")[index]
        state = state.astype(np.float32)


@needs_golden
def test_everything_but_the_steps_is_found_without_a_card(case):
    card = load_translator(case.path).card
    for name, value in case.generator.items():
        if name == "num_timesteps":
            assert name in card.assumed
        else:
            assert {**card.architecture, **card.schedule}[name] == value, name
    assert {"source.name", "target.name", "source.pixel_size_um", "target.pixel_size_um"} <= set(card.missing)
    assert not set(card.inferred) & set(card.assumed)


@needs_golden
def test_the_whole_published_configuration_is_accepted_as_a_card(case):
    card = load_translator(case.path, card=case.generator).card
    assert {**card.architecture, **card.schedule} == case.generator
    assert set(card.assumed) == {"normalisation"}


CONFIG = dataclasses.replace(WITH_ATTENTION, num_timesteps=3)
CARD = Card(
    kind="translator",
    family="syndiff",
    source=Modality(name="SEM", pixel_size_um=0.1),
    target=Modality(name="TEM", pixel_size_um=0.1),
)


@pytest.fixture
def network() -> NCSNpp:
    torch.manual_seed(0)
    network = NCSNpp(CONFIG).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return network


def inputs(batch: int = 2, size: int = 32) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return (
        torch.randn(batch, 2, size, size, generator=generator),
        torch.arange(batch),
        torch.randn(batch, 5, generator=generator),
    )


def test_own_checkpoint_comes_back_whole(network, tmp_path):
    path = syndiff.save(network, CARD, tmp_path / "a.safetensors")
    translator = load_translator(path)
    assert translator.network.config == CONFIG
    assert translator.card.source == CARD.source
    assert translator.card.missing == ()
    # What the header says is known, so only what nobody said is assumed.
    assert set(translator.card.assumed) == {"normalisation"}
    with torch.no_grad():
        assert torch.equal(translator.network(*inputs()), network(*inputs()))
    assert read_header_card(path)["schedule"]["num_timesteps"] == 3
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]


def test_half_precision_halves_the_file_and_comes_back_as_float32(network, tmp_path):
    whole = syndiff.save(network, CARD, tmp_path / "whole.safetensors")
    half = syndiff.save(network.state_dict(), CARD, tmp_path / "half.safetensors", half=True)
    assert half.stat().st_size < 0.75 * whole.stat().st_size
    translator = load_translator(half, card={"num_timesteps": 3, "image_size": 32})
    assert {p.dtype for p in translator.network.parameters()} == {torch.float32}
    with torch.no_grad():
        assert torch.allclose(translator.network(*inputs()), network(*inputs()), atol=0.02)


def test_a_failed_save_leaves_the_old_file(network, tmp_path):
    path = syndiff.save(network, CARD, tmp_path / "a.safetensors")
    before = path.read_bytes()
    with torch.no_grad():
        next(network.parameters()).fill_(1e30)
    with pytest.raises(CheckpointError, match="half precision"):
        syndiff.save(network, CARD, path, half=True)
    assert path.read_bytes() == before


@pytest.mark.parametrize("prefix", ["", "module.", "module.module.", "_orig_mod."])
def test_prefixes(network, tmp_path, prefix):
    path = tmp_path / "gen_diffusive_2_10.pth"
    torch.save({prefix + k: v for k, v in network.state_dict().items()}, path)
    assert load_translator(path).network.config.ch_mult == (1, 2)


def test_caller_beats_sidecar_beats_header(network, tmp_path):
    path = syndiff.save(network, CARD, tmp_path / "a.safetensors")
    write_sidecar(path, {"num_timesteps": 5, "beta_max": 10.0, "source": {"name": "light"}})
    card = load_translator(path, card={"beta_max": 7}).card
    assert card.schedule["num_timesteps"] == 5
    assert card.schedule["beta_max"] == 7
    # The sidecar renames the modality and keeps the pixel size of the header.
    assert card.source == Modality(name="light", pixel_size_um=0.1)


def test_assumptions_stay_assumptions_when_saved_again(network, tmp_path):
    torch.save(network.state_dict(), tmp_path / "a.pth")
    first = load_translator(tmp_path / "a.pth")
    assert "num_timesteps" in first.card.assumed
    again = load_translator(syndiff.save(first.network.state_dict(), first.card, tmp_path / "b.safetensors"))
    assert set(again.card.assumed) >= set(first.card.assumed) - {"normalisation", "attn_resolutions"}


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ({"num_channels_dae": 64}, "num_channels_dae 64, but the weights have 8"),
        ({"ch_mult": [1, 1]}, "ch_mult 1 1, but the weights have 1 2"),
        ({"image_size": 64, "attn_resolutions": [16]}, "attention at level 1"),
        ({"attn_resolutions": []}, "attention at level 1"),
        ({"num_timestep": 4}, "num_timestep"),
        ({"num_timesteps": 0}, "at least one step"),
        ({"num_timesteps": "four"}, "num_timesteps"),
        ({"beta_max": -5.0}, "schedule"),
        ({"source": {"name": "x", "pixel_size_um": -1}}, "pixel_size_um"),
        ({"family": "nnunet"}, "family"),
        ({"normalisation": {"kind": "magic"}}, "normalisation"),
    ],
)
def test_contradictions_are_one_sentence(network, tmp_path, card, words):
    torch.save(network.state_dict(), tmp_path / "a.pth")
    with pytest.raises(CheckpointError) as caught:
        load_translator(tmp_path / "a.pth", card=card)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_broken_weights_are_named(network, tmp_path):
    state = network.state_dict()
    name = "all_modules.3.Conv_0.weight"
    for change, words in (
        (lambda s: s.pop(name), name),
        (lambda s: s.update({name: s[name] * float("nan")}), "not finite"),
        (lambda s: s.update({"all_modules.3.Conv_1.bias": torch.zeros(9)}), "is 9 instead of 8"),
        (lambda s: s.update({"all_modules.3.extra": torch.zeros(9)}), "all_modules.3.extra unexpected"),
        (lambda s: s.update({name: s[name].to(torch.int32)}), "int32"),
    ):
        broken = dict(state)
        change(broken)
        torch.save(broken, tmp_path / "a.pth")
        with pytest.raises(CheckpointError) as caught:
            load_translator(tmp_path / "a.pth")
        assert words in str(caught.value)


def test_noise_that_does_not_fit_is_refused(network, tmp_path):
    translator = load_translator(syndiff.save(network, CARD, tmp_path / "a.safetensors"))
    source = np.zeros((1, 1, 32, 32), np.float32)
    good = syndiff.RecordedNoise(source, [np.zeros((1, 5))] * 3, [source] * 3)
    assert translator.sample(source, good).shape == source.shape
    with pytest.raises(InputError, match="3 steps"):
        translator.sample(source, syndiff.RecordedNoise(source, good.latents[:2], good.posteriors))
    with pytest.raises(InputError, match="shape"):
        translator.sample(source, syndiff.RecordedNoise(source, [np.zeros((1, 6))] * 3, good.posteriors))
    with pytest.raises(InputError, match="multiples of 2"):
        translator.sample(np.zeros((1, 1, 32, 31), np.float32), good)


def test_any_tile_that_is_a_multiple_of_the_stride_runs(network, tmp_path):
    translator = load_translator(syndiff.save(network, CARD, tmp_path / "a.safetensors"))
    for height, width in ((16, 16), (48, 20), (64, 32)):
        x, step, latent = torch.zeros(1, 2, height, width), torch.tensor([1]), torch.zeros(1, 5)
        assert translator.network(x, step, latent).shape == (1, 2, height, width)

"""Constructor arguments are recovered from names and shapes, for every switch that ran in the originals."""

from dataclasses import fields

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.translators.generator_config import GeneratorConfig
from napari_pseudolabel.models.translators.infer import PUBLISHED, fitting, infer
from napari_pseudolabel.models.translators.layer_sequence import read_tokens
from napari_pseudolabel.models.translators.ncsnpp import NCSNpp

SMALL = {"num_channels_dae": 8, "nz": 7, "z_emb_dim": 12}


def state_of(config: GeneratorConfig) -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        return NCSNpp(config).state_dict()


def shapes_of(config: GeneratorConfig) -> dict[str, tuple[int, ...]]:
    return {name: tuple(weight.shape) for name, weight in state_of(config).items()}


def different(config: GeneratorConfig, inferred: GeneratorConfig) -> set[str]:
    return {f.name for f in fields(config) if getattr(config, f.name) != getattr(inferred, f.name)}


@pytest.mark.parametrize(
    ("width", "size", "parameters"), [(64, 256, 39_725_250), (32, 64, 11_940_834), (16, 128, 4_147_698)]
)
def test_published_configuration(width, size, parameters):
    config = GeneratorConfig(num_channels_dae=width, image_size=size)
    state = state_of(config)
    assert sum(weight.numel() for weight in state.values()) == parameters
    assert len(state) == 548
    shapes = {name: tuple(weight.shape) for name, weight in state.items()}
    assert len(read_tokens(shapes)) == 56
    result = infer(shapes)
    assert result.config == config
    assert "num_timesteps" in result.assumed
    assert "image_size" in result.inferred


@pytest.mark.parametrize("size", [64, 128, 256, 512])
def test_tile_size_from_the_level_of_the_attention(size):
    result = infer(shapes_of(GeneratorConfig(image_size=size, **SMALL)))
    assert result.config.image_size == size


def test_no_attention_on_any_level():
    config = GeneratorConfig(image_size=512, ch_mult=(1, 2), **SMALL)
    result = infer(shapes_of(config))
    assert result.config.attn_levels == ()
    assert "image_size" in result.assumed


def test_two_levels_of_attention():
    config = GeneratorConfig(image_size=64, ch_mult=(1, 1, 2), attn_resolutions=(32, 16), **SMALL)
    shapes = shapes_of(config)
    assert infer(shapes).config.attn_levels == config.attn_levels
    assert infer(shapes, {"attn_resolutions": [32, 16]}).config.image_size == 64
    assert infer(shapes, {"image_size": 64}).config.attn_resolutions == (32, 16)


@st.composite
def configurations(draw) -> GeneratorConfig:
    multipliers = tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=4)))
    kind = draw(st.sampled_from(["biggan", "biggan_oneadagn", "ddpm"]))
    level = draw(st.integers(0, len(multipliers) - 1))
    return GeneratorConfig(
        image_size=16 * 2**level,
        num_channels=draw(st.sampled_from([2, 3])),
        num_channels_dae=draw(st.sampled_from([4, 8])),
        n_mlp=draw(st.integers(0, 3)),
        ch_mult=multipliers,
        num_res_blocks=draw(st.integers(1, 3)),
        resamp_with_conv=kind != "ddpm",
        conditional=draw(st.booleans()),
        fir=draw(st.booleans()),
        resblock_type=kind,
        progressive=draw(st.sampled_from(["none", "output_skip"])),
        progressive_input=draw(st.sampled_from(["none", "input_skip", "residual"])),
        progressive_combine=draw(st.sampled_from(["sum", "cat"])),
        nz=draw(st.integers(1, 9)),
        z_emb_dim=draw(st.integers(1, 9)),
    )


@settings(max_examples=settings.default.max_examples // 2, deadline=None)
@given(configurations())
def test_weights_give_back_their_configuration(config):
    state = state_of(config)
    result = infer({name: tuple(weight.shape) for name, weight in state.items()})
    silent = set(result.assumed)
    if config.progressive_input != "input_skip":
        silent |= {"progressive_combine"}
    if len(config.ch_mult) == 1:  # nothing is resampled, so the switches of resampling do nothing
        silent |= {"progressive", "progressive_input", "progressive_combine"}
    assert different(config, result.config) <= silent
    assert result.config.attn_levels == config.attn_levels
    assert list(fitting(state, result.config)) == list(state)
    # What the weights do not say can be said, and then every argument is right.
    said = {name: getattr(config, name) for name in silent if name not in result.inferred}
    assert different(config, infer(shapes_of(config), said).config) <= silent & set(result.inferred)


@settings(max_examples=settings.default.max_examples // 2, deadline=None)
@given(configurations(), st.data())
def test_a_lost_weight_never_loads(config, data):
    state = state_of(config)
    lost = data.draw(st.sampled_from(sorted(state)))
    rest = {name: weight for name, weight in state.items() if name != lost}
    if not config.conditional and ".Dense_0." in lost:
        return
    with pytest.raises(CheckpointError):
        fitting(rest, infer({name: tuple(weight.shape) for name, weight in rest.items()}).config)


def test_unused_step_layers_of_an_unconditional_generator_are_ignored():
    config = GeneratorConfig(conditional=False, ch_mult=(1, 2), image_size=32, **SMALL)
    state = {name: weight for name, weight in state_of(config).items() if ".Dense_0." not in name}
    blocks = [n.removesuffix(".Conv_0.weight") for n in state if n.endswith(".Conv_0.weight")]
    assert blocks
    with_steps = dict(state)
    for block in blocks:
        out = state[f"{block}.Conv_0.weight"].shape[0]
        with_steps[f"{block}.Dense_0.weight"] = torch.empty(out, 32, device="meta")
        with_steps[f"{block}.Dense_0.bias"] = torch.empty(out, device="meta")
    result = infer({name: tuple(weight.shape) for name, weight in with_steps.items()})
    assert not result.config.conditional
    fitted = fitting(with_steps, result.config)
    assert {name for name in fitted if ".Dense_0." not in name} == set(state)


def test_axondeepsynth_names_and_discriminator_arguments():
    shapes = shapes_of(GeneratorConfig(**SMALL))
    result = infer(shapes, {"latent_dim": 7, "t_emb_dim": 256, "ngf": 64})
    assert result.config.nz == 7
    with pytest.raises(CheckpointError, match="nz 100, but the weights have 7"):
        infer(shapes, {"latent_dim": 100})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"all_modules.0.W": (8,)}, "Fourier"),
        ({"all_modules.900.weight": (8,)}, "numbered up to 900"),
        ({"all_modules.2.weight": (8,)}, "first convolution|begins with"),
        ({"all_modules.4.mystery": (1, 2, 3)}, "mystery"),
    ],
)
def test_other_networks_are_named(change, words):
    shapes = {**shapes_of(GeneratorConfig(**SMALL))}
    for name in change:
        module = name.rsplit(".", 1)[0] + "."
        shapes = {key: shape for key, shape in shapes.items() if not key.startswith(module)}
    with pytest.raises(CheckpointError, match=words):
        infer({**shapes, **change})


@pytest.mark.parametrize(
    "value",
    [
        {"ch_mult": "112244"},
        {"fir": "yes"},
        {"nz": 7.5},
        {"conditional": 3},
        {"resblock_type": 1},
        {"fir_kernel": "x"},
    ],
)
def test_values_of_the_wrong_type_are_refused(value):
    with pytest.raises(CheckpointError, match=next(iter(value))):
        infer(shapes_of(GeneratorConfig(**SMALL)), value)


def test_defaults_are_the_published_ones():
    assert (PUBLISHED.num_timesteps, PUBLISHED.beta_min, PUBLISHED.beta_max) == (4, 0.1, 20.0)
    assert PUBLISHED.skip_rescale
    assert PUBLISHED.centered
    assert not PUBLISHED.not_use_tanh
    assert not PUBLISHED.use_geometric

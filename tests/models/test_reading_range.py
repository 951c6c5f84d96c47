"""Which raw values a translator of another program takes, and what becomes of images with other values."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from syndiff_case import GENERATOR
from translator_files import archive, generator, prefixed, resnet, save_with_omegaconf, syndiff_arguments

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import IntensityRange, Need, from_array, measure
from napari_pseudolabel.imaging.statistics import Intensities
from napari_pseudolabel.models import inspect, load_translator, write_sidecar
from napari_pseudolabel.models.cards import Normalisation
from napari_pseudolabel.models.grids import limits_for, need_of
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.translators import syndiff
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.strategies import LabelJob, LabelSettings
from napari_pseudolabel.tiling import TileSettings

EIGHT_BITS = Normalisation(kind="range", low=0, high=255)
UNIT = Normalisation(kind="range", low=0, high=1)
GROUPS = {
    "contrast1": "TEM",
    "contrast2": "SEM",
    "model_config": {"image_size": 32, "latent_dim": 5, "ch_mult": [1, 2], "num_timesteps": 2},
}


def syndiff_archive(path: Path) -> None:
    torch.save(archive(syndiff_arguments(num_timesteps=2)), path)


def their_archive(path: Path) -> None:
    save_with_omegaconf(path, GROUPS)


def their_plain_archive(path: Path) -> None:
    torch.save(archive(GROUPS), path)


@pytest.mark.parametrize(
    ("write", "expected"),
    [(syndiff_archive, UNIT), (their_archive, EIGHT_BITS), (their_plain_archive, EIGHT_BITS)],
)
def test_an_archive_tells_who_wrote_it(tmp_path, write, expected):
    write(path := tmp_path / "content.pth")
    card = load_translator(path).card
    assert card.normalisation == expected
    assert "normalisation" in card.inferred
    assert "normalisation" not in card.assumed
    assert need_of(card).usual


def test_centring_is_no_choice_in_an_archive_of_axondeepsynth(tmp_path):
    their_archive(path := tmp_path / "content.pth")
    assert "centered" not in load_translator(path).card.assumed


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("gen_diffusive_1_50.pth", lambda: prefixed(generator())),
        ("gen_non_diffusive_1to2_50.pth", lambda: prefixed(resnet())),
    ],
)
def test_bare_weights_are_taken_as_of_programs_that_read_8_bit_images(tmp_path, name, weights):
    path = tmp_path / name
    torch.save(weights(), path)
    card = load_translator(path).card
    assert card.normalisation == EIGHT_BITS
    assert "normalisation" in card.assumed
    (line,) = [one for one in inspect(path).warnings if one.startswith("Assumed, because the weights")]
    assert "intensities from 0 to 255" in line
    assert "percentiles" in line, "the alternative is named"


def test_an_archive_without_settings_tells_nothing(tmp_path):
    content = archive(None)
    del content["args"]
    torch.save(content, path := tmp_path / "content.pth")
    card = load_translator(path).card
    assert card.normalisation == EIGHT_BITS
    assert "normalisation" in card.assumed


@pytest.mark.parametrize("write", [syndiff_archive, their_archive])
def test_the_card_wins_whole(tmp_path, write):
    write(path := tmp_path / "content.pth")
    write_sidecar(path, {"normalisation": {"kind": "percentile"}})
    card = load_translator(path).card
    assert card.normalisation == Normalisation()
    assert "normalisation" not in (*card.inferred, *card.assumed)
    card = load_translator(path, {"normalisation": {"kind": "range", "low": 3, "high": 9}}).card
    assert card.normalisation == Normalisation(kind="range", low=3, high=9)
    assert not need_of(card).usual
    card = load_translator(path, {"normalisation": {"low": 2}}).card
    assert card.normalisation == Normalisation(low=2)


def test_what_was_concluded_stays_so_in_a_file_of_our_own(tmp_path):
    their_archive(path := tmp_path / "content.pth")
    first = load_translator(path)
    again = load_translator(syndiff.save(first.network, first.card, tmp_path / "own.safetensors"))
    assert again.card.normalisation == EIGHT_BITS
    assert need_of(again.card).usual
    write_sidecar(path, first.card)
    assert need_of(load_translator(path).card).usual, "what was concluded is no order of a person"


def test_percentiles_that_were_said_stay_said(tmp_path):
    card = load_translator(_bare(tmp_path), {"normalisation": {"kind": "percentile"}}).card
    path = syndiff.save(generator(), card, tmp_path / "own.safetensors")
    assert load_translator(path).card.normalisation == Normalisation()
    assert "normalisation" not in load_translator(path).card.assumed
    write_sidecar(_bare(tmp_path), card)
    assert load_translator(_bare(tmp_path)).card.normalisation == Normalisation()


def test_weights_in_safetensors_without_a_header_are_bare(tmp_path):
    save_file(generator(), path := tmp_path / "gen.safetensors")
    assert load_translator(path).card.normalisation == EIGHT_BITS


def _bare(folder: Path) -> Path:
    torch.save(prefixed(generator()), path := folder / "gen_diffusive_1_50.pth")
    return path


def _values(top: float, dtype: str, low: float = 0.0) -> np.ndarray:
    """A layer that reaches from `low` to `top`, evenly."""
    return np.linspace(low, top, 64 * 64).reshape(64, 64).astype(dtype)


@pytest.mark.parametrize(
    ("layer", "expected", "words"),
    [
        (_values(255, "u1"), (0, 255), None),
        (_values(200, "u2"), (0, 255), None),
        (_values(255, "i4"), (0, 255), None),
        (_values(255, "f4"), (0, 255), None),
        (_values(1, "f4"), (0, 1), None),
        (_values(0.6, "f8"), (0, 1), None),
        (_values(1, "?"), (0, 1), None),
        (_values(4095, "u2"), None, "reach from 0 to 4095: 20.48 became black and 4075 white"),
        (_values(3, "f4", -3), None, "reach from -3 to 3"),
        (_values(127, "i1", -128), None, "reach from -128 to 127"),
        (_values(8, "u2"), (0, 255), "reach only from 0 to 7, a small part of the range from 0 to 255"),
    ],
)
@pytest.mark.parametrize("top", [1.0, 255.0])
def test_layers_of_all_kinds_of_values(layer, expected, words, top):
    """8-bit values and their part of 1 are the same pictures, whichever of the two a model was trained on."""
    need = Need("range", 0.0, top, usual=True)
    found = measure(from_array(layer), (None,), need)
    limits = found.channels[0].limits
    if expected is None:
        expected = tuple(np.percentile(layer, [0.5, 99.5]))
    np.testing.assert_allclose((limits.low, limits.high), expected, rtol=1e-5)
    assert Intensities.of(from_array(layer)).limits(need) == limits, "a part is treated as the whole is"
    if words is None:
        assert found.notes == ()
    else:
        (note,) = found.notes
        assert words in note


def test_a_few_hot_pixels_do_not_make_another_kind_of_image():
    layer = _values(255, "u2")
    layer[3, :5] = 60000
    assert measure(from_array(layer), (None,), Need("range", 0, 255, usual=True)).channels[
        0
    ].limits == IntensityRange(0, 255)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (_values(4095, "u2"), "94% of the values .* are outside of the range from 0 to 255"),
        (_values(1, "f4"), "reach only from .* to .*, a small part of the range from 0 to 255"),
        (_values(255, "u1"), None),
        (_values(230, "f4"), None),
    ],
)
def test_a_range_that_somebody_chose_is_kept_and_what_it_does_is_said(layer, words):
    found = measure(from_array(layer), (None,), Need("range", 0, 255))
    assert found.channels[0].limits == IntensityRange(0, 255)
    if words is None:
        assert found.notes == ()
    else:
        (note,) = found.notes
        assert re.search(words, note), note


def test_limits_where_only_the_range_of_a_layer_is_known(tmp_path):
    card = load_translator(_bare(tmp_path)).card
    assert limits_for(card, IntensityRange(3, 240)) == IntensityRange(0, 255)
    assert limits_for(card, IntensityRange(0.1, 0.9)) == IntensityRange(0, 1)
    card = card.model_copy(
        update={"normalisation": Normalisation(kind="range", low=5, high=7), "assumed": ()}
    )
    assert limits_for(card, IntensityRange(3, 240)) == IntensityRange(5, 7)


def _job(path: Path, layer: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    settings = LabelSettings(samples=1, tiles=TileSettings(device="cpu", tile=32), mode="tiled")
    job = LabelJob(from_array(layer, name="picture"), str(path), settings=settings)
    made = job.run(Control(), LoadedModels())
    return made.translation, made.report.notes


@pytest.mark.parametrize("write", [syndiff_archive, their_archive])
def test_a_run_sees_the_picture_as_the_own_program_does(tmp_path, write):
    """The network is given x / 127.5 - 1 of 8-bit values; the same picture as part of 1 or with 16 bits is the same."""
    write(path := tmp_path / "content.pth")
    layer = _values(180, "u1", 20)
    found, notes = _job(path, layer)
    for other in (layer.astype("u2"), (layer / np.float32(255)).astype("f4")):
        np.testing.assert_allclose(_job(path, other)[0], found, atol=2e-5)
    translator = load_translator(path)
    expected = translate(
        translator, layer / np.float32(255), mode="tiled", settings=TileSettings(device="cpu", tile=32)
    ).mean
    np.testing.assert_allclose(np.squeeze(found), expected, atol=2e-5)
    _, notes = _job(path, _values(4000, "u2"))
    assert any("became black" in note for note in notes)


def test_what_was_assumed_is_in_the_notes_of_a_run(tmp_path):
    _, notes = _job(_bare(tmp_path), _values(255, "u1"))
    (line,) = [note for note in notes if note.startswith("Assumed of ")]
    for words in (
        "4 steps",
        "noise from 0.1 to 20",
        "geometric",
        "fir_kernel",
        "centered",
        "skip_rescale",
        "255",
    ):
        assert words in line


def test_generators_of_several_source_channels_are_refused_in_words(tmp_path):
    path = tmp_path / "gen_diffusive_1_50.pth"
    torch.save(generator(config=replace(GENERATOR, num_channels=3)), path)
    with pytest.raises(InputError, match="source of 2 channels at once"):
        translate(load_translator(path), np.zeros((32, 32), np.float32))


@pytest.mark.parametrize("multipliers", [(1,), (2,)])
@pytest.mark.parametrize("resolutions", [(), (32,)])
def test_generators_of_one_level(tmp_path, multipliers, resolutions):
    config = replace(GENERATOR, ch_mult=multipliers, attn_resolutions=resolutions)
    weights = generator(config=config)
    torch.save(prefixed(weights), path := tmp_path / "gen_diffusive_1_50.pth")
    found = inspect(path)
    assert found.usable, found.problem
    assert "1 level," in found.what
    translator = load_translator(
        path, {"image_size": 32, "attn_resolutions": resolutions, "num_timesteps": 2}
    )
    assert translator.network.config == config
    assert all(torch.equal(weights[name], value) for name, value in translator.network.state_dict().items())
    settings = TileSettings(device="cpu")
    assert translate(translator, np.zeros((40, 33), np.float32), settings=settings).mean.shape == (40, 33)

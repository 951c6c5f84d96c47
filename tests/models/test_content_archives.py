"""Whole training archives of SynDiff and AxonDeepSynth, read as data."""

import sys
from argparse import Namespace
from datetime import datetime

import pytest
import torch
from syndiff_case import WITH_ATTENTION
from translator_files import Hostile, archive, generator, save_with_omegaconf, syndiff_arguments

from napari_pseudolabel.errors import CheckpointError, InputError
from napari_pseudolabel.models import load_translator


@pytest.fixture
def path(tmp_path):
    return tmp_path / "content.pth"


def loaded_equals(translator, seed: int) -> bool:
    expected = generator(seed)
    return all(torch.equal(weight, expected[n]) for n, weight in translator.network.state_dict().items())


def test_syndiff_archive_takes_the_first_generator_and_its_settings(path):
    torch.save(archive(syndiff_arguments()), path)
    translator = load_translator(path)
    assert loaded_equals(translator, 1)
    assert translator.network.config.num_channels == 2
    assert translator.network.config.not_use_tanh
    assert translator.card.schedule == {
        "num_timesteps": 6,
        "beta_min": 0.2,
        "beta_max": 15.0,
        "use_geometric": False,
    }
    # Generator 1 makes contrast 1 from contrast 2.
    assert (translator.card.source.name, translator.card.target.name) == ("T2", "T1")
    assert "num_timesteps" not in translator.card.assumed
    assert any("averaged" in warning for warning in translator.warnings)
    assert not any("contradict" in warning for warning in translator.warnings)


def test_the_other_generator(path):
    torch.save(archive(syndiff_arguments()), path)
    translator = load_translator(path, which=2)
    assert loaded_equals(translator, 2)
    assert (translator.card.source.name, translator.card.target.name) == ("T1", "T2")
    with pytest.raises(InputError, match="no generator 3; it holds 1 and 2"):
        load_translator(path, which=3)


def test_axondeepsynth_archive_without_omegaconf(path):
    settings = {
        "contrast1": "TEM",
        "contrast2": "SEM",
        "model_config": {"image_size": 32, "latent_dim": 5, "ch_mult": [1, 2], "num_timesteps": 8},
        "training_config": {"lr_g": 1.6e-4, "use_ema": True},
    }
    save_with_omegaconf(path, settings)
    assert "omegaconf" not in sys.modules
    translator = load_translator(path)
    assert "omegaconf" not in sys.modules
    assert loaded_equals(translator, 1)
    assert translator.card.schedule["num_timesteps"] == 8
    assert translator.card.architecture["nz"] == 5
    assert translator.card.source.name == "SEM"


def test_the_caller_wins_over_the_archive(path):
    torch.save(archive(syndiff_arguments()), path)
    translator = load_translator(path, card={"num_timesteps": 2, "source": "SEM"})
    assert translator.schedule.steps == 2
    assert translator.card.source.name == "SEM"


def test_settings_that_contradict_the_weights_lose(path):
    torch.save(archive(syndiff_arguments(num_channels_dae=64, image_size=256, fir="no", nz=100)), path)
    translator = load_translator(path)
    assert translator.network.config.num_channels_dae == WITH_ATTENTION.num_channels_dae
    assert translator.network.config.image_size == 32
    assert translator.network.config.nz == 5
    warning = next(w for w in translator.warnings if "contradict" in w)
    assert all(name in warning for name in ("num_channels_dae", "image_size", "nz", "fir"))
    with pytest.raises(CheckpointError, match="num_channels_dae 64"):
        load_translator(path, card={"num_channels_dae": 64})


def test_an_archive_without_settings_uses_the_published_ones(path):
    content = archive(None)
    del content["args"]
    torch.save(content, path)
    translator = load_translator(path)
    assert "num_timesteps" in translator.card.assumed
    assert translator.schedule.steps == 4
    assert any("does not say" in warning for warning in translator.warnings)


@pytest.mark.parametrize("place", ["args", "extra", "nested"])
def test_hostile_archives_are_refused_by_name_and_do_nothing(path, tmp_path, place):
    trace = tmp_path / "executed"
    content = archive(syndiff_arguments())
    if place == "nested":
        content["args"] = Namespace(**{**vars(syndiff_arguments()), "hook": [Hostile(trace)]})
    else:
        content[place] = Hostile(trace)
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=r"exec.*must not do"):
        load_translator(path)
    assert not trace.exists()


class ProjectClass:
    """Stands for a class of the program that wrote the archive."""


def test_unknown_classes_of_the_writers_project_are_only_records(path):
    arguments = syndiff_arguments(helper=ProjectClass(), when=datetime(2024, 1, 1), kind=dict[str, int])
    torch.save(archive(arguments), path)
    assert load_translator(path).schedule.steps == 6


def test_hostile_weights_are_refused_by_name_and_do_nothing(tmp_path):
    trace = tmp_path / "executed"
    torch.save({"module.all_modules.0.weight": Hostile(trace)}, tmp_path / "gen_diffusive_1_50.pth")
    with pytest.raises(CheckpointError, match="exec"):
        load_translator(tmp_path / "gen_diffusive_1_50.pth")
    assert not trace.exists()


def test_file_with_the_other_generator_by_name(tmp_path):
    torch.save(generator(), tmp_path / "gen_diffusive_2_50.pth")
    with pytest.raises(InputError, match="holds generator 2"):
        load_translator(tmp_path / "gen_diffusive_2_50.pth", which=1)

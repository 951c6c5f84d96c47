"""The one-pass generators that SynDiff trains beside its diffusive ones."""

import numpy as np
import pytest
import torch
from translator_files import prefixed, resnet

from napari_pseudolabel.errors import CheckpointError, InputError
from napari_pseudolabel.models import load_translator
from napari_pseudolabel.models.translators import resnet as family
from napari_pseudolabel.models.translators import syndiff
from napari_pseudolabel.models.translators.base import Translator


def test_published_size():
    state = family.ResnetGenerator().state_dict()
    assert len(state) == 36
    assert sum(weight.numel() for weight in state.values()) == 7_825_153


@pytest.mark.parametrize(("width", "blocks"), [(4, 1), (4, 6), (8, 9)])
def test_width_and_blocks_are_found(tmp_path, width, blocks):
    torch.save(
        prefixed(resnet(0, width, blocks), "module.module."), tmp_path / "gen_non_diffusive_1to2_9.pth"
    )
    translator = load_translator(
        tmp_path / "gen_non_diffusive_1to2_9.pth", {"source": "SEM", "target": "TEM"}
    )
    assert isinstance(translator, Translator)
    assert not translator.diffusive
    assert translator.stride == 4
    assert translator.card.architecture == {"input_nc": 1, "output_nc": 1, "ngf": width, "n_blocks": blocks}
    assert translator.card.source.name == "SEM"
    assert translator.card.missing == ("source.pixel_size_um", "target.pixel_size_um")


def test_network_gives_what_its_weights_say(tmp_path):
    state = resnet(3)
    torch.save(prefixed(state, "module.module."), tmp_path / "a.pth")
    translator = load_translator(tmp_path / "a.pth")
    original = family.ResnetGenerator(4, 3)
    original.load_state_dict(state)
    source = torch.linspace(-1, 1, 2 * 20 * 16).reshape(2, 1, 20, 16)
    with torch.no_grad():
        assert torch.equal(translator.sample(source), original(source))
    output = translator.sample(source.numpy())
    assert isinstance(output, np.ndarray)
    assert output.shape == source.shape
    with pytest.raises(InputError, match="multiples of 4"):
        translator.sample(source[:, :, :18])


def test_own_format(tmp_path):
    path = syndiff.save(
        resnet(), {"family": "resnet", "source": {"name": "SEM"}}, tmp_path / "a.safetensors", half=True
    )
    translator = load_translator(path)
    assert translator.card.family == "resnet"
    assert translator.card.source.name == "SEM"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("model.4.bias"), "model.4.bias missing"),
        (lambda s: s.pop("model.1.weight"), "first convolution is missing"),
        (lambda s: s.update({"model.4.bias": torch.zeros(3)}), "model.4.bias is 3 instead of 8"),
        (
            lambda s: s.update({"model.1.weight": torch.zeros(4, 3, 7, 7)}),
            "4 x 3 x 7 x 7 instead of 4 x 1 x 7 x 7",
        ),
    ],
)
def test_mismatches_are_named(tmp_path, change, words):
    state = resnet()
    change(state)
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(CheckpointError) as caught:
        load_translator(tmp_path / "a.pth")
    assert words in str(caught.value)


def test_contradicting_card(tmp_path):
    torch.save(resnet(), tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="ngf 64, but the weights have 4"):
        load_translator(tmp_path / "a.pth", {"ngf": 64})
    with pytest.raises(CheckpointError, match="no argument of a ResNet"):
        load_translator(tmp_path / "a.pth", {"nz": 100})

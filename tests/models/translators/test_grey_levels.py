"""Translators without a network: a curve of grey levels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.numpy import save_file

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models import inspect, load_translator
from napari_pseudolabel.models.cards import Card, Modality
from napari_pseudolabel.models.translators.base import Translator
from napari_pseudolabel.models.translators.curve_file import CURVE, as_file
from napari_pseudolabel.models.translators.grey_levels import GreyCurve
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.tiling import TileSettings
from napari_pseudolabel.training.translator.grey_levels_fit import apply

CARD = Card(
    kind="translator",
    family="grey-levels",
    name="SEM to TEM, invert",
    source=Modality(name="SEM", pixel_size_um=0.1),
    target=Modality(name="TEM", pixel_size_um=0.1),
)
CPU = TileSettings(device="cpu")


def written(folder, levels, card=CARD):
    path = folder / "curve.safetensors"
    path.write_bytes(as_file(np.array(levels, np.float32), card))
    return path


@given(
    levels=arrays.arrays(np.float32, st.integers(2, 9), elements=st.floats(0, 1, width=32)),
    image=arrays.arrays(np.float32, (3, 5), elements=st.floats(0, 1, width=32)),
)
def test_the_curve_is_that_of_numpy(levels, image):
    made = GreyCurve(torch.from_numpy(levels))(torch.from_numpy(image * 2 - 1)[None, None])
    np.testing.assert_allclose((made[0, 0].numpy() + 1) / 2, apply(levels, image), atol=2e-6)


def test_an_image_of_any_size_is_inverted_to_the_pixel(tmp_path):
    translator = load_translator(written(tmp_path, [1, 0]))
    assert isinstance(translator, Translator)
    assert not translator.diffusive
    plane = np.random.default_rng(0).random((37, 301), np.float32)
    made = translate(translator, plane, settings=CPU)
    np.testing.assert_allclose(made.mean, 1 - plane, atol=1e-6)
    again = translate(translator, plane, samples=3, seed=5, settings=CPU)
    assert len(again.samples) == 1
    assert "same answer" in again.notes[0]


def test_a_file_says_what_it_is(tmp_path):
    path = written(tmp_path, [0, 0.2, 1])
    said = inspect(path)
    assert said.usable
    assert said.what == "curve of grey levels"
    assert said.card == load_translator(path).card
    assert (said.card.source.name, said.card.target.name) == ("SEM", "TEM")
    assert said.missing == ()
    bare = tmp_path / "bare.safetensors"
    save_file({CURVE: np.array([1, 0], np.float32)}, bare)
    assert "source.name" in inspect(bare).missing
    assert load_translator(bare, {"source": "SEM", "target": "TEM"}).card.target.name == "TEM"


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        ([[0, 1]], "no curve of two or more"),
        ([1], "no curve of two or more"),
        ([0, 1.5], "not all from 0 to 1"),
        ([0, np.nan], "not all from 0 to 1"),
    ],
)
def test_what_is_no_curve_is_refused(tmp_path, levels, words):
    path = tmp_path / "curve.safetensors"
    save_file({CURVE: np.array(levels, np.float32)}, path)
    with pytest.raises(CheckpointError, match=words):
        load_translator(path)
    assert words in inspect(path).problem

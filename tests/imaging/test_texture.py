"""How coarse images are, and which magnification makes them as coarse as a training set."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cache

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_pseudolabel.imaging.resampling import resample
from napari_pseudolabel.imaging.scale import Scale, Texture, texture_of
from napari_pseudolabel.imaging.scale.comparison import compare, octaves_longer
from napari_pseudolabel.imaging.scale.texture import coarseness
from napari_pseudolabel.models.cards import Modality
from napari_pseudolabel.sample_data.fields import axon_field
from napari_pseudolabel.sample_data.looks import render_sem
from napari_pseudolabel.training.data.textures import with_texture


@cache
def field(seed, shape=(320, 320)):
    """Axons as SEM shows them, a little smoothed, in [0, 1]."""
    rendered = render_sem(axon_field(shape, seed=seed), seed=seed)
    return gaussian_filter(rendered.astype(np.float32) / 255, 1)


@pytest.fixture(scope="module")
def texture():
    return texture_of([field(seed) for seed in range(3)])


@pytest.mark.parametrize("factor", [0.3, 0.6, 1.0, 1.7])
def test_the_factor_of_a_rescaled_field_is_found_again(texture, factor):
    image = resample(field(9, (384, 384)), 1 / factor)
    found = compare([image], texture)
    for one in (found.by_correlation, found.by_spectrum):
        assert abs(np.log2(one / factor)) < 0.45
    assert abs(np.log2(found.middle / factor)) < 0.35
    assert abs(octaves_longer([image], texture, factor)) < 0.35


def test_a_negative_is_as_coarse_as_the_image(texture):
    image = field(4)
    one, other = texture_of([image]), texture_of([1 - image])
    assert replace(one, lean=()) == replace(other, lean=())
    assert len(one.lean) == 5
    assert other.lean == pytest.approx([-lean for lean in one.lean], abs=1e-3)
    one, other = compare([image], texture), compare([200 - 3 * image], texture)
    assert other.all == pytest.approx(one.all, rel=1e-3)


def test_a_hot_pixel_is_no_texture(texture):
    image = field(5)
    hot = image.copy()
    hot[100, 100] = 1e6
    one, other = compare([image], texture), compare([hot], texture)
    assert other.middle == pytest.approx(one.middle, rel=0.05)


def test_several_crops_say_what_the_whole_says(texture):
    whole = resample(field(6, (512, 512)), 2)
    crops = [whole[:512, :512], whole[512:, 512:]]
    assert compare(crops, texture).middle == pytest.approx(compare([whole], texture).middle, rel=0.25)


@pytest.mark.parametrize(
    "image",
    [np.zeros((64, 64)), np.full((64, 64), np.nan), np.random.default_rng(0).random((8, 200))],
    ids=["one value", "no value", "too narrow"],
)
def test_where_there_is_nothing_to_compare_nothing_is_said(image, texture):
    assert coarseness([image]) is None
    assert texture_of([image]) is None
    assert compare([image], texture).middle is None
    assert octaves_longer([image], texture, 1.0) is None


def test_without_a_texture_nothing_is_said():
    assert compare([field(1)], None).all == ()


def test_pixels_without_a_value_do_not_matter_much(texture):
    image = field(7).copy()
    image[:40] = np.nan
    assert compare([image], texture).middle == pytest.approx(compare([field(7)], texture).middle, rel=0.2)


def test_a_card_keeps_the_texture_and_older_cards_have_none(texture):
    modality = Modality(name="SEM", texture=texture)
    assert Modality.model_validate_json(modality.model_dump_json()) == modality
    assert Modality.model_validate({"name": "SEM"}).texture is None


@pytest.mark.parametrize(
    "wrong", [{"correlation_px": 0}, {"correlation_px": float("nan")}, {"spectrum": [0.5]}, {"images": 0}]
)
def test_a_texture_that_cannot_be_is_refused(texture, wrong):
    with pytest.raises(ValueError, match="texture"):
        Modality.model_validate({"name": "SEM", "texture": {**asdict(texture), **wrong}})


def test_trainings_write_the_texture_once(texture):
    planes = [field(seed) for seed in range(3)]
    modality = with_texture(Modality(name="SEM"), planes)
    assert modality.texture == texture
    assert with_texture(modality, [np.zeros((64, 64))]) is modality
    assert with_texture(Modality(name="SEM"), []).texture is None
    colours = with_texture(Modality(name="stain"), [np.stack([planes[0]] * 3)]).texture
    assert colours.correlation_px == pytest.approx(texture_of(planes[:1]).correlation_px, rel=1e-4)


def test_a_line_across_an_object_is_a_scale():
    assert Scale.from_drawn(40.0) == Scale(object_size_px=40.0)
    assert Scale.from_drawn(40.0).to_model(None, 0.1, 20.0)[0] == 0.5
    with pytest.raises(ValueError, match="no length"):
        Scale.from_drawn(0.0)


def test_a_texture_is_frozen(texture):
    assert isinstance(texture, Texture)
    with pytest.raises(AttributeError):
        texture.images = 5

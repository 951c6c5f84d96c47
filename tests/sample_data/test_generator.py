"""Generated fields and looks: exact, reproducible, and like what they stand for."""

import numpy as np
import pytest
from scipy import ndimage as ndi

from napari_pseudolabel.sample_data.fields import AXON, BACKGROUND, MYELIN, FieldParams, axon_field
from napari_pseudolabel.sample_data.looks import render_sem, render_tem

SHAPE = (192, 208)
SMALL = (96, 112)
PARAMS = FieldParams()
SMALL_PARAMS = FieldParams(axon_diameter_px=12)


@pytest.fixture(scope="module")
def labels():
    return axon_field(SHAPE, seed=3, params=PARAMS)


def test_a_field_has_the_three_classes_in_plausible_shares(labels):
    assert labels.shape == SHAPE
    assert labels.dtype == np.uint8
    shares = np.bincount(labels.ravel(), minlength=3) / labels.size
    assert len(shares) == 3
    assert 0.15 < shares[AXON] < 0.55
    assert 0.15 < shares[MYELIN] < 0.5
    assert 0.15 < shares[BACKGROUND] < 0.6


def test_the_same_seed_gives_the_same_field_and_another_seed_another():
    one, same, other = (axon_field(SMALL, seed=seed, params=SMALL_PARAMS) for seed in (3, 3, 4))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_no_axon_lies_bare_in_the_background():
    labels = axon_field(SMALL, seed=3, params=SMALL_PARAMS)
    bare = ndi.binary_dilation(labels == AXON) & (labels == BACKGROUND)
    assert not bare.any()


def test_a_higher_g_ratio_thins_the_myelin():
    thick, thin = (
        axon_field(SMALL, seed=1, params=FieldParams(axon_diameter_px=16, g_ratio=g)) for g in (0.6, 0.8)
    )
    ratios = [(field == AXON).sum() / (field > 0).sum() for field in (thick, thin)]
    assert ratios[0] + 0.1 < ratios[1]


@pytest.mark.parametrize("render", [render_tem, render_sem])
def test_a_look_is_reproducible_and_keeps_the_grid(labels, render):
    image = render(labels, seed=5)
    assert image.shape == labels.shape
    assert image.dtype == np.uint8
    assert np.array_equal(image, render(labels, seed=5))
    assert not np.array_equal(image, render(labels, seed=6))


@pytest.mark.parametrize("seed", range(4))
def test_myelin_is_dark_in_tem_and_bright_in_sem(labels, seed):
    tem, sem = render_tem(labels, seed=seed), render_sem(labels, seed=seed)
    myelin, axon = labels == MYELIN, labels == AXON
    assert tem[myelin].mean() + 60 < tem[axon].mean()
    assert sem[myelin].mean() > sem[axon].mean() + 60


@pytest.mark.parametrize("render", [render_tem, render_sem])
def test_small_fields_are_not_saturated(render):
    labels = axon_field(SMALL, seed=3, params=SMALL_PARAMS)
    clipped = [np.isin(render(labels, seed=seed), (0, 255)).mean() for seed in range(6)]
    assert max(clipped) < 0.5

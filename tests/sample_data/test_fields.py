"""Properties of generated fields, and how they compare with the real TEM labels."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi
from skimage.measure import label, regionprops

from napari_pseudolabel.sample_data.fields import AXON, BACKGROUND, MYELIN, FieldParams, axon_field
from napari_pseudolabel.sample_data.looks import render_sem, render_tem

INDEX = Path(__file__).parents[2].parent / "shared" / "data" / "axon_tem" / "index.csv"
SMALL = FieldParams(axon_diameter_px=9)
sides = st.integers(1, 70)
seeds = st.integers(0, 2**32)


@pytest.fixture(scope="module")
def fields():
    return [axon_field((224, 224), seed=seed) for seed in range(3)]


@settings(deadline=None, max_examples=15)
@given(sides, sides, seeds, st.floats(0.1, 0.7))
def test_any_shape_and_seed_gives_labels_and_looks_of_that_shape(height, width, seed, fraction):
    params = FieldParams(axon_diameter_px=9, fibre_fraction=fraction)
    field = axon_field((height, width), seed=seed, params=params)
    assert field.shape == (height, width)
    assert field.dtype == np.uint8
    assert set(np.unique(field)) <= {BACKGROUND, MYELIN, AXON}
    for render in (render_tem, render_sem):
        image = render(field, seed=seed)
        assert image.shape == field.shape
        assert image.dtype == np.uint8


def test_fields_do_not_depend_on_numpys_global_state():
    np.random.seed(0)  # noqa: NPY002
    one = axon_field((60, 60), seed=5, params=SMALL)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    two = axon_field((60, 60), seed=5, params=SMALL)
    assert np.array_equal(one, two)
    assert np.array_equal(state, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("fraction", [0.2, 0.45, 0.7])
def test_the_share_of_fibres_is_the_one_asked_for(fraction):
    params = FieldParams(axon_diameter_px=9, fibre_fraction=fraction)
    shares = [(axon_field((160, 160), seed=seed, params=params) > 0).mean() for seed in range(3)]
    assert np.mean(shares) == pytest.approx(fraction, abs=0.09)


def test_myelin_surrounds_every_axon_even_where_fibres_touch(fields):
    for field in fields:
        bare = ndi.binary_dilation(field == BACKGROUND) & (field == AXON)
        assert not bare[1:-1, 1:-1].any()
        assert label(field == AXON).max() > label(field > 0).max()


def test_diameters_are_near_the_parameters(fields):
    """Large fibres go first and the smallest find no place, so the median is above and the spread below."""
    diameters = np.concatenate(
        [[one.equivalent_diameter_area for one in regionprops(label(field == AXON))] for field in fields]
    )
    assert 0.8 < np.median(diameters) / FieldParams().axon_diameter_px < 1.5
    assert 0.2 < np.log(diameters[diameters > 3]).std() < 0.6


@pytest.mark.skipif(not INDEX.is_file(), reason="the real images (../shared/data) are not here")
def test_shares_lie_within_those_of_the_real_tem_labels(fields):
    with INDEX.open() as file:
        rows = list(csv.DictReader(file))
    for name, value in (("axon_frac", AXON), ("myelin_frac", MYELIN)):
        real = [float(row[name]) for row in rows]
        made = np.mean([(field == value).mean() for field in fields])
        assert min(real) <= made <= max(real)


def test_contrast_of_the_looks(fields):
    for seed, field in enumerate(fields):
        tem, sem = (
            [look(field, seed=seed)[field == v].mean() for v in range(3)] for look in (render_tem, render_sem)
        )
        assert tem[MYELIN] == min(tem)
        assert sem[MYELIN] == max(sem)
        assert tem[AXON] > tem[BACKGROUND]

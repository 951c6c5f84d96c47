"""Generated nuclei: exact, reproducible, and one scene in two looks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recipes import nuclei as recipe
from scipy import ndimage as ndi
from skimage.measure import regionprops

from napari_pseudolabel.labels.objects import scheme_for, to_instances
from napari_pseudolabel.sample_data.looks import render_fluorescence, render_purple
from napari_pseudolabel.sample_data.samples import FLUORESCENCE_LIKE, NUCLEUS_CLASSES, PURPLE_LIKE
from napari_pseudolabel.training.data.nuclei_fields import NucleiField, NucleiParams, nuclei_field

SHAPE = (160, 176)
LOOKS = [render_fluorescence, render_purple]


@pytest.fixture(scope="module")
def field():
    return nuclei_field(SHAPE, seed=3)


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32), st.floats(0.0, 0.6))
def test_any_shape_and_seed_gives_labels_and_looks_of_that_shape(height, width, seed, covered):
    params = NucleiParams(diameter_px=10, covered=covered)
    field = nuclei_field((height, width), seed=seed, params=params)
    assert field.labels.shape == (height, width)
    assert field.labels.dtype == np.int32
    assert 0 <= field.labels.min() <= field.labels.max() < len(field.density)
    assert field.density[0] == 0
    assert ((field.density >= 0) & (field.density <= 1)).all()
    for render in LOOKS:
        image = render(field, seed=seed)
        assert image.shape == (height, width)
        assert image.dtype == np.uint8


def test_the_same_seed_gives_the_same_field_and_another_seed_another():
    one, same, other = (nuclei_field((90, 80), seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(one.labels, same.labels)
    assert np.array_equal(one.density, same.density)
    assert not np.array_equal(one.labels, other.labels)


def test_the_global_state_of_numpy_neither_matters_nor_changes():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    for render in LOOKS:
        render(nuclei_field((60, 60), seed=5), seed=5)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("render", LOOKS)
def test_a_look_is_reproducible(render, field):
    image = render(field, seed=5)
    assert np.array_equal(image, render(field, seed=5))
    assert not np.array_equal(image, render(field, seed=6))


@pytest.mark.parametrize("seed", range(4))
def test_nuclei_are_bright_in_fluorescence_and_dark_in_the_purple_stain(seed):
    field = nuclei_field(SHAPE, seed=seed)
    inside = field.labels > 0
    outside = ~ndi.binary_dilation(inside, iterations=3)
    bright, dark = (render(field, seed=seed).astype(float) for render in LOOKS)
    assert bright[inside].mean() > bright[outside].mean() + 40
    assert dark[inside].mean() + 40 < dark[outside].mean()


@pytest.mark.parametrize("seed", range(3))
def test_both_looks_follow_the_density_of_the_nuclei(seed):
    """A nucleus that takes little dye is pale in both looks, or a translator could not know which are."""
    field = nuclei_field((256, 256), seed=seed)
    pale = NucleiField(field.labels, field.density * 0.2)
    inside = field.labels > 0
    for render, sign in zip(LOOKS, (1, -1), strict=True):
        change = render(field, seed=seed).astype(float) - render(pale, seed=seed)
        assert sign * change[inside].mean() > 10
    numbers = np.unique(field.labels)[1:]
    bright, dark = (ndi.mean(render(field, seed=seed), field.labels, numbers) for render in LOOKS)
    assert np.corrcoef(field.density[numbers], bright)[0, 1] > 0.4
    assert np.corrcoef(field.density[numbers], dark)[0, 1] < -0.4


@pytest.mark.parametrize("covered", [0.05, 0.2, 0.4])
def test_the_share_of_nuclei_is_the_one_asked_for(covered):
    fields = [nuclei_field((256, 256), seed=seed, params=NucleiParams(covered=covered)) for seed in range(4)]
    assert np.mean([(one.labels > 0).mean() for one in fields]) == pytest.approx(covered, abs=0.06)


def test_diameters_and_grouping_follow_the_parameters():
    touching = {}
    for diameter in (10, 20):
        params = NucleiParams(diameter_px=diameter)
        regions = regionprops(nuclei_field((256, 256), seed=1, params=params).labels)
        median = np.median([one.equivalent_diameter_area for one in regions])
        assert 0.8 < median / diameter < 1.2
    for grouping in (0.0, 0.9):
        params = NucleiParams(covered=0.08, grouping=grouping)
        labels = nuclei_field((256, 256), seed=1, params=params).labels
        touching[grouping] = _borders(labels) / len(np.unique(labels))
    assert touching[0.9] > 2 * touching[0.0]


def _borders(labels):
    """Pixels to the right of which another nucleus begins."""
    left, right = labels[:, :-1], labels[:, 1:]
    return int(((left > 0) & (right > 0) & (left != right)).sum())


@pytest.mark.parametrize("sample", [PURPLE_LIKE, FLUORESCENCE_LIKE])
def test_the_labels_of_the_samples_are_the_nuclei_and_can_be_told_apart(sample):
    _, labels = sample.draw()
    field = nuclei_field(sample.shape, seed=sample.seed)
    assert not labels[field.labels == 0].any()
    gap = ((field.labels > 0) & (labels == 0)).sum() / (field.labels > 0).sum()
    assert 0 < gap < 0.12
    assert _borders(np.where(labels, field.labels, 0)) == 0
    found = to_instances(labels, scheme_for(NUCLEUS_CLASSES))
    drawn = len(np.unique(field.labels)) - 1
    assert found.max() == pytest.approx(drawn, rel=0.1)


def test_the_recipe_sees_one_field_in_both_looks(monkeypatch):
    monkeypatch.setattr(recipe, "FIELDS", 3)
    monkeypatch.setattr(recipe, "FIELD_SHAPE", (96, 96))
    fields = list(recipe.generated())
    assert len(fields) == 3
    shares = [(field.labels > 0).mean() for field in fields]
    assert shares == sorted(shares)
    for field in fields[1:]:
        labels, (bright, dark) = field.labels, field.looks
        assert labels.shape == bright.shape == dark.shape == (96, 96)
        for image in (bright, dark):
            assert image.dtype == np.float32
            assert image.min() == 0
            assert image.max() == 1
        assert bright[labels > 0].mean() > bright[labels == 0].mean()
        assert dark[labels > 0].mean() < dark[labels == 0].mean()

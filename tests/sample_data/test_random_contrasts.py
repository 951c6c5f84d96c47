"""The recipes of trainings in random contrasts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from recipes import axons, nuclei
from recipes.contrasts import ANY_AXONS, LAVENDER_PROXY, MOST_VALIDATED, RANDOM_CONTRASTS, RandomContrasts
from recipes.refined import REFINED
from skimage.io import imsave
from skimage.measure import label

from napari_pseudolabel.training.data.image_folders import LabelledPlane


def planes(count):
    labels = np.zeros((24, 24), np.uint8)
    labels[6:12, 6:12] = 1
    return [
        LabelledPlane(str(k), np.where(labels, 0.8, 0.2).astype(np.float32), labels) for k in range(count)
    ]


@pytest.mark.parametrize("recipe", RANDOM_CONTRASTS.values(), ids=list(RANDOM_CONTRASTS))
def test_steps_are_chosen_on_real_and_on_recast_images_that_are_always_the_same(recipe):
    found, again = (recipe.validation(planes(40)) for _ in range(2))
    assert len(found) % 2 == 0
    assert MOST_VALIDATED // 2 < len(found) // 2 <= MOST_VALIDATED
    looks = recipe.look(planes(1))[0].image
    half = len(found) // 2
    for one, other in zip(found[:half], found[half:], strict=True):
        np.testing.assert_array_equal(one.image, looks)
        assert not np.array_equal(other.image, looks)
        np.testing.assert_array_equal(other.labels, one.labels)
    for one, other in zip(found, again, strict=True):
        np.testing.assert_array_equal(one.image, other.image)


def test_nuclei_stay_darker_than_tissue_where_the_stain_says_so():
    for plane in LAVENDER_PROXY.validation(planes(12)):
        assert plane.image[plane.labels > 0].mean() < plane.image[plane.labels == 0].mean()


def test_what_lies_between_touching_axons_counts_most():
    labels = np.ones((40, 60), np.uint8)
    labels[10:30, 5:28] = labels[10:30, 32:55] = axons.AXON
    assert ANY_AXONS.target.weight is not None
    weight = ANY_AXONS.target.weight(labels)
    assert weight[20, 29:31].min() > 0.9
    assert weight[20, 10] == pytest.approx(0.2, abs=0.01)
    assert weight[2, 5] == pytest.approx(0.2, abs=0.01)


def test_no_recipe_learns_from_a_target_it_is_measured_on():
    assert LAVENDER_PROXY.source.modality.name == "fluorescence"
    assert ANY_AXONS.source.modality == axons.TEM
    assert replace(LAVENDER_PROXY, inverted=False).look(planes(1))[0].image.max() == pytest.approx(0.8)


@pytest.fixture
def data(tmp_path):
    """Nuclei in three appearances, of which lavender has no labels, 24 pixels wide and half as high."""
    rows = ["id,modality_guess"]
    for folder in nuclei.FOLDERS.values():
        for kind in ("images", "labels"):
            (tmp_path / "nuclei" / folder / kind).mkdir(parents=True)
        for name in (f"{folder}-{number}" for number in range(6)):
            rows.append(f"{name},{folder}")
            numbered = np.zeros((40, 64), np.uint8)
            numbered[8:20, 8:32] = 1
            numbered[8:20, 32:56] = 2
            imsave(
                tmp_path / "nuclei" / folder / "images" / f"{name}.png",
                np.where(numbered, 200, 30).astype(np.uint8),
                check_contrast=False,
            )
            if folder != "stain_lavender":
                imsave(
                    tmp_path / "nuclei" / folder / "labels" / f"{name}.png", numbered, check_contrast=False
                )
    (tmp_path / "nuclei" / "index.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_the_lavender_proxy_learns_from_labels_of_both_others_and_keeps_the_images_of_tables_apart(data):
    recipe = REFINED["lavender-proxy"]
    assert isinstance(recipe.recipe, RandomContrasts)
    assert recipe.beside is not None
    learned = [*recipe.recipe.source.training(data), *recipe.beside.training(data)]
    kept = {plane.name for plane in recipe.validated(data)}
    assert {name.rpartition("-")[0] for name in kept} == {"fluorescence", "stain_purple_on_white"}
    assert not kept & {plane.name for plane in learned}
    assert not kept & set(nuclei.names(data, nuclei.PURPLE, held_out=False))


def test_images_of_the_stain_come_at_the_size_of_the_model_and_nuclei_that_touch_stay_apart(data):
    beside = REFINED["lavender-proxy"].beside
    assert beside is not None
    for plane in beside.training(data):
        assert plane.image.shape == plane.labels.shape
        assert label(plane.labels, connectivity=2).max() == 2
        # Two nuclei of 20 pixels across, but for the line between them.
        assert (plane.labels > 0).sum() == pytest.approx(2 * np.pi * 100, rel=0.15)

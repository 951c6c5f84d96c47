"""The rows without a model of the table of objects: what they find follows from the image."""

from __future__ import annotations

import numpy as np
from objects_methods import objects_of, otsu, scribbled_forest
from objects_targets import LAVENDER, SEM, TEM, Scene
from scribbled_forest import forest, predicted

from napari_pseudolabel.imaging import from_array

RNG = np.random.default_rng


def scene(image, truth, pixel_um=None):
    return Scene("s", "g", from_array(image), pixel_um, truth, {}, held_out=False)


def rings(bright):
    """Nine fibres; what is their myelin in grey, and the true classes."""
    y, x = np.mgrid[:180, :180]
    far = np.hypot(y % 60 - 30, x % 60 - 30)
    truth = np.where(far < 12, 2, np.where(far < 20, 1, 0)).astype(np.uint8)
    image = np.where(truth == 1, 200.0, 60.0) + RNG(0).normal(0, 8, truth.shape)
    return (image if bright else 255 - image).astype(np.float32), truth


def test_otsu_finds_myelin_of_either_contrast():
    for target, bright in ((SEM, True), (TEM, False)):
        image, truth = rings(bright)
        made = otsu(scene(image, truth, target.modality.pixel_size_um), target, 1.0)
        assert (made.labels == truth).mean() > 0.95
        found = objects_of(made, target)
        assert found["axon"].max() == found["fibre"].max() == 9


def test_otsu_takes_the_side_that_covers_less_for_nuclei():
    _, truth = rings(True)
    nuclei = (truth == 2).astype(np.uint8)
    for high, low in ((200.0, 60.0), (60.0, 200.0)):
        image = np.where(nuclei, high, low).astype(np.float32)
        made = otsu(scene(image, nuclei), LAVENDER, 1.0)
        assert (made.labels == nuclei).mean() > 0.98
        assert objects_of(made, LAVENDER)["nucleus"].max() == 9


def test_a_forest_learns_what_no_single_limit_tells():
    values = RNG(0).random((600, 5)).astype(np.float32)
    classes = ((values[:, 1] > 0.5) ^ (values[:, 3] > 0.5)).astype(np.int64)
    trees = forest(values[:400], classes[:400], 2, RNG(1))
    chances = predicted(trees, values[400:])
    np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-5)
    assert (chances.argmax(axis=1) == classes[400:]).mean() > 0.85


def test_eight_scribbles_are_enough_for_a_plain_image():
    image, truth = rings(True)
    made = scribbled_forest(scene(image, truth, SEM.modality.pixel_size_um), SEM, 1.0)
    assert (made.labels == truth).mean() > 0.85

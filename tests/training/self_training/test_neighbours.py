"""Slices that show the same place tell about each other; images that only share their light do not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage as ndi

from napari_pseudolabel.control import Control
from napari_pseudolabel.labels.classes import default_classes
from napari_pseudolabel.training.self_training.gating import PlaneDecisions
from napari_pseudolabel.training.self_training.neighbours import shares
from napari_pseudolabel.training.self_training.target_parts import TargetPart, labels_of

SIDE = 96


def place(seed):
    """Objects of about ten pixels, deeper in the stack along the first axis."""
    volume = ndi.gaussian_filter(
        np.random.default_rng(seed).standard_normal((24, SIDE, SIDE)), 4, mode="wrap"
    )
    return np.float32(0.5 + volume / volume.std() / 8)


def noisy(image, seed):
    return np.float32(image + np.random.default_rng(seed).normal(0, 0.3, image.shape))


def test_slices_beside_each_other_tell_about_each_other():
    volume = place(0)
    found = shares([noisy(volume[at], at) for at in (0, 2, 12)])
    assert found[0, 1] > 0.2
    assert not found[2, :2].any()
    assert found[2, 2] == 1
    assert np.allclose(found.sum(axis=1), 1)


@pytest.mark.parametrize("light", ["even", "uneven"])
def test_other_places_do_not_even_in_the_same_light(light):
    shade = np.linspace(0, 1, SIDE, dtype=np.float32)[None] if light == "uneven" else np.float32(0)
    found = shares([noisy(place(seed)[0], seed) + shade for seed in range(4)])
    assert np.array_equal(found, np.eye(4))


def test_images_of_other_sizes_and_without_anything_stand_alone():
    image = place(0)[0]
    nothing = np.zeros_like(image)
    assert np.array_equal(shares([image, image[:64], nothing, nothing]), np.eye(4))


class _Said:
    """A segmenter that answers with what it is shown: the chance of the object is the grey level."""

    classes = default_classes(("object",))

    def probabilities(self, image, **_):
        return np.stack([1 - image, image])

    def labels(self, chances):
        return (chances[1] > 0.5).astype(np.uint8)


class _Stage:
    def advance(self):
        """Count nothing."""


def test_a_part_is_labelled_by_what_is_said_of_it_and_of_its_neighbours():
    levels = (0.4, 0.9, 0.1)
    parts = [
        TargetPart(
            "one", np.full((4, 4), level, np.float32), np.ones((4, 4), bool), PlaneDecisions.none((4, 4))
        )
        for level in levels
    ]
    known = np.array([[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 1]], np.float32)
    found = labels_of(_Said(), parts, known, "cpu", Control(), _Stage())
    assert [one.labels[0, 0] for one in found] == [1, 1, 0]
    assert [one.votes[:, 0, 0].tolist() for one in found] == [[1, 1], [1, 1], [0, 0]]
    assert np.allclose([one.sure[0, 0] for one in found], [0.65, 0.65, 0.9])

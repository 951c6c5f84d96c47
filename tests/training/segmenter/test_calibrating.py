"""How sure a segmenter may be is fitted on validation images, and labels stay what they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from napari_pseudolabel.models.cards import CardCalibration, LabelClass
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.segmenter.calibrating import OTHER, OWN, calibrated

CLASSES = (LabelClass(name="background", value=0), LabelClass(name="bright", value=3))


@pytest.fixture(scope="module")
def brief_calibration():
    """Judged here as it is."""


@dataclass
class Boaster:
    """Sees what is brighter than the middle, and says so with a logit that is `boast` times too large."""

    boast: float
    classes: tuple[LabelClass, ...] = CLASSES

    def probabilities(self, image, **kwargs):
        bright = 1 / (1 + np.exp(-self.boast * 6 * (image - 0.5)))
        return np.stack([1 - bright, bright]).astype(np.float32)

    def labels(self, probabilities):
        return np.array([0, 3], np.uint8)[probabilities.argmax(axis=0)]


@pytest.fixture
def plane():
    random = np.random.default_rng(0)
    image = random.random((64, 80)).astype(np.float32)
    chance = 1 / (1 + np.exp(-6 * (image - 0.5)))
    return LabelledPlane("made up", image, (3 * (random.random(image.shape) < chance)).astype(np.uint8))


def test_who_boasts_is_cooled_down(plane):
    modest, loud = (calibrated(Boaster(boast), [plane]) for boast in (1.0, 3.0))
    assert loud.temperature > 1.8 * modest.temperature
    assert "made up" in loud.data


def test_of_what_no_label_was_learned_from_it_is_less_sure(plane):
    found = calibrated(Boaster(1.0), [plane])
    assert found.carried > found.temperature
    proxy = calibrated(Boaster(1.0), [plane], learned="translations")
    assert found.temperature < proxy.temperature == proxy.carried == found.carried
    tuned = calibrated(Boaster(1.0), [plane], learned="behind a translator")
    assert tuned.carried == tuned.temperature == found.temperature


def test_only_what_counts_is_learned_from(plane):
    weight = np.zeros(plane.image.shape, np.float32)
    blind = LabelledPlane("blind", plane.image, plane.labels, weight)
    assert calibrated(Boaster(1.0), [blind]) is None
    assert calibrated(Boaster(1.0), []) is None
    weight = weight.copy()
    weight[:, :40] = 1
    wrong = np.where(weight > 0, plane.labels, 3 - plane.labels)
    half = calibrated(Boaster(1.0), [LabelledPlane("half", plane.image, wrong, weight)])
    whole = calibrated(Boaster(1.0), [plane])
    assert half.temperature == pytest.approx(whole.temperature, rel=0.1)


def test_few_of_many_planes_are_looked_at(plane):
    seen = []

    class Counting(Boaster):
        def probabilities(self, image, **kwargs):
            seen.append(image)
            return super().probabilities(image, **kwargs)

    calibrated(Counting(1.0), [plane] * 9, most=3)
    assert len(seen) == 3 * 4 * len(OTHER)


def test_disturbed_images_stay_images(plane):
    for disturbance in OTHER:
        found = disturbance.of(plane.image)
        assert found.dtype == np.float32
        assert found.min() >= 0
        assert found.max() <= 1
        assert found.shape[0] == pytest.approx(64 * disturbance.factor, abs=1)
    np.testing.assert_array_equal(OWN[0].of(plane.image), plane.image)
    np.testing.assert_allclose(OTHER[-1].of(plane.image), 1 - plane.image)


def test_what_its_labels_look_like_is_kept(plane):
    typical = calibrated(Boaster(1.0), [plane]).typical
    assert typical.agreement == 1
    assert 0.3 < typical.hesitation < np.log(2)
    ((dark, bright, brighter),) = typical.contrast
    assert (dark, bright) == (0, 3)
    assert brighter < 0.05
    ((value, width),) = typical.widths
    assert value == 3
    assert 1 < width < 5


def test_a_card_knows_both_situations():
    assert CardCalibration(temperature=1.2).of(translated=True) == 1.2
    both = CardCalibration(temperature=1.2, carried=1.5)
    assert (both.of(translated=True), both.of(translated=False)) == (1.5, 1.2)

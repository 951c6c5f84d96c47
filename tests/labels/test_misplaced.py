"""Labels that are turned, mirrored or moved against their reference."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.draw import disk

from napari_pseudolabel.labels.misplaced import misplaced, moved_on, unlike


def discs(shape=(96, 130), count=14, seed=0):
    """Discs of two classes, at random."""
    rng, labels = np.random.default_rng(seed), np.zeros(shape, np.uint8)
    for number in range(count):
        centre = rng.uniform(8, np.array(shape) - 8)
        labels[disk(centre, rng.uniform(4, 8), shape=shape)] = 1 + number % 2
    return labels


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda plane: plane[:, ::-1],
            "if it were mirrored left to right (100% of what is labelled instead of",
        ),
        (lambda plane: plane[::-1], "turned upside down"),
        (lambda plane: plane[::-1, ::-1], "turned by half a turn"),
        (
            lambda plane: np.roll(plane, (2, -3), (0, 1)),
            "lies 2 px too low and 3 px too far left: moved back, ",
        ),
        (lambda plane: np.roll(plane, 1, 0), "lies 1 px too low: moved back, "),
    ],
)
def test_what_was_done_to_labels_is_said(change, said):
    truth = discs()
    (told,) = misplaced(change(truth), truth)
    assert said in told
    stack = np.stack([np.zeros_like(truth), truth])
    assert misplaced(np.stack([stack[0], change(truth)]), stack) == (told,)


@pytest.mark.parametrize("turns", [1, 3])
def test_squares_may_be_turned_by_a_quarter(turns):
    truth = discs((100, 100))
    (told,) = misplaced(np.rot90(truth, turns), truth)
    # It says what to do, not what was done.
    assert f"turned by a quarter to the {'right' if turns == 1 else 'left'}" in told
    assert "rows and columns exchanged" in misplaced(truth.T, truth)[0]


def test_nothing_is_said_of_labels_that_fit_or_fit_nowhere():
    truth, other = discs(), discs(seed=1)
    worse = np.where(np.random.default_rng(0).random(truth.shape) < 0.3, 0, truth)
    larger = np.maximum(truth, np.roll(truth, 1, 0))
    for prediction in (truth, other, worse, larger, np.zeros_like(truth), truth[:, :50]):
        assert misplaced(prediction, truth) == ()
    assert misplaced(truth, np.zeros_like(truth)) == ()


@pytest.mark.parametrize("shape", [(96, 130), (100, 100)])
def test_labels_that_do_not_lie_on_their_image_are_noticed(shape):
    truth = discs(shape)
    noise = np.random.default_rng(0).normal(0, 30, shape)
    image = 100 + 60.0 * (truth > 0) + noise
    assert unlike(image, truth) == ""
    assert unlike(200 - image, truth) == ""
    assert unlike(image, truth[::-1]) == "turned upside down"
    assert unlike(image, truth[::-1, ::-1]) == "turned by half a turn"
    if shape[0] == shape[1]:
        assert unlike(image, truth.T) == "with rows and columns exchanged"
    # Nothing is known of labels that no grey level tells, of others, and of nothing.
    assert unlike(noise, truth) == unlike(image, discs(shape, seed=1)) == unlike(0 * image, truth[::-1]) == ""


def test_labels_that_lie_beside_what_they_are_of_are_noticed():
    truth = discs()
    image = 100 + 60.0 * (truth > 0) + np.random.default_rng(0).normal(0, 15, truth.shape)
    assert moved_on(image, truth) is None
    assert moved_on(image, np.roll(truth, (1, -1), (0, 1))) is None  # as people draw
    for seen in (image, 200 - image):
        assert moved_on(seen, np.roll(truth, (6, -4), (0, 1))) == pytest.approx((6, -4), abs=0.5)
    assert moved_on(image, discs(seed=1)) is None
    assert moved_on(image - image, truth) is None

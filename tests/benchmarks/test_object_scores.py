"""Objects are scored one by one."""

import numpy as np
import pytest
from object_scores import object_scores
from scipy import ndimage
from scipy.stats import spearmanr
from skimage.draw import disk

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.confidence import mean_dice
from napari_pseudolabel.labels.review import measure


def objects(seed=0):
    """Discs, some of which are drawn too small, and members that doubt about them."""
    rng = np.random.default_rng(seed)
    truth, labels = np.zeros((2, 300, 300), np.uint8)
    centres = [(25 + 50 * i, 25 + 50 * j) for i in range(6) for j in range(6)]
    members = np.zeros((3, 300, 300), np.uint8)
    for centre in centres:
        truth[disk(centre, 15, shape=truth.shape)] = 1
        lost = rng.integers(0, 6)
        labels[disk(centre, 15 - lost, shape=truth.shape)] = 1
        for member in members:
            member[disk(centre, 15 - rng.integers(0, lost + 1), shape=truth.shape)] = 1
    return truth, labels, members


def test_objects_are_scored_one_by_one():
    truth, labels, members = objects()
    instances, count = ndimage.label(labels)
    scores = object_scores(labels, instances, candidates=members)
    assert [one.number for one in scores] == list(range(1, count + 1))
    true = []
    for one in scores:
        y0, x0, y1, x1 = one.box
        assert one.pixels == (instances == one.number).sum()
        assert (instances[y0:y1, x0:x1] == one.number).sum() == one.pixels
        around = slice(max(y0 - 10, 0), y1 + 10), slice(max(x0 - 10, 0), x1 + 10)
        true.append(mean_dice(labels[around], truth[around]))
    assert spearmanr([one.quality for one in scores], true).statistic > 0.7


def test_an_object_that_a_person_confirmed_is_right():
    _, labels, members = objects()
    instances, _ = ndimage.label(labels)
    touched = np.zeros(labels.shape, bool)
    touched[:50, :50] = True
    confidence = np.full(labels.shape, 0.7, np.float32)
    scores = object_scores(labels, instances, candidates=members, confidence=confidence, touched=touched)
    quality = {one.number: one.quality for one in scores}
    assert quality[int(instances[25, 25])] == 1
    assert quality[int(instances[25, 75])] < 0.95


def test_one_object_is_scored_as_the_region_that_it_fills():
    labels = np.ones((60, 60), np.uint8)
    members = np.ones((3, 60, 60), np.uint8)
    members[0, :20] = 0
    (one,) = object_scores(labels, labels, candidates=members)
    (region,) = measure(labels, candidates=members, side=60)
    assert one.quality == pytest.approx(region.quality)


def test_planes_without_objects_and_arrays_of_other_planes():
    labels = np.zeros((9, 9), np.uint8)
    assert object_scores(labels, labels.astype(np.int32)) == ()
    with pytest.raises(InputError, match="same plane"):
        object_scores(labels, np.zeros((3, 3), np.int32))


def test_numbers_may_be_missing():
    labels = np.zeros((30, 30), np.uint8)
    labels[2:8, 2:8] = labels[20:28, 20:28] = 1
    instances = labels.astype(np.int32) * 2
    instances[20:28, 20:28] = 7
    assert [one.number for one in object_scores(labels, instances)] == [2, 7]

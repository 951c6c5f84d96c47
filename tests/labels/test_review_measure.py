"""What is known about the regions of a plane before a person looks at them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from scipy.stats import spearmanr
from skimage.draw import disk

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.classes import AXON_CLASSES, default_classes
from napari_pseudolabel.labels.review import measure, object_diameter, order, side_for
from napari_pseudolabel.labels.review.region_grid import RegionGrid

AXON = 2
DISCS = default_classes(("halo", "disc"))


def discs(shape, centres, radius, value=1):
    labels = np.zeros(shape, np.uint8)
    for centre in centres:
        labels[disk(centre, radius, shape=shape)] = value
    return labels


def grid(n, step, start):
    return [(start + step * i, start + step * j) for i in range(n) for j in range(n)]


@settings(deadline=None)
@given(st.integers(1, 700), st.integers(1, 700), st.integers(10, 400))
def test_regions_cover_a_plane_once(height, width, side):
    regions = RegionGrid.of((height, width), side)
    seen = np.zeros((height, width), int)
    for y0, x0, y1, x1 in regions.boxes:
        assert y1 > y0
        assert x1 > x0
        seen[y0:y1, x0:x1] += 1
    assert (seen == 1).all()
    assert regions.sizes.sum() == seen.size
    values = np.random.default_rng(0).random((height, width))
    expected = [values[y0:y1, x0:x1].sum() for y0, x0, y1, x1 in regions.boxes]
    np.testing.assert_allclose(regions.sums(values), expected)
    ys, xs = np.random.default_rng(1).uniform(0, (height, width), (20, 2)).T
    for number, y, x in zip(regions.number_at(ys, xs), ys, xs, strict=True):
        y0, x0, y1, x1 = regions.boxes[number]
        assert y0 <= y < y1
        assert x0 <= x < x1


def test_regions_hold_about_three_objects_side_by_side():
    labels = discs((400, 400), grid(5, 80, 40), 25)
    assert object_diameter(labels) == pytest.approx(50, abs=2)
    # Myelin that touches everywhere says nothing about the size of objects.
    bundle = np.where(labels == 1, AXON, 1)
    assert object_diameter(bundle) == pytest.approx(50, abs=2)
    assert side_for(50.0) == 150
    assert (side_for(5.0), side_for(900.0), side_for(None)) == (96, 384, 96)
    assert object_diameter(np.zeros((9, 9), np.uint8)) is None
    (first, *_) = measure(labels)
    assert first.box[3] == pytest.approx(150, abs=20)


def doubtful(seed=0, size=480):
    """A plane whose labels are wrong where a member of the ensemble says so, most of all in the lower right."""
    rng = np.random.default_rng(seed)
    centres = grid(12, 40, 20)
    truth = discs((size, size), centres, 14)
    labels, members, confidence = truth.copy(), [truth.copy() for _ in range(3)], np.full(truth.shape, 0.99)
    for centre in centres:
        if rng.random() < ((centre[0] + centre[1]) / (2 * size)) ** 4:
            place = disk(centre, 14, shape=truth.shape)
            labels[place] = 0
            members[rng.integers(3)][place] = 0
            confidence[place] = rng.uniform(0.4, 0.6)
    return truth, labels, np.stack(members), confidence.astype(np.float32)


def dice(one, other, box):
    y0, x0, y1, x1 = box
    a, b = one[y0:y1, x0:x1] > 0, other[y0:y1, x0:x1] > 0
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.mark.parametrize("known", ["both", "confidence", "candidates"])
def test_quality_and_benefit_follow_the_truth(known):
    truth, labels, members, confidence = doubtful()
    scores = measure(
        labels,
        confidence=None if known == "candidates" else confidence,
        candidates=None if known == "confidence" else members,
    )
    true = [dice(labels, truth, one.box) for one in scores]
    assert spearmanr([one.quality for one in scores], true).statistic > 0.85
    wrong = [(labels != truth)[one.box[0] : one.box[2], one.box[1] : one.box[3]].sum() for one in scores]
    assert spearmanr([one.benefit for one in scores], wrong).statistic > 0.85


def test_the_queue_finds_mistakes_sooner_than_chance():
    truth, labels, members, confidence = doubtful(1)
    scores = measure(labels, confidence=confidence, candidates=members)
    wrong = {
        one.place: (labels != truth)[one.box[0] : one.box[2], one.box[1] : one.box[3]].sum() for one in scores
    }
    found = np.cumsum([wrong[one.place] for one in order(scores)])
    chance = np.arange(1, len(found) + 1) * found[-1] / len(found)
    assert found[: len(found) // 2].sum() > 1.2 * chance[: len(found) // 2].sum()


def test_an_ensemble_that_agrees_is_trusted_more_than_one_that_does_not():
    labels = discs((200, 200), [(100, 100)], 40)
    other = discs((200, 200), [(100, 110)], 40)
    (same,) = measure(labels, candidates=np.stack([labels] * 3), side=200)
    (differs,) = measure(labels, candidates=np.stack([labels, other, labels]), side=200)
    assert same.quality == 1
    assert same.benefit == 0
    assert same.reason == "nothing in doubt"
    assert differs.quality < 0.95


def test_what_a_person_decided_is_right():
    _, labels, members, confidence = doubtful(2)
    touched = np.zeros(labels.shape, bool)
    touched[:, :240] = True
    for one in measure(labels, confidence=confidence, candidates=members, touched=touched, side=120):
        decided = one.box[3] <= 240
        assert (one.benefit == 0) == decided
        if decided:
            assert (one.quality, one.path_px) == (1, 0)


def test_a_member_that_says_nothing_follows_the_labels():
    labels = discs((200, 200), [(100, 100)], 40)
    silent = np.full(labels.shape, 255, np.uint8)
    (one,) = measure(labels, candidates=np.stack([labels, silent]), side=200)
    assert one.quality == 1


def test_nothing_is_known_about_labels_alone():
    """They are ordered by what is in them, and nothing is said against them."""
    labels = discs((200, 300), [(100, 50), (60, 250), (140, 250)], 30)
    few, many = measure(labels, side=150)[0], measure(labels, side=150)[1]
    assert many.foreground > few.foreground
    assert many.path_px > few.path_px
    assert few.reason == many.reason == "nothing in doubt"


def test_missed_objects_that_a_member_sees_are_path_to_draw():
    labels = discs((192, 384), [(90, 90), (90, 290)], 30)
    member = labels.copy()
    member[disk((150, 250), 20, shape=labels.shape)] = 1
    left, right = (
        one.path_px
        for one in measure(labels, candidates=np.stack([labels, labels, member, member]), side=192)
    )
    assert right - left > 0.3 * 2 * np.pi * 20


def test_background_that_nobody_doubts_is_worth_less_than_doubt_near_objects():
    labels = discs((192, 384), [(96, 96)], 40)
    confidence = np.full(labels.shape, 0.8, np.float32)
    near, far = measure(labels, confidence=confidence, side=192)
    assert near.benefit > 2 * far.benefit
    assert far.foreground == 0


def test_reasons_count_what_is_disputed_and_where_borders_are_soft():
    labels = discs((192, 192), [(60, 60)], 30, AXON)
    labels[disk((140, 140), 30, shape=labels.shape)] = AXON
    member = labels.copy()
    member[disk((140, 140), 30, shape=labels.shape)] = 0
    member[disk((30, 150), 5, shape=labels.shape)] = 1
    (one,) = measure(labels, candidates=np.stack([labels, member]), classes=DISCS, side=192)
    assert one.reason == "looks disagree: 1 × small halo, 1 × disc"
    confidence = np.ones(labels.shape, np.float32)
    rim = ndimage.binary_dilation(labels > 0) & ~ndimage.binary_erosion(labels > 0)
    confidence[rim] = 0.55
    (one,) = measure(labels, confidence=confidence, classes=DISCS, side=192)
    assert one.reason == "low confidence at 2 borders"
    confidence[disk((60, 60), 25, shape=labels.shape)] = 0.3
    (one,) = measure(labels, confidence=confidence, side=192)
    assert one.reason.startswith("low confidence: 1 × class 2; low confidence at")


def test_pixels_that_nothing_was_predicted_for_are_no_error():
    labels = discs((192, 192), [(60, 60)], 30)
    confidence = np.full(labels.shape, np.nan, np.float32)
    (one,) = measure(labels, confidence=confidence, side=192)
    assert 0 < one.benefit < np.inf
    assert 0 <= one.quality <= 1


@given(
    arrays(np.uint8, (40, 50), elements=st.integers(0, 2)),
    st.integers(0, 3),
    st.integers(0, 2**31),
    st.booleans(),
    st.booleans(),
)
def test_scores_are_numbers_of_their_kind(labels, count, seed, sure, decided):
    rng = np.random.default_rng(seed)
    candidates = rng.choice(np.array([0, 1, 2, 255], np.uint8), (count, *labels.shape))
    confidence = rng.random(labels.shape).astype(np.float32) if sure else None
    touched = rng.random(labels.shape) < 0.5 if decided else None
    for one in measure(labels, confidence=confidence, candidates=candidates, touched=touched, side=20):
        assert 0 <= one.quality <= 1
        assert 0 <= one.foreground <= 1
        assert one.path_px >= 0
        assert one.seconds > 0
        assert one.benefit >= 0
        assert one.reason


def test_what_cannot_be_measured_is_one_sentence():
    labels = np.zeros((20, 20), np.uint8)
    with pytest.raises(InputError, match="confidence has planes"):
        measure(labels, confidence=np.zeros((3, 3), np.float32))
    with pytest.raises(InputError, match="not per object"):
        measure(np.full((20, 20), 300))


def test_axons_without_myelin_and_myelin_without_axons_are_reasons_with_their_places():
    labels = np.zeros((200, 400), np.uint8)
    labels[40:80, 40:80], labels[50:70, 50:70] = 1, AXON
    labels[120:140, 60:80] = labels[150:160, 20:30] = AXON
    labels[60:90, 260:300] = 1
    sure = np.ones(labels.shape, np.float32)
    left, right = measure(labels, confidence=sure, classes=AXON_CLASSES, side=200)
    assert left.reason == "2 × axon without myelin, the first at (120, 60)"
    assert right.reason == "myelin without axon at (60, 260)"
    assert (left.benefit, right.benefit) == (500, 1200)
    assert order((left, right))[0].place == right.place
    # A person who has looked knows better, and without names nobody knows what belongs together.
    touched = np.zeros(labels.shape, bool)
    touched[130, 70] = True
    mended, _ = measure(labels, confidence=sure, classes=AXON_CLASSES, touched=touched, side=200)
    assert mended.reason == "axon without myelin at (150, 20)"
    assert all(one.benefit == 0 for one in measure(labels, confidence=sure, side=200))

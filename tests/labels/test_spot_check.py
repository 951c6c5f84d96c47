"""Spot checks: fair samples, honest intervals, and statements about the labels that were judged and no others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.spot_check import (
    SPOT_CHECK_KEY,
    SpotCheckOptions,
    SpotChecks,
    answers_for,
    clustered,
    digest_of,
    half_width,
    judged,
    statement,
    statements,
)
from napari_pseudolabel.labels.spot_check.drawn_sample import draw
from napari_pseudolabel.labels.spot_check.spot_estimates import wilson
from napari_pseudolabel.models.cards import LabelClass

# Mitochondria are told apart by components alone, which is quick.
MITO = (LabelClass(name="background", value=0), LabelClass(name="mitochondrion", value=1))
FIBRES = (LabelClass(name="myelin", value=1), LabelClass(name="axon", value=2))
SHAPE = (200, 300)


def squares(step: int = 20, side: int = 8) -> np.ndarray:
    """150 squares; those of the first row and column lie at the border."""
    labels = np.zeros(SHAPE, np.uint8)
    for y in range(0, SHAPE[0], step):
        for x in range(0, SHAPE[1], step):
            labels[y : y + side, x : x + side] = 1
    return labels


LABELS = squares()


def drawn(seed: int = 0, objects: int = 60, boxes: int = 3, labels: np.ndarray = LABELS, **more):
    return draw(labels, MITO, SpotCheckOptions(objects=objects, boxes=boxes), seed=seed, **more)


def answered(check, answers, missed=0):
    """The check with answers to its objects, and boxes in which so many are missed."""
    for number, answer in enumerate(answers):
        check = check.with_question(number, check.objects[number].model_copy(update={"answer": answer}))
    for number, box in enumerate(check.boxes, start=len(check.objects)):
        told = {"answer": "done", "missed": (box.box[:2],) * missed}
        check = check.with_question(number, box.model_copy(update=told))
    return check


# The sample.


def test_every_object_is_as_likely_and_none_is_asked_twice():
    counts: dict[tuple[int, int], int] = {}
    for seed in range(40):
        check = drawn(seed, objects=30, boxes=0)
        assert check.objects_in_all == 150
        places = [one.place for one in check.objects]
        assert len({*places}) == 30
        for place in places:
            counts[place] = counts.get(place, 0) + 1
    hits = np.array([*counts.values(), *[0] * (150 - len(counts))])
    # 40 draws of a fifth each: a mean of 8, and the chi-squared of 150 objects.
    assert hits.sum() == 40 * 30
    assert ((hits - 8) ** 2 / (8 * 0.8)).sum() < 150 + 4 * np.sqrt(300)


def test_a_smaller_sample_is_the_beginning_of_a_larger_one_and_other_seeds_are_others():
    assert [one.place for one in drawn(objects=90).objects[:60]] == [one.place for one in drawn().objects]
    assert drawn(1).objects != drawn(0).objects


def test_all_boxes_together_hold_every_object_and_every_labelled_pixel_once():
    labelled = np.zeros(SHAPE, bool)
    labelled[30:170, 45:] = True
    labels = np.where(labelled, LABELS, 0)
    check = drawn(boxes=500, labels=labels, labelled=labelled)
    assert len(check.boxes) == check.boxes_in_all
    covered = np.zeros(SHAPE, int)
    for box in check.boxes:
        y0, x0, y1, x1 = box.box
        covered[y0:y1, x0:x1] += 1
    assert (covered[labelled] == 1).all()
    # What was never predicted lies in no box, here where it is a rectangle.
    assert (covered[~labelled] == 0).all()
    found = [one.place for box in check.boxes for one in box.found]
    assert len(found) == len({*found}) == check.objects_in_all


def test_objects_are_what_people_count_and_their_middle_lies_in_them():
    labels = np.zeros((2, 60, 60), np.uint8)
    labels[1, 5:25, 5:25], labels[1, 10:20, 10:20] = 1, 2
    labels[1, 40:50, 40:50] = 1  # myelin without an axon is no object
    check = draw(labels, FIBRES, SpotCheckOptions(objects=9, boxes=9), seed=0)
    (fibre,) = check.objects
    assert (fibre.plane, fibre.value, check.objects_in_all) == ((1,), 2, 1)
    assert labels[(*fibre.plane, *fibre.place)] == 2
    assert sum(len(box.found) for box in check.boxes) == 1


def test_labels_without_an_object_can_be_checked_for_what_was_missed_and_nothing_at_all_cannot():
    empty = np.zeros(SHAPE, np.uint8)
    check = drawn(labels=empty)
    assert (check.objects, len(check.boxes)) == ((), 3)
    said = statement(answered(check, (), missed=2), check.digest)
    assert said.recall is not None
    assert (said.recall.value, said.recall.number) == (0.0, 6)
    with pytest.raises(InputError, match="make labels first"):
        drawn(labels=empty, labelled=np.zeros(SHAPE, bool))
    with pytest.raises(InputError, match="one object or one box"):
        drawn(objects=0, boxes=0)


# The intervals.


@given(st.integers(0, 60), st.integers(1, 60))
def test_wilson_is_that_of_scipy(right, wrong):
    share = judged(right, right + wrong)
    told = binomtest(right, right + wrong).proportion_ci(method="wilson")
    assert share is not None
    assert (share.low, share.high) == pytest.approx((told.low, told.high))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30))
def test_boxes_never_say_more_than_as_many_objects_one_by_one(boxes):
    right, every = [a for a, _ in boxes], [a + b for a, b in boxes]
    share = clustered(right, every)
    if not sum(every):
        assert share is None
        return
    assert share is not None
    assert 0 <= share.low <= share.value <= share.high <= 1
    low, high = wilson(share.value, share.number)
    assert (share.low, share.high) == (0, 1) or (share.low <= low + 1e-9 and share.high >= high - 1e-9)


@pytest.mark.parametrize(("share", "alike"), [(0.7, 0.3), (0.9, 0.1), (0.97, 0.0)])
def test_intervals_of_boxes_hold_the_truth_as_often_as_they_say(share, alike):
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        every = rng.poisson(5, 20)
        shares = share
        if alike:
            shares = rng.beta(share * (1 / alike - 1), (1 - share) * (1 / alike - 1), 20)
        found = clustered(rng.binomial(every, shares), every)
        assert found is not None
        held += found.low <= share <= found.high
    # Three standard errors below 95 %; pooled counts hold it 78 % of the time in the first case.
    assert held / 400 > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 400)


def test_how_many_answers_a_width_takes():
    number = answers_for(0.05)
    assert half_width(number) <= 0.05 < half_width(number - 1)
    assert 100 < number < 200


# The statement.


def test_what_is_said_after_a_check():
    check = answered(drawn(), ["right"] * 52 + ["wrong"] * 5 + ["not sure"] * 3)
    said = statement(check, check.digest)
    assert said.sentence.startswith(
        "Precision 91 % (95 % CI 81–96, 57 mitochondria judged, 3 not sure). Recall 100 % (95 % CI "
    )
    found = said.to_json()
    assert found["precision"]["by_class"] == {"mitochondrion": {"right": 52, "wrong": 5, "not_sure": 3}}
    assert (found["void"], found["complete"], found["recall"]["boxes"]) == (False, True, 3)
    # Whoever stops early has a smaller sample, and nothing is said of what was not looked at.
    part = answered(drawn(boxes=0), ["right"])
    assert (
        statement(part, part.digest).sentence == "Precision 100 % (95 % CI 21–100, 1 mitochondrion judged)."
    )


def test_what_was_missed_counts_and_wrong_labels_are_not_found():
    check = answered(drawn(objects=0, boxes=500), (), missed=1)
    box = next(one for one in check.boxes if one.found)
    number = check.boxes.index(box)
    check = check.with_question(number, box.model_copy(update={"wrong": (0,)}))
    said = statement(check, check.digest)
    assert said.recall is not None
    assert said.recall.number == 149 + len(check.boxes)
    assert said.recall.value == pytest.approx(149 / said.recall.number)


CHECK = answered(drawn(), ["right"])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, SHAPE[0] - 1), st.integers(0, SHAPE[1] - 1), st.booleans())
def test_a_check_is_void_once_a_pixel_differs_and_holds_again_when_it_does_not(y, x, predicted):
    labelled = np.ones(SHAPE, bool)
    assert CHECK.digest == digest_of(LABELS.astype(np.int32))
    changed = LABELS.copy()
    if predicted:
        labelled[y, x] = False
    else:
        changed[y, x] ^= 1
    kept = SpotChecks().begin(CHECK)
    (void,) = statements(kept, changed, labelled)
    assert void["void"]
    assert void["sentence"].startswith("Void, because the labels have changed since: Precision")
    assert not statements(kept, LABELS, None)[0]["void"]


def test_what_was_answered_stays_as_history_and_comes_back():
    first = answered(drawn(), ["wrong"])
    kept = SpotChecks().begin(first).begin(drawn(1)).begin(answered(drawn(2), ["right"]))
    # The second was never answered.
    assert [check.seed for check in kept.checks] == [0, 2]
    again = SpotChecks.of({SPOT_CHECK_KEY: kept.dumped()})
    assert again == kept
    assert SpotChecks.of({}).newest is None
    with pytest.raises(InputError, match="another version"):
        SpotChecks.of({SPOT_CHECK_KEY: {"version": 2}})

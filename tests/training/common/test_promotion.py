"""A model takes the place of another only if it is better, and the sentence says both numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pseudolabel.training.common.training_events import Score
from napari_pseudolabel.training.segmenter.fine_tune_task import promotion


def scored(mean, step=10, f1=None):
    return Score(step, mean, {"axon": mean}, {} if f1 is None else {"axon": f1})


@given(st.floats(0, 1), st.floats(0, 1))
def test_only_strictly_better_is_promoted(old, new):
    assert promotion(scored(old, 0), scored(new)).promoted == (new > old)


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        (0.7, 0.8123, ("rose from 0.700 to 0.812", "used from now on")),
        (0.8, 0.7, ("is 0.700 and was 0.800", "stays in use")),
        (0.8, 0.8, ("is 0.800 and was 0.800", "stays in use")),
        (0.80001, 0.80002, ("from 0.800010 to 0.800020",)),
    ],
)
def test_the_sentence_says_both_numbers(old, new, parts):
    sentence = promotion(scored(old, 0), scored(new)).sentence
    assert all(part in sentence for part in parts)


@pytest.mark.parametrize(
    ("old", "new", "promoted", "part"),
    [
        ((0.7, 0.8), (0.75, 0.795), True, "rose from 0.700 to 0.750; the new"),
        ((0.7, 0.8), (0.75, 0.7), True, "but the F1 of objects fell from 0.800 to 0.700: compare both"),
        (
            (0.7, 0.8),
            (0.7003, 0.79),
            False,
            "stayed at 0.700, and the F1 of objects fell from 0.800 to 0.790",
        ),
        ((0.7, 0.8), (0.6998, 0.81), True, "stayed at 0.700, and the F1 of objects rose from 0.800 to 0.810"),
        ((0.7, 0.8), (0.69, 0.99), False, "is 0.690 and was 0.700 before; the model before"),
        ((0.7, 0.8), (0.7, 0.8), False, "is 0.700 and was 0.700"),
    ],
)
def test_objects_decide_where_pixels_are_level_and_what_they_lose_is_said(old, new, promoted, part):
    found = promotion(scored(old[0], 0, old[1]), scored(new[0], 10, new[1]))
    assert found.promoted == promoted
    assert part in found.sentence


def test_the_first_model_is_used_and_an_untrained_one_is_not():
    first = promotion(None, scored(0.4))
    assert first.promoted
    assert "0.400" in first.sentence
    for before in (None, scored(0.4, 0)):
        untrained = promotion(before, scored(0.5, 0))
        assert not untrained.promoted
        assert "nothing was learned" in untrained.sentence

"""A model takes the place of another only if it is better, and the sentence says both numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pseudolabel.training.common.training_events import Score
from napari_pseudolabel.training.segmenter.fine_tune_task import promotion


def scored(mean, step=10):
    return Score(step, mean, {"axon": mean})


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


def test_the_first_model_is_used_and_an_untrained_one_is_not():
    first = promotion(None, scored(0.4))
    assert first.promoted
    assert "0.400" in first.sentence
    for before in (None, scored(0.4, 0)):
        untrained = promotion(before, scored(0.5, 0))
        assert not untrained.promoted
        assert "nothing was learned" in untrained.sentence

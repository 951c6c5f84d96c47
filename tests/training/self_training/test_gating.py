"""What a person decided always wins, and what was not predicted is never taught."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pseudolabel.training.self_training.gating import (
    DECIDED,
    MACHINE,
    PlaneDecisions,
    TargetLabels,
    gated,
)


def planes(seed: int) -> tuple[TargetLabels, PlaneDecisions]:
    """Random answers and decisions; some pixels were not predicted."""
    rng = np.random.default_rng(seed)
    shape = (7, 9)
    sure = rng.random(shape).astype(np.float32)
    sure[rng.random(shape) < 0.3] = np.nan
    votes = rng.integers(0, 2, (2, *shape)).astype(np.uint8)
    said = TargetLabels(np.where(rng.random(shape) < 0.5, *votes), votes, sure)
    touched = rng.random(shape) < 0.4
    return said, PlaneDecisions(rng.integers(0, 3, shape).astype(np.uint8), touched, rng.random(shape) < 0.2)


@given(st.integers(0, 10_000), st.floats(0, 0.99))
def test_what_a_person_decided_wins_and_the_rest_has_to_pass(seed, least):
    said, decided = planes(seed)
    labels, weight = gated(said, decided, least)
    taught = decided.touched & ~decided.held_out
    assert (labels[taught] == decided.truth[taught]).all()
    assert (weight[taught] == DECIDED).all()
    assert DECIDED > MACHINE > 0
    # What judges is learned in no way, neither as it was decided nor as it was predicted.
    assert not weight[decided.held_out].any()
    rest = (weight > 0) & ~decided.touched
    assert np.isfinite(said.sure[rest]).all()
    assert (said.sure[rest] > least).all()
    assert (said.votes[0] == said.votes[1])[rest].all()
    assert (labels[rest] == said.labels[rest]).all()


def test_what_was_not_predicted_is_not_taught_even_if_nothing_is_asked():
    said, decided = planes(3)
    nothing = PlaneDecisions.none(said.labels.shape)
    _, weight = gated(said, nothing, 0.0)
    assert weight.any()
    assert not weight[np.isnan(said.sure)].any()
    assert not nothing.judges.any()
    assert decided.judges.sum() == (decided.touched & decided.held_out).sum()


@pytest.mark.parametrize("least", [0.0, 0.8])
def test_looks_that_differ_teach_nothing(least):
    one = np.zeros((4, 4), np.uint8)
    said = TargetLabels(one, np.stack([one, one + 1]), np.full((4, 4), 0.99, np.float32))
    assert not said.passes(least).any()

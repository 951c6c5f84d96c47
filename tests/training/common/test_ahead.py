"""Batches drawn in advance are those that would have been drawn in their turn."""

from __future__ import annotations

import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_pseudolabel.training.common.prefetching import Prefetcher


@given(st.lists(st.integers(0, 20), max_size=12), st.integers(0, 3))
def test_every_step_gets_its_own_batch(steps: list[int], ahead: int) -> None:
    batches = Prefetcher(lambda step: step * step, ahead)
    assert [batches(step) for step in steps] == [step * step for step in steps]


def test_next_steps_are_drawn_before_they_are_asked_for() -> None:
    drawn = {step: threading.Event() for step in range(10)}
    batches = Prefetcher(lambda step: drawn[step].set(), 2)
    batches(4)
    assert drawn[5].wait(10)
    assert drawn[6].wait(10)
    assert not drawn[7].is_set()


def test_a_step_is_drawn_once_however_often_it_is_asked_for() -> None:
    drawn: list[int] = []
    batches = Prefetcher(drawn.append, 1)
    for step in (0, 0, 1, 2):
        batches(step)
    assert sorted(set(drawn)) == sorted(drawn)


def test_what_drawing_raised_is_raised_where_the_batch_is_asked_for() -> None:
    batches = Prefetcher(lambda step: 1 // (2 - step), 2)
    assert (batches(0), batches(1)) == (0, 1)
    with pytest.raises(ZeroDivisionError):
        batches(2)


def test_a_cpu_draws_nothing_in_advance() -> None:
    drawn: list[int] = []
    Prefetcher.on(torch.device("cpu"), drawn.append)(3)
    assert drawn == [3]

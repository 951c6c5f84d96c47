"""How long work will take, by how fast it goes now."""

from __future__ import annotations

import pytest

from napari_pseudolabel.control import Control, Progress, WorkRate
from napari_pseudolabel.engine.overall import Overall


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_a_slow_beginning_is_soon_no_measure_for_the_rest():
    clock = Clock()
    rate = WorkRate(clock)
    assert rate.seconds_for(10) is None
    clock.now += 60  # starting, loading
    rate.did(1)
    assert rate.seconds_for(9) == pytest.approx(540)
    for _ in range(3):
        clock.now += 2
        rate.did(1)
    assert rate.seconds_for(6) == pytest.approx(12)


def test_what_took_longer_later_counts_and_waiting_does_not():
    clock = Clock()
    rate = WorkRate(clock)
    for _ in range(1000):
        clock.now += 1
        rate.did(1)
    for _ in range(1000):
        clock.now += 3
        rate.did(1)
    clock.now += 500
    rate.waited(500)
    assert rate.seconds_for(100) == pytest.approx(300, rel=0.02)


def test_a_stage_knows_what_was_done_before_and_that_it_becomes_shorter():
    heard = []
    stage = Control(report=heard.append).stage("Numbering", 0)
    stage.expect(10)
    stage.skip(5)
    stage.expect(-2)
    stage.advance(2)
    stage.advance(9)
    assert [(one.done, one.total) for one in heard] == [(0, 0), (7, 8), (8, 8)]
    assert heard[-1].seconds_left == 0


def test_the_start_of_a_run_in_parts_is_no_measure_for_its_parts():
    clock = Clock()
    overall = Overall([1, *[10] * 99], clock)
    clock.now += 50  # the first part holds starting and loading
    overall.finished(1)
    left = []
    for part in range(2, 6):
        clock.now += 10
        left.append(overall.finished(part).seconds_left)
    assert left == pytest.approx([10 * (100 - part) for part in range(2, 6)])


def test_parts_at_the_same_time_add_up_by_their_weights():
    overall = Overall([1, 3], Clock())
    assert overall.heard(1, Progress("Translating", 5, 10)).done == 112  # nine tenths of half of a quarter
    assert overall.heard(1, Progress("Segmenting", 1, 2)).done == 237
    assert overall.heard(1, Progress("Segmenting", 1, 4)).done == 237, "it never goes back"
    told = overall.finished(2)
    assert (told.stage, told.done) == ("Labelling, part 2 of 2", 987)
    assert overall.finished(1).done == overall.finished(2).done == 1000

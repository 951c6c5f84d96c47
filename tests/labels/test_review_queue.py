"""Which region comes next, how long it takes, and when it is enough."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from napari_pseudolabel.labels.review import Calibration, Pace, RegionScore, forecast, order


def score(number, benefit=1.0, seconds=1.0, foreground=0.5, quality=0.5, plane=()):
    box = (0, 10 * number, 10, 10 * number + 10)
    return RegionScore(box, plane, quality, foreground, 0.0, seconds, benefit, "")


scores = st.lists(
    st.tuples(st.floats(0, 100), st.floats(0.1, 60), st.sampled_from([0, 0.1, 0.5])), min_size=1, max_size=30
).map(lambda rows: [score(i, *row) for i, row in enumerate(rows)])


def rate(one):
    return one.benefit / one.seconds


@given(scores, st.integers(0, 1000), st.data())
def test_the_queue_holds_every_region_that_is_left_once(regions, seed, data):
    done = data.draw(st.lists(st.sampled_from(regions), unique_by=lambda one: one.place))
    reviewed = [one.place for one in done]
    queue = order(regions, reviewed=reviewed, seed=seed)
    assert {one.place for one in queue} == {one.place for one in regions} - set(reviewed)
    assert len(queue) == len(regions) - len(reviewed)
    empty = [one.foreground == 0 for one in queue]
    assert empty == sorted(empty)
    assert queue == order(list(reversed(regions)), reviewed=reviewed, seed=seed)


def test_most_benefit_per_second_comes_first_and_randomness_fades():
    rng = np.random.default_rng(0)
    regions = [score(i, rng.uniform(0, 10), rng.uniform(1, 5)) for i in range(120)]
    sorted_first, early, late = 0, 0, 0
    for seed in range(200):
        queue = order(regions, seed=seed)
        best = sorted(regions, key=rate, reverse=True)
        picked = [rate(one) < rate(best[min(i + 12, 119)]) - 1e-9 for i, one in enumerate(queue)]
        sorted_first += queue[0] is best[0]
        early += sum(picked[:8])
        late += sum(picked[60:68])
    assert sorted_first > 130
    assert 50 < early < 400  # of 1600
    assert late < early / 10


def test_later_queues_go_on_with_the_same_picks():
    """After a review the rest keeps its order, unless the scores have changed."""
    regions = [score(i, 10.0 - i) for i in range(20)]
    queue = order(regions, seed=3)
    again = order(regions, reviewed=[queue[0].place], seed=3)
    assert again == queue[1:]


def test_planes_share_one_queue():
    regions = [score(0, 1.0, plane=(0,)), score(0, 2.0, plane=(1,)), score(0, 9.0, foreground=0, plane=(2,))]
    queue = order(regions, reviewed=[((5,), regions[0].box)] * 60)
    assert [one.plane for one in queue] == [(1,), (0,), (2,)]


def test_pace_is_learned_from_what_regions_took():
    rng = np.random.default_rng(0)
    path = rng.uniform(0, 500, 60)
    taken = 12 + 0.08 * path + rng.normal(0, 1, 60)
    pace = Pace.fitted(path, taken)
    assert pace.looking_seconds == pytest.approx(12, abs=2)
    assert pace.seconds_per_px == pytest.approx(0.08, abs=0.01)
    assert pace.seconds(100) == pytest.approx(20, abs=2)


def test_two_regions_teach_no_pace():
    assert Pace.fitted([10, 400], [600, 3]) == Pace()


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 1e3)), max_size=20), st.floats(0, 1e4))
def test_a_region_always_takes_some_time(seen, path):
    pace = Pace.fitted([p for p, _ in seen], [s for _, s in seen])
    assert pace.looking_seconds >= 0
    assert pace.seconds_per_px >= 0
    assert 0 < pace.seconds(path) < np.inf


def test_calibration_finds_the_truth_behind_flattering_estimates():
    rng = np.random.default_rng(1)
    truth = rng.uniform(0.3, 0.9, 80)
    estimate = 0.8 + 0.2 * truth + rng.normal(0, 0.01, 80)
    calibration = Calibration.fitted(estimate[:40], truth[:40])
    assert calibration.known
    better = calibration.apply(estimate[40:])
    assert np.abs(better - truth[40:]).mean() < 0.08 < np.abs(estimate[40:] - truth[40:]).mean()


def test_nine_regions_are_too_few_to_calibrate():
    few = Calibration.fitted(np.linspace(0, 1, 9), np.zeros(9))
    assert not few.known
    assert few.regions == 9
    np.testing.assert_array_equal(few.apply(np.array([0.2, 0.7])), [0.2, 0.7])
    assert Calibration.fitted(np.linspace(0, 1, 10), np.zeros(10)).apply(np.array([0.5])) == 0


def test_equal_estimates_teach_nothing():
    assert not Calibration.fitted([0.5] * 12, np.linspace(0, 1, 12)).known


@settings(deadline=None)
@example([(0.0, 0.0)] * 9 + [(2.2250738585e-313, 1.0)] + [(1.0, 1.0)], [0.0, 5e-324, 1e-9])
@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=10, max_size=40),
    st.lists(st.floats(0, 1), min_size=2, max_size=20),
)
def test_calibration_never_turns_an_order_round(pairs, estimates):
    calibration = Calibration.fitted([e for e, _ in pairs], [t for _, t in pairs])
    found = calibration.apply(np.sort(estimates))
    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(found) >= -1e-12).all()


def test_calibration_keeps_what_rank_correlation_there_is():
    rng = np.random.default_rng(2)
    truth = rng.uniform(0, 1, 200)
    estimate = truth**3
    calibration = Calibration.fitted(estimate[:100], truth[:100])
    assert spearmanr(calibration.apply(estimate[100:]), truth[100:]).statistic > 0.97


def test_the_outlook_counts_regions_minutes_and_quality():
    regions = [score(i, seconds=30, quality=0.6) for i in range(10)] + [score(10, foreground=0)]
    done = [one.place for one in regions[:4]]
    queue = order(regions, reviewed=done)
    found = forecast(regions, queue, reviewed=done, target=0.9)
    assert (found.reviewed, found.regions) == (4, 10)
    assert found.minutes_left == pytest.approx(3)
    assert found.quality == pytest.approx((4 * 1 + 6 * 0.6) / 10)
    # 0.76 now, 0.04 more with each: four more regions bring it to 0.92.
    assert found.minutes_to_target == pytest.approx(2)
    assert found.stop is None


def test_the_outlook_suggests_to_stop_when_it_is_good_enough():
    regions = [score(i, quality=0.95) for i in range(10)]
    few = [one.place for one in regions[:4]]
    assert (
        forecast(regions, order(regions, reviewed=few), reviewed=few).stop is None
    )  # estimates are not facts
    done = [one.place for one in regions[:5]]
    found = forecast(regions, order(regions, reviewed=done), reviewed=done, calibrated=True)
    assert "probably good enough: 0.97 of 0.90" in found.stop
    assert "learned from your corrections" in found.stop
    assert found.minutes_to_target == 0
    every = [one.place for one in regions]
    last = forecast(regions, (), reviewed=every)
    assert "Every region" in last.stop
    assert last.quality == 1
    assert last.minutes_left == 0


def test_regions_count_by_what_is_in_them():
    regions = [score(0, foreground=0.9, quality=0.2), score(1, foreground=0.1, quality=1.0)]
    assert forecast(regions, order(regions)).quality == pytest.approx(0.28)
    assert forecast([replace(one, foreground=0) for one in regions], ()).quality == 1


def test_a_target_may_be_out_of_reach():
    regions = [score(0, quality=0.5), score(1, quality=0.5)]
    skipped = order(regions)[:1]
    found = forecast(regions, skipped, target=0.9)
    assert found.minutes_to_target is None

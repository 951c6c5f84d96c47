"""A worker computes with the cores that nobody else wants."""

from __future__ import annotations

import pytest

from napari_pseudolabel.engine.thread_share import Spent, ThreadShare, cores


class Machine:
    """Cores, what others take of them, and a clock."""

    def __init__(self, available: int) -> None:
        self.time = self.everybody = self.own = 0.0
        self.told: list[int] = []
        self.share = ThreadShare(
            self.told.append, lambda: Spent(self.everybody, self.own), lambda: self.time, available
        )

    def go_on(self, seconds: float, others: float, own: float) -> int:
        self.time += seconds
        self.own += own * seconds
        self.everybody += (own + others) * seconds
        self.share.look()
        return self.told[-1]


@pytest.mark.parametrize(
    ("available", "others", "threads"),
    [
        (2, 0, 2),
        (2, 0.2, 2),
        (2, 0.6, 1),
        (2, 1, 1),
        (2, 2, 1),
        (8, 0.1, 8),
        (8, 2.5, 5),
        (8, 8, 1),
        (1, 0, 1),
    ],
)
def test_others_keep_their_cores(available, others, threads):
    machine = Machine(available)
    assert machine.go_on(2, others, own=0.5) == threads
    # Its own work is not that of others, however much it is.
    assert machine.go_on(2, others, own=available - min(others, available)) == threads


def test_threads_follow_what_others_do_but_not_every_moment():
    machine = Machine(4)
    machine.share.look()
    assert machine.told == [4]
    assert machine.go_on(0.1, others=4, own=0) == 4
    assert machine.go_on(2, others=3, own=1) == 1
    assert machine.go_on(2, others=0, own=1) == 4


def test_whoever_knows_that_others_give_way_begins_with_more():
    machine = Machine(8)
    machine.go_on(2, others=8, own=0)
    machine.share.look(least=4)
    assert machine.told[-1] == 4


def test_the_system_counts_this_process_among_everybody():
    before = Spent.now()
    total = sum(range(3_000_000))
    after = Spent.now()
    assert total
    assert after.own > before.own
    assert after.everybody > before.everybody
    assert cores() >= 1

"""Which part comes next, and who hears of it first; without workers."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest

from napari_pseudolabel.engine.parts import run_parts
from napari_pseudolabel.errors import ElsewhereError


class Plan:
    """Parts are numbers on a line, and the person looks at a place of it."""

    def __init__(self, count):
        self.chunks = random.Random(0).sample(range(count), count)
        self.compared = 0
        self.kept = []

    def distance(self, chunk, focus):
        self.compared += 1
        return abs(chunk - focus)

    def sent(self, chunk):
        return chunk

    load = sent

    def arrived(self, part):
        self.kept.append(part.chunk)


def ran(plan, focus, look=lambda done: None, fail_at=None):
    work = SimpleNamespace(handle=SimpleNamespace(cancelled=False, focus=focus))
    done = []

    def run(chunk, number):
        assert plan.chunks[number - 1] == chunk
        if chunk == fail_at:
            raise OSError("gone")
        return SimpleNamespace(chunk=chunk, report=chunk)

    def finished(number, part):
        assert plan.kept[-1] == part.chunk, "what is kept is kept before anybody is told"
        done.append(part.chunk)
        work.handle.focus = look(done) or work.handle.focus

    return run_parts(work, plan, run, finished, 1), done


def test_what_is_nearest_to_where_the_person_looks_comes_next():
    plan = Plan(30)
    reports, done = ran(plan, 10.2, lambda done: 25.1 if len(done) == 3 else None)
    assert done[:3] == [10, 11, 9]
    assert done[3:6] == [25, 26, 24]
    assert sorted(reports) == list(range(30)) == sorted(plan.kept)


def test_parts_are_not_compared_again_for_every_part():
    plan = Plan(400)
    ran(plan, 7.3)
    assert plan.compared == 400


def test_pixels_are_sent_where_a_worker_sees_another_file():
    plan, asked = Plan(4), []
    plan.sent = lambda chunk: f"part {chunk} of a file"

    def run(what, number):
        asked.append(what)
        if isinstance(what, str):
            raise ElsewhereError("no such file here")
        return SimpleNamespace(chunk=what, report=what)

    work = SimpleNamespace(handle=SimpleNamespace(cancelled=False, focus=0))
    reports = run_parts(work, plan, run, lambda number, part: None, 1)
    assert reports == [0, 1, 2, 3] == sorted(plan.kept)
    assert asked == ["part 0 of a file", 0, 1, 2, 3], "it is not tried again for every part"


def test_the_first_error_ends_it():
    plan = Plan(10)
    with pytest.raises(OSError, match="gone"):
        ran(plan, 0, fail_at=3)
    assert plan.kept == [0, 1, 2]

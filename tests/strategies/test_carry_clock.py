"""What is left of carrying, in all: parts that go slower than usual say so of those that follow."""

from __future__ import annotations

from contextlib import suppress

from napari_pseudolabel.control import Control, Progress
from napari_pseudolabel.errors import Cancelled
from napari_pseudolabel.strategies.carry import carry_timer
from napari_pseudolabel.strategies.carry.carry_clock import CarryClock, CarryStep
from napari_pseudolabel.strategies.carry.carry_timer import CarryTimer


def test_what_a_part_takes_tells_how_long_those_after_it_take():
    heard, said = [], []
    learn, label = CarryStep("it learns", "Training", 100.0), CarryStep("it labels", "Labelling", 50.0)
    clock = CarryClock(Control(heard.append, emit=said.append), [learn, label])
    control = clock.begin(learn)
    control.report(Progress("Training the segmenter", 50, 100, 100.0))  # twice as slow as usual
    assert heard[-1].seconds_left == 100 + 2 * 50
    control.report(Progress("Measuring", 1, 2, 7.0))
    assert heard[-1].seconds_left == 7.0
    control.report(Progress("Training the segmenter", 100, 100, 0.0))
    assert (heard[-1].seconds_left, clock.rate) == (100.0, 2.0)
    label.seconds = 60.0
    clock.begin(label)
    assert said == [
        "Step 1 of 2: it learns; about 2 min left in all.",
        "Step 2 of 2: it labels; about 2 min left in all.",
    ]


def test_minutes_of_a_training_count_over_interruptions(tmp_path, monkeypatch):
    now, heard = [0.0], []
    monkeypatch.setattr(carry_timer.time, "monotonic", lambda: now[0])

    def timer():
        return CarryTimer(tmp_path / "seconds.json", 60.0, Control(heard.append))

    with suppress(Cancelled), timer():
        now[0] += 40
        raise Cancelled
    now[0] += 1000  # until the person starts the same command again
    with (again := timer()):
        now[0] += 19
        assert again.wish() == "run"
        again.report(Progress("Training the translator", 3, 3600, 9000.0))
        now[0] += 2
        assert again.wish() == "finish"
    assert (heard[-1].done, heard[-1].total, heard[-1].seconds_left) == (59, 60, 1.0)

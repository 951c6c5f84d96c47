"""One job in a worker: what is heard of it, how it ends, and how it is stopped."""

from __future__ import annotations

import time
from dataclasses import replace

import engine_jobs
import pytest
from engine_jobs import Fails, Holds, Says, Trains, Waits
from heard import Heard

from napari_pseudolabel.control import Progress
from napari_pseudolabel.engine import Handle, Listener
from napari_pseudolabel.engine.work import Work
from napari_pseudolabel.errors import (
    Cancelled,
    CheckpointError,
    DeviceError,
    InputError,
    PseudolabelError,
    WorkerError,
)
from napari_pseudolabel.training.common.training_events import Loss, Score


def test_everything_is_heard_in_order_and_in_one_thread(engine, heard):
    events = (Loss(10, {"total": 0.5}), Score(10, 0.25, {"axon": 0.25}), "last")
    handle = engine.submit(Says(events), listener=heard.listener)
    assert handle.result() == "last"
    what, value = heard.end
    assert (what, value) == ("done", "last")
    assert tuple(heard.of("event")) == events
    assert heard.of("progress") == [Progress("Saying", 0, 3), *heard.of("progress")[1:]]
    assert heard.of("progress")[-1].done == 3
    # A value is told before the progress that counts it.
    assert heard.all.index(("event", events[0])) < heard.all.index(("progress", heard.of("progress")[1]))
    assert len(heard.threads) == 1
    assert not handle.running
    assert not engine.busy


@pytest.mark.parametrize(
    "error",
    [
        InputError("This image is too small; choose another."),
        CheckpointError("This is no checkpoint."),
        DeviceError("There is no GPU."),
        Cancelled("Cancelled by itself."),
        OSError(28, "No space left on device"),
        ZeroDivisionError("division by zero"),
    ],
)
def test_errors_arrive_as_they_were_raised(engine, heard, error):
    handle = engine.submit(Fails(error), listener=heard.listener)
    with pytest.raises(type(error)) as caught:
        handle.result()
    assert str(caught.value) == str(error)
    what, value = heard.end
    assert what == "error"
    assert type(value) is type(error)
    assert heard.of("event") == ["begun"]
    assert heard.of("notice") == []


def test_what_cannot_travel_is_an_error_at_once(engine, heard):
    engine.submit(Says((open,)), listener=heard.listener)  # fine: a builtin travels by name
    assert heard.end == ("done", open)
    other = Heard()
    engine.submit(Says((object(), time.sleep, (part for part in "ab"))), listener=other.listener)
    what, value = other.end
    assert what == "error"
    assert "pickle" in str(value)


def test_a_listener_that_fails_makes_nobody_deaf(engine, heard):
    def fail(_value):
        raise RuntimeError("a slip of the listener")

    broken = type(heard.listener)(event=fail, done=fail)
    assert engine.submit(Says((1, 2)), listener=broken).result() == 2
    assert engine.submit(Says((3,)), listener=heard.listener).result() == 3
    assert heard.of("event") == [3]


def test_a_running_job_is_cancelled_and_the_next_one_runs(engine, heard, tmp_path):
    handle = engine.submit(Waits(tmp_path / "never"), listener=heard.listener)
    heard.first("event")
    handle.cancel()
    what, error = heard.end
    assert what == "error"
    assert isinstance(error, Cancelled)
    with pytest.raises(Cancelled, match="nothing was changed"):
        handle.result()
    handle.cancel()  # does no harm
    assert engine.submit(Says((1,))).result() == 1


def test_a_queued_job_is_cancelled_without_having_run(engine, heard, tmp_path):
    gate = tmp_path / "gate"
    first = Heard()
    running = engine.submit(Waits(gate), listener=first.listener)
    pid = first.first("event")
    queued = engine.submit(Waits(tmp_path / "never"), listener=heard.listener)
    queued.cancel()
    assert isinstance(heard.end[1], Cancelled)
    assert heard.of("event") == []
    gate.touch()
    assert running.result() == pid


def test_a_crowd_of_jobs_is_cancelled(engine, tmp_path):
    """More jobs than the engine has threads: the ones that wait for a thread end as well."""
    ears, any_ear = [Heard() for _ in range(40)], Heard()
    handles = [
        engine.submit(Waits(tmp_path / "never"), listener=replace(ear.listener, event=any_ear.listener.event))
        for ear in ears
    ]
    any_ear.first("event")
    for handle in reversed(handles):
        handle.cancel()
    for ear in ears:
        assert isinstance(ear.end[1], Cancelled)
    assert not engine.busy


def test_a_result_that_comes_after_the_cancel_is_dropped(engine, heard, tmp_path):
    gate = tmp_path / "gate"
    handle = engine.submit(Waits(gate, deaf=True), listener=heard.listener)
    heard.first("event")
    handle.cancel()
    gate.touch()
    assert isinstance(heard.end[1], Cancelled)
    assert heard.of("done") == []


def test_a_cancel_counts_although_the_result_is_on_its_way(engine, heard):
    handles = []
    listener = replace(heard.listener, event=lambda _: handles[0].cancel())
    handles.append(engine.submit(Says((1,)), listener=listener))
    assert isinstance(heard.end[1], Cancelled)
    with pytest.raises(Cancelled):
        handles[0].result()


def test_a_training_pauses_goes_on_and_finishes(engine, heard):
    handle = engine.submit(Trains(), "train", heard.listener)
    heard.until(lambda: len(heard.of("event")) > 2)
    handle.pause()

    def stands():
        before = len(heard.of("event"))
        time.sleep(0.4)
        return len(heard.of("event")) == before

    end = time.monotonic() + 20
    while not stands():
        assert time.monotonic() < end
    paused_at = heard.of("event")[-1]
    for _ in range(5):  # the last wish counts, however fast they come
        handle.resume()
        handle.pause()
    handle.resume()
    heard.until(lambda: heard.of("event")[-1] > paused_at + 2)
    handle.finish()
    assert handle.result() >= paused_at + 2
    assert heard.of("event") == list(range(len(heard.of("event"))))


def test_a_paused_training_is_cancelled(engine, heard):
    handle = engine.submit(Trains(), "train", heard.listener)
    heard.first("event")
    handle.pause()
    handle.cancel()
    assert isinstance(heard.end[1], Cancelled)


def test_a_training_and_labelling_run_at_the_same_time(engine, heard, tmp_path):
    training, other = engine.submit(Trains(), "train", heard.listener), Heard()
    heard.first("event")
    gate = tmp_path / "gate"
    labelling = engine.submit(Waits(gate), "label", other.listener)
    other.first("event")  # although the training goes on
    steps = len(heard.of("event"))
    heard.until(lambda: len(heard.of("event")) > steps + 2)  # although the labelling goes on
    gate.touch()
    labelling.result()
    assert training.running
    training.finish()
    training.result()


def test_a_cancelled_job_does_not_come_back_with_a_new_worker(engine, heard, tmp_path):
    import psutil

    handle = engine.submit(Waits(tmp_path / "never", deaf=True), listener=heard.listener)
    pid = heard.first("event")
    handle.cancel()
    psutil.Process(pid).kill()
    assert isinstance(heard.end[1], Cancelled)
    assert engine.submit(Says((1,))).result() == 1


def test_release_cancels_what_runs_and_gives_the_memory_back(engine, heard, tmp_path):
    held = engine.submit(Holds(300)).result()
    assert engine.memory_bytes() > 300 << 20
    assert held in engine.pids()
    engine.submit(Waits(tmp_path / "never", deaf=True), listener=heard.listener)
    heard.first("event")
    engine.release()
    assert isinstance(heard.end[1], Cancelled)
    assert engine.pids() == ()
    assert engine.memory_bytes() == 0
    assert engine.submit(Says((1,))).result() == 1


def test_all_errors_for_the_person_can_travel():
    """New kinds of errors must come through a pickle as they are."""
    import pickle

    kinds = PseudolabelError.__subclasses__()
    assert {InputError, CheckpointError, DeviceError, WorkerError, Cancelled} <= set(kinds)
    for kind in kinds:
        again = pickle.loads(pickle.dumps(kind("A sentence.")))
        assert (type(again), str(again)) == (kind, "A sentence.")


def test_the_scheduler_forgets_what_is_done(engine):
    def remembered() -> int:
        return engine._lanes["label"].client().run_on_scheduler(engine_jobs.kept_of_dask)

    def done(tasks: int) -> int:
        for _ in range(tasks):
            engine.submit(Says(("a",))).result()
        return remembered()

    first, then = done(5), done(40)
    assert then - first < 10


def test_tasks_of_others_are_not_ours():
    work = Work(Handle("LabelJob-0a1b", Listener(), lambda _: None), "label")
    assert Work.told_by(work.key(12, 2)) == ("LabelJob-0a1b", 12)
    for key in (("array-0a1b", 0, 1), "array-0a1b", "sum-0a1b-x-1", b"x-1-1", "1-1", 7, ""):
        assert Work.told_by(key) is None


def test_a_training_that_loses_its_worker_goes_on_once():
    work = Work(Handle("job", Listener(), lambda _: None), "train")
    assert "goes on from its last checkpoint" in work.lose(0)
    assert not work.given_up(0)
    assert work.lose(0) is None
    assert work.given_up(0)
    assert not work.given_up(1)


def test_wishes_that_come_after_the_outcome_are_not_heard():
    said = []
    handle = Handle("job", Listener(), lambda handle: said.append(handle.wish))
    handle.pause()
    assert not handle.settle()
    handle.cancel()
    assert said == ["pause"]
    assert not handle.cancelled

"""Jobs in the background: callbacks, cancel, and the end of the thread."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import pytest

from napari_pseudolabel.control import Control, Progress
from napari_pseudolabel.engine import Runner
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.models.loaded import LoadedModels

WAIT = 30


@dataclass(frozen=True)
class Counting:
    """A job that counts until it is told to stop or a gate opens."""

    started: threading.Event
    gate: threading.Event
    answer: Any = "result"
    title: str = "Counting"

    def run(self, control: Control, models: LoadedModels) -> Any:
        self.started.set()
        stage = control.stage("Counting", 10_000_000)
        while not self.gate.wait(0.001):
            stage.advance()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def job(answer="result", *, waiting=False):
    gate = threading.Event()
    if not waiting:
        gate.set()
    return Counting(threading.Event(), gate, answer)


def workers():
    return [thread for thread in threading.enumerate() if thread.name.startswith("pseudolabel")]


@pytest.fixture
def runner():
    runner = Runner()
    yield runner
    assert runner.shutdown(WAIT)
    for thread in workers():
        thread.join(WAIT)
    assert not workers()


@pytest.fixture
def calls():
    """Callbacks that record what they get, and in which thread."""

    class Calls(list):
        def keywords(self):
            def record(kind):
                return lambda value: self.append((kind, value, threading.current_thread().name))

            return {f"on_{kind}": record(kind) for kind in ("progress", "done", "error")}

        def kinds(self):
            return [kind for kind, _, _ in self if kind != "progress"]

    return Calls()


def test_a_result_reaches_the_callback_and_the_handle(runner, calls):
    handle = runner.submit(job("labels"), **calls.keywords())
    assert handle.result() == "labels"
    assert handle.wait(WAIT)
    assert not handle.running
    assert calls[-1][:2] == ("done", "labels")
    assert isinstance(calls[0][1], Progress)
    assert {name for _, _, name in calls} == {"pseudolabel_0"}


def test_an_error_reaches_the_callback_and_the_handle(runner, calls):
    error = InputError("The image is empty.")
    handle = runner.submit(job(error), **calls.keywords())
    assert handle.wait(WAIT)
    with pytest.raises(InputError, match="empty"):
        handle.result()
    assert calls.kinds() == ["error"]
    assert calls[-1][1] is error


def test_a_cancelled_job_ends_with_cancelled(runner, calls):
    waiting = job(waiting=True)
    handle = runner.submit(waiting, **calls.keywords())
    assert waiting.started.wait(WAIT)
    assert handle.running
    assert not handle.wait(0.01)
    handle.cancel()
    assert handle.wait(WAIT)
    assert calls.kinds() == ["error"]
    assert isinstance(calls[-1][1], Cancelled)


def test_a_result_that_comes_after_the_cancel_is_dropped(runner, calls):
    """The person pressed Cancel: nothing may be pushed any more."""
    waiting = job(waiting=True)
    stubborn = Counting(waiting.started, waiting.gate)
    handle = runner.submit(_Deaf(stubborn), **calls.keywords())
    assert waiting.started.wait(WAIT)
    handle.cancel()
    waiting.gate.set()
    assert handle.wait(WAIT)
    assert calls.kinds() == ["error"]


@dataclass(frozen=True)
class _Deaf:
    """Runs another job without passing the cancel on."""

    inner: Counting
    title: str = "Deaf"

    def run(self, control: Control, models: LoadedModels) -> Any:
        return self.inner.run(Control(), models)


def test_jobs_run_one_after_the_other_and_a_queued_one_can_be_cancelled(runner, calls):
    first, second, third = job("first", waiting=True), job("second"), job("third")
    handles = [runner.submit(one, **calls.keywords()) for one in (first, second, third)]
    assert first.started.wait(WAIT)
    assert not second.started.is_set()
    handles[1].cancel()
    first.gate.set()
    assert all(handle.wait(WAIT) for handle in handles)
    assert calls.kinds() == ["done", "error", "done"]
    assert not second.started.is_set()


def test_shutdown_cancels_what_runs_and_what_waits():
    runner = Runner()
    running, queued = job(waiting=True), job(waiting=True)
    handles = [runner.submit(one) for one in (running, queued)]
    assert running.started.wait(WAIT)
    assert runner.shutdown(WAIT)
    for handle in handles:
        with pytest.raises(Cancelled):
            handle.result()
    assert runner.shutdown(WAIT)
    for thread in workers():
        thread.join(WAIT)
    assert not workers()


def test_a_runner_without_jobs_starts_no_thread():
    runner = Runner()
    assert not workers()
    assert runner.shutdown(WAIT)


def test_models_stay_loaded_until_their_file_changes(runner, tiny_translator, tmp_path):
    path = tmp_path / "copy.safetensors"
    path.write_bytes(tiny_translator.read_bytes())
    first = runner.models.translator(str(path))
    assert runner.models.translator(str(path)) is first
    path.write_bytes(tiny_translator.read_bytes())
    import os

    os.utime(path, ns=(1, 1))
    assert runner.models.translator(str(path)) is not first

"""Which processes there are, what they may do, and that none is left."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from engine_jobs import Says, Waits
from heard import Heard

from napari_pseudolabel.engine import Engine
from napari_pseudolabel.errors import Cancelled, WorkerError

SECONDS = 15


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def gone(pids):
    """Wait until processes are gone."""
    end = time.monotonic() + SECONDS
    while left := [pid for pid in pids if alive(pid)]:
        assert time.monotonic() < end, f"{left} are left"
        time.sleep(0.05)
    return True


def descendants():
    return {process.pid for process in psutil.Process().children(recursive=True)}


def test_workers_have_less_priority_and_nobody_elsewhere_can_reach_them(engine):
    assert engine.submit(Says((1,))).result() == 1
    pids = engine.pids()
    assert len(pids) >= 2
    own = psutil.Process().nice()
    for process in map(psutil.Process, pids):
        assert process.nice() > own if sys.platform != "win32" else process.nice() < own
    listening = [
        tuple(connection.laddr)
        for process in map(psutil.Process, pids)
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert {host for host, _ in listening} == {"127.0.0.1"}
    # Neither pages nor anything else is told to those who cannot show a certificate.
    for place in listening:
        with socket.create_connection(place, timeout=SECONDS) as peer, suppress(ConnectionError):
            peer.sendall(b"GET /info/logs HTTP/1.0\r\n\r\n")
            assert b"HTTP" not in peer.recv(1000)


def test_nothing_is_left_in_the_folder_for_temporary_files(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    for end in (lambda engine: None, lambda engine: [psutil.Process(pid).kill() for pid in engine.pids()]):
        engine = Engine()
        assert engine.submit(Says((1,))).result() == 1
        assert list(tmp_path.iterdir()) != []
        end(engine)
        assert engine.shutdown(30)
        assert list(tmp_path.iterdir()) == []


def test_two_engines_do_not_disturb_each_other_and_the_end_of_one_leaves_nothing(engine, tmp_path):
    assert engine.submit(Says((1,))).result() == 1
    threads, processes = set(threading.enumerate()), descendants()
    other, mine, theirs = Engine(), Heard(), Heard()
    gate = tmp_path / "gate"
    handle = engine.submit(Waits(gate), listener=mine.listener)
    theirs_handle = other.submit(Waits(tmp_path / "never"), listener=theirs.listener)
    pids = {mine.first("event"), theirs.first("event")}
    assert len(pids) == 2
    assert not set(engine.pids()) & set(other.pids())
    theirs_handle.cancel()
    assert isinstance(theirs.end[1], Cancelled)
    assert handle.running

    last = Heard()
    other.submit(Waits(tmp_path / "never", deaf=True), listener=last.listener)
    last.first("event")
    left = other.pids()
    assert other.shutdown(30)  # in the middle of a job
    assert isinstance(last.end[1], Cancelled)
    assert gone(left)
    assert descendants() <= processes
    end = time.monotonic() + SECONDS
    while new := {thread for thread in threading.enumerate() if thread.is_alive()} - threads:
        assert time.monotonic() < end, f"{new} are left"
        time.sleep(0.05)
    assert other.shutdown()
    with pytest.raises(WorkerError, match="shut down"):
        other.submit(Says((1,)))

    gate.touch()
    assert handle.result() in engine.pids()
    assert mine.of("notice") == []


def test_the_end_does_not_wait_for_workers_that_are_only_starting(heard, tmp_path):
    before = descendants()
    engine = Engine()
    engine.warm()
    engine.submit(Waits(tmp_path / "never"), listener=heard.listener)
    engine.submit(Waits(tmp_path / "never"), "train")
    end = time.monotonic() + SECONDS
    while not descendants() - before:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert engine.shutdown(30)
    assert isinstance(heard.end[1], Cancelled)
    assert gone(descendants() - before)
    assert engine.pids() == ()


def test_a_worker_that_dies_while_it_starts_is_replaced_as_well(engine):
    """Nannies may give up on those."""
    assert engine.submit(Says((1,))).result() == 1
    host, *rest = engine.pids()
    workers = {pid for pid in rest if "spawn_main" in " ".join(psutil.Process(pid).cmdline())}
    (worker,) = workers
    psutil.Process(worker).kill()
    end = time.monotonic() + SECONDS
    while not (new := set(engine.pids()) - {host, *rest}):
        assert time.monotonic() < end
    for pid in new:
        psutil.Process(pid).kill()
    assert engine.submit(Says((1,))).result() == 1


OWNER = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
import cloudpickle, engine_jobs
from pathlib import Path
cloudpickle.register_pickle_by_value(engine_jobs)
from napari_pseudolabel.engine import Engine, Listener

engine = Engine()
begun = lambda pid: print(json.dumps([pid, *engine.pids()]), flush=True)
engine.submit(engine_jobs.Waits(Path("never"), deaf=True), listener=Listener(event=begun))
time.sleep(100)
"""


def test_workers_do_not_outlive_the_process_that_started_them(tmp_path):
    command = [sys.executable, "-c", OWNER, str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as owner:
        try:
            assert owner.stdout is not None
            pids = json.loads(owner.stdout.readline())
            assert len(set(pids)) >= 2
            assert all(psutil.pid_exists(pid) for pid in pids)
        finally:
            owner.kill()
    assert gone(pids)


def test_workers_that_cannot_start_are_one_sentence(monkeypatch, heard):
    engine = Engine()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    handle = engine.submit(Says((1,)), listener=heard.listener)
    with pytest.raises(WorkerError, match="could not be started; close other programs"):
        handle.result()
    assert engine.shutdown(30)

"""Workers behind the address of a scheduler: two of them, over TCP, in processes that do not see our files."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from dask_cluster import certificates, cluster
from engine_jobs import Dies, Says, Shipped, Trap, Waits, Watched
from heard import Heard

from napari_pseudolabel.control import Control
from napari_pseudolabel.engine import Connection, Engine, lane, reaching
from napari_pseudolabel.errors import Cancelled, InputError, WorkerError
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import LabelJob, join


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    with cluster(tmp_path_factory.mktemp("cluster"), workers=2) as found:
        yield found


@pytest.fixture(scope="module")
def remote(two_workers):
    """An engine whose labels come from the cluster."""
    engine = Engine(Connection(two_workers.address))
    yield engine
    assert engine.shutdown(30)


@pytest.fixture
def relative(tmp_path, monkeypatch, tiny_translator, tiny_segmenter):
    """Paths of the models that mean something in the folder of this process only."""
    for path, name in (
        (tiny_translator, "translator.safetensors"),
        (tiny_segmenter, "segmenter.safetensors"),
    ):
        shutil.copy(path, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return "translator.safetensors", "segmenter.safetensors"


def test_both_workers_label_with_models_that_were_sent_to_them(
    remote, two_workers, heard, image, settings, relative, tmp_path
):
    waiting = [Heard(), Heard()]  # both are there
    gate = tmp_path / "gate"
    handles = [remote.submit(Waits(gate), listener=ear.listener) for ear in waiting]
    pids = {ear.first("event") for ear in waiting}
    assert pids == {worker.pid for worker in two_workers.workers}
    gate.touch()
    assert {handle.result() for handle in handles} == pids
    assert remote.pids() == ()  # they are not ours

    job = Watched(image, *relative, settings=settings)
    report = remote.submit(job, listener=heard.listener).result()
    assert {pid for _, pid in heard.of("event")} == pids
    found = join(job, heard.of("part"), report)
    here = LabelJob(image, *relative, settings=settings).run(Control(), LoadedModels())
    np.testing.assert_array_equal(found.labels, here.labels)
    np.testing.assert_allclose(found.confidence, here.confidence, atol=1e-5)
    assert report.models == here.report.models

    shipped = remote.submit(Shipped(relative)).result()
    for ref in relative:
        path, size = shipped[ref]
        assert path.startswith(str(two_workers.folder))
        assert size == (tmp_path / ref).stat().st_size
    first = (tmp_path / relative[0]).read_bytes()
    for content in (first + b"0", first):  # the file changes, and changes back
        (tmp_path / relative[0]).write_bytes(content)
        assert remote.submit(Shipped(relative)).result()[relative[0]][1] == len(content)


def test_two_windows_on_one_cluster_do_not_disturb_each_other(remote, two_workers, heard, relative, tmp_path):
    gate = tmp_path / "gate"
    first = remote.submit(Waits(gate), listener=heard.listener)
    heard.first("event")
    other, theirs = Engine(Connection(two_workers.address)), Heard()
    try:
        handle = other.submit(Waits(tmp_path / "never"), "train", theirs.listener)
        theirs.first("event")
        handle.cancel()
        assert isinstance(theirs.end[1], Cancelled)
        last = Heard()
        other.submit(Waits(tmp_path / "never"), "train", last.listener)
        last.first("event")
    finally:
        assert other.shutdown(30)  # the worker hears it, and is free again
    assert isinstance(last.end[1], Cancelled)
    assert first.running
    beside = Heard()
    second = remote.submit(Waits(gate), listener=beside.listener)
    assert beside.first("event") != heard.first("event")
    first.cancel()  # heard as before the other one came
    assert isinstance(heard.end[1], Cancelled)
    gate.touch()
    second.result()
    assert set(remote.submit(Shipped(relative)).result()) == set(relative)


def test_when_a_worker_is_killed_the_other_one_does_its_part(
    remote, two_workers, heard, image, settings, relative, tmp_path
):
    job = Watched(image, *relative, settings=settings, trap=Trap(chunk=4, marks=tmp_path, deaths=1))
    report = remote.submit(job, listener=heard.listener).result()
    dead = [worker for worker in two_workers.workers if not worker.is_alive()]
    assert len(dead) == 1
    (sentence,) = heard.of("notice")
    assert "ended unexpectedly" in sentence
    by = [pid for number, pid in heard.of("event") if number == 4]
    assert by[0] == dead[0].pid
    assert by[1] != by[0]
    found = join(job, heard.of("part"), report)
    here = LabelJob(image, *relative, settings=settings).run(Control(), LoadedModels())
    np.testing.assert_array_equal(found.labels, here.labels)


def test_a_job_that_kills_workers_is_an_error_although_the_scheduler_has_patience(
    remote, two_workers, heard, tmp_path
):
    two_workers.start_worker()  # beside the one that is left
    with pytest.raises(WorkerError, match="ended twice at the same work"):
        remote.submit(Dies(tmp_path, 99), listener=heard.listener).result()
    assert len(heard.of("notice")) == 1
    two_workers.start_worker()
    assert remote.submit(Says((1,))).result() == 1


def test_a_worker_with_many_threads_does_one_thing_at_a_time(tmp_path, tmp_path_factory, monkeypatch):
    """What `dask worker` starts by default; models and GPUs are not made for it."""
    with cluster(tmp_path_factory.mktemp("threads"), workers=0) as found:
        engine, ear, gate = Engine(Connection(found.address)), Heard(), tmp_path / "gate"
        handles = [engine.submit(Waits(gate), listener=ear.listener) for _ in range(2)]
        assert "has no workers yet" in ear.first("notice")
        worker = found.start_worker(threads=4)
        ear.first("event")
        other = Heard()
        training = engine.submit(Waits(gate), "train", other.listener)
        other.first("event")  # beside the labelling
        assert len(ear.of("event")) == 1
        gate.touch()
        assert {handle.result() for handle in (*handles, training)} == {worker.pid}

        lost = Heard()
        engine.submit(Waits(tmp_path / "never"), listener=lost.listener)
        lost.first("event")
        monkeypatch.setattr("napari_pseudolabel.engine.lane._CONNECT_S", 1)
        found.end()
        assert "connection to the scheduler was lost" in lost.first("notice")
        what, error = lost.end
        assert what == "error"
        assert isinstance(error, WorkerError)
        assert found.address in str(error)
        assert engine.shutdown(30)


def test_tls(tmp_path_factory, heard):
    folder = tmp_path_factory.mktemp("tls")
    (ca, certificate, key), options = certificates(folder)
    with cluster(folder, workers=1, tls=options) as found:
        assert found.address.startswith("tls://")
        connection = Connection(found.address, ca, certificate, key)
        engine = Engine(connection)
        assert engine.submit(Says((1, 2)), listener=heard.listener).result() == 2
        assert heard.of("event") == [1, 2]
        assert engine.shutdown(30)
        for other in (
            Connection(found.address),
            replace(connection, address=found.address.replace("tls", "tcp")),
        ):
            engine = Engine(other)
            with pytest.raises(WorkerError, match="check the address, the network and the TLS files"):
                engine.submit(Says((1,))).result()
            assert engine.shutdown(30)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "smoke://signals:8786"])
def test_a_wrong_address_is_one_sentence(monkeypatch, heard, address):
    monkeypatch.setattr("napari_pseudolabel.engine.lane._CONNECT_S", 0.5)
    engine = Engine(Connection(address))
    before = {child.pid for child in psutil.Process().children()}
    engine.submit(Says((1,)), listener=heard.listener)
    what, error = heard.end
    assert what == "error"
    assert isinstance(error, WorkerError)
    assert str(error).startswith(f"The scheduler at {address} does not answer (")
    assert {child.pid for child in psutil.Process().children()} <= before
    assert engine.shutdown(30)


def test_connections_are_checked_before_they_are_used(tmp_path):
    with pytest.raises(InputError, match="tcp://"):
        Connection("192.168.0.7:8786")
    with pytest.raises(InputError, match="three files"):
        Connection("tls://127.0.0.1:1", tls_ca_file=tmp_path)
    with pytest.raises(InputError, match=r"no file .*missing\.pem"):
        Connection("tls://127.0.0.1:1", *[tmp_path / "missing.pem"] * 3)


def test_a_client_that_could_not_connect_is_closed_at_once(monkeypatch):
    """Its finaliser, run by a collection while the next client was made, blocked that one for ever."""
    closed, real, done = [], reaching.close, threading.Event()

    def recorded(client):
        real(client)
        closed.append(client)
        done.set()

    async def answers_once(*_, **__):
        return SimpleNamespace(abort=lambda: None)

    monkeypatch.setattr("distributed.comm.connect", answers_once)
    monkeypatch.setattr(reaching, "close", recorded)
    monkeypatch.setattr(lane, "_CONNECT_S", 0.5)
    engine = Engine(Connection("tcp://127.0.0.1:1"))
    with pytest.raises(WorkerError):
        engine.submit(Says((1,))).result()
    assert done.wait(60)  # in a thread of its own, for which nobody waits
    assert [one.status for one in closed] == ["closed"]
    assert engine.shutdown(30)

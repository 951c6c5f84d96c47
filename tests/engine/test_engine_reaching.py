"""Addresses at which something other than a scheduler listens: every attempt ends, with a sentence."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from engine_jobs import Says
from heard import Heard

from napari_pseudolabel.engine import Connection, Engine, lane, patience, scratch
from napari_pseudolabel.engine.patience import Patience
from napari_pseudolabel.engine.scratch import Scratch
from napari_pseudolabel.errors import Cancelled, WorkerError


def silent(peer: socket.socket) -> None:
    """Accepts, and says nothing."""


def closing(peer: socket.socket) -> None:
    peer.close()


def web_page(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: keep-alive\r\n\r\n")


def endless(peer: socket.socket) -> None:
    """Announces a message that never ends."""
    peer.sendall((2**40).to_bytes(8, "little"))


def short(peer: socket.socket) -> None:
    """Announces a message, and sends half of it."""
    peer.sendall((100).to_bytes(8, "little") + bytes(50))


@contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of a server."""
    peers = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                    peers.append(peer)
                    answer(peer)
                except OSError:
                    if server.fileno() < 0:
                        return

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        for peer in peers:
            peer.close()


@pytest.mark.parametrize("answer", [silent, closing, web_page, endless, short])
@pytest.mark.parametrize("protocol", ["tcp", "tls"])
def test_whoever_is_no_scheduler_is_given_up(monkeypatch, answer, protocol):
    monkeypatch.setattr(lane, "_CONNECT_S", 0.5)
    with listening(answer) as place:
        engine = Engine(Connection(f"{protocol}://{place}"))
        with pytest.raises(WorkerError, match=f"{place} does not answer"):
            engine.submit(Says((1,))).result()
        assert engine.shutdown(30)


def test_who_cancels_does_not_wait_for_a_scheduler_that_is_silent(monkeypatch):
    monkeypatch.setattr(lane, "_CONNECT_S", 1000)
    arrived, heard = threading.Event(), Heard()
    with listening(lambda _: arrived.set()) as place:
        engine = Engine(Connection(f"tcp://{place}"))
        handle = engine.submit(Says((1,)), listener=heard.listener)
        assert arrived.wait(60)
        handle.cancel()
        assert isinstance(heard.end[1], Cancelled)
        assert engine.shutdown(30)


class Computing:
    """A process as psutil sees it."""

    def __init__(self) -> None:
        self.user = self.system = 0.0

    def cpu_times(self) -> Computing:
        return self


def test_a_slow_process_is_waited_for_and_a_stuck_one_is_not(monkeypatch):
    now, process = [0.0], Computing()
    monkeypatch.setattr(patience.time, "monotonic", lambda: now[0])
    waiting = Patience(lambda: [process])
    for _ in range(20):  # twenty minutes for a few seconds of work
        now[0] += patience.STUCK_S
        process.user += 0.2
        assert not waiting.ended
    now[0] += patience.STUCK_S + 1
    assert waiting.ended
    again = Patience(lambda: [process])
    process.system += patience.MOST_S
    assert again.ended


def test_folders_of_killed_processes_are_cleared_and_others_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(scratch.tempfile, "tempdir", str(tmp_path))
    mine = Scratch()
    dead = tmp_path / f"{scratch.PREFIX}dead"
    foreign = tmp_path / f"{scratch.PREFIX}foreign"
    for folder in (dead, foreign):
        folder.mkdir()
        (folder / "file").touch()
    (dead / ".lock").touch()
    link = tmp_path / f"{scratch.PREFIX}link"
    link.symlink_to(foreign)
    second = Scratch()
    assert sorted(tmp_path.iterdir()) == sorted((mine.folder, second.folder, foreign, link))
    for one in (mine, second):
        one.remove()
    assert sorted(tmp_path.iterdir()) == sorted((foreign, link))

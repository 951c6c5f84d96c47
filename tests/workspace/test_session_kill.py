"""A process that is killed in the middle of its commits leaves exactly the state of one of them."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import session_cases
from session_cases import batches

from napari_pseudolabel.workspace.sessions import Sessions

ROUNDS = 12


def announced(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def run_and_kill(folder: Path, seed: int, log: Path, commits: int, delay_s: float) -> None:
    """Kill the process `delay_s` after it has announced `commits` commits."""
    command = [sys.executable, session_cases.__file__, str(folder), str(seed), str(log)]
    process = subprocess.Popen(command)
    try:
        pause = threading.Event()
        while announced(log) < commits:
            assert process.poll() is None
            pause.wait(0.001)
        pause.wait(delay_s)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("number", range(ROUNDS))
def test_killed_at_any_moment_it_holds_what_was_announced_and_nothing_half_done(tmp_path, number):
    seed = 100 + number
    moments = random.Random(seed)
    log = tmp_path / "log"
    # The delay puts the moment anywhere within a commit, which takes a few milliseconds.
    run_and_kill(tmp_path, seed, log, moments.randint(0, 120), moments.uniform(0, 0.02))
    sessions = Sessions(tmp_path)
    found = sessions.list()
    if not found:
        assert not announced(log)
        return
    (info,) = found
    assert (info.note, info.in_use, info.clean) == ("", False, False)
    file = sessions.open(info.id)
    done = file.summary().regions_reviewed
    assert done >= announced(log)
    assert [edit.pixels for edit in file.edits()] == list(range(1, done + 1))
    if done:
        _, expected = next(islice(batches(seed), done - 1, None))
        np.testing.assert_array_equal(file.array("a", "labels"), expected)
        view = file.view()
        assert view is not None
        assert view.camera == {"zoom": done}
    # It can be gone on with.
    for batch, array in islice(batches(seed), done, done + 3):
        file.commit(batch)
        last = array
    np.testing.assert_array_equal(file.array("a", "labels"), last)
    file.close()

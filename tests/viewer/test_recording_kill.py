"""napari is killed in the middle of hundreds of edits; nothing older than two seconds is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from recording_edits import Edits, everything

from napari_pseudolabel.viewer.recording import restore
from napari_pseudolabel.workspace import Workspace

SCRIPT = Path(__file__).with_name("recording_process.py")
PROMISED_S = 2.0


@pytest.mark.parametrize(
    ("kind", "rounds", "pause_ms"),
    [
        ("model", 2, 10),
        ("window", 1, 10),
        # As fast as it can; whoever checks has to repeat all edits.
        pytest.param("model", 10, 0, marks=pytest.mark.soak),
        pytest.param("window", 10, 0, marks=pytest.mark.soak),
    ],
)
def test_killed_at_any_moment(tmp_path, monkeypatch, kind, rounds, pause_ms):
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    monkeypatch.setenv("NAPARI_CONFIG", str(tmp_path / "settings.yaml"))
    if kind == "model":
        monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    workspace = Workspace(tmp_path / "effort")
    moments = random.Random(7)
    for number in range(rounds):
        viewer = ViewerModel()
        if number:
            bring_back(viewer, workspace)
        else:
            viewer.add_labels(np.zeros((400, 300), np.uint8), name="mine")
        log = tmp_path / f"edits-{number}"
        done = kill_in_the_middle(workspace.folder, log, number, (kind, pause_ms), moments.uniform(2.2, 3.2))
        (info,) = workspace.sessions.list()
        assert not info.clean
        assert not info.in_use
        found = ViewerModel()
        bring_back(found, workspace)
        # Whatever was finished two seconds before, and then perhaps some more.
        assert_is_a_state(found.layers["mine"], viewer.layers["mine"], number, *done)


def bring_back(viewer: ViewerModel, workspace: Workspace) -> None:
    (info,) = workspace.sessions.list()
    with closing(workspace.sessions.read(info.id)) as content:
        assert restore(viewer, content).missing == ()


def kill_in_the_middle(
    folder: Path, log: Path, seed: int, how: tuple[str, int], seconds: float
) -> tuple[int, int]:
    """Numbers of edits: finished as long ago as was promised, and begun at all."""
    arguments = [sys.executable, str(SCRIPT), str(folder), str(log), str(seed), *map(str, how)]
    process = subprocess.Popen(arguments, cwd=SCRIPT.parent, env=dict(os.environ))
    try:
        deadline = time.monotonic() + 120
        while not log.exists() or log.stat().st_size == 0:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(seconds)
        assert process.poll() is None
    finally:
        killed_at = time.time()
        process.send_signal(signal.SIGKILL)
        process.wait()
    lines = [line.split() for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]
    safe = [int(number) for number, at in lines if float(at) <= killed_at - PROMISED_S]
    return max(safe, default=0), int(lines[-1][0]) + 1


def assert_is_a_state(found, layer, seed: int, first: int, last: int) -> None:
    """What was brought back is what the same edits lead to, after one of them from `first` to `last`."""
    edits, wanted = Edits(layer, seed, announced=True), everything(found)
    for number in range(last + 1):
        if number:
            edits.one()
        if number >= first and np.array_equal(wanted["labels"], layer.data):
            state = everything(layer)
            if all(np.array_equal(array, state[name]) for name, array in wanted.items()):
                return
    raise AssertionError(f"no edit from {first} to {last} leads to what was brought back")

"""The child process that holds the workers of this machine, seen from the process that started it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from typing import TYPE_CHECKING, Any

from napari_pseudolabel.engine.patience import Patience
from napari_pseudolabel.engine.scratch import Scratch
from napari_pseudolabel.errors import WorkerError

if TYPE_CHECKING:
    import psutil

_LOOK_AGAIN_S = 0.2
_GRACE_S = 8
_FOLLOW_S = 2
_LAST_WORDS = 500


class HostProcess:
    """Starts `engine.host` with one worker; does not wait for it."""

    def __init__(self) -> None:
        # -P: a file of the person in the current folder must not stand in for a module.
        self._scratch = Scratch()
        folder = str(self._scratch.folder)
        command = [sys.executable, "-P", "-m", "napari_pseudolabel.engine.host", "1", folder]
        # A group of its own keeps Ctrl-C away; a session of its own would undo the low priority on Linux.
        group: dict[str, Any] = (
            {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}  # type: ignore[attr-defined]
            if os.name == "nt"
            else {"process_group": 0}
        )
        self._complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115  (read at the end)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
            **group,
        )

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def told(self) -> dict[str, str]:
        """How to connect; waits until the workers are there.

        Raises
        ------
        WorkerError
            If the process ends before, or does not get on.
        """
        assert self._process.stdout is not None
        found: list[str] = []
        stream = self._process.stdout
        reader = threading.Thread(target=lambda: found.append(stream.readline()), daemon=True)
        reader.start()
        patience = Patience(self._processes)
        while reader.is_alive() and not patience.ended:
            reader.join(_LOOK_AGAIN_S)
        if not found or not found[0]:
            raise WorkerError(
                "The worker process could not be started; close other programs and try again. "
                f"It said: {self.end() or 'nothing'}"
            )
        told: dict[str, str] = json.loads(found[0])
        return told

    def pids(self) -> tuple[int, ...]:
        """Return the process and all its children."""
        if not self.alive:
            return ()
        return tuple(process.pid for process in self._processes())

    def begin_to_end(self) -> None:
        """Close its standard input, which it takes as the sign to end; may be called twice, returns at once."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def end(self) -> str:
        """End it with its workers, whatever it takes; returns its last words when they are gone."""
        import psutil

        if self._complaints.closed:
            return ""
        children = self._processes()[1:]
        self.begin_to_end()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        # They end with their parent; one of them gives its semaphores back before.
        for child in psutil.wait_procs(children, timeout=_FOLLOW_S)[1]:
            child.kill()
        psutil.wait_procs(children, timeout=_GRACE_S)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._scratch.remove()
        with self._complaints as complaints:
            complaints.seek(0)
            return complaints.read()[-_LAST_WORDS:].strip()

    def _processes(self) -> list[psutil.Process]:
        """Return the process and all its children; none when it is gone."""
        import psutil

        try:
            process = psutil.Process(self._process.pid)
            return [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

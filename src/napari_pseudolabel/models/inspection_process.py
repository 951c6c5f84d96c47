"""Look at a file nobody trusts in a process of its own, with limits of memory and time.

What a file can do to the process that reads it, from endless work to a crash, ends there, and becomes one
sentence here. The process only tells values of JSON: whoever took it over must not reach this one.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from napari_pseudolabel.budget import BUDGET
from napari_pseudolabel.errors import CheckpointError, InputError, WorkerError
from napari_pseudolabel.models import inspection_child
from napari_pseudolabel.types import JsonObject

if TYPE_CHECKING:
    from typing import IO

_GIB = 2**30
_LOOK_S = 0.05
_END_S = 5
_ANSWER_BYTES = 2**24
_ERRORS = {error.__name__: error for error in (CheckpointError, InputError)}


@dataclass(frozen=True)
class Limits:
    """What looking at a file may take.

    Attributes
    ----------
    memory_bytes
        Beside what Python and torch take themselves.
    cpu_s
        Seconds of computing: a busy machine must not make good files bad ones.
    wall_s
        Seconds in all, for what waits and does not compute.
    """

    memory_bytes: int = 3 * _GIB
    cpu_s: float = 20
    wall_s: float = 600

    @classmethod
    def of(cls, path: str | Path) -> Limits:
        """Limits for a checkpoint: a file, or a folder with everything in it."""
        size = _size(Path(path))
        return cls(
            memory_bytes=cls.memory_bytes + 4 * size,
            cpu_s=cls.cpu_s + size / 20e6,
            wall_s=cls.wall_s + size / 2e6,
        )


class InspectionProcess:
    """A process that looks at files; started with the first call, and anew after one that ended it.

    Use it in a ``with`` block, which ends the process. One block for a list of files: starting costs more than looking.

    Parameters
    ----------
    check
        Called now and then while it looks; what it raises ends the process.
    """

    def __init__(self, check: Callable[[], None] = lambda: None) -> None:
        self._check = check
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def __enter__(self) -> InspectionProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def call(self, function: str, *arguments: object, name: str, limits: Limits = Limits()) -> object:
        """Call a function in the process.

        Parameters
        ----------
        function
            As ``module:name``.
        arguments
            Values of JSON.
        name
            What the file is called in the sentences.
        limits
            Also what the process is ended by.

        Returns
        -------
        Any
            What the function returned, values of JSON.

        Raises
        ------
        CheckpointError
            What the function raised, or that the file needs more than the limits, or ended the process.
        InputError
            What the function raised.
        WorkerError
            If no process can be started.
        """
        process = self._started()
        request = {"function": function, "arguments": arguments, "memory": limits.memory_bytes}
        request["cpu"] = limits.cpu_s
        try:
            answer = self._ask(process, json.dumps(request).encode() + b"\n", limits, name)
        except BaseException:
            self.end()
            raise
        if answer.get("error") is None:
            return answer.get("value")
        if answer["error"] == inspection_child.MEMORY:
            raise _too_large(name, limits)
        for kind in answer.get("kinds", ()):
            if kind in _ERRORS:
                raise _ERRORS[kind](str(answer.get("sentence")))
        raise CheckpointError(
            f"{name} cannot be read as a checkpoint ({_plain(answer['error'])}); copy or download it again."
        )

    def end(self) -> None:
        """End the process, whatever it does; the next call starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with suppress(OSError):
                        stream.close()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.end()
        options: dict[str, Any] = (
            {"creationflags": subprocess.CREATE_NO_WINDOW}  # type: ignore[attr-defined]
            if os.name == "nt"
            else {"process_group": 0}  # Ctrl-C is for the process at the shell
        )
        try:
            process = subprocess.Popen(
                # -P: a file of the person in the current folder must not stand in for a module.
                [sys.executable, "-P", "-m", inspection_child.__name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                # One thread: each reserves memory for itself.
                env={
                    **os.environ,
                    "OMP_NUM_THREADS": "1",
                    "MKL_NUM_THREADS": "1",
                    inspection_child.VARIABLE: "1",
                },
                **options,
            )
        except OSError as error:
            raise WorkerError(
                f"No process can be started to look at checkpoints ({error.strerror}); close other programs and try again."
            ) from None
        self._process, self._answers = process, queue.SimpleQueue()
        threading.Thread(target=_listen, args=(process.stdout, self._answers), daemon=True).start()
        return process

    def _ask(self, process: subprocess.Popen[bytes], request: bytes, limits: Limits, name: str) -> JsonObject:
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # the end of the process says why
            process.stdin.write(request)
            process.stdin.flush()
        before, waited = _taken(process.pid)[1], 0.0
        while True:
            try:
                line = self._answers.get(timeout=_LOOK_S)
            except queue.Empty:
                self._check()
                waited += _LOOK_S
                memory, seconds = _taken(process.pid)
                if memory > limits.memory_bytes + inspection_child.OWN_BYTES:
                    raise _too_large(name, limits) from None
                if seconds - before > limits.cpu_s or waited > limits.wall_s:
                    raise _too_long(name, limits) from None
                continue
            if line.endswith(b"\n"):
                return _understood(line, name)
            raise _ended(process, name, limits)


def call_in_process(function: str, *arguments: object, name: str, limits: Limits = Limits()) -> object:
    """Call one function in a process of its own; see `InspectionProcess.call`. Called in such a process, it stays there."""
    if os.environ.get(inspection_child.VARIABLE):
        return inspection_child.resolved(function)(*arguments)
    with InspectionProcess() as apart:
        return apart.call(function, *arguments, name=name, limits=limits)


def _listen(stream: IO[bytes], answers: queue.SimpleQueue[bytes]) -> None:
    line = b"\n"
    while line.endswith(b"\n"):
        try:
            line = stream.readline(_ANSWER_BYTES)
        except (OSError, ValueError):  # closed
            line = b""
        answers.put(line)


def _understood(line: bytes, name: str) -> JsonObject:
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise CheckpointError(f"{name} confused the process that reads it; it was not loaded.")
    return answer


def _taken(pid: int) -> tuple[int, float]:
    """Bytes of memory and seconds of computing so far."""
    try:
        process = psutil.Process(pid)
        times = process.cpu_times()
        return process.memory_info().rss, times.user + times.system
    except psutil.Error:  # it ends just now
        return 0, 0.0


def _size(path: Path) -> int:
    files: Iterable[Path] = islice(path.rglob("*"), BUDGET.items) if path.is_dir() else (path,)
    total = 0
    for file in files:
        with suppress(OSError):
            total += file.stat().st_size
    return total


def _ended(process: subprocess.Popen[bytes], name: str, limits: Limits) -> CheckpointError:
    with suppress(subprocess.TimeoutExpired):
        process.wait(_END_S)
    code = process.returncode
    if os.name != "nt" and code == -signal.SIGXCPU:
        return _too_long(name, limits)
    if os.name != "nt" and code == -signal.SIGKILL:  # as the system does when memory runs out
        return _too_large(name, limits)
    return CheckpointError(
        f"{name} made the process that reads it crash, so it is damaged or made to do harm; it was not loaded. "
        "Copy or download it again from where you trust it."
    )


def _too_large(name: str, limits: Limits) -> CheckpointError:
    return CheckpointError(
        f"{name} asks for more than {limits.memory_bytes / _GIB:.2g} GiB of memory, far more than a checkpoint of its "
        "size needs; it was not loaded. Copy or download it again."
    )


def _too_long(name: str, limits: Limits) -> CheckpointError:
    return CheckpointError(
        f"{name} was still not done after {limits.cpu_s:.2g} s of computing, far more than a checkpoint of its size "
        "needs; it was not loaded. Copy or download it again."
    )


def _plain(text: object) -> str:
    return "".join(one for one in str(text)[:80] if one.isprintable())

"""Work in a process that is killed outright while it writes a file, which is then half there."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from warm_process import warm


def killed(work: Callable[[], object], at: int, arrays: bool = False) -> None:
    """Do the work in a process, and have it killed while it writes for the n-th time.

    Parameters
    ----------
    work
        Picklable.
    at
        The number of the write, from 1.
    arrays
        Whether arrays count (`numpy.savez`), or states of trainings only (`torch.save`).

    Raises
    ------
    AssertionError
        If the process ended in another way.
    """
    with tempfile.TemporaryDirectory() as folder:
        process = warm(_work, work, at, arrays, log=(log := Path(folder) / "log"))
        process.join(280)
        assert process.exitcode == -signal.SIGKILL, log.read_text()


def _work(work: Callable[[], object], at: int, arrays: bool) -> None:
    _kill_at(at, arrays)
    work()


def _kill_at(at: int, arrays: bool) -> None:
    import torch

    saved, kept, calls = torch.save, np.savez, []

    def count(path: str | Path) -> None:
        calls.append(path)
        if len(calls) == at:
            os.truncate(path, os.stat(path).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    def save(value: object, path: Path) -> None:
        saved(value, path)
        count(path)

    def savez(file: Any, **values: Any) -> None:
        kept(file, **values)
        file.flush()
        count(file.name)

    torch.save = save
    if arrays:
        np.savez = savez

"""Work in a process that is killed outright while it writes a file, which is then half there.

A process that has imported everything forks once for every kill: importing takes longer than the work.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch


def killed(work: Callable[[], object], at: int, arrays: bool = False) -> None:
    """Do the work in a child, and have it killed while it writes for the n-th time.

    Parameters
    ----------
    at
        The number of the write, from 1.
    arrays
        Whether arrays count (`numpy.savez`), or states of trainings only (`torch.save`).

    Raises
    ------
    AssertionError
        If the child ended in another way.
    """
    import torch._dynamo  # every optimiser imports it

    torch.set_num_threads(1)
    if (child := os.fork()) == 0:
        try:
            _kill_at(at, arrays)
            work()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL


def _kill_at(at: int, arrays: bool) -> None:
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

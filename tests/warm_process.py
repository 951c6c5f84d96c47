"""Processes that begin with everything imported, forked from one that each worker of pytest starts when a test first asks.

Importing takes longer than the work that is killed, cancelled or sent elsewhere. What a fresh interpreter does is
tried where that is the question (`cli/test_cli_processes.py`, `cli/test_cli_slurm.py`, `widgets/test_process.py`).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path

# Imported once; every optimiser imports torch._dynamo. None of them may start a thread: only one of a process is forked.
_IMPORTS = [
    "torch._dynamo",
    "lightning_fabric",
    "distributed.cli.dask_scheduler",
    "distributed.cli.dask_worker",
    "napari_pseudolabel.cli.running",
    "napari_pseudolabel.training.training_jobs",
    "napari_pseudolabel.training.tutor.tutoring",
    "napari_pseudolabel.models.translators.syndiff",
    "napari_pseudolabel.models.segmenters.monai_unet",
]


def ready() -> None:
    """Start the process that others are forked from, if it does not run; ``forkserver`` of multiprocessing uses it."""
    multiprocessing.set_forkserver_preload(_IMPORTS)
    forkserver.ensure_running()


def warm(function: Callable[..., object], *arguments: object, log: Path) -> BaseProcess:
    """Call a function in a process of its own.

    Parameters
    ----------
    function, arguments
        Picklable.
    log
        What the process prints is appended to it.
    """
    ready()
    given = (function, arguments, dict(os.environ), log)
    process = multiprocessing.get_context("forkserver").Process(target=_begin, args=given)
    process.start()
    return process


def _begin(
    function: Callable[..., object], arguments: tuple[object, ...], environment: dict[str, str], log: Path
) -> None:
    import torch

    os.environ.clear()
    os.environ.update(environment)
    with log.open("ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    torch.set_num_threads(1)
    function(*arguments)

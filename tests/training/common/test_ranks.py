"""Two real processes that train one model: the same weights everywhere, one that writes, and clean ends."""

from __future__ import annotations

import dataclasses
import os
import threading
from functools import partial

import numpy as np
import pytest
import ranks_case as case
import torch
import warm_process
from syndiff_case import SYNDIFF

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.training.common.ranks import Ranks, train_on
from napari_pseudolabel.training.common.training_events import Loss

CPU = torch.device("cpu")


@pytest.fixture
def warm_ranks(monkeypatch):
    """Fork the processes from one that has imported everything; `cli/test_cli_train.py` spawns them as a person does."""
    from lightning_fabric.strategies import ddp

    warm_process.ready()
    launcher = ddp._MultiProcessingLauncher
    monkeypatch.setattr(ddp, "_MultiProcessingLauncher", lambda one, **_: launcher(one, "forkserver"))


def test_one_device_runs_in_this_process():
    seen = []

    def task(*, ranks, device, control):
        seen.append((ranks.rank, ranks.size, device, control))
        parameter = torch.nn.Parameter(torch.ones(2))
        parameter.grad = torch.tensor([1.0, 2.0])
        ranks.average_gradients([parameter])
        assert parameter.grad.tolist() == [1.0, 2.0]
        return os.getpid() + ranks.agreed(0)

    control = Control()
    assert train_on(task, CPU, 1, control) == os.getpid()
    assert seen == [(0, 1, CPU, control)]
    assert Ranks().first


@pytest.mark.usefixtures("warm_ranks")
def test_two_processes_have_the_same_weights_after_every_step(tmp_path):
    settings = dataclasses.replace(SYNDIFF, steps=10)
    events: list[object] = []
    reports = []
    control = Control(reports.append, emit=events.append)
    made = train_on(partial(case.steps, settings, tmp_path), CPU, 2, control)
    assert made["step"] == 10
    assert made["moved"] > 1e-4
    first, second = made["weights"]
    np.testing.assert_array_equal(first, second)  # after ten steps, and after one
    # Each process drew other patches, and the critics followed the mean of the two gradients.
    one, other = made["own_gradients"]
    assert not np.allclose(one, other, rtol=0.1)
    np.testing.assert_allclose(made["gradient"], (one + other) / 2, rtol=1e-4, atol=1e-6)
    # Only the first process reports and writes.
    assert [event.step for event in events if isinstance(event, Loss)] == [10]
    assert [report.done for report in reports] == [0, *range(2, 11)]  # the first step was done before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["losses.csv", "training.pt"]


@pytest.mark.usefixtures("warm_ranks")
def test_a_cancel_reaches_all_processes():
    cancel = threading.Event()
    control = Control(cancelled=cancel.is_set, emit=lambda event: cancel.set())
    with pytest.raises(Cancelled):
        train_on(case.stopping, CPU, 2, control)


@pytest.mark.parametrize(
    ("task", "sentence"), [(case.failing, "The folder is empty."), (case.dying, "ended unexpectedly")]
)
@pytest.mark.usefixtures("warm_ranks")
def test_a_process_that_fails_or_dies_ends_all(task, sentence):
    with pytest.raises(InputError, match=sentence):
        train_on(task, CPU, 2, Control())


def test_more_gpus_than_there_are_is_one_sentence():
    with pytest.raises(InputError, match=f"not {torch.cuda.device_count() + 2}"):
        train_on(case.stopping, torch.device("cuda"), torch.cuda.device_count() + 2, Control())
    with pytest.raises(InputError, match="cpu or cuda, not mps"):
        train_on(case.stopping, torch.device("mps"), 2, Control())

"""What the processes of `test_ranks` run; they import it by name, and the trainings only where they train."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.training.common.ranks import Ranks

if TYPE_CHECKING:
    from napari_pseudolabel.training.translator.syndiff_settings import SynDiffSettings
    from napari_pseudolabel.training.translator.syndiff_training import SynDiffTraining

WAIT_S = 60


class _Alone(Ranks):
    """One of several processes that averages nothing."""

    def average_gradients(self, parameters: Any) -> None:
        return


def training(settings: SynDiffSettings, ranks: Ranks) -> SynDiffTraining:
    """A tiny training on noise."""
    from napari_pseudolabel.training.data.patches import PatchPool
    from napari_pseudolabel.training.translator.syndiff_training import SynDiffTraining

    noise = torch.rand(2, 1, 48, 48, generator=torch.Generator().manual_seed(0)).numpy()
    return SynDiffTraining((PatchPool([noise[0]]), PatchPool([noise[1]])), settings, ranks=ranks)


def vector(run: SynDiffTraining) -> torch.Tensor:
    """All weights that a step changes."""
    parts = (run.generators, run.critics, run.average)
    return torch.cat([p.detach().flatten() for part in parts for p in part.parameters()])


def steps(
    settings: SynDiffSettings, folder: Path, *, ranks: Ranks, device: torch.device, control: Control
) -> dict[str, Any]:
    """Train, and compare the processes."""
    run = training(settings, ranks)
    begin = vector(run)
    # The same step with the same patches, but without the other process.
    single = training(settings, _Alone(ranks.rank, ranks.size))
    gradients = []
    for one in (run, single):
        one.train_step()
        gradients.append(
            torch.cat([p.grad.flatten() for p in one.critics.parameters() if p.grad is not None])
        )
    after_one = vector(run)
    run.run(folder, control)
    everyone = ranks.fabric.all_gather(torch.stack([vector(run), after_one]))
    own = ranks.fabric.all_gather(gradients[1])
    return {
        "weights": everyone.numpy(),
        "moved": float((everyone[0, 0] - begin).abs().max()),
        "gradient": gradients[0].numpy(),
        "own_gradients": own.numpy(),
        "step": run.step,
    }


def stopping(*, ranks: Ranks, device: torch.device, control: Control) -> None:
    """Wait to be cancelled; the decision of the first process reaches all."""
    deadline = time.monotonic() + WAIT_S
    decision = 0
    while not decision and time.monotonic() < deadline:
        control.emit("waiting")
        decision = ranks.agreed(int(control.cancelled()))
    if decision:
        raise Cancelled


def failing(*, ranks: Ranks, device: torch.device, control: Control) -> None:
    """The first process fails while the other waits for it."""
    if ranks.first:
        raise InputError("The folder is empty.")
    ranks.agreed(0)


def dying(*, ranks: Ranks, device: torch.device, control: Control) -> None:
    """The second process is killed while the first waits for it."""
    if not ranks.first:
        os.kill(os.getpid(), signal.SIGKILL)
    ranks.agreed(0)
    ranks.average_gradients([torch.nn.Parameter(torch.ones(1))])
    time.sleep(WAIT_S)

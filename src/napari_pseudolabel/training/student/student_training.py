"""Train a small network on what a translator made: the loop, its state, its best step."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.models.translators.small_unet import SmallUNet
from napari_pseudolabel.training.common.precision import multiplies_bfloat16
from napari_pseudolabel.training.common.running_average import running_average
from napari_pseudolabel.training.common.training_events import Epoch, Loss, Score, TrainStart
from napari_pseudolabel.training.common.training_record import STATE, CurveFile, load_state, save_state
from napari_pseudolabel.training.data.patches import PatchPool
from napari_pseudolabel.training.student.distil_task import DistilSettings
from napari_pseudolabel.training.student.orthogonal_steps import OrthogonalSteps

_TELL_EVERY = 10
_WARM_UP = 0.1
_WEIGHT_DECAY = 1e-4
_MATRICES = 5.0  # times as large are the steps of what is a matrix as those of the rest

Plane = NDArray[np.float32]
Compare = Callable[[Callable[[Plane], Plane], int], Score]
"""Scores a translation, by a function of a plane in [0, 1] to the same, after some steps."""


class StudentTraining:
    """One training run, which can be stopped and resumed.

    Parameters
    ----------
    pairs
        (2 + C, H, W) float32 in [0, 1] each: an image, what the translator makes of it, and the probabilities of C classes there.
    compare
        Says how well a step does; the step whose worst class is best is kept.
    reader
        Makes logits (B, C, H, W) of translations (B, 1, H, W) in [0, 1], with gradients; None where there are no probabilities.
    network
        To be trained.

    Notes
    -----
    What is learned is the mean of several tries of the translator, in L1 of pixels and of the differences between neighbours: a network
    with one answer cannot know what a diffusion will make up, and edges decide about labels. In the second half of the training the
    probabilities of the segmenter count as well, by their distance (Kullback and Leibler).
    """

    def __init__(
        self,
        pairs: Sequence[Plane],
        compare: Compare,
        settings: DistilSettings,
        *,
        reader: Callable[[Tensor], Tensor] | None = None,
        network: SmallUNet | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.settings, self.compare, self.reader = settings, compare, reader
        self.device = device or torch.device("cpu")
        self.pool = PatchPool(pairs, n_images=len(pairs[0]), zoom=(1.0, 1.0))
        if network is None:
            network = _begun(settings.seed)
        self.network: SmallUNet = cast(Any, network).to(self.device, memory_format=torch.channels_last)
        self.autocast = multiplies_bfloat16(self.device)
        self.average = AveragedModel(self.network, multi_avg_fn=running_average(settings.ema))
        weights = list(self.network.parameters())
        matrices = [weight for weight in weights if weight.ndim > 1 and min(weight.shape[:2]) > 1]
        others = [weight for weight in weights if weight.ndim == 1 or min(weight.shape[:2]) == 1]
        rate = settings.learning_rate
        self.optimisers: tuple[torch.optim.Optimizer, ...] = (
            OrthogonalSteps(matrices, _MATRICES * rate),
            torch.optim.AdamW(others, rate, betas=(0.9, 0.99), weight_decay=_WEIGHT_DECAY),
        )
        self.rates = [torch.optim.lr_scheduler.LambdaLR(one, self._rate) for one in self.optimisers]
        self.step = 0
        self.best: Score | None = None
        self.best_weights: dict[str, Tensor] = {}
        self._checked = -1
        self._checks = 0
        self._losses: list[float] = []

    def _rate(self, step: int) -> float:
        done = step / self.settings.steps
        return done / _WARM_UP + 0.01 if done < _WARM_UP else 0.5 + 0.5 * math.cos(math.pi * min(done, 1.0))

    def train_step(self) -> float:
        """One step of the optimiser; returns the loss."""
        s = self.settings
        batch = self.pool.batch(s.patch, s.batch, seed=s.seed, step=self.step).to(self.device)
        self.network.train()
        with self._precision():
            made = self.network(batch[:, :1] * 2 - 1)
        made, wanted = made.float(), batch[:, 1:2] * 2 - 1
        wrong = made - wanted
        loss = wrong.abs().mean()
        for axis in (2, 3) if s.edges else ():
            loss = loss + s.edges * wrong.diff(dim=axis).abs().mean()
        if self.reader is not None and s.labels and 2 * self.step >= s.steps:
            some = -(-len(batch) // 2)  # a segmenter takes several times as long as what is trained
            known = batch[:some, 2:] / batch[:some, 2:].sum(dim=1, keepdim=True).clamp_min(1e-6)
            with self._precision():
                read = self.reader((made[:some] + 1) / 2)
            found = F.log_softmax(read.float(), dim=1)
            loss = loss + s.labels * F.kl_div(found, known, reduction="none").sum(dim=1).mean()
        if not torch.isfinite(loss):
            raise InputError(f"The training diverged at step {self.step}; lower the learning rate.")
        self.network.zero_grad(set_to_none=True)
        loss.backward()
        for optimiser, rate in zip(self.optimisers, self.rates, strict=True):
            optimiser.step()
            rate.step()
        self.average.update_parameters(self.network)
        self.step += 1
        return F.l1_loss(made.detach(), wanted).item()

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast)

    def translation(self, plane: Plane) -> Plane:
        """Translate a plane (H, W) in [0, 1] with the averaged weights: as tiles do it, with its mirror image around it."""
        network = self.average.module.eval()
        (height, width), stride = plane.shape, self.network.stride
        edge = -(-self.network.reach // stride) * stride
        around = [(edge, edge + -side % stride) for side in plane.shape]
        x = torch.from_numpy(np.pad(plane * 2 - 1, around, "reflect"))[None, None].to(self.device)
        with torch.inference_mode():
            found: Plane = network(x)[0, 0, edge : edge + height, edge : edge + width].cpu().numpy()
        return ((found + 1) / 2).clip(0, 1)

    def run(self, folder: Path, control: Control, notes: Sequence[str] = ()) -> Literal["steps", "finish"]:
        """Train to the end, or until the person wants to keep what there is; `best` and `best_weights` say what came of it.

        Call `resume` first, to go on where a stopped or killed training left off in `folder`. Tells `control` a `TrainStart` with
        the `notes`, a `Loss` every ten steps and an `Epoch` with every comparison of the labels.

        Raises
        ------
        Cancelled
            If `control` says so; the state is saved first.
        """
        s = self.settings
        control.emit(TrainStart(self.step, None, tuple(notes)))
        curve = CurveFile(folder / "losses.csv", ("step", "loss"))
        curve.cut(self.step)
        stage = control.stage("Training the fast version", s.steps)
        stage.resume_at(self.step)
        every = -(-s.steps // s.checks)
        finish = False
        try:
            while self.step < s.steps and not (finish := stage.hold()):
                self._losses.append(self.train_step())
                if self.step % _TELL_EVERY == 0:
                    loss = float(np.mean(self._losses[-_TELL_EVERY:]))
                    curve.append({"step": self.step, "loss": loss})
                    control.emit(Loss(self.step, {"loss": loss}))
                    del self._losses[:-_TELL_EVERY]
                stage.advance()
                if self.step % every == 0:
                    self._check(folder, control)
            if self._checked != self.step:
                self._check(folder, control)
        except Cancelled:
            self.save(folder / STATE)
            raise
        return "finish" if finish else "steps"

    def _check(self, folder: Path, control: Control) -> None:
        """Compare the labels, keep the weights if they are the best so far, tell, and save."""
        found = self.compare(self.translation, self.step)
        better = self.best is None or _worst(found) > _worst(self.best)
        if better:
            self.best = found
            self.best_weights = {
                name: value.detach().cpu().clone() for name, value in self.average.module.state_dict().items()
            }
        self._checked = self.step
        self._checks += 1
        self.save(folder / STATE)
        control.emit(Epoch(self._checks, found, better))

    def save(self, path: Path) -> None:
        """Write everything that is needed to go on, atomically."""
        state = {
            "settings": dataclasses.asdict(self.settings),
            "step": self.step,
            "best": self.best and dataclasses.asdict(self.best),
            "checks": [self._checks, self._checked],
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "kept": self.best_weights,
            "optimisers": [one.state_dict() for one in self.optimisers],
            "rates": [one.state_dict() for one in self.rates],
        }
        save_state(path, state)

    def resume(self, path: Path) -> bool:
        """Go on from `path` if it is there; True if it was. Raises InputError for the state of other settings."""
        state = load_state(path, dataclasses.asdict(self.settings))
        if state is None:
            return False
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        for optimiser, kept in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)
        for rate, kept in zip(self.rates, state["rates"], strict=True):
            rate.load_state_dict(kept)
        self.step = int(state["step"])
        self.best = Score(**state["best"]) if state["best"] else None
        self.best_weights = dict(state["kept"])
        self._checks, self._checked = map(int, state["checks"])
        return True


def _begun(seed: int) -> SmallUNet:
    """Return a network with first weights that keep the size of what passes through.

    Torch's own are half as large, and through eleven convolutions without a normalisation hardly anything arrives.
    """
    # From torch's own generator, which others may use too.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = SmallUNet()
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                last = layer is network.leave
                nn.init.kaiming_normal_(layer.weight, nonlinearity="linear" if last else "relu")
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)
    return network


def _worst(score: Score) -> float:
    return min(score.per_class.values(), default=0.0)

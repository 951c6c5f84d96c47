"""Train a segmenter on labelled planes: Dice + cross-entropy, augmentation, validation, best checkpoint."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from monai.losses import DiceCELoss
from torch import Tensor

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.labels.metrics import evaluate
from napari_pseudolabel.models.cards import Card, Measure
from napari_pseudolabel.models.segmenters import monai_unet
from napari_pseudolabel.tiling import TileSettings
from napari_pseudolabel.training.folders import LabelledPlane
from napari_pseudolabel.training.patches import PatchPool
from napari_pseudolabel.training.state import load_state, save_state


@dataclass(frozen=True)
class SegmenterSettings:
    """Everything that decides the result of a training.

    Attributes
    ----------
    steps, batch, patch
        Optimiser steps, patches per step and side of a patch in pixels.
    lr
        First learning rate of AdamW; it falls to a hundredth along a cosine.
    validate_every
        Steps between two validations; the state is saved then too.
    """

    steps: int = 1500
    batch: int = 8
    patch: int = 128
    lr: float = 1e-3
    seed: int = 42
    validate_every: int = 100


@dataclass(frozen=True)
class Score:
    """Validation Dice, mean over the classes that are not background, at one step."""

    step: int
    mean: float
    per_class: dict[str, float]


class SegmenterTraining:
    """One training run.

    Parameters
    ----------
    train, validation
        Labelled planes on the model's grid; they must not share pixels.
    card
        What the network is (``architecture``, ``classes``) and what it expects; becomes the card of
        the checkpoint with the measured quality added.
    device
        CPU when None. CUDA trains with mixed precision.
    """

    def __init__(
        self,
        train: Sequence[LabelledPlane],
        validation: Sequence[LabelledPlane],
        card: Card,
        settings: SegmenterSettings,
        *,
        device: torch.device | None = None,
        weights: Sequence[float] | None = None,
    ) -> None:
        if not validation:
            raise InputError(
                "There is no validation image; keep at least one labelled image out of training."
            )
        self.card, self.settings, self.validation = card, settings, validation
        self.device = device or torch.device("cpu")
        values = [c.value for c in card.classes]
        lookup = np.zeros(256, np.float32)
        lookup[values] = np.arange(len(values))
        self.pool = PatchPool(
            [np.stack([plane.image, lookup[plane.labels]]) for plane in train],
            weights=weights,
            zoom=(0.7, 1.4),
        )
        torch.manual_seed(settings.seed)
        self.network = monai_unet.build(card).to(self.device)
        self.loss = DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, batch=True)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), settings.lr, weight_decay=1e-4)
        self.rate = torch.optim.lr_scheduler.CosineAnnealingLR(
            self.optimiser, settings.steps, settings.lr / 100
        )
        self.autocast = self.device.type == "cuda" and torch.cuda.is_bf16_supported()
        self.step = 0
        self.best: Score | None = None

    def train_step(self) -> float:
        """One optimiser step; returns the loss."""
        s = self.settings
        torch.manual_seed(s.seed * 1_000_003 + self.step)
        patches = self.pool.batch(s.patch, s.batch, seed=s.seed, step=self.step)
        images, truth = augment(patches[:, :1]).to(self.device), patches[:, 1:].to(self.device)
        self.network.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            loss = self.loss(self.network(images), truth)
        if not torch.isfinite(loss):
            raise InputError(f"The training diverged at step {self.step}; lower the learning rate.")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.rate.step()
        self.step += 1
        return loss.item()

    def validate(self) -> Score:
        """Dice on the whole validation images."""
        segmenter = monai_unet.MonaiSegmenter(self.network.eval(), self.card, sha256="in training")
        classes = {c.name: c.value for c in self.card.classes if c.value}
        values = np.array([c.value for c in self.card.classes], np.uint8)
        settings = TileSettings(device=str(self.device))
        scores = []
        for plane in self.validation:
            winner = segmenter.probabilities(plane.image, settings=settings).argmax(axis=0)
            scores.append(evaluate(values[winner], plane.labels, classes).dice)
        means = {name: float(np.mean([score[name] for score in scores])) for name in classes}
        return Score(self.step, float(np.mean(list(means.values()))), means)

    def save(self, path: Path) -> None:
        """Write everything that is needed to go on, atomically."""
        state = {
            "settings": dataclasses.asdict(self.settings),
            "step": self.step,
            "best": dataclasses.asdict(self.best) if self.best else None,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "rate": self.rate.state_dict(),
        }
        save_state(path, state)

    def resume(self, path: Path) -> bool:
        """Go on from `path` if it is there; True if it was."""
        state = load_state(path, dataclasses.asdict(self.settings))
        if state is None:
            return False
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.rate.load_state_dict(state["rate"])
        self.step = int(state["step"])
        self.best = Score(**state["best"]) if state["best"] else None
        return True

    def run(self, folder: Path, control: Control | None = None) -> Score:
        """Train until ``settings.steps``; `folder` gets ``best.safetensors``, the curve and the state.

        Raises
        ------
        Cancelled
            If `control` says so; the state is saved first.
        """
        folder.mkdir(parents=True, exist_ok=True)
        state = folder / "training.pt"
        self.resume(state)
        stage = (control or Control()).stage("Training the segmenter", self.settings.steps)
        stage.resume_at(self.step)
        losses: list[float] = []
        try:
            while self.step < self.settings.steps:
                losses.append(self.train_step())
                if self.step % self.settings.validate_every == 0 or self.step == self.settings.steps:
                    self._keep_if_better(folder, float(np.mean(losses)))
                    losses.clear()
                    self.save(state)
                stage.advance()
        except Cancelled:
            # Raised between two steps; any other end may leave a step half done, which is not kept.
            self.save(state)
            raise
        self.save(state)
        assert self.best is not None
        return self.best

    def _keep_if_better(self, folder: Path, loss: float) -> None:
        score = self.validate()
        log = folder / "validation.csv"
        new = not log.exists()
        with log.open("a", newline="") as file:
            writer: Any = csv.writer(file)
            if new:
                writer.writerow(["step", "loss", "mean_dice", *score.per_class])
            writer.writerow([score.step, loss, score.mean, *score.per_class.values()])
        if self.best is None or score.mean > self.best.mean:
            self.best = score
            images = f"{len(self.validation)} validation images, which chose the step ({', '.join(p.name for p in self.validation)})"
            quality = tuple(
                Measure(metric=f"Dice {name}", value=round(value, 3), data=images)
                for name, value in score.per_class.items()
            )
            card = self.card.model_copy(update={"quality": quality})
            monai_unet.save(self.network, card, folder / "best.safetensors", half=True)


def augment(images: Tensor) -> Tensor:
    """Change contrast, brightness, sharpness and noise of (B, 1, H, W) images in [0, 1], each on its own.

    Geometry (flips, quarter turns, zoom) is already done by `PatchPool`.
    """
    count = len(images)

    def draw(low: float, high: float) -> Tensor:
        return torch.empty(count, 1, 1, 1).uniform_(low, high)

    images = images.clamp(0, 1) ** draw(0.6, 1.6)
    images = (images - 0.5) * draw(0.7, 1.3) + 0.5 + draw(-0.12, 0.12)
    blurred = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    # From blurred (1) over untouched (0) to sharpened (-0.5).
    images = torch.lerp(images, blurred, draw(-0.5, 1.0))
    return (images + torch.randn_like(images) * draw(0, 0.08)).clamp(0, 1)

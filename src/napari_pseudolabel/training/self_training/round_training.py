"""One round: a network learns what its teacher is sure of, and the average of its weights is the next teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.training.common.training_events import Loss
from napari_pseudolabel.training.common.training_record import STATE
from napari_pseudolabel.training.data.augmentation import augment
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.data.patches import PatchPool
from napari_pseudolabel.training.segmenter.segmenter_settings import SegmenterSettings
from napari_pseudolabel.training.segmenter.segmenter_training import SegmenterTraining
from napari_pseudolabel.training.self_training.harmonising import Harmoniser, harmonised
from napari_pseudolabel.training.self_training.object_contrast import (
    with_large_shifts,
    with_object_contrast,
)
from napari_pseudolabel.training.self_training.self_training_task import SelfTrainingSettings

_WARM_UP = 10
_TELL_EVERY = 10


@dataclass(frozen=True, eq=False)
class RoundInput:
    """What a round learns from.

    Attributes
    ----------
    taught
        Parts of the images, with the weights of the gate.
    sources
        Labelled planes, of which half of the patches come; empty without.
    """

    taught: Sequence[LabelledPlane]
    sources: Sequence[LabelledPlane]

    @property
    def planes(self) -> list[LabelledPlane]:
        """All."""
        return [*self.taught, *self.sources]

    @property
    def shares(self) -> list[float] | None:
        """Probability of each plane; None for those that follow from the weights."""
        if not self.sources:
            return None
        halves = [
            [float(p.image.size if p.weight is None else p.weight.sum()) for p in half]
            for half in (self.taught, self.sources)
        ]
        return [value / max(sum(half), 1.0) for half in halves for value in half]


class RoundTraining(SegmenterTraining):
    """The training of one round; nothing is validated within it.

    Parameters
    ----------
    number
        From 1.
    start
        Weights of the teacher.
    looks
        (H, W) float32 in [0, 1], images whose look patches get where the settings say so.
    harmoniser
        Redraws objects that were made brighter or darker; None leaves them as they are.
    """

    def __init__(
        self,
        number: int,
        learned: RoundInput,
        card: Card,
        settings: SelfTrainingSettings,
        *,
        device: torch.device,
        start: Mapping[str, Tensor],
        looks: Sequence[NDArray[np.float32]],
        harmoniser: Harmoniser | None = None,
    ) -> None:
        s = settings
        self.own, self.number = settings, number
        self.redraw = (
            None if harmoniser is None else partial(harmonised, harmoniser=harmoniser, sigma=settings.seam)
        )
        self.looks = PatchPool([look[None] for look in looks]) if s.large_shift else None
        super().__init__(
            learned.planes,
            learned.planes[:1],
            card,
            SegmenterSettings(
                s.round_steps,
                s.batch,
                s.patch,
                s.lr,
                # Every round draws other patches.
                (s.seed + number) % 2**32,
                warm_up=min(_WARM_UP, s.round_steps // 4),
                ema=s.ema,
            ),
            device=device,
            weights=learned.shares,
            start=start,
            learned=None,
        )

    @override
    def _draw(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        s = self.settings
        images, truth, weight = self.patches.batch(s.patch, s.batch, seed=s.seed, step=step)
        generator = torch.Generator().manual_seed(s.seed * 1_000_003 + step)
        if self.own.blending != "off":
            images = with_object_contrast(
                images,
                truth,
                len(self.card.classes),
                self.own.seam,
                generator,
                every=self.own.blending == "all",
                redraw=self.redraw,
            )
        if self.looks is not None:
            looks = self.looks.batch(s.patch, s.batch, seed=s.seed, step=step)
            images = with_large_shifts(images, looks, generator)
        return augment(images, generator), truth, weight

    def complete(self, folder: Path, control: Control) -> bool:
        """Do all steps, or go on with them from `folder`, which gets the state however it ends.

        Returns
        -------
        bool
            True if the person wanted to stop here and keep what there is.

        Raises
        ------
        Cancelled
            If `control` says so.
        """
        self.resume(folder / STATE)
        stage = control.stage("Learning from what it is sure of", self.settings.steps)
        stage.resume_at(self.step)
        losses: list[float] = []
        ended = False
        try:
            while self.step < self.settings.steps and not (ended := stage.hold()):
                losses.append(self.train_step())
                if self.step % _TELL_EVERY == 0:
                    control.emit(Loss(self.step, {"loss": float(np.mean(losses[-_TELL_EVERY:]))}))
                stage.advance()
        except Cancelled:
            self.save(folder / STATE)
            raise
        # By the state a folder is known for that of another training, when it is done as well.
        self.save(folder / STATE)
        return ended

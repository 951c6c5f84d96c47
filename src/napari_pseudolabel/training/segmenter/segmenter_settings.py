"""How a segmenter is trained. Importable without torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from napari_pseudolabel.options import Checked, Option
from napari_pseudolabel.training.common.training_options import (
    AnyContrast,
    ClassShift,
    Ema,
    InOrder,
    Patience,
    Seed,
    ZoomIn,
    ZoomOut,
)


@dataclass(frozen=True)
class SegmenterSettings(Checked):
    """Everything that decides the result of a training."""

    steps: Annotated[int, Option("Optimiser steps.", least=1)] = 1500
    batch: Annotated[int, Option("Patches per step.", least=1)] = 8
    patch: Annotated[int, Option("Side of a patch in pixels.", least=1)] = 128
    lr: Annotated[
        float,
        Option(
            "Highest learning rate of AdamW; it falls to a hundredth along a cosine.",
            title="Learning rate",
            above=0,
            below=1,
        ),
    ] = 1e-3
    seed: Seed = 42
    validate_every: Annotated[int, Option("Steps between validations and saves.", least=1)] = 100
    warm_up: Annotated[
        int,
        Option(
            "Steps in which the learning rate rises; Adam knows the size of the gradients only after some.",
            least=0,
            seen="python",
        ),
    ] = 0
    patience: Patience = None
    class_shift: ClassShift = 0.0
    ema: Ema = 0.0
    any_contrast: AnyContrast = 0.0
    in_order: InOrder = False
    zoom_out: ZoomOut = 0.7
    zoom_in: ZoomIn = 1.4

    def rate(self, step: int) -> float:
        """Share of `lr` that is used in a step, the first being 0."""
        if step < self.warm_up:
            return (step + 1) / (self.warm_up + 1)
        part = (step - self.warm_up) / max(self.steps - self.warm_up, 1)
        return 0.01 + 0.99 * (1 + math.cos(math.pi * min(part, 1.0))) / 2

"""How a segmenter is trained. Importable without torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from napari_pseudolabel.options import Checked, Option


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
    seed: Annotated[int, Option("The same seed gives the same result.", least=0, most=2**32 - 1)] = 42
    validate_every: Annotated[int, Option("Steps between validations and saves.", least=1)] = 100
    warm_up: Annotated[
        int,
        Option(
            "Steps in which the learning rate rises; Adam knows the size of the gradients only after some.",
            least=0,
            seen="python",
        ),
    ] = 0
    patience: Annotated[
        int | None,
        Option(
            "Validations without a better one after which the training stops; None never stops early.",
            least=1,
            seen="python",
        ),
    ] = None
    class_shift: Annotated[
        float,
        Option(
            "Largest random change of the grey level of each class, for segmenters that shall read translated images; "
            "see `shift_classes`.",
            least=0,
            below=1,
            seen="python",
        ),
    ] = 0.0
    ema: Annotated[
        float,
        Option(
            "Decay of the running average of the weights, which is then what is validated and kept; 0 keeps the weights "
            "themselves. Averaged weights lie in flatter minima and bear other modalities better (SWAD, Cha et al., "
            "2021).",
            title="EMA",
            least=0,
            below=1,
            seen="python",
        ),
    ] = 0.0

    def rate(self, step: int) -> float:
        """Share of `lr` that is used in a step, the first being 0."""
        if step < self.warm_up:
            return (step + 1) / (self.warm_up + 1)
        part = (step - self.warm_up) / max(self.steps - self.warm_up, 1)
        return 0.01 + 0.99 * (1 + math.cos(math.pi * min(part, 1.0))) / 2

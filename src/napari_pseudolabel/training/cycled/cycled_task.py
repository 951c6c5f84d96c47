"""Cycled masks: what is learned from, and how. Importable without torch.

Source: a CycleGAN between synthetic masks and images with a low-pass between its generators (arXiv 2308.01769); sizes, steps and rates
are those of our own small trials (docs/benchmarks.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from typing_extensions import override

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.options import Option
from napari_pseudolabel.training.unlabelled.unlabelled_task import RenderedSettings, UnlabelledTask


@dataclass(frozen=True)
class CycledSettings(RenderedSettings):
    """How images are learned from masks, and a segmenter from both."""

    cycle_steps: Annotated[
        int,
        Option(
            "Steps in which the critics teach what images look like: 300 take about a minute on one core, more are better.",
            title="Steps of the cycle",
            least=0,
            step=100,
            group="advanced",
        ),
    ] = 400
    low_pass: Annotated[
        float | None,
        Option(
            "Share of the spatial frequencies that goes back into masks, against copies of the mask hidden in the images. Use .25 "
            "where the notes say that masks are hidden.",
            title="Low-pass",
            term="DCT low-pass",
            above=0,
            most=1,
            typical=0.25,
            special="off",
            group="advanced",
        ),
    ] = None
    warm_up: Annotated[
        int, Option("Steps before that in which the polarity is learned.", least=1, seen="python")
    ] = 120
    cycle_batch: Annotated[int, Option("Patches per step of the cycle.", least=1, seen="python")] = 2
    cycle_patch: Annotated[
        int,
        Option(
            "Side of a patch of the cycle in pixels, a multiple of 4 from 32 on.", least=32, seen="python"
        ),
    ] = 64
    cycle_width: Annotated[int, Option("Channels of generators and critics.", least=1, seen="python")] = 16
    blocks: Annotated[int, Option("Residual blocks of a generator.", least=1, seen="python")] = 4
    cycle_lr: Annotated[
        float,
        Option("Learning rate of the generators; critics have half of it.", above=0, below=1, seen="python"),
    ] = 4e-4
    cycle_weight: Annotated[
        float, Option("Of what came back, against the critics.", least=0, seen="python")
    ] = 10.0

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cycle_patch % 4:
            raise InputError(
                f"Patches of {self.cycle_patch} pixels do not fit the generators; use a multiple of 4."
            )


@dataclass(frozen=True, eq=False)
class CycledTask(UnlabelledTask):
    """Learn images from masks, and a segmenter from the images and the masks that come back; `CycledJob` does it."""

    settings: CycledSettings = field(default_factory=CycledSettings)
    title: str = "Learning from cycled masks"

"""Settings of a zero-shot training. Importable without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from napari_pseudolabel.options import Checked, Option
from napari_pseudolabel.training.common.training_options import OwnSeed

SAMPLED = 5
"""Twenty are no better (docs/benchmarks.md), and take four times as long."""


@dataclass(frozen=True)
class ZeroShotSettings(Checked):
    """Everything that decides the result of a training."""

    steps: Annotated[
        int,
        Option(
            "Optimiser steps; 2,000 take about ten minutes on one core, and more are better.",
            least=1,
            step=500,
        ),
    ] = 10_000
    condition: Annotated[
        Literal["gradients", "information"],
        Option(
            "What is told of an image whose kind was never seen: how strong its edges are, or the local mutual information of the "
            "paper, which takes longer.",
            title="Structure as",
            names=(("gradients", "Strength of edges"), ("information", "Local mutual information")),
            group="advanced",
        ),
    ] = "gradients"
    bins: Annotated[
        int,
        Option(
            "Grey levels that local mutual information tells apart; 27 in the paper.",
            least=2,
            most=64,
            seen="shell",
        ),
    ] = 9
    search: Annotated[
        bool,
        Option(
            "Compare patches with those around as well, as in the paper; takes nine times as long.",
            seen="shell",
        ),
    ] = False
    batch: Annotated[int, Option("Patches per step.", least=1, seen="shell")] = 4
    patch: Annotated[int, Option("Side of a patch in pixels.", least=32, seen="shell")] = 64
    width: Annotated[int, Option("Channels of the first level of the network.", least=8, seen="shell")] = 16
    sampled: Annotated[
        int,
        Option("Steps in which an image is made.", least=1, most=1000, seen="python"),
    ] = SAMPLED
    contrast: Annotated[
        float,
        Option(
            "Share of the patches whose maps are those of a changed contrast, sharpness and noise.",
            least=0,
            most=1,
            seen="python",
        ),
    ] = 0.7
    lr: Annotated[float, Option("Learning rate.", above=0, below=1, seen="python")] = 3e-4
    clip: Annotated[float, Option("Largest norm of a gradient.", above=0, seen="python")] = 1.0
    ema: Annotated[
        float,
        Option(
            "Decay of the running average of the weights, which is what is kept.",
            least=0,
            below=1,
            seen="python",
        ),
    ] = 0.999
    save_every: Annotated[int, Option("Steps between two saves.", least=1, seen="python")] = 250
    seed: OwnSeed = 0
    device: Annotated[str, Option("A name such as auto, cpu or cuda.", seen="python")] = "auto"

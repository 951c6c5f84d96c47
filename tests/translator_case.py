"""A tiny pair of translators, images for them, and a job; also for processes that are killed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import IntensityRange
from napari_pseudolabel.training.translator.tune_translator import (
    ModalityImages,
    TuneSettings,
    TuneTranslatorJob,
)

SETTINGS = TuneSettings(
    steps=6, batch=1, preview_every=2, save_every=1000, warm_up=1, learning_rate=2e-3, ema=0.5, device="cpu"
)

# Of a job that is killed: states are written before and after a look.
KILLED = {"steps": 12, "save_every": 4, "preview_every": 4}


def write_pair(folder: Path, width: int = 8) -> tuple[str, str]:
    """Random translators SEM to TEM and TEM to SEM, 0.2 and 0.1 um."""
    import torch
    from syndiff_case import GENERATOR

    from napari_pseudolabel.models.cards import Modality, Training
    from napari_pseudolabel.training.data.patches import PatchPool
    from napari_pseudolabel.training.translator.syndiff_checkpoints import write_generators
    from napari_pseudolabel.training.translator.syndiff_settings import SynDiffSettings
    from napari_pseudolabel.training.translator.syndiff_training import SynDiffTraining

    generator = dataclasses.replace(GENERATOR, num_channels_dae=width)
    pool = PatchPool([np.zeros((1, 32, 32), np.float32)])
    run = SynDiffTraining(
        (pool, pool), SynDiffSettings(one_pass_width=4, critic_width=4, generator=generator)
    )
    for k in (0, 1):
        # The last layer begins near zero, where translations would be constant.
        torch.nn.init.normal_(run.averaged(k).all_modules[-1].weight, std=0.3)
    modalities = (
        Modality(name="SEM", pixel_size_um=0.2, object_size_px=10),
        Modality(name="TEM", pixel_size_um=0.1, object_size_px=20),
    )
    to_source, to_target = write_generators(
        (run.averaged(0).state_dict(), run.averaged(1).state_dict()),
        run.settings.generator,
        folder,
        modalities=modalities,
        names=("tem-to-sem", "sem-to-tem"),
        training=Training(),
    )
    return str(to_target), str(to_source)


def planes(inverted: bool) -> tuple[np.ndarray, ...]:
    """Two 16-bit planes of blobs, 60 x 70."""
    y, x = np.mgrid[:60, :70]
    found = []
    for shift in (0, 3):
        blobs = np.sin(y / 4 + shift) * np.cos(x / 5) > 0.3
        values = np.where(blobs != inverted, 900, 300) + np.random.default_rng(shift).normal(0, 40, y.shape)
        found.append(values.astype(np.uint16))
    return tuple(found)


def layer(name: str, inverted: bool, **changes: Any) -> ModalityImages:
    """Planes as they come from a layer."""
    given = {"planes": planes(inverted), "limits": IntensityRange(200, 1000), "pixel_size_um": 0.2, **changes}
    return ModalityImages(name, **given)


def job(folder: Path, pair: tuple[str, str] | None, **changes: Any) -> TuneTranslatorJob:
    """A job of six steps on the CPU."""
    return TuneTranslatorJob(
        source=layer("SEM", False),
        target=layer("TEM", True, pixel_size_um=0.1),
        folder=folder,
        checkpoints=pair,
        settings=dataclasses.replace(SETTINGS, **changes),
    )


def run(job: TuneTranslatorJob) -> None:
    """Run a job that nobody listens to."""
    from napari_pseudolabel.models.loaded import LoadedModels

    job.run(Control(), LoadedModels())

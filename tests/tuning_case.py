"""A corrected plane of discs, and small jobs on it, for the tests of fine-tuning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.ndimage import binary_dilation

from napari_pseudolabel.imaging import IntensityRange
from napari_pseudolabel.training.data.annotated_plane import AnnotatedPlane
from napari_pseudolabel.training.segmenter.fine_tune_task import FineTuneSettings
from napari_pseudolabel.training.training_jobs import FineTuneJob

SETTINGS = FineTuneSettings(
    steps=8, batch=2, patch=32, lr=1e-2, trust=0.5, epoch_steps=2, patience=100, device="cpu"
)


def corrected_plane(pixel_um: float | None = 0.1, seed: int = 0, name: str = "field") -> AnnotatedPlane:
    """Discs (7) in rings (1); the upper left 64 x 64 are confirmed, the right lower quarter of them kept back."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:96, :80]
    discs = np.zeros(y.shape, bool)
    for cy in range(8, 96, 18):
        for cx in range(8, 80, 18):
            discs |= (y - cy) ** 2 + (x - cx) ** 2 < rng.uniform(4, 6) ** 2
    labels = np.where(discs, 7, np.where(binary_dilation(discs, iterations=2), 1, 0)).astype(np.uint8)
    image = np.choose(np.searchsorted([0, 1, 7], labels), [60, 20, 200]) + rng.normal(0, 8, labels.shape)
    touched, validation = np.zeros(y.shape, bool), np.zeros(y.shape, bool)
    touched[:64, :64] = True
    validation[32:64, 32:64] = True
    confidence = np.full(y.shape, np.nan, np.float32)
    confidence[:, :72] = rng.uniform(0.3, 1, (96, 72))
    return AnnotatedPlane(
        name=name,
        key=f"{name} {seed}",
        image=image.astype(np.float32),
        limits=IntensityRange(0.0, 255.0),
        pixel_size_um=pixel_um,
        labels=labels,
        touched=touched,
        confidence=confidence,
        validation=validation,
    )


def small_job(folder: Path, segmenter: Path | str, translator: Path | None = None, **changes) -> FineTuneJob:
    """A fine-tuning of a few steps."""
    plane = changes.pop("plane", None) or corrected_plane(0.2 if translator else 0.1)
    more = {key: changes.pop(key) for key in ("sets", "classes", "inputs") if key in changes}
    return FineTuneJob(
        (plane,),
        str(segmenter),
        str(translator) if translator else None,
        folder,
        replace(SETTINGS, **changes),
        **more,
    )

"""Results as jobs return them."""

from __future__ import annotations

import numpy as np
from run_reports import TRANSLATOR, run_report

from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.strategies import LabelSettings, PseudoLabel, Region

CLASSES = (
    LabelClass(name="background", value=0),
    LabelClass(name="axon", value=1),
    LabelClass(name="myelin", value=2),
)


def make_result(
    labels: np.ndarray,
    region: Region | None = None,
    planes: tuple[tuple[int, ...], ...] = ((),),
    seed: int = 0,
) -> PseudoLabel:
    """A result with (P, H, W) labels, and confidence and translation that follow from them."""
    labels = np.asarray(labels, np.uint8)
    report = run_report(
        source="sem",
        models=(TRANSLATOR,),
        settings=LabelSettings(seed=seed),
        tile=64,
        overlap=16,
        batch=1,
        shift_px=(0.0, 0.0),
    )
    return PseudoLabel(
        labels=labels,
        confidence=np.float32(0.5) + labels.astype(np.float32) / 10,
        translation=labels.astype(np.float32) / 10,
        spread=None,
        classes=CLASSES,
        region=region or Region(0, 0, *labels.shape[-2:]),
        planes=planes,
        report=report,
    )

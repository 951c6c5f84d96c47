"""Train the translators of mitochondria, ssTEM <-> FIB-SEM, for `quality.py`; they must not be shipped.

    python benchmarks/train_mito.py DATA OUT

There are no generated fields of this tissue. Without pairs the two translators learned to invert the contrast, which the way back
undoes and the critics of 64 pixels do not see (docs/benchmarks.md). So every real image is paired with itself, its grey levels matched to
the other set, which says that dark stays dark. Resumes when it is called again; OUT gets two checkpoints, curves and sample grids.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import tools_path  # noqa: F401
import torch
import typer
from quality_mito import FIBSEM_MITO, MITO, SSTEM_MITO
from quality_training import matched, reference
from recipes.pairs import Plane
from train_model import PREVIEW_EVERY, PREVIEW_SIDE

from napari_pseudolabel.cli.progress import shown_progress
from napari_pseudolabel.models.cards import Training
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.data.patches import PatchPool
from napari_pseudolabel.training.translator.syndiff_checkpoints import write_generators
from napari_pseudolabel.training.translator.syndiff_training import SynDiffTraining
from napari_pseudolabel.training.translator.translator_monitor import TranslatorMonitor


def main(data: Path, out: Path, steps: int = MITO.settings.steps, device: str = "cpu") -> None:
    """Train both directions."""
    settings = replace(MITO.settings, steps=steps)
    labelled = SSTEM_MITO.training(data), FIBSEM_MITO.training(data)
    one, other = (PatchPool([plane.image[None] for plane in planes]) for planes in labelled)
    run = SynDiffTraining(
        (one, other),
        settings,
        pairs=PatchPool(list(_pairs(*labelled)), n_images=2),
        device=torch.device(device),
    )
    with shown_progress() as control:
        run.run(out, control, TranslatorMonitor(out, run.pools, PREVIEW_SIDE, PREVIEW_EVERY))
    training = Training(
        data=MITO.data,
        licence=MITO.licence,
        steps=run.step,
        seed=settings.seed,
        date=date.today().isoformat(),
        command="python benchmarks/train_mito.py DATA OUT",
    )
    write_generators(
        (run.averaged(0).state_dict(), run.averaged(1).state_dict()),
        run.settings.generator,
        out,
        modalities=MITO.modalities,
        names=MITO.names,
        training=training,
        licence=MITO.licence,
        half=True,
    )


def _pairs(one: list[LabelledPlane], other: list[LabelledPlane]) -> Iterator[Plane]:
    """(2, H, W): every image as it is, and with the grey levels of the other set."""
    levels = reference(one), reference(other)
    for plane in one:
        yield np.stack([plane.image, matched(plane.image, levels[1])])
    for plane in other:
        yield np.stack([matched(plane.image, levels[0]), plane.image])


if __name__ == "__main__":
    typer.run(main)

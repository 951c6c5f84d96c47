"""Train the translators of mitochondria, ssTEM <-> FIB-SEM, for `quality.py`; they must not be shipped.

    python benchmarks/train_mito.py DATA OUT

Unlike the shipped pairs without generated fields. Resumes when it is called again; OUT gets two checkpoints, curves and sample grids.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import torch
import typer
from quality_mito import MITO

from napari_pseudolabel.cli.progress import shown_progress
from napari_pseudolabel.models.cards import Training
from napari_pseudolabel.sample_data.train import PREVIEW_EVERY, PREVIEW_SIDE
from napari_pseudolabel.training.export import write_translators
from napari_pseudolabel.training.patches import PatchPool
from napari_pseudolabel.training.syndiff import SynDiffTraining
from napari_pseudolabel.training.translator_watch import TranslatorWatch


def main(data: Path, out: Path, steps: int = MITO.settings.steps, device: str = "cpu") -> None:
    """Train both directions."""
    settings = replace(MITO.settings, steps=steps)
    one, other = (PatchPool([plane[None] for plane in planes]) for planes in MITO.images(data))
    run = SynDiffTraining((one, other), settings, device=torch.device(device))
    with shown_progress() as control:
        run.run(out, control, TranslatorWatch(out, run.pools, PREVIEW_SIDE, PREVIEW_EVERY))
    training = Training(
        data=MITO.data,
        licence=MITO.licence,
        steps=run.step,
        seed=settings.seed,
        date=date.today().isoformat(),
        command="python benchmarks/train_mito.py DATA OUT",
    )
    write_translators(
        run,
        out,
        modalities=MITO.modalities,
        names=MITO.names,
        training=training,
        licence=MITO.licence,
        half=True,
    )


if __name__ == "__main__":
    typer.run(main)

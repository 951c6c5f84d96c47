"""The recipes of the shipped checkpoints; what they see and how long they train is in ``recipes/``.

    python sample_data/train.py translator axons  DATA OUT      SynDiff in both directions; also: nuclei
    python sample_data/train.py segmenter tem-axons DATA OUT    also: sem-axons, fluorescence-nuclei
    python sample_data/train.py proxy DATA OUT                  tutorship: a segmenter of SEM from labelled TEM

DATA holds the folders ``axon_tem``, ``axon_sem`` and ``nuclei``. Every command resumes when it is called again and leaves checkpoints
with cards in OUT; measured quality is added to the cards by ``benchmarks/quality.py --cards``.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import torch
import typer

from napari_pseudolabel.cli.progress import shown_progress
from napari_pseudolabel.models.cards import Card, Training
from napari_pseudolabel.sample_data.recipes.generated import mixed
from napari_pseudolabel.sample_data.recipes.pairs import FILTERS, LABELLED_SETS, PAIRS, LabelledSet
from napari_pseudolabel.training.export import write_translators
from napari_pseudolabel.training.folders import LabelledPlane
from napari_pseudolabel.training.patches import PatchPool
from napari_pseudolabel.training.segmenter import SegmenterTraining
from napari_pseudolabel.training.syndiff import SynDiffTraining
from napari_pseudolabel.training.translator_watch import TranslatorWatch

SHARE = 0.25  # of the patches that come from generated fields
PREVIEW_SIDE, PREVIEW_EVERY = 128, 250

app = typer.Typer(add_completion=False, help=__doc__)


@app.command()
def translator(pair: str, data: Path, out: Path, device: str = "cpu") -> None:
    """Train SynDiff in both directions and write the two checkpoints, with curves and sample grids beside them."""
    recipe = PAIRS[pair]
    fields = list(recipe.generated())
    pools = tuple(
        mixed(images, [field[1 + k] for field in fields], SHARE)
        for k, images in enumerate(recipe.images(data))
    )
    pairs = PatchPool([np.stack([a, b]) for _, a, b in fields], n_images=2)
    run = SynDiffTraining((pools[0], pools[1]), recipe.settings, pairs=pairs, device=torch.device(device))
    with shown_progress() as control:
        run.run(out, control, TranslatorWatch(out, run.pools, PREVIEW_SIDE, PREVIEW_EVERY))
    training = _training(recipe.data, recipe.licence, run.step, recipe.settings.seed, f"translator {pair}")
    write_translators(
        run, out, modalities=recipe.modalities, names=recipe.names, training=training, half=True
    )


@app.command()
def segmenter(name: str, data: Path, out: Path, device: str = "cpu") -> None:
    """Train a segmenter and write its checkpoint, best.safetensors."""
    recipe = LABELLED_SETS[name]
    settings = recipe.settings
    train, weights = with_generated(recipe, recipe.training(data))
    training = _training(
        recipe.pair.data, recipe.pair.licence, settings.steps, settings.seed, f"segmenter {name}"
    )
    card = card_of(recipe).model_copy(update={"training": training})
    run = SegmenterTraining(
        train, recipe.validation(data), card, settings, device=torch.device(device), weights=weights
    )
    with shown_progress() as control:
        score = run.run(out, control)
    typer.echo(f"Validation Dice {score.per_class} at step {score.step}")


def card_of(recipe: LabelledSet) -> Card:
    """The card before the training."""
    return Card(
        kind="segmenter",
        family="monai-unet",
        name=recipe.title,
        description=recipe.description,
        architecture={"filters": list(FILTERS)},
        source=recipe.modality,
        classes=recipe.classes,
        licence="BSD-3-Clause",
    )


def with_generated(recipe: LabelledSet, real: list[LabelledPlane]) -> tuple[list[LabelledPlane], list[float]]:
    """Real planes and generated ones, and the probability of each."""
    made = [
        LabelledPlane(f"field {number}", field[1 + recipe.look], field[0])
        for number, field in enumerate(recipe.pair.generated())
    ]
    weights = [(1 - SHARE) / len(real)] * len(real) + [SHARE / len(made)] * len(made)
    return [*real, *made], weights


def _training(data: tuple[str, ...], licence: str, steps: int, seed: int, command: str) -> Training:
    return Training(
        data=data,
        licence=licence,
        steps=steps,
        seed=seed,
        date=date.today().isoformat(),
        command=f"python sample_data/train.py {command} DATA OUT",
    )


if __name__ == "__main__":
    app()

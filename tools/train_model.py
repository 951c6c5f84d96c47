"""The recipes of the shipped checkpoints; what they see and how long they train is in ``recipes/``.

    python tools/train_model.py translator axons  DATA OUT      SynDiff in both directions; also: nuclei
    python tools/train_model.py grey-levels axons DATA OUT      in both directions, by grey levels alone; also: nuclei
    python tools/train_model.py segmenter tem-axons DATA OUT    also: sem-axons, fluorescence-nuclei
    python tools/train_model.py proxy sem-proxy DATA OUT        tutorship with the shipped translator; also: purple-proxy
    python tools/train_model.py student sem-to-tem DATA OUT     fast version of a shipped translator, if it is as good; all four
    python tools/train_model.py refined sem-proxy DATA OUT PARENT    trained on from the file that the recipe above wrote; also: others
    python tools/train_model.py contrasts lavender-proxy DATA OUT   random contrasts; also: any-contrast-nuclei, any-contrast-axons

How sure a segmenter may be is fitted once more for all by ``tools/fit_confidence.py``, after the last of them is in its place.

DATA holds the folders ``axon_tem``, ``axon_sem`` and ``nuclei``. Every command resumes when it is called again and leaves checkpoints
with cards in OUT; measured quality is added to the cards by ``benchmarks/quality.py --cards``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from recipes.contrasts import RANDOM_CONTRASTS, RandomContrasts
from recipes.generated import mixed
from recipes.pairs import FILTERS, LABELLED_SETS, PAIRS, PROXIES, TILE, LabelledSet, Proxy
from recipes.refined import REFINED
from recipes.students import STUDENTS
from torch import Tensor

from napari_pseudolabel.cli.progress import shown_progress
from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models import load_segmenter, load_translator
from napari_pseudolabel.models.cards import Card, Training
from napari_pseudolabel.models.segmenters import monai_unet
from napari_pseudolabel.models.segmenters.monai_unet import MonaiSegmenter
from napari_pseudolabel.models.translators.curve_file import as_file
from napari_pseudolabel.tiling import MemoryLimits
from napari_pseudolabel.training.common.training_events import Epoch
from napari_pseudolabel.training.data.adapted_planes import Adapter
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.data.patches import PatchPool
from napari_pseudolabel.training.data.textures import with_texture
from napari_pseudolabel.training.segmenter.segmenter_training import BEST, SegmenterTraining
from napari_pseudolabel.training.student.distilling import Distillation, learned
from napari_pseudolabel.training.translator.grey_levels_fit import card as curve_card
from napari_pseudolabel.training.translator.grey_levels_fit import fit
from napari_pseudolabel.training.translator.syndiff_checkpoints import write_generators
from napari_pseudolabel.training.translator.syndiff_training import SynDiffTraining
from napari_pseudolabel.training.translator.translator_monitor import TranslatorMonitor
from napari_pseudolabel.training.tutor.synthetic import SyntheticPlane, translated
from napari_pseudolabel.workspace import write_bytes

PROXY_SAMPLES = 2  # translations of every labelled image
SHARE = 0.25  # of the patches that come from generated fields
PREVIEW_SIDE, PREVIEW_EVERY = 128, 250

PairName = Literal["axons", "nuclei"]
SetName = Literal["tem-axons", "sem-axons", "fluorescence-nuclei"]
ProxyName = Literal["sem-proxy", "purple-proxy"]
StudentName = Literal["sem-to-tem", "tem-to-sem", "purple-to-fluorescence", "fluorescence-to-purple"]
RefinedName = Literal["sem-axons", "sem-proxy", "lavender-proxy"]
ContrastsName = Literal["lavender-proxy", "any-contrast-nuclei", "any-contrast-axons"]

app = typer.Typer(add_completion=False, help=__doc__)


@app.command()
def translator(pair: PairName, data: Path, out: Path, device: str = "cpu") -> None:
    """Train SynDiff in both directions and write the two checkpoints, with curves and sample grids beside them."""
    recipe = PAIRS[pair]
    fields = list(recipe.generated())
    pools = tuple(
        mixed(images, [field.looks[k] for field in fields], SHARE)
        for k, images in enumerate(recipe.images(data))
    )
    pairs = PatchPool([np.stack(field.looks) for field in fields], n_images=2)
    run = SynDiffTraining((pools[0], pools[1]), recipe.settings, pairs=pairs, device=torch.device(device))
    with shown_progress() as control:
        run.run(out, control, TranslatorMonitor(out, run.pools, PREVIEW_SIDE, PREVIEW_EVERY))
    training = _training(recipe.data, recipe.licence, run.step, recipe.settings.seed, f"translator {pair}")
    first, second = recipe.images(data)
    write_generators(
        (run.averaged(0).state_dict(), run.averaged(1).state_dict()),
        run.settings.generator,
        out,
        modalities=(
            with_texture(recipe.modalities[0], first),
            with_texture(recipe.modalities[1], second),
        ),
        names=recipe.names,
        training=training,
        half=True,
    )


@app.command()
def grey_levels(pair: PairName, data: Path, out: Path) -> None:
    """Fit the translators that only change grey levels, and write the two checkpoints."""
    recipe = PAIRS[pair]
    assert recipe.grey_levels is not None
    images, modalities = recipe.images(data), recipe.modalities
    made = Training(
        data=recipe.data[:-1],  # no generated fields
        licence=recipe.licence,
        date=date.today().isoformat(),
        command=f"python tools/train_model.py grey-levels {pair} DATA OUT",
    )
    out.mkdir(parents=True, exist_ok=True)
    for k, name in enumerate(recipe.names):
        source = with_texture(modalities[1 - k], images[1 - k])
        about = curve_card(source, modalities[k], recipe.grey_levels, made, licence="BSD-3-Clause")
        levels = fit(images[1 - k], images[k], recipe.grey_levels)
        write_bytes(out / f"{name}-grey-levels.safetensors", as_file(levels, about))


@app.command()
def segmenter(name: SetName, data: Path, out: Path, device: str = "cpu") -> None:
    """Train a segmenter and write its checkpoint, best.safetensors."""
    recipe = LABELLED_SETS[name]
    settings = recipe.settings
    real = recipe.training(data)
    train, weights = with_generated(recipe, real)
    training = _training(recipe.data, recipe.pair.licence, settings.steps, settings.seed, f"segmenter {name}")
    card = card_of(recipe, [plane.image for plane in real]).model_copy(update={"training": training})
    run = SegmenterTraining(
        train, recipe.validation(data), card, settings, device=torch.device(device), weights=weights
    )
    with shown_progress() as control:
        score = run.run(out, control)
    typer.echo(f"Validation Dice {score.per_class} at step {score.step}")


@app.command()
def proxy(name: ProxyName, data: Path, out: Path, device: str = "cpu") -> None:
    """Tutorship: make labelled images look like another modality, train on them, and write best.safetensors."""
    recipe = PROXIES[name]
    target, settings = recipe.target, recipe.target.settings
    training = _training(
        target.pair.data, target.pair.licence, settings.steps, settings.seed, f"proxy {name}"
    )
    # Real images of the target, without labels: what the proxy will see.
    seen = target.pair.images(data)[target.look]
    card = card_of(target, seen).model_copy(
        update={"parent": load_translator(recipe.translators[0]).sha256, "training": training}
    )
    with shown_progress() as control:
        train, validation = _translations(recipe, card, data, out, device, control)
        planes, weights = with_generated(target, [sample for plane in train for sample in plane.train()])
        chosen_on = [first for plane in validation if (first := plane.validate()) is not None]
        run = SegmenterTraining(
            planes,
            chosen_on,
            card,
            settings,
            device=torch.device(device),
            weights=weights,
            learned="translations",
        )
        score = run.run(out, control)
    typer.echo(f"Validation Dice on synthetic images {score.per_class} at step {score.step}")


@app.command()
def contrasts(
    name: ContrastsName, data: Path, out: Path, device: str = "cpu", bfloat16: bool = False
) -> None:
    """Train on labelled images in random contrasts, beginning with the weights of a shipped checkpoint.

    Writes best.safetensors and, with the weights part of the way from the parent to these, the checkpoint itself. With --bfloat16
    a CPU that has matrix units for it takes half the time, as CUDA always does.
    """
    recipe = RANDOM_CONTRASTS[name]
    target, settings = recipe.target, recipe.target.settings
    parent = load_segmenter(recipe.parent)
    assert isinstance(parent, MonaiSegmenter)
    training = _training(target.data, target.pair.licence, settings.steps, settings.seed, f"contrasts {name}")
    # On the parent's grid: what is known of images there holds here.
    source = parent.card.source
    texture = None if source is None else source.texture
    card = card_of(target).model_copy(update={"parent": parent.sha256, "training": training})
    card = card.model_copy(update={"source": target.modality.model_copy(update={"texture": texture})})
    planes, weights = with_generated(target, recipe.look(recipe.source.training(data)))
    start = {key: value.float() for key, value in parent.network.state_dict().items()}
    run = SegmenterTraining(
        planes,
        recipe.validation(recipe.source.validation(data)),
        card,
        settings,
        device=torch.device(device),
        weights=weights,
        start=start,
        learned="translations",  # no image of its modality, as a proxy
    )
    run.autocast |= bfloat16
    with shown_progress() as control:
        score = run.run(out, control)
    typer.echo(f"Validation Dice in random contrasts {score.per_class} at step {score.step}")
    _write_between(start, out / BEST, recipe.share, out / f"{name}.safetensors")


@app.command()
def refined(
    name: RefinedName, data: Path, out: Path, parent: Path, device: str = "cpu", bfloat16: bool = False
) -> None:
    """Train a segmenter on from the file PARENT that its first recipe wrote, with objects of many sizes.

    Writes best.safetensors and, with the weights part of the way from the parent to these, the checkpoint itself.
    """
    recipe = REFINED[name]
    target, settings = recipe.target, recipe.target.settings
    before = load_segmenter(parent)
    assert isinstance(before, MonaiSegmenter)
    training = _training(
        target.data, target.pair.licence, settings.steps, settings.seed, f"refined {name}", "PARENT"
    )
    is_proxy = not isinstance(recipe.recipe, LabelledSet)
    with shown_progress() as control:
        if isinstance(recipe.recipe, RandomContrasts):
            real = recipe.recipe.look(recipe.recipe.source.training(data))
            validation = recipe.validated(data)
            # On the parent's grid: what is known of images there holds here.
            known = before.card.source
            source = target.modality.model_copy(update={"texture": known and known.texture})
            card = card_of(target).model_copy(update={"source": source})
        elif isinstance(recipe.recipe, Proxy):
            # Real images of the target, without labels: what the proxy will see.
            card = card_of(target, target.pair.images(data)[target.look])
            made, kept = _translations(recipe.recipe, card, data, out, device, control)
            real = [sample for plane in made for sample in plane.train()]
            validation = [one for plane in kept if (one := plane.validate()) is not None]
        else:
            real, validation = target.training(data), target.validation(data)
            card = card_of(target, [plane.image for plane in real])
        card = card.model_copy(update={"parent": before.sha256, "training": training})
        planes, weights = with_generated(target, real)
        if recipe.beside is not None:
            beside = weighed(target, recipe.beside.training(data))
            weights = [weight / 2 for weight in weights] + [0.5 / len(beside)] * len(beside)
            planes += beside
        start = {key: value.float() for key, value in before.network.state_dict().items()}
        run = SegmenterTraining(
            planes,
            validation,
            card,
            settings,
            device=torch.device(device),
            weights=weights,
            start=start,
            learned="translations" if is_proxy else "labels",
        )
        run.autocast |= bfloat16
        score = run.run(out, control)
    typer.echo(f"Validation Dice {score.per_class} at step {score.step}")
    _write_between(start, out / BEST, recipe.share, out / f"{name}.safetensors")


def _translations(
    recipe: Proxy, card: Card, data: Path, out: Path, device: str, control: Control
) -> tuple[list[SyntheticPlane], list[SyntheticPlane]]:
    """Make the labelled images of a proxy's source look like its target: those for training and those for validation."""
    sets = [recipe.source.training(data), recipe.source.validation(data)]
    looks: tuple[list[SyntheticPlane], list[SyntheticPlane]] = ([], [])
    for one in map(load_translator, recipe.translators):
        seed = recipe.target.settings.seed
        adapter = Adapter(card, one, Scale(), PROXY_SAMPLES, seed, device, MemoryLimits(), out)
        # What has only one answer gives it as often as the others give theirs.
        times = 1 if one.diffusive else PROXY_SAMPLES
        for made, planes in zip(looks, sets, strict=True):
            made += times * list(translated(planes, adapter, control)[0])
    return looks


def _write_between(start: Mapping[str, Tensor], best: Path, share: float, path: Path) -> None:
    """Write a checkpoint with weights `share` of the way from `start` to those of the checkpoint `best`."""
    learned = load_segmenter(best)
    assert isinstance(learned, MonaiSegmenter)
    weights = learned.network.state_dict()
    learned.network.load_state_dict(
        {key: torch.lerp(start[key], value.float(), share) for key, value in weights.items()}
    )
    monai_unet.save(learned.network, learned.card, path, half=True)


@app.command()
def student(name: StudentName, data: Path, out: Path, device: str = "cpu") -> None:
    """Make the fast version of a shipped translator; NAME-fast.safetensors is written only if its labels agree."""
    recipe = STUDENTS[name]
    asked = Distillation(
        load_translator(recipe.teacher),
        load_segmenter(recipe.segmenter),
        recipe.planes(data),
        replace(recipe.settings, device=device),
        recipe.data,
        f"python tools/train_model.py student {name} DATA OUT",
        "BSD-3-Clause",
        recipe.pair.licence,
    )

    def tell(event: object) -> None:
        if isinstance(event, Epoch):
            typer.echo(f"Step {event.score.step}: {event.score.per_class}", err=True)

    with shown_progress() as control:
        made = learned(asked, out, replace(control, emit=tell))
    typer.echo(f"{made.sentence} {made.score.per_class}; a single try of the translator: {made.again}")
    if made.checkpoint is not None:
        write_bytes(out / f"{name}-fast.safetensors", made.checkpoint)


def card_of(recipe: LabelledSet, images: Sequence[NDArray[np.float32]] = ()) -> Card:
    """Return the card before the training, with the texture of the real images that it learns from."""
    return Card(
        kind="segmenter",
        family="monai-unet",
        name=recipe.title,
        description=recipe.description,
        architecture={"filters": list(FILTERS), "tile": TILE},
        source=with_texture(recipe.modality, images),
        classes=recipe.classes,
        licence="BSD-3-Clause",
    )


def with_generated(recipe: LabelledSet, real: list[LabelledPlane]) -> tuple[list[LabelledPlane], list[float]]:
    """Real planes and generated ones, and the probability of each."""
    made = [
        LabelledPlane(f"field {number}", field.looks[recipe.look], field.labels)
        for number, field in enumerate(recipe.pair.generated())
    ]
    weights = [(1 - SHARE) / len(real)] * len(real) + [SHARE / len(made)] * len(made)
    return weighed(recipe, [*real, *made]), weights


def weighed(recipe: LabelledSet, planes: list[LabelledPlane]) -> list[LabelledPlane]:
    """Let the pixels of planes count as the recipe says."""
    weight = recipe.weight
    return planes if weight is None else [replace(plane, weight=weight(plane.labels)) for plane in planes]


def _training(
    data: tuple[str, ...], licence: str, steps: int, seed: int, command: str, more: str = ""
) -> Training:
    return Training(
        data=data,
        licence=licence,
        steps=steps,
        seed=seed,
        date=date.today().isoformat(),
        command=f"python tools/train_model.py {command} DATA OUT {more}".rstrip(),
    )


if __name__ == "__main__":
    app()

"""Which recipe trains the translators of axons best on a small budget? One setting at a time, judged on animals left out.

    python benchmarks/recipe_search.py [--data DIR] [--runs DIR] [--steps 300] [--only NAME]... [--collect] [--markdown]

Every variant trains SynDiff in both directions with the recipe of ``tools/recipes/pairs.py`` but for what its row says; a step sees
as many pixels in all rows, and weights are averaged with a decay of .99. Then the SEM image and the TEM images of animals that no training
saw are translated and labelled by the shipped segmenter of the other modality: Dice on the original pixels, mean over animals. No label
of these animals is used in the training. *Contrast*: correlation of the grey levels before and after (-1: inverted, as it must be).

Variants that are trained are found again, and a training that was cut off goes on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tools_path  # noqa: F401
import torch
import typer
from quality_cases import SEM, TEM, Case, Side
from quality_scores import scored, segmented
from quality_statistics import Record, group_mean
from quality_tables import Sheet, about, dump
from recipes.generated import Field, mixed
from recipes.pairs import AXONS
from train_model import SHARE

from napari_pseudolabel.imaging import resample, resample_to
from napari_pseudolabel.models import load_segmenter, load_translator, resolve
from napari_pseudolabel.models.cards import Training
from napari_pseudolabel.models.translators.base import Translator
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.tiling import TileSettings
from napari_pseudolabel.training.data.patches import PatchPool
from napari_pseudolabel.training.translator.syndiff_checkpoints import write_generators
from napari_pseudolabel.training.translator.syndiff_settings import SynDiffSettings
from napari_pseudolabel.training.translator.syndiff_training import SynDiffTraining

ZOOM = (0.8, 1.25)  # the default of the recipe


@dataclass(frozen=True)
class Variant:
    """What a row changes.

    Attributes
    ----------
    settings
        Of the training, by name.
    generator
        Of its network, by name.
    scale
        Magnification of all images; the recipe has objects of 20 to 25 pixels.
    zoom
        Random magnification of patches.
    pairs
        Whether generated fields are seen as aligned pairs.
    """

    settings: Mapping[str, float] | None = None
    generator: Mapping[str, int] | None = None
    scale: float = 1.0
    zoom: tuple[float, float] = ZOOM
    pairs: bool = True


VARIANTS = {
    "recipe": Variant(),
    "recipe, another seed": Variant({"seed": 43}),
    "patches of 64, four a step": Variant({"batch": 4}, {"image_size": 64}),
    "critics count fully (published)": Variant({"adversarial_weight": 1.0}),
    "no generated pairs": Variant(pairs=False),
    "cycle and L1 twice as heavy": Variant({"l1_weight": 1.0}),
    "gradient penalty every 3 steps": Variant({"r1_every": 3}),
    "no random magnification": Variant(zoom=(1.0, 1.0)),
    "objects 1.4 times as large": Variant(scale=1.4),
    "width 8 instead of 16": Variant(None, {"num_channels_dae": 8}),
    "width 32 instead of 16": Variant(None, {"num_channels_dae": 32}),
}


def main(
    data: Path = Path(__file__).parents[2] / "shared" / "data",
    runs: Path = Path("runs/recipe-search"),
    steps: int = 300,
    only: list[str] | None = typer.Option(None, help="Variants to train and measure; all by default."),
    collect: bool = typer.Option(False, "--collect", help="Train nothing; show what there is."),
    markdown: bool = typer.Option(False, "--markdown", help="Print the table as Markdown."),
    json_path: Path = typer.Option(Path("runs/recipe-search.json"), "--json"),
) -> None:
    """Train, measure, print the table and write it as JSON."""
    fields = [] if collect else list(AXONS.generated())
    for name in () if collect else (only or VARIANTS):
        variant, folder = VARIANTS[name], _folder(runs, steps, name)
        if not (folder / "result.json").exists():
            train(variant, fields, data, folder, steps)
            dump(folder / "result.json", measured(variant, data, folder))
    found = {
        name: json.loads(path.read_text())
        for name in VARIANTS
        if (path := _folder(runs, steps, name) / "result.json").exists()
    }
    heads = list(next(iter(found.values()), {}))
    rows = [[name, *(f"{result[head]:.3f}" for head in heads)] for name, result in found.items()]
    Sheet(f"{steps} steps", ["", *heads], rows).show(markdown=markdown)
    dump(json_path, {**about(), "steps": steps, "rows": found})


def _folder(runs: Path, steps: int, name: str) -> Path:
    return runs / f"{steps}-steps" / "-".join(name.replace(",", "").split())


def train(variant: Variant, fields: Sequence[Field], data: Path, folder: Path, steps: int) -> None:
    """Train both directions and write the checkpoints."""
    settings = settings_of(variant, steps)
    images = [[resample(plane, variant.scale) for plane in part] for part in AXONS.images(data)]
    looks = [[resample(look, variant.scale) for look in field.looks] for field in fields]
    pools = tuple(
        replace(mixed(images[k], [one[k] for one in looks], SHARE), zoom=variant.zoom) for k in (0, 1)
    )
    pairs = (
        PatchPool([np.stack(one) for one in looks], n_images=2, zoom=variant.zoom) if variant.pairs else None
    )
    run = SynDiffTraining((pools[0], pools[1]), settings, pairs=pairs, device=torch.device("cpu"))
    run.run(folder)
    write_generators(
        (run.averaged(0).state_dict(), run.averaged(1).state_dict()),
        run.settings.generator,
        folder,
        modalities=AXONS.modalities,
        names=AXONS.names,
        training=Training(),
    )


def settings_of(variant: Variant, steps: int) -> SynDiffSettings:
    """The recipe, shorter, with what the variant changes."""
    generator = replace(AXONS.settings.generator, **(variant.generator or {}))
    own = dict(variant.settings or {})
    return replace(AXONS.settings, steps=steps, ema=0.99, generator=generator, **own)  # type: ignore[arg-type]


def measured(variant: Variant, data: Path, folder: Path) -> dict[str, float]:
    """Dice and contrast on animals left out, in both directions."""
    found: dict[str, float] = {}
    for k, (own, other) in enumerate(((SEM, TEM), (TEM, SEM))):
        translator = load_translator(folder / f"{AXONS.names[k]}.safetensors")
        for name, value in _direction(variant, translator, own, other, data):
            found[f"{own.name} {name}"] = value
    return found


def _direction(
    variant: Variant, translator: Translator, own: Side, other: Side, data: Path
) -> Iterator[tuple[str, float]]:
    """Images of `own` are made to look like `other`, and labelled by its shipped segmenter."""
    segmenter = load_segmenter(resolve(str(other.segmenter)))
    records = []
    for case in own.cases(data):
        if case.held_out:
            look = _translated(variant, translator, case)
            contrast = float(np.corrcoef(look.ravel(), case.plane.image.ravel())[0, 1])
            scores = scored(segmented(segmenter, look, case.truth.shape), case, segmenter)
            scores["contrast"] = contrast
            records.append(Record(own.name, "", 0, case.plane.name, case.group, True, scores))
    for name in records[0].scores:
        yield name, group_mean(records, name)


def _translated(variant: Variant, translator: Translator, case: Case) -> np.ndarray:
    image = case.plane.image
    made = translate(translator, resample(image, variant.scale), settings=TileSettings(device="cpu"))
    return resample_to(made.mean, (image.shape[0], image.shape[1]))


if __name__ == "__main__":
    typer.run(main)

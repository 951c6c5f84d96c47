"""The segmenters of `quality.py`: all trained by one recipe, each trained once and found again."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import tools_path  # noqa: F401
import typer
from numpy.typing import NDArray
from quality_cases import Case, Side
from quality_directions import Direction, found
from recipes.generated import Field
from skimage.exposure import match_histograms
from train_model import card_of, with_generated

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models import load_translator
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.evaluations import Evaluations
from napari_pseudolabel.models.translators.grey_levels import GreyLevelTranslator
from napari_pseudolabel.models.translators.syndiff import SynDiffTranslator
from napari_pseudolabel.tiling import MemoryLimits
from napari_pseudolabel.training.data.adapted_planes import Adapter
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.segmenter.segmenter_settings import SegmenterSettings
from napari_pseudolabel.training.segmenter.segmenter_training import BEST, SegmenterTraining
from napari_pseudolabel.training.tutor.synthetic import translated

FOLDS = 4
TUTOR_SAMPLES = 2  # translations per labelled image
SETTINGS = SegmenterSettings(steps=600, batch=6, patch=128, warm_up=20, validate_every=100)


@dataclass(frozen=True)
class Bench:
    """Where things are, and how long is trained.

    Attributes
    ----------
    data
        The images.
    runs
        Trainings, translations and scores.
    steps
        Of every segmenter.
    """

    data: Path
    runs: Path
    steps: int = SETTINGS.steps

    @property
    def folder(self) -> Path:
        """Of everything that was trained for so many steps."""
        return self.runs / f"{self.steps}-steps"


def digest(path: Path) -> str:
    """Of the weights of a safetensors file; the card before them may change."""
    with path.open("rb") as file:
        file.seek(int.from_bytes(file.read(8), "little"), 1)
        return hashlib.sha256(file.read()).hexdigest()[:16]


def segmenter(
    bench: Bench,
    side: Side,
    tag: str,
    seed: int,
    train: Sequence[LabelledPlane],
    validation: Sequence[LabelledPlane],
    *,
    long: bool = False,
) -> Path:
    """Train a segmenter, or find the one that learned the same before; `long` as those that are shipped."""
    shipped = side.recipe.settings
    short = replace(SETTINGS, steps=bench.steps, seed=seed, class_shift=shipped.class_shift, ema=shipped.ema)
    settings = shipped if long else short
    # Weights of pixels help long trainings and cost short ones (docs/benchmarks.md).
    planes, weights = _with_fields(side if long else _unweighted(side), train)
    # Only what differs from the defaults, so that a setting that is new changes nothing.
    defaults = asdict(SegmenterSettings())
    own = {name: value for name, value in asdict(settings).items() if value != defaults[name]}
    card = card_of(side.recipe)
    content = hashlib.sha256(json.dumps([own, card.architecture, weights]).encode())
    for plane in (*planes, *validation):
        content.update(np.ascontiguousarray(plane.image).tobytes() + plane.labels.tobytes())
        if plane.weight is not None:
            content.update(plane.weight.tobytes())
    folder = bench.folder / "segmenters" / f"{side.recipe.name}-{tag}-{seed}"
    done = folder / "done"
    wanted = folder / "content"
    if wanted.exists() and wanted.read_text() != content.hexdigest():
        shutil.rmtree(folder)
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        wanted.write_text(content.hexdigest())
        training = SegmenterTraining(planes, validation, card, settings, weights=weights)
        score = training.run(folder)
        typer.echo(f"{folder.name}: validation Dice {score.mean:.3f} at step {score.step}", err=True)
        done.touch()
    return folder / BEST


def _unweighted(side: Side) -> Side:
    return replace(side, recipe=replace(side.recipe, weight=None))


def _with_fields(
    side: Side, train: Sequence[LabelledPlane]
) -> tuple[list[LabelledPlane], list[float] | None]:
    """Planes and the probability of each, generated fields among them if the side has any."""
    if not side.fields:
        return list(train), None
    pair = side.recipe.pair
    kept = replace(pair, generated=partial(_fields, pair.generated))
    return with_generated(replace(side.recipe, pair=kept), list(train))


@cache
def _fields(generated: Callable[[], Iterable[Field]]) -> list[Field]:
    """Generated fields, drawn once: that takes half a minute."""
    return list(generated())


def source_segmenter(bench: Bench, direction: Direction, seed: int) -> Path:
    """A segmenter that learned from the labels of the source."""
    recipe = direction.source.recipe
    return segmenter(
        bench, direction.source, "source", seed, recipe.training(bench.data), recipe.validation(bench.data)
    )


def tutored_segmenter(
    bench: Bench, direction: Direction, seed: int, *, grey_levels: bool = False, long: bool = False
) -> Path:
    """A segmenter that learned from images of the source which were made to look like the target, by SynDiff or by grey levels."""
    path = found(direction.grey_levels[1] if grey_levels else direction.tutoring)
    assert path is not None
    recipe = direction.source.recipe
    drawn = adapter(bench, path, 1 if grey_levels else TUTOR_SAMPLES)
    train, validation = (
        translated(planes, drawn, Control())[0]
        for planes in (recipe.training(bench.data), recipe.validation(bench.data))
    )
    return segmenter(
        bench,
        direction.target,
        "tutored" + "-grey" * grey_levels + "-long" * long,
        seed,
        [sample for plane in train for sample in plane.train()],
        [first for plane in validation if (first := plane.validate()) is not None],
        long=long,
    )


def plainly_tutored_segmenter(bench: Bench, direction: Direction, seed: int, *, long: bool = False) -> Path:
    """The same, but the images of the source are only inverted and get the grey levels of the target."""
    levels = reference(direction.target.recipe.training(bench.data))
    recipe = direction.source.recipe
    train, validation = (
        [replace(plane, image=matched(1 - plane.image, levels)) for plane in planes]
        for planes in (recipe.training(bench.data), recipe.validation(bench.data))
    )
    tag = "plainly-tutored-long" if long else "plainly-tutored"
    return segmenter(bench, direction.target, tag, seed, train, validation, long=long)


def adapter(
    bench: Bench, translator: Path, samples: int = 1, evaluations: Evaluations = "quality"
) -> Adapter:
    """Translates, and remembers what was translated; writing the results into the card forgets nothing."""
    loaded = load_translator(translator)
    assert isinstance(loaded, (SynDiffTranslator, GreyLevelTranslator))
    loaded = replace(loaded, sha256=digest(translator))
    made = Card(kind="segmenter", family="monai-unet", source=loaded.card.target)
    folder = bench.runs / "translations"
    return Adapter(made, loaded, Scale(), samples, 0, "cpu", MemoryLimits(), folder, evaluations=evaluations)


def folds(groups: Sequence[str]) -> Iterator[tuple[set[str], set[str], set[str]]]:
    """Split groups several times: those that train, that choose the step, and that are measured on."""
    names = sorted(set(groups))
    count = min(FOLDS, len(names))
    for k in range(count):
        measured = set(names[k::count])
        rest = [name for name in names if name not in measured]
        # Others in every fold: with few groups two folds would learn from the same ones.
        turned = rest[k:] + rest[:k]
        choosing = set(turned[: max(1, len(rest) // 6)])
        yield set(rest) - choosing, choosing, measured


def bound_segmenters(bench: Bench, side: Side, cases: Sequence[Case], seed: int) -> dict[str, Path]:
    """For every group a segmenter that learned from the labels of this modality itself, but of other groups."""
    paths: dict[str, Path] = {}
    for k, (training, choosing, measured) in enumerate(folds([case.group for case in cases])):
        train, validation = (
            [case.plane for case in cases if case.group in groups] for groups in (training, choosing)
        )
        paths |= dict.fromkeys(measured, segmenter(bench, side, f"fold{k}", seed, train, validation))
    return paths


def reference(planes: Sequence[LabelledPlane]) -> NDArray[np.float32]:
    """(1, N) grey levels of a modality, thinned out: what histograms are matched to."""
    values: NDArray[np.float32] = np.concatenate([plane.image.ravel() for plane in planes])[None, ::7]
    return values


def matched(image: NDArray[np.float32], levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """An image with the histogram of the grey levels (1, N)."""
    return np.asarray(match_histograms(image.reshape(1, -1), levels).reshape(image.shape), np.float32)

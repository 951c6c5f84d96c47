"""Pictures of what the bundled checkpoints make of generated images; no real image is in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageColor

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import Image, Placement
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.metrics import evaluate
from napari_pseudolabel.models.cards import Card, LabelClass
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.registry import NamedCheckpoint
from napari_pseudolabel.sample_data.samples import GENERATED, GeneratedSample
from napari_pseudolabel.strategies import LabelJob, LabelSettings

LARGEST_BYTES = 150_000
# The samples are on the grids of the models; flips as in the dock.
SETTINGS = LabelSettings(scale=Scale(factor=1.0), flips=3)
# Fields of the grids: neither those of a training nor those of the samples.
GRID_SEEDS, GRID_SIDE = range(31_000, 31_004), 160
_SHOWN = 256
_GAP = 6
_WHITE = 255

SAMPLES = {sample.modality: sample for sample in GENERATED}
# No generator draws this one; the caption names what is shown.
SAMPLES["lavender stain"] = SAMPLES["purple stain"]


@dataclass(frozen=True)
class Shown:
    """A picture of the page.

    Attributes
    ----------
    path
        Of the file.
    caption
        One sentence: what is shown, and what was measured on it.
    """

    path: Path
    caption: str


def pictures(
    one: NamedCheckpoint, bundled: Sequence[NamedCheckpoint], models: LoadedModels, folder: Path
) -> list[Shown]:
    """All pictures of a checkpoint; none where there is no generated image of its modality."""
    card = one.card
    sample = SAMPLES.get(card.source.name) if card is not None and card.source is not None else None
    if card is None or sample is None:
        return []
    if card.kind == "segmenter":
        return [_segmented(one.name, card, sample, models, folder)]
    made = [_translated(one.name, card, sample, fitting(card, bundled), models, folder)]
    target = SAMPLES.get(card.target.name) if card.target is not None else None
    return made if target is None else [*made, _grid(one.name, sample, target, models, folder)]


def fitting(translator: Card, bundled: Sequence[NamedCheckpoint]) -> NamedCheckpoint | None:
    """The first segmenter of what a translator makes, as the dock proposes it; None if there is none."""
    made = translator.target.name if translator.target else ""
    return next(
        (
            one
            for one in bundled
            if one.card and one.card.kind == "segmenter" and one.card.source and one.card.source.name == made
        ),
        None,
    )


def _translated(
    name: str,
    card: Card,
    sample: GeneratedSample,
    segmenter: NamedCheckpoint | None,
    models: LoadedModels,
    folder: Path,
) -> Shown:
    pixels, truth = sample.draw()
    target = card.target.name if card.target else "the other modality"
    begin = f"A generated image ({sample.title}), its translation to {target}"
    path = folder / f"model-{_file(name)}.png"
    if segmenter is None:
        job: Any = LabelJob(image_of(sample.title, pixels), name, settings=SETTINGS)
        translation = _grey(job.run(Control(), models).translation[0])
        _write(path, [_coloured(part) for part in _cut(pixels, translation)])
        return Shown(path, f"{begin}.")
    job = LabelJob(image_of(sample.title, pixels), name, segmenter.name, settings=SETTINGS)
    result = job.run(Control(), models)
    grey, made, labels, true = _cut(pixels, _grey(result.translation[0]), result.labels[0], truth)
    classes = result.classes
    _write(
        path,
        [_coloured(grey), _coloured(made), _coloured(grey, labels, classes), _coloured(grey, true, classes)],
    )
    return Shown(
        path,
        f"{begin}, the labels of `{segmenter.name}`, the true labels. {_dice(result.labels[0], truth, classes)}",
    )


def _segmented(name: str, card: Card, sample: GeneratedSample, models: LoadedModels, folder: Path) -> Shown:
    pixels, truth = sample.draw()
    result = LabelJob(image_of(sample.title, pixels), segmenter=name, settings=SETTINGS).run(
        Control(), models
    )
    assert result.labels is not None
    grey, labels, true = _cut(pixels, result.labels[0], truth)
    path = folder / f"model-{_file(name)}.png"
    _write(
        path, [_coloured(grey), _coloured(grey, labels, card.classes), _coloured(grey, true, card.classes)]
    )
    return Shown(
        path,
        f"A generated image ({sample.title}), its labels, the true labels. "
        f"{_dice(result.labels[0], truth, card.classes)}",
    )


def _grid(
    name: str, source: GeneratedSample, target: GeneratedSample, models: LoadedModels, folder: Path
) -> Shown:
    """Some fields: how they look, translated, and how the generator draws them in the target's look."""
    rows: list[list[NDArray[np.uint8]]] = [[], [], []]
    for seed in GRID_SEEDS:
        looks = [
            replace(sample, shape=(GRID_SIDE, GRID_SIDE), seed=seed).draw()[0] for sample in (source, target)
        ]
        job = LabelJob(image_of(f"field {seed}", looks[0]), name, settings=SETTINGS)
        translation = job.run(Control(), models).translation
        assert translation is not None
        for row, part in zip(rows, (looks[0], _grey(translation[0]), looks[1]), strict=True):
            row.append(_coloured(part))
    path = folder / f"model-{_file(name)}-fields.png"
    _write(path, *rows)
    return Shown(
        path,
        f"Generated fields (seeds {GRID_SEEDS[0]} to {GRID_SEEDS[-1]}), from the top: {source.modality} look, "
        f"translation, {target.modality} look of the same field as the generator draws it.",
    )


def image_of(name: str, pixels: NDArray[np.uint8]) -> Image:
    """A plane without a pixel size."""
    return Image(pixels, "YX", Placement.identity(2), name)


def _file(name: str) -> str:
    return name.partition(":")[2]


def _dice(labels: NDArray[np.uint8], truth: NDArray[np.uint8], classes: Sequence[LabelClass]) -> str:
    scores = evaluate(labels, truth, {one.name: one.value for one in classes if one.value}).dice
    return "Dice on the whole of this image: " + ", ".join(f"{n} {v:.3f}" for n, v in scores.items()) + "."


def _cut(*planes: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """The middle, so that single objects are seen."""
    start = [max((side - _SHOWN) // 2, 0) for side in planes[0].shape]
    return [plane[start[0] : start[0] + _SHOWN, start[1] : start[1] + _SHOWN] for plane in planes]


def _grey(plane: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.round(plane * 255).astype(np.uint8)


def _coloured(
    grey: NDArray[np.uint8], labels: NDArray[np.uint8] | None = None, classes: Sequence[LabelClass] = ()
) -> NDArray[np.uint8]:
    """(H, W, 3), classes over the grey image in their colours."""
    rgb = np.repeat(grey[..., None], 3, axis=-1)
    for one in classes:
        if labels is not None and one.value and one.color:
            here = labels == one.value
            colour = np.array(ImageColor.getrgb(one.color), np.float32)
            rgb[here] = (0.5 * rgb[here] + 0.5 * colour).astype(np.uint8)
    return rgb


def _write(path: Path, *rows: Sequence[NDArray[np.uint8]]) -> None:
    """Panels in rows, with as many colours as fit into the largest file."""
    lines = [_joined(row, axis=1) for row in rows]
    picture = Picture.fromarray(_joined(lines, axis=0))
    path.parent.mkdir(parents=True, exist_ok=True)
    for colours in (256, 128, 64, 32, 16):
        picture.quantize(colours).save(path, optimize=True)
        if path.stat().st_size <= LARGEST_BYTES:
            return


def _joined(parts: Sequence[NDArray[np.uint8]], axis: int) -> NDArray[np.uint8]:
    gap = np.full_like(parts[0].take(range(_GAP), axis), _WHITE)
    spaced = [item for part in parts for item in (part, gap)][:-1]
    return np.concatenate(spaced, axis)

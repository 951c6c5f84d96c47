"""Labelled images as every look of an ensemble sees them, kept on disk: what confidence is fitted on and measured by."""

from __future__ import annotations

import csv
import hashlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import IntensityRange, intensity_range, normalise, read, resample, resample_to
from napari_pseudolabel.models import resolve
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.models.evaluations import evaluations_of
from napari_pseudolabel.models.grids import magnification
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.registry import sample_folder
from napari_pseudolabel.models.segmenters.base import of_limits
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.strategies import LabelSettings
from napari_pseudolabel.strategies.ensemble import SegmenterInput, members
from recipes import axons, nuclei

FLIPS = 3
# Of the middle of an image, in pixels on the grid of the first model: a translation takes 100 s per million.
MOST_PX = 448
# Animals that constants are chosen on; of nuclei, two images of three.
CHOSEN = ("sub-rat1", "sub-rat2", "sub-366A", "sub-367A", "sub-368A", "sub-369B")
SEM_GRID_UM, TEM_GRID_UM = 0.12, 0.01972


@dataclass(frozen=True, eq=False)
class Source:
    """A labelled image.

    Attributes
    ----------
    group
        Animal, or the image itself.
    plane
        (H, W) float32 in [0, 1], normalised by the whole image.
    truth
        (H, W) uint8.
    chosen
        Whether constants may be chosen on it; tables show the others apart.
    held_out
        Whether nothing at all is fitted to it.
    size
        Pixels on the grid of its models per pixel of the image where the size is known; None where nobody knows it.
    """

    name: str
    group: str
    plane: NDArray[np.float32]
    truth: NDArray[np.uint8]
    chosen: bool
    held_out: bool
    size: float | None


@dataclass(frozen=True, eq=False)
class Way:
    """How images are labelled.

    Attributes
    ----------
    name
        In the tables.
    images
        Lists them in DATA.
    segmenter, translator
        Of the package.
    sized
        Whether by the size of a pixel, else as if nobody knew it.
    factor
        More magnification than that.
    """

    name: str
    images: Callable[[Path], Iterator[Source]]
    segmenter: str
    translator: str | None = None
    sized: bool = True
    factor: float = 1.0


@dataclass(frozen=True, eq=False)
class Looked:
    """An image as every look of an ensemble sees it.

    Attributes
    ----------
    seen
        (H, W) float32: what the segmenter was given, on the pixels of the image.
    members
        (K, C, H, W) float32 probabilities.
    """

    way: str
    name: str
    group: str
    chosen: bool
    truth: NDArray[np.uint8]
    seen: NDArray[np.float32]
    members: NDArray[np.float32]
    classes: tuple[LabelClass, ...]
    grid_per_px: float


def axon_images(data: Path, folder: str, grid_um: float) -> Iterator[Source]:
    """Images of an axon set."""
    with (data / folder / "index.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        (path,) = (data / folder / "images").glob(row["id"] + "*")
        image = read(path)
        truth = read(data / folder / "labels" / path.name).plane((), None).astype(np.uint8)
        plane = normalise(image.plane((), None), intensity_range(image))
        yield Source(
            row["id"].removeprefix("sub-"),
            row["subject"],
            plane,
            truth,
            row["subject"] in CHOSEN,
            any(row["subject"] in animals for animals in axons.HELD_OUT.values()),
            float(row["pixel_um"]) / grid_um,
        )


def nuclei_images(data: Path, folder: str, every: int = 1) -> Iterator[Source]:
    """All images of nuclei, or only those that no training has seen: every fourth of the fluorescence, every third of the purple stain."""
    with (data / "nuclei" / "index.csv").open() as file:
        names = sorted(row["id"] for row in csv.DictReader(file) if row["modality_guess"] == folder)
    for number, name in enumerate(names[every - 1 :: every]):
        image = read(data / "nuclei" / folder / "images" / f"{name}.png")
        numbered = read(data / "nuclei" / folder / "labels" / f"{name}.png").plane((), None).astype(np.int32)
        plane = normalise(image.plane((), image.default_channel), intensity_range(image))
        size = 20 / nuclei.median_diameter(numbered) if folder == "fluorescence" else None
        # What nuclei.names keeps back of the purple stain is kept back here.
        kept_back = number % 3 == 2
        yield Source(name, name, plane, (numbered > 0).astype(np.uint8), not kept_back, kept_back, size)


SEM = partial(axon_images, folder=axons.FOLDERS["SEM"], grid_um=SEM_GRID_UM)
TEM = partial(axon_images, folder=axons.FOLDERS["TEM"], grid_um=TEM_GRID_UM)
FLUORESCENCE = partial(nuclei_images, folder="fluorescence", every=4)
PURPLE = partial(nuclei_images, folder="stain_purple_on_white")
# The lavender proxy has learned from the others.
PURPLE_UNSEEN = partial(nuclei_images, folder="stain_purple_on_white", every=3)
LAVENDER = partial(nuclei_images, folder="stain_lavender")
GRAY = partial(nuclei_images, folder="brightfield_gray")


def _translated(
    images: str, listed: Callable[[Path], Iterator[Source]], segmenter: str, translator: str
) -> tuple[Way, ...]:
    """Ways through a shipped translator, its fast version, and the grey levels of the same pair, as far as they are shipped."""
    kinds = {"adaptation": "", "fast version": "-fast", "grey levels": "-grey-levels"}
    return tuple(
        Way(f"{images} {kind}", listed, f"sample:{segmenter}", f"sample:{translator}{end}")
        for kind, end in kinds.items()
        if (sample_folder() / f"{translator}{end}.safetensors").exists()
    )


TRANSLATED = (
    *_translated("SEM", SEM, "tem-axons", "sem-to-tem"),
    *_translated("TEM", TEM, "sem-axons", "tem-to-sem"),
    *_translated("purple", PURPLE, "fluorescence-nuclei", "purple-to-fluorescence"),
    *_translated("fluorescence", FLUORESCENCE, "purple-proxy", "fluorescence-to-purple"),
)
"""Through the translators of images of their modality."""
VALIDATED = (
    Way("fluorescence", FLUORESCENCE, "sample:fluorescence-nuclei"),
    Way("fluorescence, no size", FLUORESCENCE, "sample:fluorescence-nuclei", sized=False),
)
"""By a segmenter of their own modality, which has seen none of them."""
BESIDE = (
    Way("lavender, purple proxy", LAVENDER, "sample:purple-proxy"),
    Way("purple, lavender proxy", PURPLE_UNSEEN, "sample:lavender-proxy"),
)
"""Images of the other stain by proxies that have seen none of them."""

WAYS = (
    Way("SEM proxy", SEM, "sample:sem-proxy"),
    Way("SEM proxy, no size", SEM, "sample:sem-proxy", sized=False),
    Way("SEM proxy, twice the size", SEM, "sample:sem-proxy", factor=2),
    Way("SEM segmenter", SEM, "sample:sem-axons"),
    Way("TEM segmenter", TEM, "sample:tem-axons"),
    Way("purple proxy", PURPLE, "sample:purple-proxy"),
    Way("lavender proxy", LAVENDER, "sample:lavender-proxy"),
    *BESIDE,
    *VALIDATED,
    *TRANSLATED,
    Way("SEM adaptation, no size", SEM, "sample:tem-axons", "sample:sem-to-tem", sized=False),
    Way("SEM, TEM segmenter as it is", SEM, "sample:tem-axons"),
    Way("SEM, TEM segmenter as it is, no size", SEM, "sample:tem-axons", sized=False),
    Way("TEM, SEM segmenter as it is", TEM, "sample:sem-axons"),
    Way("TEM, SEM proxy as it is", TEM, "sample:sem-proxy"),
    Way("purple, fluorescence segmenter as it is", PURPLE, "sample:fluorescence-nuclei"),
    Way("fluorescence, purple proxy as it is", FLUORESCENCE, "sample:purple-proxy"),
    Way("gray, fluorescence segmenter", GRAY, "sample:fluorescence-nuclei"),
    Way("gray, purple proxy", GRAY, "sample:purple-proxy"),
)  # fmt: skip


def looked(
    way: Way,
    data: Path,
    runs: Path,
    models: LoadedModels,
    only: Callable[[Source], bool] = lambda source: True,
) -> Iterator[Looked]:
    """Every image of a way that is wanted; what the same models have made before is read from `runs`."""
    marks = [_mark(way.segmenter)]
    if way.translator is not None:
        # Which steps a translation takes stands in the card, beside the weights.
        evaluations = evaluations_of(models.translator(way.translator).card, "auto")
        marks = [_mark(way.translator), f"{evaluations}", *marks]
    folder = runs / way.name.replace(" ", "-").replace(",", "") / "-".join(marks)
    folder.mkdir(parents=True, exist_ok=True)
    for source in filter(only, way.images(data)):
        kept = folder / f"{source.name}.npz"
        if not kept.exists():
            np.savez(kept, allow_pickle=False, **_made(way, source, models))
            print(f"{way.name}: {source.name}", file=sys.stderr, flush=True)
        with np.load(kept) as found:
            yield Looked(
                way.name,
                source.name,
                source.group,
                source.chosen,
                found["truth"],
                found["seen"].astype(np.float32),
                found["members"].astype(np.float32),
                models.segmenter(way.segmenter).classes,
                float(found["grid"]),
            )


def _mark(ref: str) -> str:
    """Return what tells the weights of a checkpoint from others, whatever its card says."""
    found = hashlib.sha256()
    for name, tensor in sorted(load_file(resolve(ref)).items()):
        found.update(name.encode() + tensor.tobytes())
    return found.hexdigest()[:8]


def _made(way: Way, source: Source, models: LoadedModels) -> dict[str, NDArray[np.generic]]:
    segmenter = models.segmenter(way.segmenter)
    factor = way.factor * (source.size if way.sized and source.size is not None else 1.0)
    most = round(MOST_PX / factor)
    window = tuple(
        slice(max((side - most) // 2, 0), max((side - most) // 2, 0) + most) for side in source.plane.shape
    )
    plane, truth = source.plane[window], source.truth[window]
    grid = resample(plane, factor)
    step = 1.0
    if way.translator is not None:
        translator = models.translator(way.translator)
        grid = translate(translator, grid, samples=1, seed=0).samples[0]
        step = magnification(translator.card.target, segmenter.card.source)
    given = resample(grid, step)
    onto = partial(resample_to, shape=plane.shape)
    looks = SegmenterInput(segmenter, given[None], of_limits(IntensityRange(0.0, 1.0)), onto)
    settings = LabelSettings(flips=FLIPS)
    made = np.stack([one for _, one in members(looks, settings, control=Control())])
    return {
        "truth": truth,
        "seen": onto(given).astype(np.float16),
        "members": made.astype(np.float16),
        "grid": np.array(factor * step),
    }

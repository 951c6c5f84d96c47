"""Two modalities with a translator in each direction, and the labelled sets that segmenters learn from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.classes import AXON_CLASSES
from napari_pseudolabel.models.cards import LabelClass, Modality
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.segmenter.segmenter_settings import SegmenterSettings
from napari_pseudolabel.training.translator import syndiff_settings as presets
from napari_pseudolabel.training.translator.grey_levels_fit import Method
from napari_pseudolabel.training.translator.syndiff_settings import SynDiffSettings
from recipes import axons, nuclei
from recipes.generated import Field

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Pair:
    """How the translators between two modalities are trained.

    Attributes
    ----------
    modalities
        0 and 1.
    names
        Checkpoints that make modality 0, and modality 1.
    images
        Unlabelled training images of both modalities in DATA, on the models' grids, (H, W) in [0, 1].
    generated
        Draws fields that both translators see as aligned pairs.
    data, licence
        For the cards: where the images come from, and what that allows.
    grey_levels
        How the translators that only change grey levels do it; None where there are none.
    """

    modalities: tuple[Modality, Modality]
    names: tuple[str, str]
    images: Callable[[Path], tuple[list[Plane], list[Plane]]]
    generated: Callable[[], Iterable[Field]]
    data: tuple[str, ...]
    licence: str
    settings: SynDiffSettings
    grey_levels: Method | None = None


@dataclass(frozen=True)
class LabelledSet:
    """How a segmenter of one modality is trained.

    Attributes
    ----------
    name, title, description
        Of the checkpoint, and for its card.
    training, validation
        Labelled planes in DATA; those of the validation choose the step, and no training sees them.
    look
        Which look of the pair's generated fields is that of this modality.
    data
        For the card: where the labelled images come from.
    weight
        How much the pixels of (H, W) labels count in the training, in [0, 1]; all alike when None.
    """

    name: str
    title: str
    description: str
    modality: Modality
    classes: tuple[LabelClass, ...]
    pair: Pair
    look: int
    data: tuple[str, ...]
    training: Callable[[Path], list[LabelledPlane]]
    validation: Callable[[Path], list[LabelledPlane]]
    settings: SegmenterSettings
    weight: Callable[[NDArray[np.uint8]], Plane] | None = None


@dataclass(frozen=True)
class Proxy:
    """Tutorship: how a segmenter of one modality learns from labelled images of another.

    Attributes
    ----------
    target
        As a labelled set of its own, but its images are those of `source` and are yet to be translated.
    source
        Where images and labels come from.
    translators
        Shipped checkpoints that make `source` look like the target; all their images are learned from. The first is the parent.
    """

    target: LabelledSet
    source: LabelledSet
    translators: tuple[str, ...]


def _axon_images(data: Path) -> tuple[list[Plane], list[Plane]]:
    tem, sem = ([plane.image for plane in axons.training(data, m)] for m in (axons.TEM, axons.SEM))
    return tem, sem


def _nuclei_images(data: Path) -> tuple[list[Plane], list[Plane]]:
    purple = nuclei.names(data, nuclei.PURPLE, held_out=False)
    return (
        [plane.image for plane in nuclei.labelled(data, nuclei.FLUORESCENCE, held_out=False)],
        [nuclei.plane(data, nuclei.PURPLE, name) for name in purple],
    )


AXONS = Pair(
    modalities=(axons.TEM, axons.SEM),
    names=("sem-to-tem", "tem-to-sem"),
    images=_axon_images,
    generated=axons.generated,
    data=(*axons.DATA.values(), f"{axons.FIELDS} generated axon fields"),
    licence="MIT",
    # Patches that hold whole rings of myelin: what is inside of one is an axon, a dark void outside is not.
    settings=dataclasses.replace(
        presets.SMALL,
        steps=2800,
        batch=1,
        pair_weight=2.0,
        adversarial_weight=0.15,
        generator=dataclasses.replace(presets.SMALL.generator, image_size=128),
    ),
    grey_levels="invert-match",
)
NUCLEI = Pair(
    modalities=(nuclei.FLUORESCENCE, nuclei.PURPLE),
    names=("purple-to-fluorescence", "fluorescence-to-purple"),
    images=_nuclei_images,
    generated=nuclei.generated,
    data=(nuclei.DATA, f"{nuclei.FIELDS} generated nuclei fields"),
    licence="CC0-1.0",
    # With few images of sparse and of dense nuclei the critics soon make nuclei vanish (docs/benchmarks.md).
    settings=dataclasses.replace(presets.SMALL, steps=1200, pair_weight=2.0, adversarial_weight=0.1),
    # Histograms say more about how many nuclei there are than about the look: matched, purple becomes too dim (docs/benchmarks.md).
    grey_levels="invert",
)
PAIRS = {"axons": AXONS, "nuclei": NUCLEI}

SEGMENTER = SegmenterSettings(steps=1200, batch=8, patch=128, warm_up=20, class_shift=0.3, ema=0.99)
FILTERS = (16, 32, 64, 128, 256)
# Instance normalisation makes much of nothing: in small tiles without objects it finds some. Larger ones seldom are empty.
TILE = 512


def _axons(modality: Modality, kind: str, more: str, look: int) -> LabelledSet:
    name = modality.name
    return LabelledSet(
        name=f"{name.lower()}-axons",
        title=f"{name} axons and myelin",
        description=f"Axons and myelin in {kind} electron micrographs of nerve tissue{more}.",
        modality=modality,
        classes=AXON_CLASSES,
        pair=AXONS,
        look=look,
        data=(axons.DATA[name], AXONS.data[-1]),
        training=lambda data: axons.training(data, modality),
        validation=lambda data: axons.held_out(data, modality),
        settings=SEGMENTER,
    )


TEM_AXONS = _axons(axons.TEM, "transmission", "", look=0)
SEM_AXONS = _axons(axons.SEM, "scanning", ", myelin bright", look=1)
FLUORESCENCE_NUCLEI = LabelledSet(
    name="fluorescence-nuclei",
    title="Fluorescence nuclei",
    description="Nuclei in fluorescence, with a line of background where they touch so that each can be told.",
    modality=nuclei.FLUORESCENCE,
    classes=nuclei.CLASSES,
    pair=NUCLEI,
    look=0,
    data=NUCLEI.data,
    training=lambda data: list(nuclei.labelled(data, nuclei.FLUORESCENCE, held_out=False)),
    validation=lambda data: list(nuclei.labelled(data, nuclei.FLUORESCENCE, held_out=True)),
    # Nuclei and background are told apart by their grey levels alone, so less may change.
    settings=dataclasses.replace(SEGMENTER, class_shift=0.15),
    weight=nuclei.gap_weight,
)
SEM_PROXY = Proxy(
    target=dataclasses.replace(
        TEM_AXONS,
        name="sem-proxy",
        title=f"{SEM_AXONS.title}, proxy",
        description=f"{SEM_AXONS.description} Learned from labelled TEM images made to look like SEM, without labels of SEM.",
        modality=axons.SEM,
        look=1,
    ),
    source=TEM_AXONS,
    # What only changes grey levels keeps borders of myelin to the pixel, SynDiff knows textures (docs/benchmarks.md).
    translators=("sample:tem-to-sem", "sample:tem-to-sem-grey-levels"),
)
PURPLE_PROXY = Proxy(
    target=dataclasses.replace(
        FLUORESCENCE_NUCLEI,
        name="purple-proxy",
        title="Purple nuclei, proxy",
        description="Nuclei in a purple stain on white, with a line of background where they touch. Learned from labelled "
        "fluorescence images made to look like the stain, without labels of the stain.",
        modality=nuclei.PURPLE,
        look=1,
    ),
    source=FLUORESCENCE_NUCLEI,
    translators=("sample:fluorescence-to-purple",),
)
# What a person has who labelled the one stain and wants nuclei in another.
PURPLE_NUCLEI = dataclasses.replace(
    FLUORESCENCE_NUCLEI,
    name="purple-nuclei",
    modality=nuclei.PURPLE,
    look=1,
    training=lambda data: list(nuclei.labelled(data, nuclei.PURPLE, held_out=False)),
    validation=lambda data: list(nuclei.labelled(data, nuclei.PURPLE, held_out=True)),
)
PROXIES = {proxy.target.name: proxy for proxy in (SEM_PROXY, PURPLE_PROXY)}
LABELLED_SETS = {one.name: one for one in (TEM_AXONS, SEM_AXONS, FLUORESCENCE_NUCLEI)}

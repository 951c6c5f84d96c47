"""Models that are plain functions, so that a test can tell what a job made of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import nn

from napari_pseudolabel.imaging import Need, from_array, intensity_range, normalise
from napari_pseudolabel.models.cards import Card, LabelClass, Modality, Normalisation
from napari_pseudolabel.models.tile_memo import TileMemo
from napari_pseudolabel.tiling import Covering, MemoryLimits, TileSettings

CLASSES = (LabelClass(name="background", value=0), LabelClass(name="bright", value=3))
CPU = TileSettings(device="cpu")
PERCENTILES = Normalisation()
A_TO_B = Card(
    kind="translator",
    family="resnet",
    source=Modality(name="A", pixel_size_um=0.2),
    target=Modality(name="B", pixel_size_um=0.2),
)


@dataclass
class OnePass:
    """A translator without noise and without context: `network` of images in [-1, 1]."""

    network: Any = field(default_factory=nn.Identity)
    card: Card = A_TO_B
    sha256: str = "translator"
    stride: int = 1
    diffusive: bool = False
    layout: Covering = field(default_factory=lambda: Covering(256, 32))
    warnings: tuple[str, ...] = ()

    def to(self, device):
        return self


@dataclass
class Threshold:
    """A segmenter that calls bright what is above the middle; it remembers what it was given."""

    normalisation: Normalisation = PERCENTILES
    family: str = "monai-unet"
    pixel_size_um: float | None = 0.2
    object_size_px: float | None = None
    sha256: str = "segmenter"
    classes: tuple[LabelClass, ...] = CLASSES
    seen: list = field(default_factory=list)
    channels: int = 1
    layout: Covering = field(default_factory=lambda: Covering(256))
    zoom: tuple[float, float] = (1.0, 1.0)

    @property
    def need(self):
        return Need(self.normalisation.kind, self.normalisation.low, self.normalisation.high)

    @property
    def card(self):
        return Card(
            kind="segmenter",
            family=self.family,
            normalisation=self.normalisation,
            source=Modality(name="B", pixel_size_um=self.pixel_size_um, object_size_px=self.object_size_px),
            classes=self.classes,
        )

    def probabilities(self, image, *, settings=CPU, control=None, part=None):
        control.check()
        n = self.normalisation
        own = intensity_range(from_array(image), kind=n.kind, low=n.low, high=n.high)
        plane = normalise(image, own if part is None else part.whole.channels[0].limits)
        self.seen.append((image, plane))
        return np.stack([1 - plane, plane])

    def remembering(self, memo):
        return self

    def labels(self, probabilities):
        return np.array([0, 3], np.uint8)[probabilities.argmax(axis=0)]


@dataclass
class Models:
    """Stands for `LoadedModels`."""

    one: Any = None
    other: Any = None
    limits: MemoryLimits = field(default_factory=MemoryLimits)
    memo: TileMemo = field(default_factory=TileMemo)
    segmented: TileMemo = field(default_factory=TileMemo)

    def translator(self, ref):
        return self.one

    def segmenter(self, ref):
        return self.other

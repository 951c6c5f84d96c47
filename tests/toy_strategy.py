"""A strategy that nobody trains: what is brighter than a level is labelled. One object; no other file knows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
import pytest

from napari_pseudolabel.imaging import Image, Need
from napari_pseudolabel.models.cards import Card, LabelClass
from napari_pseudolabel.options import Option
from napari_pseudolabel.strategies import LabelJob, registry
from napari_pseudolabel.strategies.strategy import Asked, Strategy
from napari_pseudolabel.tiling import Covering

CLASSES = (LabelClass(name="background", value=0), LabelClass(name="bright", value=1))

CARD = Card(kind="segmenter", family="monai-unet", classes=CLASSES)


@dataclass(frozen=True)
class LevelOptions:
    level: Annotated[float, Option("What is brighter is labelled, from 0 to 1.", least=0)] = 0.5


@dataclass(frozen=True)
class Brighter:
    """The method: a segmenter that is made, not loaded."""

    level: float
    name: str = "brighter"
    card: Card = CARD
    sha256: str = ""
    classes: tuple[LabelClass, ...] = CLASSES
    channels: int = 1
    need: Need = field(default_factory=lambda: Need("none", 0, 1))
    layout: Covering = field(default_factory=lambda: Covering(64))
    zoom: tuple[float, float] = (1.0, 1.0)

    def make(self) -> Brighter:
        return self

    def probabilities(self, image: Any, **_: Any) -> Any:
        bright = (np.asarray(image) > self.level).astype(np.float32)
        return np.stack([1 - bright, bright])

    def labels(self, probabilities: Any) -> Any:
        return probabilities.argmax(axis=0).astype(np.uint8)


def label(image: Image, asked: Asked) -> LabelJob:
    return asked.job(image, segmenter=Brighter((asked.options or LevelOptions()).level))


TOY = Strategy(
    "threshold",
    "Threshold",
    "labels what is brighter than a level",
    "Labels what is brighter than a level. Choose it for a first look.",
    captions=("any image", "its bright pixels", "labels"),
    options=LevelOptions,
    label=label,
)


def add(monkeypatch: pytest.MonkeyPatch) -> None:
    """What its line in the registry does."""
    monkeypatch.setattr(registry, "STRATEGIES", (*registry.STRATEGIES, TOY))

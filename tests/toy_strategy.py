"""A strategy that nobody trains: what is brighter than a level is labelled. One object; no other file knows it.

And one that prepares something: it learns the level once, and keeps it in its folder.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import Image, Need
from napari_pseudolabel.models.cards import Card, LabelClass
from napari_pseudolabel.options import Option
from napari_pseudolabel.strategies import LabelJob, registry
from napari_pseudolabel.strategies.strategy import LabelRequest, Preparation, Strategy
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

    def remembering(self, memo: Any) -> Brighter:
        return self

    def probabilities(self, image: Any, **_: Any) -> Any:
        bright = (np.asarray(image) > self.level).astype(np.float32)
        return np.stack([1 - bright, bright])

    def labels(self, probabilities: Any) -> Any:
        return probabilities.argmax(axis=0).astype(np.uint8)


def label(image: Image, asked: LabelRequest) -> LabelJob:
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


@dataclass(frozen=True)
class LearnOptions:
    share: Annotated[float, Option("Share of the pixels that is bright, from 0 to 1.", least=0, most=1)] = (
        0.25
    )


@dataclass(frozen=True)
class Learned:
    level: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LearnJob:
    """The first job: it finds the level, or finds it found."""

    folder: Path
    share: float
    title: str = "Learning a level"
    lane: str = "train"
    checkpoints: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        return (self.folder / "level.txt").is_file()

    def run(self, control: Control, models: Any) -> Learned:
        if not self.done:
            self.folder.mkdir(parents=True)
            (self.folder / "level.txt").write_text(str(1 - self.share))
            control.emit("learned")
        return Learned(float((self.folder / "level.txt").read_text()))


def learn(asked: LabelRequest, modality: str) -> LearnJob:
    assert asked.folder is not None
    return LearnJob(asked.folder, asked.options.share)


def learned(asked: LabelRequest, job: LearnJob, made: Learned) -> LabelRequest:
    return replace(asked, segmenter=Brighter(made.level))


PREPARING = Strategy(
    "learned",
    "Learned threshold",
    "learns a level once and labels what is brighter",
    "Learns a level once. Choose it for many images.",
    options=LearnOptions,
    preparation=Preparation(
        learn, learned, event_text=lambda event: "A level is learned." if event == "learned" else ""
    ),
)


def add(monkeypatch: pytest.MonkeyPatch) -> None:
    """What its line in the registry does."""
    monkeypatch.setattr(registry, "STRATEGIES", (*registry.STRATEGIES, TOY, PREPARING))

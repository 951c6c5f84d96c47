"""Jobs of the dock around labelling itself; they run where all jobs run, never in the window.

Rooms that import torch are imported when a job runs, so that opening the dock does not wait for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.models import (
    Inspection,
    NamedCheckpoint,
    bundled_checkpoints,
    inspect_in_process,
    named_checkpoints,
    resolve,
)
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.models.plain_curves import is_plain
from napari_pseudolabel.widgets.pseudo_label.label_choice import Kind, ModelEntry

if TYPE_CHECKING:
    from napari_pseudolabel.labels.objects import Counted


@dataclass(frozen=True)
class FindModels:
    """List the named models; files that do not say what they are are looked at in a process of its own."""

    title: str = "Looking for models"

    def run(self, control: Control, models: object) -> tuple[ModelEntry, ...]:
        """List them, samples first."""
        named = named_checkpoints()
        looked_at = inspect_in_process([one.path for one in named if one.card is None], check=control.check)
        entries = []
        for checkpoint in named:
            control.check()
            entry = entry_of(checkpoint, next(looked_at) if checkpoint.card is None else None)
            entries += [entry] if entry else []
        return tuple(entries)


@dataclass(frozen=True)
class FindDevices:
    """List the devices of the worker as (name, text) pairs, the automatic choice first."""

    title: str = "Looking for devices"

    def run(self, control: Control, models: object) -> tuple[tuple[str, str], ...]:
        """List them."""
        return _devices()


@dataclass(frozen=True)
class InspectModel:
    """Find out what a file or folder is."""

    path: str
    kind: Kind
    title: str = "Looking into the file"

    def run(self, control: Control, models: object) -> ModelEntry:
        """Look at it in a process of its own."""
        path = str(resolve(self.path)) if is_plain(self.path) else self.path
        (found,) = inspect_in_process([path], check=control.check)
        title = (found.card.name if found.card else "") or Path(self.path).name
        problem = found.problem
        if problem is None and found.kind != self.kind:
            problem = f"{Path(self.path).name} is a {found.kind}, not a {self.kind}; choose another file."
        return ModelEntry(self.path, title, self.kind, found.card, problem)


@dataclass(frozen=True)
class ObjectCounts:
    """Numbers for the sentence about a result.

    Attributes
    ----------
    counts
        Of each class that people count.
    confidence
        Mean over the labelled pixels, None if there are none.
    doubtful, regions
        How many regions with objects are worth a look, and how many there are; 0 where labels are no classes.
    """

    counts: tuple[Counted, ...]
    confidence: float | None
    doubtful: int = 0
    regions: int = 0


@dataclass(frozen=True, eq=False)
class CountObjects:
    """Count what is in labels.

    Attributes
    ----------
    labels, confidence
        (..., Y, X); confidence is NaN where nothing was predicted.
    aspect
        Height of a pixel by its width.
    """

    labels: NDArray[np.integer]
    confidence: NDArray[np.float32] | None
    classes: tuple[LabelClass, ...]
    aspect: float = 1.0
    title: str = "Counting"

    def run(self, control: Control, models: object) -> ObjectCounts:
        """Count objects as people do, plane by plane."""
        from napari_pseudolabel.labels.objects import census
        from napari_pseudolabel.labels.review import TARGET, RegionScore, measure

        planes = self.labels.reshape(-1, *self.labels.shape[-2:])
        counts = census(planes, self.classes, aspect=self.aspect)
        foreground = self.labels > 0
        mean = None
        if self.confidence is not None and foreground.any():
            mean = float(np.nanmean(self.confidence[foreground]))
        scores: list[RegionScore] = []
        for number, plane in enumerate(planes if planes.max(initial=0) < 256 else ()):
            control.check()
            sure = None if self.confidence is None else self.confidence.reshape(planes.shape)[number]
            scores += [score for score in measure(plane, confidence=sure) if score.foreground]
        return ObjectCounts(counts, mean, sum(1 for score in scores if score.quality < TARGET), len(scores))


def bundled() -> tuple[ModelEntry, ...]:
    """List the models that come with the package: their cards are ours, so they are read here, in milliseconds."""
    return tuple(entry for checkpoint in bundled_checkpoints() if (entry := entry_of(checkpoint, None)))


def entry_of(named: NamedCheckpoint, found: Inspection | None) -> ModelEntry | None:
    """Return what a named checkpoint can be used for; None if it is no model.

    Parameters
    ----------
    found
        What was found in a file without a card.
    """
    short = named.name.partition(":")[2]
    if named.card is not None:
        return ModelEntry(named.name, named.card.name or short, named.card.kind, named.card)
    if found is None or found.kind is None:
        return None
    return ModelEntry(named.name, short, found.kind, found.card, found.problem)


def _devices() -> tuple[tuple[str, str], ...]:
    import torch

    from napari_pseudolabel.tiling import pick_device

    best = pick_device("auto")
    gpus = [(f"cuda:{i}", torch.cuda.get_device_name(i)) for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        gpus.append(("mps", "Apple GPU"))
    names = {"cpu": "CPU", **dict(gpus)}
    chosen = names.get(str(best)) or names.get(best.type, best.type)
    return (("auto", f"Automatic ({chosen})"), *gpus, ("cpu", "CPU"))

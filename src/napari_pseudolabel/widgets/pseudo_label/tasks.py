"""Jobs of the dock around labelling itself; they run where all jobs run, never in the window.

Rooms that import torch are imported when a job runs, so that opening the dock does not wait for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pseudolabel.control import Control, Progress
from napari_pseudolabel.models import inspect, named_checkpoints
from napari_pseudolabel.widgets.pseudo_label.choice import Kind, ModelEntry

if TYPE_CHECKING:
    from napari_pseudolabel.strategies import Job, PseudoLabel


@dataclass(frozen=True)
class Found:
    """What there is to choose from.

    Attributes
    ----------
    devices
        (name, text) pairs, the automatic choice first.
    """

    models: tuple[ModelEntry, ...]
    devices: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class FindModels:
    """List the named models and the devices of this machine."""

    title: str = "Looking for models"

    def run(self, control: Control, models: Any) -> Found:
        entries = []
        for named in named_checkpoints():
            control.check()
            entries += entries_of(named.name, named.path, named.card)
        return Found(tuple(entries), _devices())


@dataclass(frozen=True)
class InspectModel:
    """Find out what a file or folder is."""

    path: str
    kind: Kind
    title: str = "Looking into the file"

    def run(self, control: Control, models: Any) -> ModelEntry:
        found = inspect(self.path)
        title = (found.card.name if found.card else "") or Path(self.path).name
        problem = found.problem
        if problem is None and found.kind != self.kind:
            problem = f"{Path(self.path).name} is a {found.kind}, not a {self.kind}; choose another file."
        return ModelEntry(self.path, title, self.kind, found.card, problem)


@dataclass(frozen=True)
class Outcome:
    """A result with the numbers for its sentence.

    Attributes
    ----------
    counts
        (class name, connected components) without the background.
    confidence
        Mean over the labelled pixels, None if there are none.
    """

    result: PseudoLabel
    counts: tuple[tuple[str, int], ...]
    confidence: float | None


@dataclass(frozen=True, eq=False)
class LabelAndCount:
    """Run a labelling job and count what came out."""

    job: Job

    @property
    def title(self) -> str:
        """What is being done."""
        return self.job.title

    def run(self, control: Control, models: Any) -> Outcome:
        from skimage.measure import label

        result = self.job.run(control, models)
        labels = result.labels
        if labels is None:
            return Outcome(result, (), None)
        control.report(Progress("Counting", 0, 1))
        counts = tuple(
            (one.name, sum(int(label(plane == one.value, connectivity=2).max()) for plane in labels))
            for one in result.classes
            if one.value
        )
        foreground = labels > 0
        sure = result.confidence
        mean = float(np.mean(sure[foreground])) if sure is not None and foreground.any() else None
        return Outcome(result, counts, mean)


def entries_of(name: str, path: Path, card: Any) -> list[ModelEntry]:
    """What a named checkpoint can be used for; nothing if it is no model."""
    if card is None:
        found = inspect(path)
        if found.kind is None:
            return []
        return [ModelEntry(name, name.partition(":")[2], found.kind, found.card, found.problem)]
    return [ModelEntry(name, card.name or name.partition(":")[2], card.kind, card)]


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

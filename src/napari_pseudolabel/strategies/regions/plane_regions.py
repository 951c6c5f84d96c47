"""Regions of single planes, found by looking at each as a whole: what all ways to find them share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.strategies.label_settings import ModelUse
from napari_pseudolabel.strategies.regions.grey_regions import KINDS

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels
    from napari_pseudolabel.models.segmenters.base import Segmenter

ONE_PLANE = "Regions are those of one plane: a click names none in other planes."


@dataclass(frozen=True, eq=False)
class SeenRegions:
    """What was found in one plane.

    Attributes
    ----------
    plane
        Its index.
    numbers
        (h, w) uint8 from 0: which region, as coarse as the plane was looked at.
    note
        What the person has to know of them; empty for nothing.
    """

    plane: tuple[int, ...]
    numbers: NDArray[np.uint8]
    note: str = ""


@dataclass(frozen=True)
class PlaneRegions(ABC):
    """Finds the regions of planes; see `PlaneFactory`.

    Attributes
    ----------
    options
        Has `classes`, as `RegionOptions` has.
    count
        How many there are, in the plane that has most of those that were looked at.
    """

    options: Any
    name: str
    longest_px: int = 768
    count: int = 1
    seen: tuple[SeenRegions, ...] = field(default=(), repr=False)

    told: ClassVar[str] = KINDS
    """What the regions are, and how they are named."""

    @property
    def checkpoint(self) -> str | None:
        """Nothing, but for those that look through a model."""
        return None

    def made_of(self, models: LoadedModels) -> ModelUse | None:
        """Nothing, but for those that look through a model."""
        return None

    @abstractmethod
    def regions_in(
        self, picture: NDArray[np.float32], models: LoadedModels, device: str, control: Control
    ) -> tuple[NDArray[np.intp], str]:
        """Return the regions (h, w) of a picture (h, w) in [0, 1], numbered from 0 and no more than `MOST_REGIONS`, and a note."""

    def looked_at(self, plane: tuple[int, ...]) -> bool:
        """Whether the regions of a plane are known."""
        return any(one.plane == plane for one in self.seen)

    def look(
        self,
        plane: tuple[int, ...],
        picture: NDArray[np.float32],
        models: LoadedModels,
        device: str,
        control: Control,
    ) -> Self:
        """Return the same with the regions of a plane; see `PlaneFactory`."""
        numbers, note = self.regions_in(picture, models, device, control)
        kept = _from_dark(numbers, picture).astype(np.uint8)
        return replace(
            self,
            count=max(self.count, int(kept.max()) + 1),
            seen=(*self.seen, SeenRegions(plane, kept, note)),
        )

    def only(self, plane: tuple[int, ...]) -> Self:
        """Return the same with the regions of one plane."""
        return replace(self, seen=tuple(one for one in self.seen if one.plane == plane))

    @property
    def card(self) -> Card:
        """What it is, and what it found."""
        notes = dict.fromkeys((self.told, ONE_PLANE, *(one.note for one in self.seen if one.note)))
        return Card(
            kind="segmenter",
            family="monai-unet",
            name=self.name,
            classes=self.options.classes(self.count),
            notes=tuple(notes) if self.seen else (),
        )

    def make(self) -> Segmenter:
        """Return the segmenter of the one plane that is known, or of none."""
        from napari_pseudolabel.strategies.regions.plane_region_segmenter import PlaneRegionSegmenter

        numbers = self.seen[0].numbers[None] if len(self.seen) == 1 else None
        return PlaneRegionSegmenter(self.card, "", numbers)


def _from_dark(numbers: NDArray[np.intp], picture: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the same regions, numbered by how bright they are, the darkest first."""
    flat = numbers.ravel()
    count = np.bincount(flat)
    bright = np.bincount(flat, picture.ravel()) / np.maximum(count, 1)
    order = [one for one in np.argsort(bright, kind="stable") if count[one]]
    rank = np.zeros(len(count), np.intp)
    rank[order] = np.arange(len(order))
    return rank[numbers]

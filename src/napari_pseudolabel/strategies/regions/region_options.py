"""What a person may say about regions that are to be named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from napari_pseudolabel.labels.classes import BACKGROUND, default_classes, unnamed_regions
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.options import Checked, Option


@dataclass(frozen=True)
class NamedRegionOptions(Checked):
    """What regions may be called."""

    names: Annotated[
        str,
        Option(
            "What the regions may be, separated by commas, such as: axon, myelin. Classes can be added later, too.",
            title="To be named",
            form="NAMES",
        ),
    ] = ""

    def __post_init__(self) -> None:
        """Check the names, too.

        Raises
        ------
        InputError
            If one is empty or occurs twice.
        """
        super().__post_init__()
        if self.names.strip():
            default_classes(self.names.split(","))

    def classes(self, count: int) -> tuple[LabelClass, ...]:
        """Return the background, what regions may be, and so many regions."""
        named = default_classes(self.names.split(",")) if self.names.strip() else ()
        background = named[:1] or (LabelClass(name=BACKGROUND, value=0),)
        return (*background, *named[1:], *unnamed_regions(count))


@dataclass(frozen=True)
class RegionOptions(NamedRegionOptions):
    """How many kinds of regions there are, and what they may be called."""

    kinds: Annotated[
        int,
        Option(
            "How many kinds of regions are told apart. A kind is named as a whole, by one click, so there should be one or two more than "
            "there are things to tell apart.",
            title="Kinds of regions",
            term="clusters",
            least=2,
            most=12,
        ),
    ] = 6


@dataclass(frozen=True)
class GreyRegionOptions(RegionOptions):
    """Regions of like grey levels."""

    smoothing_px: Annotated[
        float,
        Option(
            "How far noise is averaged away before grey levels are compared: the deviation of a Gaussian.",
            title="Smooth by",
            term="sigma",
            unit="px",
            least=0,
            most=20,
            step=0.1,
            special="not at all",
            group="advanced",
        ),
    ] = 1.0

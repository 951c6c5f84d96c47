"""What a person may say about objects that are told by a threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.options import Checked, Option
from napari_pseudolabel.types import Contrast

ObjectKind = Literal["nuclei", "cells", "objects"]


@dataclass(frozen=True)
class ObjectOptions(Checked):
    """What the objects are, for all strategies that need no labels."""

    objects: Annotated[
        ObjectKind,
        Option(
            "What is labelled. Nuclei and cells may touch, and are divided where they are narrow; other objects are what "
            "is connected.",
            title="Objects",
            names=(("nuclei", "Nuclei"), ("cells", "Cells"), ("objects", "Other objects")),
        ),
    ] = "nuclei"
    contrast: Annotated[
        Contrast,
        Option(
            "Whether the objects are brighter or darker than what is around them; auto takes the side that covers less, and "
            "says which.",
            title="The objects are",
            names=(("auto", "Whichever covers less"), ("bright", "Bright"), ("dark", "Dark")),
        ),
    ] = "auto"

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """Background, and what is labelled."""
        return LabelClass(name="background", value=0), LabelClass(name=self.objects, value=1)


@dataclass(frozen=True)
class OtsuOptions(ObjectOptions):
    """How objects are told from what is around them."""

    smoothing_px: Annotated[
        float,
        Option(
            "How far noise is averaged away before the level is found: the deviation of a Gaussian.",
            title="Smooth by",
            term="sigma",
            unit="px",
            least=0,
            most=20,
            step=0.1,
            special="not at all",
            group="advanced",
        ),
    ] = 0.7
    even_out: Annotated[
        bool,
        Option(
            "Compare every pixel with the mean of what is around it, five objects wide, instead of one level for the whole "
            "image: for uneven light and crowds.",
            title="Even out the light",
            term="local threshold",
            group="advanced",
        ),
    ] = True

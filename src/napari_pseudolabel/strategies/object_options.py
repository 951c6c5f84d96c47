"""What a person may say about the objects, for all strategies that need no labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.options import Checked, Option
from napari_pseudolabel.types import Contrast

ObjectKind = Literal["nuclei", "cells", "objects"]


@dataclass(frozen=True)
class ObjectOptions(Checked):
    """What the objects are."""

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

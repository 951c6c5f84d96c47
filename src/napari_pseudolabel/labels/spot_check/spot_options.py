"""How much a spot check asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from napari_pseudolabel.options import Checked, Option


@dataclass(frozen=True)
class SpotCheckOptions(Checked):
    """How much a spot check asks."""

    objects: Annotated[
        int,
        Option(
            "How many random objects you are asked about, one after the other: what share of the labels is right",
            title="Random objects",
            seen="dock",
            least=0,
            most=2000,
            step=10,
        ),
    ] = 60
    boxes: Annotated[
        int,
        Option(
            "In how many random boxes you look for what was missed: what share of all objects was found",
            title="Random boxes",
            seen="dock",
            least=0,
            most=500,
            step=5,
        ),
    ] = 20

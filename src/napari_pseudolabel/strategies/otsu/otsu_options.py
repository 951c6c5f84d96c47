"""What a person may say about objects that are told by a threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from napari_pseudolabel.options import Option
from napari_pseudolabel.strategies.object_options import ObjectOptions


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

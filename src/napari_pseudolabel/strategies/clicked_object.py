"""An object from clicks, by a model of Segment Anything in a worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.types import Array

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels


@dataclass(frozen=True, eq=False)
class ClickedObjectJob:
    """Say what object clicks mean; the first one on a picture takes as long as to look at it.

    Attributes
    ----------
    model
        Path of the checkpoint.
    picture
        (h, w) or (h, w, C) of any intensities.
    places, inside
        (N, 2) rows and columns, and whether the object is there.
    """

    model: str
    picture: Array
    places: NDArray[np.intp]
    inside: Sequence[bool]
    title: str = "Looking at the view"

    def run(self, control: Control, models: LoadedModels) -> NDArray[np.bool_]:
        """Do the work: (h, w) bool; raises CheckpointError where the model cannot be used."""
        return models.sam(self.model).mask(self.picture, self.places, self.inside)

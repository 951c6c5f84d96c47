"""What a run left of a window: the labels that it predicted, and how sure it was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.windows import Index, Window, key_of
from napari_pseudolabel.types import Array
from napari_pseudolabel.viewer import find_layer
from napari_pseudolabel.viewer.corrections import Corrections
from napari_pseudolabel.widgets.correct.correct_context import CorrectContext

# Share of a mark that must have been predicted as what the person says it is.
_SAME = 0.5


@dataclass(frozen=True, eq=False)
class ModelOpinion:
    """Copies of both.

    Attributes
    ----------
    predicted
        (h, w) integers.
    sure
        (h, w) in [0, 1], NaN where nothing was predicted; None where no run left a confidence.
    """

    predicted: Array
    sure: NDArray[np.float32] | None

    @classmethod
    def of(cls, context: CorrectContext, plane: Index, window: Window) -> ModelOpinion:
        """Return what is in the layers; the labels and their image must be there."""
        labels, image, source = context.layers.require(), context.layers.image, context.layers.source
        key = key_of(plane, window)
        layer = (
            None
            if image is None or source is None
            else find_layer(context.viewer, source, "confidence", image.shape)
        )
        sure = None if layer is None else np.array(layer.data[key])
        return cls(np.array(Corrections.of(labels).predicted_in(key)), sure)

    def likely(self, places: NDArray[np.intp], value: int) -> NDArray[np.float32] | None:
        """How likely the models found a class at each pixel; None where that is no help.

        Where they saw something else than the person, their borders are not those of the object.

        Parameters
        ----------
        places
            (N, 2) rows and columns of the window that the person says are of the class.
        """
        if self.sure is None or np.mean(self.predicted[tuple(places.T)] == value) < _SAME:
            return None
        found = np.where(self.predicted == value, self.sure, 1 - self.sure)
        return np.where(np.isfinite(found), found, 0.5).astype(np.float32)


def same_opinion(one: NDArray[np.float32] | None, other: NDArray[np.float32] | None) -> bool:
    """Whether two likelihoods are the same, or both are none."""
    return one is other or (one is not None and other is not None and np.array_equal(one, other))

"""Cards remember how coarse the images were that a model learned from, so that others can be brought to its scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.imaging.scale import texture_of
from napari_pseudolabel.models.cards import Modality

# More say no more.
_MOST = 128


def with_texture(modality: Modality, planes: Sequence[NDArray[np.floating]]) -> Modality:
    """Return a modality that knows the texture of its training images; one that knows it already stays as it is.

    Parameters
    ----------
    planes
        (H, W) each, on the model's grid.
    """
    if modality.texture is not None:
        return modality
    step = -(-len(planes) // _MOST) if planes else 1
    return modality.model_copy(update={"texture": texture_of(planes[::step])})

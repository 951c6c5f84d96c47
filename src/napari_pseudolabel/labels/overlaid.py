"""Labels laid over a picture, in the colours of their classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.classes import with_colours
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.types import Array

_OPACITY = 0.45


def overlaid(picture: NDArray[np.uint8], labels: Array, classes: Sequence[LabelClass]) -> NDArray[np.uint8]:
    """Return a picture, (H, W, 3) uint8 RGB, with (H, W) class values laid over it."""
    out = picture.astype(np.float32)
    for one in with_colours(classes):
        if one.value and one.color:
            colour = np.array(list(bytes.fromhex(one.color.lstrip("#")[:6])), np.float32)
            there = labels == one.value
            out[there] = (1 - _OPACITY) * out[there] + _OPACITY * colour
    return np.rint(out).astype(np.uint8)

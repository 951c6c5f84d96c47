"""The border of an object, to be drawn over the canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from skimage.measure import find_contours

from napari_pseudolabel.labels.objects import ObjectMask
from napari_pseudolabel.labels.windows import Index

if TYPE_CHECKING:
    from napari.layers import Labels


def outline(labels: Labels, plane: Index, target: ObjectMask) -> list[list[tuple[float, float]]]:
    """Return the borders of an object in world coordinates of the two displayed axes."""
    # Layers lie in the world by an affine map, so three places tell where all others are.
    origin, down, right = (
        np.asarray(labels.data_to_world((*plane, *place)), float)[-2:] for place in ((0, 0), (1, 0), (0, 1))
    )
    steps = np.stack((down - origin, right - origin))
    corner = np.array([part.start - 1 for part in target.window])
    lines = []
    for contour in find_contours(np.pad(target.mask, 1).astype(np.float32), 0.5):
        world = origin + (contour + corner) @ steps
        lines.append([(float(y), float(x)) for y, x in world])
    return lines

"""The border of an object, to be drawn over the canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from skimage.measure import find_contours

from napari_pseudolabel.labels.objects import ObjectMask
from napari_pseudolabel.labels.windows import Index

if TYPE_CHECKING:
    from napari.layers import Labels


def outline(labels: Labels, plane: Index, target: ObjectMask) -> list[list[tuple[float, float]]]:
    """Return the borders of an object in world coordinates of the two displayed axes."""
    corner = np.array([part.start - 1 for part in target.window])
    contours = find_contours(np.pad(target.mask, 1).astype(np.float32), 0.5)
    return [in_world(labels, plane, contour + corner) for contour in contours]


def in_world(labels: Labels, plane: Index, places: NDArray[np.floating]) -> list[tuple[float, float]]:
    """World coordinates of the two displayed axes of places, (N, 2) rows and columns."""
    # Layers lie in the world by an affine map, so three places tell where all others are.
    origin, down, right = (
        np.asarray(labels.data_to_world((*plane, *place)), float)[-2:] for place in ((0, 0), (1, 0), (0, 1))
    )
    world = origin + places @ np.stack((down - origin, right - origin))
    return [(float(y), float(x)) for y, x in world]

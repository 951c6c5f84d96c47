"""Objects of one class that touch, such as nuclei, told apart where they are narrow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.labels.objects.components import SQUARE

# A neck divides if the objects are this much thicker on both sides: in pixels, by their longer side, and as a share of their radius.
_LEAST_DEPTH_PX = 1.5
_LEAST_DEPTH = 0.15


def divided(
    mask: NDArray[np.bool_], probability: NDArray[np.floating] | None = None, aspect: float = 1.0
) -> NDArray[np.int32]:
    """Return number the objects of one component.

    Parameters
    ----------
    mask
        (h, w) bool: the component.
    probability
        (h, w) in [0, 1]: where it is low, objects end.
    aspect
        Height of a pixel by its width.

    Returns
    -------
    NDArray
        (h, w) int32: 1 to n inside of the mask, 0 elsewhere.
    """
    from skimage.morphology import local_maxima, reconstruction  # the shell and the docks start without
    from skimage.segmentation import watershed

    # The longer side is 1: what a coarse grid has blurred is no shape.
    sides = np.array([aspect, 1.0]) / max(aspect, 1.0)
    # No pixel is deeper than half of the window; specks come by the ten thousand.
    if ((np.array(mask.shape) + 1) / 2 * sides).min() <= _LEAST_DEPTH_PX:
        return mask.astype(np.int32)
    outlined = np.pad(mask, 1)
    depth = ndi.distance_transform_edt(outlined, sampling=sides)
    if probability is not None:
        depth *= np.pad(ndi.gaussian_filter(np.asarray(probability, float), 1 / sides), 1)
    depth = ndi.gaussian_filter(depth, 0.7 / sides) * outlined
    needed = max(_LEAST_DEPTH_PX, _LEAST_DEPTH * float(depth.max()))
    tops = reconstruction(np.maximum(depth - needed, 0), depth)
    markers, count = ndi.label(local_maxima(tops) & outlined, SQUARE, output=np.int32)
    if count < 2:
        return mask.astype(np.int32)
    instances = watershed(-depth, markers, connectivity=SQUARE, mask=outlined)
    return np.asarray(instances[1:-1, 1:-1], np.int32)

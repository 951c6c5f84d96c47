"""Which images show nearly the same: slices of a stack beside each other, or frames after each other; found by looking at them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

# Neither noise nor uneven light make two images alike: only what lies between these deviations of a Gaussian counts, in pixels.
_FINEST_PX, _COARSEST_PX = 2.0, 16.0
# Images of other places stay below .15, slices half an object apart are above .4 (docs/benchmarks.md).
_ALIKE = 0.3


def shares(images: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """How much is known of each image from every other one.

    Parameters
    ----------
    images
        (H, W) each, in [0, 1]; only those of one shape can be alike.

    Returns
    -------
    NDArray
        (N, N) float32 in [0, 1], rows sum to 1: the correlation of what is neither fine nor coarse in two images, where it is
        high enough to say that they show the same place, and 0 elsewhere; 1 for an image itself, before it is divided by the sum.
    """
    found = np.eye(len(images), dtype=np.float32)
    kept = [_between(image) for image in images]
    for one, image in enumerate(kept):
        for other in range(one):
            if image.shape == kept[other].shape:
                found[one, other] = found[other, one] = float(np.vdot(image, kept[other]))
    found[found < _ALIKE] = 0
    return np.asarray(found / found.sum(axis=1, keepdims=True), np.float32)


def _between(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what is neither fine nor coarse, with a mean of 0 and a length of 1; 0 where there is nothing."""
    fine, coarse = (ndi.gaussian_filter(image, sigma) for sigma in (_FINEST_PX, _COARSEST_PX))
    # Nothing is left that is finer than two pixels.
    kept = (fine - coarse)[::2, ::2]
    kept = kept - kept.mean()
    return np.asarray(kept / max(float(np.linalg.norm(kept)), 1e-6), np.float32)

"""What the recipes do with generated fields: stretch their grey levels, and mix them among real images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.training.data.patches import PatchPool


@dataclass(frozen=True, eq=False)
class Field:
    """A generated field.

    Attributes
    ----------
    labels
        (H, W) uint8 class values.
    looks
        In modality 0 and in modality 1 of the pair, (H, W) float32 in [0, 1] each.
    """

    labels: NDArray[np.uint8]
    looks: tuple[NDArray[np.float32], NDArray[np.float32]]


def stretched(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Percentiles 0.5 and 99.5 to 0 and 1, as real images are normalised."""
    low, high = np.percentile(image, (0.5, 99.5))
    return np.clip((image.astype(np.float32) - low) / (high - low), 0, 1).astype(np.float32)


def mixed(
    real: Sequence[NDArray[np.float32]], made: Sequence[NDArray[np.float32]], share: float
) -> PatchPool:
    """Patches of real planes by area, and of generated ones with probability `share`."""
    area = sum(plane.size for plane in real)
    weights = [plane.size / area * (1 - share) for plane in real] + [share / len(made)] * len(made)
    return PatchPool([plane[None] for plane in [*real, *made]], weights=weights)

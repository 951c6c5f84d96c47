"""Random training patches, the same for the same (seed, step): a resumed run sees what it would have seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from napari_pseudolabel.errors import InputError

# Smaller planes hold nothing to learn from.
SMALLEST_SIDE = 8


@dataclass(frozen=True, eq=False)
class PatchPool:
    """Planes on the model's grid from which patches are drawn uniformly over pixels.

    Attributes
    ----------
    planes
        (C, H, W) float32 each, all channels transformed together. The first `n_images` channels
        are images in [0, 1], the rest label maps (resampled by nearest neighbour).
    n_images
        Number of image channels.
    weights
        Probability of each plane; proportional to its area when None.
    zoom
        Smallest and largest random magnification of the objects.
    """

    planes: Sequence[NDArray[np.float32]]
    n_images: int = 1
    weights: Sequence[float] | None = None
    zoom: tuple[float, float] = (0.8, 1.25)

    def __post_init__(self) -> None:
        check_sizes(self.planes)

    def batch(self, size: int, count: int, *, seed: int, step: int) -> Tensor:
        """Draw `count` square patches.

        Returns
        -------
        Tensor
            (count, C, size, size) float32, images in [0, 1].
        """
        rng = np.random.default_rng((seed, step))
        weights = np.asarray(self.weights or [p.shape[-1] * p.shape[-2] for p in self.planes], np.float64)
        chosen = rng.choice(len(self.planes), count, p=weights / weights.sum())
        return torch.stack([self._patch(self.planes[i], size, rng) for i in chosen])

    def _patch(self, plane: NDArray[np.float32], size: int, rng: np.random.Generator) -> Tensor:
        zoom = float(np.exp(rng.uniform(*np.log(self.zoom))))
        height, width = plane.shape[-2:]
        side = max(SMALLEST_SIDE, min(round(size / zoom), height, width))
        y, x = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
        crop = torch.from_numpy(np.ascontiguousarray(plane[:, y : y + side, x : x + side]))[None]
        images, maps = crop[:, : self.n_images], crop[:, self.n_images :]
        if side != size:
            images = F.interpolate(images, (size, size), mode="bilinear", antialias=True)
            maps = (
                F.interpolate(maps, (size, size), mode="nearest-exact")
                if maps.shape[1]
                else maps.new_zeros((1, 0, size, size))
            )
        patch = torch.cat([images.clamp(0, 1), maps], dim=1)[0]
        patch = torch.rot90(patch, int(rng.integers(4)), (1, 2))
        return patch.flip(2) if rng.random() < 0.5 else patch


def check_sizes(images: Sequence[NDArray[np.float32]]) -> None:
    """Refuse to draw patches from nothing, or from an image (..., H, W) that holds nothing to learn from."""
    if not images:
        raise InputError("There are no images to draw training patches from; check the folder.")
    smallest = min(min(image.shape[-2:]) for image in images)
    if smallest < SMALLEST_SIDE:
        raise InputError(
            f"A training image has a side of only {smallest} pixels on the model's grid; check the pixel size."
        )

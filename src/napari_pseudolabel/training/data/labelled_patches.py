"""Random labelled patches whose pixels have weights, the same for the same (seed, step)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.measure import block_reduce
from torch import Tensor

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.training.data.augmentation import Geometry, cut
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.data.patches import check_sizes

# Centres are drawn by blocks of pixels: exact to a few pixels, and a sixty-fourth of the memory.
_BLOCK = 8
# From so many pixels of the plane per pixel of the patch on, images are smoothed against aliasing, as `resample` does.
_SHRUNK = 1.5
_SHRUNK_SIGMA_PX = 0.5
# Half of the patches lie on pixels that count fully, however few they are; see `_Chances`.
_SHARE_OF_FULL = 0.5


@dataclass(frozen=True, eq=False)
class LabelledPatches:
    """Planes from which deformed patches are drawn where something is known.

    Attributes
    ----------
    planes
        Labelled planes on the model's grid.
    classes
        Label values in the order of the network's channels; other values count as the first.
    shares
        Probability of each plane; by default in proportion to the weight of its pixels.
    geometry
        How patches are deformed.
    """

    planes: Sequence[LabelledPlane]
    classes: Sequence[int]
    shares: Sequence[float] | None = None
    geometry: Geometry = field(default_factory=Geometry)
    _stacks: list[Tensor] = field(init=False)
    _smooth: list[Tensor] = field(init=False)
    _chances: list[_Chances] = field(init=False)

    def __post_init__(self) -> None:
        check_sizes([plane.image for plane in self.planes])
        table = np.zeros(256, np.float32)
        table[list(self.classes)] = np.arange(len(self.classes))
        weights = [np.ones(p.image.shape, np.float32) if p.weight is None else p.weight for p in self.planes]
        if not any(weight.any() for weight in weights):
            raise InputError("No pixel counts in the training; correct or confirm a region first.")
        stacks = [
            torch.from_numpy(np.stack([plane.image, table[plane.labels], weight]))
            for plane, weight in zip(self.planes, weights, strict=True)
        ]
        object.__setattr__(self, "_stacks", stacks)
        shrunk = 1 / self.geometry.zoom[0] >= _SHRUNK
        object.__setattr__(self, "_smooth", [_smoothed(one) for one in stacks] if shrunk else [])
        object.__setattr__(self, "_chances", [_Chances.of(weight) for weight in weights])

    def batch(self, size: int, count: int, *, seed: int, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Draw `count` square patches.

        Returns
        -------
        images, truth, weight
            (count, 1, size, size) float32 in [0, 1], (count, size, size) int64 indices of classes, and
            (count, size, size) float32 in [0, 1], 0 outside of the plane.
        """
        rng = np.random.default_rng((seed, step))
        shares = np.asarray(self.shares or [c.total for c in self._chances], np.float64)
        shares = np.where([c.total > 0 for c in self._chances], shares, 0)
        chosen = rng.choice(len(self.planes), count, p=shares / shares.sum())
        patches = torch.stack([self._patch(int(i), size, rng) for i in chosen])
        return patches[:, :1].clamp(0, 1), patches[:, 1].long(), patches[:, 2]

    def _patch(self, number: int, size: int, rng: np.random.Generator) -> Tensor:
        where, step = self.geometry.draw(size, rng)
        stack = (self._smooth if step >= _SHRUNK else self._stacks)[number]
        drawn = self._chances[number].draw(rng)
        half = size * step / 2
        # Off the centre, so that what is known is seen with context on any side, but inside where there is room.
        centre = [
            float(np.clip(at + rng.uniform(-half / 2, half / 2), low, high))
            for at, (low, high) in zip(drawn, (_room(n, half) for n in stack.shape[1:]), strict=True)
        ]
        return cut(stack, (centre[0], centre[1]), where)


def _smoothed(stack: Tensor) -> Tensor:
    """Return a copy whose image is smooth enough for patches that show it shrunk."""
    smooth = stack.clone()
    smooth[0] = torch.from_numpy(gaussian_filter(stack[0].numpy(), _SHRUNK_SIGMA_PX, mode="nearest"))
    return smooth


def _room(length: int, half: float) -> tuple[float, float]:
    """Where the middle of a patch may lie along an axis."""
    low, high = half - 0.5, length - half - 0.5
    return (low, high) if low <= high else ((length - 1) / 2, (length - 1) / 2)


@dataclass(frozen=True, eq=False)
class _Chances:
    """Where the patches of a plane are centred.

    Half of them lie on pixels that count fully: a corrected region is small against the pseudo labels around it.

    Attributes
    ----------
    columns
        Blocks per row of blocks.
    shape
        Of the plane.
    every, full
        Running sums over the blocks of the weight of all pixels, and of the number of those of weight 1.
    """

    columns: int
    shape: tuple[int, int]
    every: NDArray[np.float64]
    full: NDArray[np.float64]

    @classmethod
    def of(cls, weight: NDArray[np.float32]) -> _Chances:
        sums, full = (
            block_reduce(values.astype(np.float64), _BLOCK, np.sum) for values in (weight, weight >= 1)
        )
        height, width = weight.shape
        return cls(sums.shape[1], (height, width), np.cumsum(sums), np.cumsum(full))

    @property
    def total(self) -> float:
        """Weight of all pixels."""
        return float(self.every[-1])

    def draw(self, rng: np.random.Generator) -> tuple[float, float]:
        """(y, x) in a block that counts."""
        sums = self.full if rng.random() < _SHARE_OF_FULL and self.full[-1] > 0 else self.every
        block = int(np.searchsorted(sums, rng.uniform(0, sums[-1]), side="right"))
        row, column = divmod(min(block, len(sums) - 1), self.columns)
        y, x = (np.array([row, column]) * _BLOCK + rng.uniform(0, _BLOCK, 2)).clip(
            0, np.array(self.shape) - 1
        )
        return float(y), float(x)

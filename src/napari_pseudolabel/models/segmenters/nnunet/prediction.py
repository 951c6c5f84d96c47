"""Sliding-window prediction in the arithmetic of nnU-Net v2.

nnU-Net sums weighted logits, weights and folds in float16, even on a CPU. `precision` is that, or float32.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn
from torch.nn import functional

from napari_pseudolabel.control import Stage
from napari_pseudolabel.models.segmenters.common import mirrored
from napari_pseudolabel.tiling import Grid, Sliding, TileSettings

Shape = tuple[int, int]


@dataclass(frozen=True)
class SlidingWindow:
    """How a model slides over an image.

    Attributes
    ----------
    patch
        (h, w) of the network's input.
    step
        Largest distance between patches as a part of the patch, in (0, 1].
    gaussian
        Whether the centre of a patch counts more than its border.
    mirror_axes
        Axes (0: rows, 1: columns) over all of whose flips logits are averaged.
    precision
        torch.float16 (the original's) or torch.float32.
    """

    patch: Shape
    step: float
    gaussian: bool
    mirror_axes: tuple[int, ...]
    precision: torch.dtype

    def grid(self, shape: Shape) -> Grid:
        """Where the patches lie in an image (h, w) of any size; a smaller one is in the middle of its patch."""
        return Sliding(self.patch, self.step).grid(shape, TileSettings(), None)


def importance(patch: Shape) -> Tensor:
    """Gaussian weight of the pixels of a patch, up to 10, float16 like the original's."""
    impulse = np.zeros(patch)
    impulse[patch[0] // 2, patch[1] // 2] = 1
    weight = torch.from_numpy(gaussian_filter(impulse, [p / 8 for p in patch], mode="constant"))
    weight = (weight / (weight.max() / 10)).to(torch.float16)
    weight[weight == 0] = weight[weight > 0].min()
    return weight


def sliding_logits(
    network: nn.Module,
    data: Tensor,
    window: SlidingWindow,
    grid: Grid,
    *,
    batch: int,
    device: torch.device,
    stage: Stage,
) -> Tensor:
    """Predict a whole image, or the part of one that patches cover.

    Parameters
    ----------
    network
        (B, C, h, w) float32 on `device` -> logits (B, K, h, w).
    data
        (C, H, W) float32 on the CPU, any size; zeros surround it where a patch reaches beyond.
    window
        See there.
    grid
        Where the patches lie.
    batch
        Patches at once.
    stage
        Advanced by the patches of every batch.

    Returns
    -------
    Tensor
        (K, H, W) of ``window.precision`` on the CPU.

    Raises
    ------
    OverflowError
        If float16 overflows.
    """
    height, width = data.shape[1:]
    # A part may begin before its first patch does: what lies outside of the box of a layer has none.
    top, left = max(-grid.rows.first, 0), max(-grid.columns.first, 0)
    ends = [axis.starts[-1] + axis.tile for axis in (grid.rows, grid.columns)]
    padded = functional.pad(data, (left, max(ends[1] - width, 0), top, max(ends[0] - height, 0)))
    shape = (padded.shape[1], padded.shape[2])
    weight = importance(window.patch) if window.gaussian else torch.ones(window.patch, dtype=torch.float16)
    weight = weight.to(window.precision)
    total: Tensor | None = None
    weights = torch.zeros(shape, dtype=window.precision)
    starts = (grid.origins + np.array([top, left])).tolist()
    h, w = window.patch
    for begin in range(0, len(starts), batch):
        corners = starts[begin : begin + batch]
        patches = torch.stack([padded[:, y : y + h, x : x + w] for y, x in corners])
        answers = mirrored(network, patches.to(device), window.mirror_axes).float().cpu()
        if total is None:
            total = torch.zeros((answers.shape[1], *shape), dtype=window.precision)
        for (y, x), answer in zip(corners, answers, strict=True):
            # the sum of a float16 buffer and a float32 product is rounded once, as in the original
            total[:, y : y + h, x : x + w] += answer * weight
            weights[y : y + h, x : x + w] += weight
        stage.advance(len(corners))
    assert total is not None  # there is always a patch
    total /= torch.where(weights > 0, weights, 1)
    if torch.isinf(total).any():
        raise OverflowError("the sum of the logits")
    return total[:, top : top + height, left : left + width]

"""Sliding-window prediction in the arithmetic of nnU-Net v2.

nnU-Net sums weighted logits, weights and folds in float16, even on a CPU. `precision` is that, or float32.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn
from torch.nn import functional

from napari_pseudolabel.control import Stage
from napari_pseudolabel.models.segmenters.common import mirrored

Shape = tuple[int, int]


@dataclass(frozen=True)
class Window:
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

    def starts(self, shape: Shape) -> list[tuple[int, int]]:
        """First (y, x) of every patch in an image (h, w) that is at least as large as the patch."""
        rows, columns = (_starts(n, p, self.step) for n, p in zip(shape, self.patch, strict=True))
        return list(product(rows, columns))

    def count(self, shape: Shape) -> int:
        """Number of patches for an image (h, w) of any size."""
        height, width = (max(n, p) for n, p in zip(shape, self.patch, strict=True))
        return len(self.starts((height, width)))


def _starts(size: int, patch: int, step: float) -> list[int]:
    room = size - patch
    count = math.ceil(room / (patch * step)) + 1
    distance = room / max(count - 1, 1)
    return [int(np.round(distance * i)) for i in range(count)]


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
    window: Window,
    *,
    batch: int,
    device: torch.device,
    stage: Stage,
) -> Tensor:
    """Predict a whole image.

    Parameters
    ----------
    network
        (B, C, h, w) float32 on `device` -> logits (B, K, h, w).
    data
        (C, H, W) float32 on the CPU, any size; padded with zeros, centred, if smaller than the patch.
    window
        See there.
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
    missing = [max(p - n, 0) for n, p in zip((height, width), window.patch, strict=True)]
    top, left = missing[0] // 2, missing[1] // 2
    padded = functional.pad(data, (left, missing[1] - left, top, missing[0] - top))
    shape = (padded.shape[1], padded.shape[2])
    weight = importance(window.patch) if window.gaussian else torch.ones(window.patch, dtype=torch.float16)
    weight = weight.to(window.precision)
    total: Tensor | None = None
    weights = torch.zeros(shape, dtype=window.precision)
    starts = window.starts(shape)
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
    total /= weights
    if torch.isinf(total).any():
        raise OverflowError("the sum of the logits")
    return total[:, top : top + height, left : left + width]

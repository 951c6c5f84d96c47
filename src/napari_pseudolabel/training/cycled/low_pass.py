"""A low-pass between the generators, by the discrete cosine transform, through which gradients go."""

from __future__ import annotations

import math

import torch
from torch import Tensor


class LowPass:
    """Keep the lowest frequencies of (B, 1, H, W) images along both axes.

    Parameters
    ----------
    share
        Of the frequencies that stay, in (0, 1]; None for all, which costs nothing.
    """

    def __init__(self, share: float | None) -> None:
        self.share = share
        self._matrices: dict[int, Tensor] = {}

    def __call__(self, images: Tensor) -> Tensor:
        """Return images without their high frequencies."""
        if self.share is None or self.share >= 1:
            return images
        rows, columns = (self._matrix(side).to(images) for side in images.shape[-2:])
        # One projection per side: transform, cut and way back are one matrix.
        return rows @ images @ columns

    def _matrix(self, side: int) -> Tensor:
        if side not in self._matrices:
            assert self.share is not None
            kept = transform(side)[: max(math.ceil(self.share * side), 1)]
            self._matrices[side] = kept.T @ kept
        return self._matrices[side]


def transform(side: int) -> Tensor:
    """Return the orthonormal DCT-II as a matrix (side, side) float32, one frequency per row."""
    place = torch.arange(side, dtype=torch.float64)
    matrix = torch.cos(math.pi * (place[None] + 0.5) * place[:, None] / side) * math.sqrt(2 / side)
    matrix[0] /= math.sqrt(2)
    return matrix.float()

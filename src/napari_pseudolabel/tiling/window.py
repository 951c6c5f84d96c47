"""How strongly each tile counts at each pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_pseudolabel.tiling.grid import Axis, Grid


@dataclass(frozen=True, eq=False)
class BlendWindow:
    """Weights of the tiles of one grid; at every pixel the weights of all tiles add up to 1.

    A tile's weight is the product of a row profile and a column profile, each a raised cosine
    over the overlap. Because grid and profiles are separable, so is the sum over all tiles, and
    the weights can be normalised before anything is computed.

    Attributes
    ----------
    rows, columns
        (number of tile positions, pixels of a tile) float32, positive but in the margins of the tiles.
    """

    rows: Tensor
    columns: Tensor

    @classmethod
    def of(cls, grid: Grid) -> BlendWindow:
        """Make the window of a grid."""
        return cls(torch.from_numpy(_profiles(grid.rows)), torch.from_numpy(_profiles(grid.columns)))

    def to(self, device: torch.device) -> BlendWindow:
        """Return this window on a device."""
        return BlendWindow(self.rows.to(device), self.columns.to(device))

    def weight(self, tile: int) -> Tensor:
        """Return the weight of tile number `tile` of the grid: (h, w) float32."""
        row, column = divmod(tile, len(self.columns))
        return self.rows[row, :, None] * self.columns[column, None, :]


def raised_cosine(tile: int, overlap: int) -> NDArray[np.float64]:
    """Return a profile that rises over the first and falls over the last `overlap` pixels: (tile,).

    It is sampled at pixel centres, so the profiles of two tiles that overlap by `overlap` pixels
    add up to 1, and no pixel is 0. The overlap is cut at half the tile.
    """
    ramp_length = min(overlap, tile // 2)
    ramp = np.sin(0.5 * np.pi * (np.arange(ramp_length) + 0.5) / max(ramp_length, 1)) ** 2
    profile = np.ones(tile)
    profile[:ramp_length] = ramp
    profile[tile - ramp_length :] = ramp[::-1]
    return profile


def _profiles(axis: Axis) -> NDArray[np.float32]:
    margin = np.zeros(axis.margin)
    inner = raised_cosine(axis.tile - 2 * axis.margin, max(axis.shared - 2 * axis.margin, 0))
    profile = np.concatenate([margin, inner, margin])
    total = np.zeros(axis.padded)
    for start in axis.starts:
        total[start - axis.first :][: axis.tile] += profile
    total[total == 0] = 1  # beyond the image
    pieces = [profile / total[start - axis.first :][: axis.tile] for start in axis.starts]
    return np.stack(pieces).astype(np.float32)

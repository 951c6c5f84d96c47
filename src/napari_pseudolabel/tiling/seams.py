"""Measure how visible the borders between tiles are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.tiling.grid import Axis, Grid


def seam_ratio(image: NDArray[np.floating], grid: Grid) -> float:
    """Return the mean gradient across tile borders over the mean gradient elsewhere.

    1 means that the borders cannot be told from the rest of the image. Gradients are absolute
    differences of neighbouring pixels, across horizontal and across vertical borders.

    Parameters
    ----------
    image
        (H, W), the result that was computed on `grid`.
    grid
        The tiles.

    Returns
    -------
    float
        NaN if no tile begins or ends within the image, or the image is constant away from borders.
    """
    across, elsewhere = [], []
    for axis, differences in (
        (grid.rows, np.abs(np.diff(image, axis=0)).mean(axis=1)),
        (grid.columns, np.abs(np.diff(image, axis=1)).mean(axis=0)),
    ):
        border = borders(axis)
        across.append(differences[border])
        elsewhere.append(differences[~border])
    at_borders, others = np.concatenate(across), np.concatenate(elsewhere)
    if not at_borders.size or not others.size or others.mean() == 0:
        return float("nan")
    return float(at_borders.mean() / others.mean())


def borders(axis: Axis) -> NDArray[np.bool_]:
    """Mark the differences between pixels p and p + 1 of which a tile border lies: (length - 1,)."""
    edges = np.array([edge for start in axis.starts for edge in (start, start + axis.tile)])
    marked = np.zeros(max(axis.length - 1, 0), bool)
    inside = edges[(edges > 0) & (edges < axis.length)]
    marked[inside - 1] = True
    return marked

"""Cut an image into tiles, compute them in batches, blend the answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from napari_pseudolabel.control import Stage
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.tiling.grid import Grid
from napari_pseudolabel.tiling.window import BlendWindow

TileFunction = Callable[[Tensor, Tensor], Tensor]
"""(tiles (B, C, h, w) float32 on the device, origins (B, 2) int64 on the CPU) -> (B, K, h, w)"""

_SHARE_OF_FREE_MEMORY = 0.25  # whole planes may take this much of a GPU; the network needs the rest


def run_tiles(
    image: ArrayLike | Tensor,
    function: TileFunction,
    grid: Grid,
    window: BlendWindow,
    *,
    batch: int,
    device: torch.device,
    control_stage: Stage | None = None,
    order: Sequence[int] | None = None,
) -> NDArray[np.float32]:
    """Apply a function of tiles to a whole image.

    Parameters
    ----------
    image
        (C, H, W) float.
    function
        Gets tiles (B, C, h, w) float32 on `device` and their origins (B, 2) int64 on the CPU, the first
        (y, x) of each tile in image coordinates (negative where a tile begins in the padding).
        Returns (B, K, h, w). Runs in inference mode.
    grid, window
        `make_grid` of the image and ``Window.of(grid)``.
    batch
        Tiles at once.
    device
        Where the function computes.
    control_stage
        Advanced by the number of tiles after each batch; that call also cancels.
    order
        The order in which tiles are computed, a permutation of ``range(len(grid))``. The result
        is the same for every order and batch, up to float32 rounding.

    Returns
    -------
    NDArray
        (K, H, W) float32.

    Raises
    ------
    InputError
        If the image does not have the shape of the grid.
    Cancelled
        Within one batch after the person cancelled.
    """
    plane = image if isinstance(image, Tensor) else torch.from_numpy(np.ascontiguousarray(image))
    if plane.ndim != 3 or tuple(plane.shape[1:]) != grid.shape:
        raise InputError(f"The image has shape {tuple(plane.shape)}, the tiles cover (C, {grid.shape}).")
    with torch.inference_mode():
        home = home_of_planes(device, planes=2 * len(plane) + 1, grid=grid)
        padded = pad(plane.to(home, torch.float32), grid)
        blended = blend_tiles(
            padded,
            function,
            grid,
            window,
            batch=batch,
            device=device,
            control_stage=control_stage,
            order=order,
        )
        return crop(blended, grid).cpu().numpy()


def pad(plane: Tensor, grid: Grid) -> Tensor:
    """Mirror an image (C, H, W) at its borders to all that the tiles cover: (C, *grid.padded_shape)."""
    rows = torch.from_numpy(grid.rows.source_indices()).to(plane.device)
    columns = torch.from_numpy(grid.columns.source_indices()).to(plane.device)
    return plane.index_select(1, rows).index_select(2, columns)


def crop(padded: Tensor, grid: Grid) -> Tensor:
    """Undo `pad`: (K, *grid.padded_shape) -> (K, H, W)."""
    height, width = grid.shape
    return padded[:, -grid.rows.first :, -grid.columns.first :][:, :height, :width]


def home_of_planes(device: torch.device, *, planes: int, grid: Grid) -> torch.device:
    """Return where whole padded planes live: the device if they leave the network room, else the CPU."""
    if device.type != "cuda":
        return device
    needed = 4 * planes * grid.rows.padded * grid.columns.padded
    free, _ = torch.cuda.mem_get_info(device)
    return device if needed <= _SHARE_OF_FREE_MEMORY * free else torch.device("cpu")


def blend_tiles(
    padded: Tensor,
    function: TileFunction,
    grid: Grid,
    window: BlendWindow,
    *,
    batch: int,
    device: torch.device,
    control_stage: Stage | None = None,
    order: Sequence[int] | None = None,
) -> Tensor:
    """`run_tiles` for an image that is already padded, without cropping the answer.

    Parameters are those of `run_tiles`, except `padded`: (C, *grid.padded_shape) float32 on any device.

    Returns
    -------
    Tensor
        (K, *grid.padded_shape) float32 on the device of `padded`.
    """
    tile_numbers = range(len(grid)) if order is None else order
    height, width = grid.tile
    home = padded.device
    window = window.to(home)
    total: Tensor | None = None
    with torch.inference_mode():
        for begin in range(0, len(tile_numbers), batch):
            numbers = list(tile_numbers[begin : begin + batch])
            origins = torch.from_numpy(grid.origins[numbers])
            corners = (grid.origins[numbers] - (grid.rows.first, grid.columns.first)).tolist()
            tiles = torch.stack([padded[:, y : y + height, x : x + width] for y, x in corners])
            answers = function(tiles.to(device), origins).to(home, torch.float32)
            if total is None:
                total = torch.zeros((answers.shape[1], *grid.padded_shape), device=home)
            for number, (y, x), answer in zip(numbers, corners, answers, strict=True):
                total[:, y : y + height, x : x + width].addcmul_(answer, window.weight(number))
            if control_stage is not None:
                control_stage.advance(len(numbers))
    assert total is not None  # a grid has at least one tile
    return total

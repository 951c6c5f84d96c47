"""Where the tiles lie."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError


@dataclass(frozen=True)
class Axis:
    """Tile positions along one axis.

    Attributes
    ----------
    length
        Pixels of the image.
    tile
        Pixels of a tile.
    starts
        First pixel of every tile, ascending, in image coordinates; the first may be negative, and
        the last tile may end beyond the image.
    blend
        Pixels that neighbours share, for a part of an axis that shall blend as the whole does; None for the most that two
        neighbours share.
    margin
        Pixels at either end of a tile that are context for the others and do not count themselves.
    phase
        Of a network whose answers do not depend on where its tiles lie, because all that decides about a pixel lies within
        the margin: tiles may begin at any multiple of this. 0 for all others.
    context
        Pixels around what is wanted that have to be predicted, too, because objects are told apart in them.
    """

    length: int
    tile: int
    starts: tuple[int, ...]
    blend: int | None = None
    margin: int = 0
    phase: int = 0
    context: int = 0

    @property
    def first(self) -> int:
        """Image coordinate of the first padded pixel (0 or negative)."""
        return self.starts[0]

    @property
    def padded(self) -> int:
        """Pixels from the begin of the first tile to the end of the last."""
        return self.starts[-1] + self.tile - self.starts[0]

    @property
    def shared(self) -> int:
        """Largest number of pixels that two neighbours share; 0 with a single tile."""
        if self.blend is not None:
            return self.blend
        steps = np.diff(self.starts)
        return int(self.tile - steps.min()) if len(steps) else 0

    def part(self, span: tuple[int, int]) -> tuple[tuple[int, int], Axis]:
        """Return a window that decides about the pixels of a span, and tiles in it, relative to it.

        Only where tiles may lie anywhere; elsewhere a part needs the tiles of the whole.
        """
        low = span[0] // self.phase * self.phase
        core, count = _cores(span[1] - low, self.tile - 2 * self.margin, self.phase)
        tile = core + 2 * self.margin
        starts = [low - self.margin + number * core for number in range(count)]
        window = max(starts[0], 0), min(starts[-1] + tile, self.length)
        inside = tuple(start - window[0] for start in starts)
        return window, Axis(window[1] - window[0], tile, inside, 2 * self.margin, self.margin, self.phase)

    def source_indices(self) -> NDArray[np.int64]:
        """For every padded pixel the image pixel that it repeats: (padded,) int64.

        The image is mirrored at its border pixels, and mirrored again as often as the padding
        needs (numpy's "reflect", also for padding wider than the image).
        """
        position = np.arange(self.first, self.first + self.padded)
        period = max(2 * (self.length - 1), 1)
        return (self.length - 1) - np.abs((self.length - 1) - position % period)


@dataclass(frozen=True)
class Grid:
    """Square tiles that cover an image; every combination of a row and a column position is a tile.

    Tile number k has the row position ``k // len(columns.starts)``.
    """

    rows: Axis
    columns: Axis

    def __len__(self) -> int:
        return len(self.rows.starts) * len(self.columns.starts)

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) of the image."""
        return self.rows.length, self.columns.length

    @property
    def padded_shape(self) -> tuple[int, int]:
        """(H, W) of the image with its padding: all that the tiles cover."""
        return self.rows.padded, self.columns.padded

    @property
    def tile(self) -> tuple[int, int]:
        """(h, w) of every tile."""
        return self.rows.tile, self.columns.tile

    @cached_property
    def origins(self) -> NDArray[np.int64]:
        """First (y, x) of every tile in image coordinates: (N, 2) int64, may be negative."""
        y, x = np.meshgrid(self.rows.starts, self.columns.starts, indexing="ij")
        return np.stack([y.ravel(), x.ravel()], axis=1).astype(np.int64)


def make_grid(
    height: int, width: int, tile: int, overlap: int, stride: int = 1, *, least: int | None = None
) -> Grid:
    """Cover an image with tiles.

    As few tiles are used as the overlap allows. What they cover beyond the need is spent on
    padding of up to half the overlap at the borders of the image, so that border pixels too have
    context on all sides, and on more overlap, evenly.

    Parameters
    ----------
    height, width
        Size of the image, at least 1 x 1; smaller than a tile is fine.
    tile
        Side of a tile.
    overlap
        Pixels that neighbours share at least, 0 .. ``tile - 1``.
    stride
        Distances between tiles are multiples of this where the overlap leaves room for it, so that a network
        that downsamples sees the same sampling phase in neighbouring tiles.
    least
        Instead of more overlap make the tiles lower or narrower, by multiples of `stride`, but not below this; by default
        they are squares of full size.

    Raises
    ------
    InputError
        If a number is out of range.
    """
    if height < 1 or width < 1:
        raise InputError(f"An image of {height} x {width} pixels is empty.")
    if tile < 1 or not 0 <= overlap < tile or stride < 1:
        raise InputError(f"Tiles of {tile} pixels cannot overlap by {overlap} pixels.")
    rows, columns = (_axis(length, tile, overlap, stride, least or tile) for length in (height, width))
    return Grid(rows, columns)


def _axis(length: int, tile: int, overlap: int, stride: int, least: int) -> Axis:
    quantum = stride if tile - overlap >= stride else 1
    largest_step = (tile - overlap) // quantum * quantum
    steps = max(-(-(length - tile) // largest_step), 0)
    # Of so many tiles the smallest that cover the axis and half an overlap around it.
    fitted = -(-max(-(-length // (steps + 1)) + overlap, least) // stride) * stride
    if fitted < tile and fitted - overlap >= stride:
        tile = fitted
        largest_step = (tile - overlap) // quantum * quantum
        steps = max(-(-(length - tile) // largest_step), 0)
    surplus = tile + steps * largest_step - length
    margin = min(overlap // 2, surplus // 2)
    span = max(length + 2 * margin - tile, 0)
    if steps:
        span = -(-span // quantum) * quantum
    first = -((span + tile - length) // 2)
    starts = (first + round(i * span / quantum / max(steps, 1)) * quantum for i in range(steps + 1))
    return Axis(length, tile, tuple(starts))


def free_grid(height: int, width: int, tile: int, reach: int, stride: int) -> Grid:
    """Cover an image with tiles for a network that sees at most `reach` pixels around a pixel.

    Every tile has so much around what it answers for, at the borders of the image of its mirror image, so that the
    result is that of any other tiles.

    Parameters
    ----------
    tile
        Largest side; more than `least_free_tile`.
    stride
        Tiles begin at multiples of this, and so their sides are.
    """
    margin = -(-reach // stride) * stride
    rows, columns = (_free_axis(length, tile, margin, stride) for length in (height, width))
    return Grid(rows, columns)


def least_free_tile(reach: int, stride: int) -> int:
    """Side of the smallest tiles that `free_grid` can do with."""
    return 2 * (-(-reach // stride) * stride) + stride


def _free_axis(length: int, tile: int, margin: int, stride: int) -> Axis:
    core, count = _cores(length, tile - 2 * margin, stride)
    starts = tuple(number * core - margin for number in range(count))
    return Axis(length, core + 2 * margin, starts, 2 * margin, margin, stride)


def _cores(length: int, most: int, stride: int) -> tuple[int, int]:
    """Cut a length into as few pieces as can be, of one size: a multiple of the stride, at most `most`."""
    largest = max(most // stride * stride, stride)
    count = -(-length // largest)
    core = -(-length // count)
    return -(-core // stride) * stride, count

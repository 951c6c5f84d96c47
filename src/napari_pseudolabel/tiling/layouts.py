"""How a model lays its tiles over a whole plane: a value that says it without the model."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

from napari_pseudolabel.tiling.grid import Axis, Grid, free_grid, least_free_tile, make_grid
from napari_pseudolabel.tiling.settings import TileSettings, sizes

Span = tuple[int, int]


class Layout(Protocol):
    """Where the tiles of a model lie."""

    def grid(self, shape: tuple[int, int], settings: TileSettings, box: tuple[Span, Span] | None) -> Grid:
        """Lay tiles over a whole plane.

        Parameters
        ----------
        shape
            (H, W) of the plane on the model's grid.
        settings
            What the person asked for.
        box
            Rows and columns, half open, outside of which the layer is zero; None for the whole plane.

        Raises
        ------
        InputError
            If the tiles that the person asked for cannot be used.
        """


@dataclass(frozen=True)
class Covering:
    """Tiles over the whole plane, as `make_grid` lays them; as `free_grid` does where nothing depends on them.

    Attributes
    ----------
    tile, overlap, stride
        As in `make_plan`.
    least
        The network also takes lower and narrower tiles, down to so many pixels: planes are covered without much waste.
        None for networks of which only their own tile is known.
    reach
        How far, in pixels, what lies around a pixel matters to the network; None where all of a tile does, as with attention,
        or a normalisation over the tile.
    context
        Pixels around what is wanted that have to be predicted, too; see `Axis`.
    """

    tile: int
    overlap: int | None = None
    stride: int = 1
    least: int | None = None
    reach: int | None = None
    context: int = 0

    def grid(self, shape: tuple[int, int], settings: TileSettings, box: tuple[Span, Span] | None) -> Grid:
        """Lay tiles over a whole plane; see `Layout`. They do not care about the box."""
        tile, overlap, _ = sizes(settings, tile=self.tile, overlap=self.overlap, stride=self.stride)
        asked = settings.overlap is not None
        if self.reach is not None and not asked and tile >= least_free_tile(self.reach, self.stride):
            return free_grid(*shape, tile, self.reach, self.stride)
        grid = make_grid(
            *shape, tile, overlap, self.stride, least=self.least if settings.tile is None else None
        )
        if not self.context:
            return grid
        return Grid(*(replace(axis, context=self.context) for axis in (grid.rows, grid.columns)))


@dataclass(frozen=True)
class Sliding:
    """A window that slides over what is not zero, in equal steps, as nnU-Net does it.

    Attributes
    ----------
    patch
        (h, w) of the window; it does not change.
    step
        Largest distance between two positions as a part of the patch, in (0, 1].
    """

    patch: tuple[int, int]
    step: float = 0.5

    def grid(self, shape: tuple[int, int], settings: TileSettings, box: tuple[Span, Span] | None) -> Grid:
        """Lay tiles over a whole plane; see `Layout`."""
        spans = box or ((0, shape[0]), (0, shape[1]))
        rows, columns = (
            self._axis(length, span, patch)
            for length, span, patch in zip(shape, spans, self.patch, strict=True)
        )
        return Grid(rows, columns)

    def _axis(self, length: int, span: Span, patch: int) -> Axis:
        size = span[1] - span[0]
        if size <= patch:
            return Axis(length, patch, (span[0] - (patch - size) // 2,))
        return Axis(length, patch, tuple(span[0] + start for start in spread(size, patch, self.step)))


def spread(size: int, patch: int, step: float) -> list[int]:
    """First pixels of windows of `patch` over `size` pixels, at least as many, at equal distances."""
    room = size - patch
    count = math.ceil(room / (patch * step)) + 1
    distance = room / max(count - 1, 1)
    return [round(distance * i) for i in range(count)]

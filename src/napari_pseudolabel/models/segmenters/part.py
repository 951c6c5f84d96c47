"""What a segmenter is told of the whole when it is given a part."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from napari_pseudolabel.imaging import Box, IntensityRange, LayerStatistics
from napari_pseudolabel.tiling import Axis, Grid


@dataclass(frozen=True)
class Part:
    """Pixels are a part of a layer, or one translation of many.

    Attributes
    ----------
    whole
        Statistics of the layer, in raw values of the segmenter's modality.
    grid
        The tiles of the whole plane that lie in the part, relative to it; None to lay them out for it alone.
    inside
        The part that lies in the box of `whole`, None if all of it does.
    """

    whole: LayerStatistics
    grid: Grid | None = None
    inside: Box | None = None

    def flipped(self, axes: Collection[int], shape: tuple[int, int]) -> Part:
        """What belongs to the same pixels (H, W) of `shape` after a flip along -2, -1 or both."""
        grid, inside = self.grid, self.inside
        if grid is not None:
            rows, columns = (
                _flipped(axis) if number in axes else axis
                for number, axis in ((-2, grid.rows), (-1, grid.columns))
            )
            grid = Grid(rows, columns)
        if inside is not None:
            y0, y1, x0, x1 = inside.y0, inside.y1, inside.x0, inside.x1
            if -2 in axes:
                y0, y1 = shape[0] - y1, shape[0] - y0
            if -1 in axes:
                x0, x1 = shape[1] - x1, shape[1] - x0
            inside = Box(y0, y1, x0, x1)
        return Part(self.whole, grid, inside)


def of_limits(limits: IntensityRange) -> Part:
    """A picture of one channel of which only the raw values that become 0 and 1 matter."""
    return Part(LayerStatistics.of_limits(limits))


def _flipped(axis: Axis) -> Axis:
    starts = tuple(axis.length - start - axis.tile for start in reversed(axis.starts))
    return Axis(axis.length, axis.tile, starts, axis.blend)

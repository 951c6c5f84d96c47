"""What every segmenter can do, and what it is told of the whole when it is given a part."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import Box, IntensityRange, LayerStatistics, Need
from napari_pseudolabel.models.cards import Card, LabelClass
from napari_pseudolabel.models.segmenters.common import most_likely
from napari_pseudolabel.models.tile_memo import TileMemo
from napari_pseudolabel.tiling import Axis, Grid, Layout, TileSettings


@dataclass(frozen=True)
class PartPlace:
    """The first pixel of a part, and the size (H, W) of the whole plane, both on the grid of the segmenter's modality.

    Attributes
    ----------
    per_pixel
        Pixels of that grid for one of the image.
    """

    y0: int
    x0: int
    plane: tuple[int, int]
    per_pixel: float = 1.0


@dataclass(frozen=True)
class LayerPart:
    """Pixels are a part of a layer, or one translation of many.

    Attributes
    ----------
    whole
        Statistics of the layer, in raw values of the segmenter's modality.
    grid
        The tiles of the whole plane that lie in the part, relative to it; None to lay them out for it alone.
    inside
        The part that lies in the box of `whole`, None if all of it does.
    place
        Where the part lies in its plane; None where nobody says.
    """

    whole: LayerStatistics
    grid: Grid | None = None
    inside: Box | None = None
    place: PartPlace | None = None

    def flipped(self, axes: Collection[int], shape: tuple[int, int]) -> LayerPart:
        """Return what belongs to the same pixels (H, W) of `shape` after a flip along -2, -1 or both, which lie nowhere in the plane."""
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
        return LayerPart(self.whole, grid, inside, None if axes else self.place)


def of_limits(limits: IntensityRange) -> LayerPart:
    """Return a picture of one channel of which only the raw values that become 0 and 1 matter."""
    return LayerPart(LayerStatistics.of_limits(limits))


def _flipped(axis: Axis) -> Axis:
    starts = tuple(axis.length - start - axis.tile for start in reversed(axis.starts))
    return replace(axis, starts=starts)


@dataclass(frozen=True, eq=False)
class Segmenter(ABC):
    """A model that turns an image of its modality into class probabilities.

    Attributes
    ----------
    card
        What the weights mean.
    sha256
        Of the file, or of the files of the folder, that the model was loaded from.
    """

    card: Card
    sha256: str

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """Classes in the order of the channels of `probabilities`."""
        return self.card.classes

    @property
    @abstractmethod
    def channels(self) -> int:
        """Channels of the images."""

    @property
    @abstractmethod
    def need(self) -> Need:
        """What it must know of a whole layer before it is given a part."""

    @property
    @abstractmethod
    def layout(self) -> Layout:
        """Where its tiles lie in a whole plane."""

    @property
    def zoom(self) -> tuple[float, float]:
        """Pixels on the network's grid per pixel of the grid of its modality, along Y and X."""
        return 1.0, 1.0

    @abstractmethod
    def probabilities(
        self,
        image: ArrayLike,
        *,
        settings: TileSettings = TileSettings(),
        control: Control = Control(),
        part: LayerPart | None = None,
    ) -> NDArray[np.float32]:
        """Segment one plane.

        Parameters
        ----------
        image
            (C, H, W) or (H, W) raw values of the segmenter's modality, on its pixel grid. NaN becomes 0.
        settings
            Tile, overlap, batch, device; None leaves the choice to the model.
        control
            Progress and cancel, once per batch of tiles.
        part
            What is known of the whole layer if `image` is a part of one; it then is on the network's grid.
            By default `image` is all there is, and statistics are found in it.

        Returns
        -------
        NDArray
            (K, H, W) float32 in [0, 1].

        Raises
        ------
        InputError
            If the image has the wrong shape or number of channels.
        DeviceError
            If the device is missing or runs out of memory at the smallest tile.
        Cancelled
            If the person cancelled.
        """

    def remembering(self, memo: TileMemo) -> Segmenter:
        """Return the same, which does not compute a tile twice that chunks have in common; itself where that cannot be."""
        return self

    def labels(self, probabilities: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the value of `classes` that is most probable at each pixel: (K, H, W) -> (H, W)."""
        return most_likely(probabilities, self.classes)

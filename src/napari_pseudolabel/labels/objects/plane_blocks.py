"""Planes that are read and written block by block, because they do not fit into memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from napari_pseudolabel.labels.windows import Window

BLOCK_PX = 1024


class LargePlane(Protocol):
    """(H, W) integers that are read window by window: numpy, zarr."""

    @property
    def shape(self) -> tuple[int, ...]:
        """H and W."""

    def __getitem__(self, key: Any, /) -> Any: ...


class WritablePlane(LargePlane, Protocol):
    """The same, and windows can be written."""

    def __setitem__(self, key: Any, value: Any, /) -> None: ...


def blocks(shape: tuple[int, ...], side: int = BLOCK_PX) -> Iterator[Window]:
    """Yield windows that together are the plane, in reading order."""
    height, width = shape[-2:]
    for y in range(0, height, side):
        for x in range(0, width, side):
            yield slice(y, min(y + side, height)), slice(x, min(x + side, width))

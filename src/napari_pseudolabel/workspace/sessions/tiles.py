"""Tiles as bytes."""

from __future__ import annotations

import imagecodecs
import numpy as np

from napari_pseudolabel.types import Array
from napari_pseudolabel.workspace.sessions.values import TILE_PX, ArrayState, TileKey

_KINDS = "biuf"


def dtype_of(array: ArrayState) -> np.dtype[np.generic]:
    """Return the dtype of an array.

    Raises
    ------
    ValueError
        When a session cannot hold such an array.
    """
    try:
        dtype = np.dtype(array.dtype)
    except TypeError as error:
        raise ValueError(f"The array {array.name} has an unknown dtype {array.dtype!r}.") from error
    if dtype.kind not in _KINDS or len(array.shape) < 2 or min(array.shape) < 0:
        raise ValueError(f"A session cannot hold the array {array.name}: {dtype}, shape {array.shape}.")
    return dtype


def fill_of(array: ArrayState) -> float:
    """Return what the pixels hold that were never written."""
    return np.nan if array.fill is None else array.fill


def window_of(array: ArrayState, key: TileKey) -> tuple[slice, slice]:
    """Return the rows and columns of an array that a tile covers.

    Raises
    ------
    ValueError
        When the tile is outside of the array.
    """
    height, width = array.shape[-2:]
    y, x = key.row * TILE_PX, key.column * TILE_PX
    inside = len(key.plane) == len(array.shape) - 2 and all(
        0 <= at < size for at, size in zip((*key.plane, y, x), array.shape, strict=True)
    )
    if not inside:
        raise ValueError(f"The tile {key} is outside of its array of shape {array.shape}.")
    return slice(y, min(y + TILE_PX, height)), slice(x, min(x + TILE_PX, width))


def band_width(array: ArrayState) -> int:
    """How many tiles lie side by side.

    Raises
    ------
    ValueError
        When a session cannot hold such an array.
    """
    dtype_of(array)
    return -(-array.shape[-1] // TILE_PX)


def encode(values: Array, array: ArrayState) -> bytes | None:
    """Return a tile as bytes; None for one that holds nothing but the fill."""
    if np.array_equal(values, np.full_like(values, fill_of(array)), equal_nan=bool(values.dtype.kind == "f")):
        return None
    packed = imagecodecs.blosc_encode(
        np.ascontiguousarray(values).tobytes(),
        level=5,
        compressor="zstd",
        shuffle="bitshuffle",
        typesize=values.dtype.itemsize,
        numthreads=1,
    )
    return bytes(packed)


def decode(packed: bytes, shape: tuple[int, int], dtype: np.dtype[np.generic]) -> Array | None:
    """Return a tile of bytes; None for one that is damaged."""
    size = shape[0] * shape[1] * dtype.itemsize
    # Its header says how much comes out of it, which a few bytes may exaggerate.
    if int.from_bytes(packed[4:8], "little") != size:
        return None
    try:
        values = imagecodecs.blosc_decode(packed, numthreads=1)
    except (RuntimeError, ValueError):
        return None
    if len(values) != size:
        return None
    return np.frombuffer(values, dtype).reshape(shape)

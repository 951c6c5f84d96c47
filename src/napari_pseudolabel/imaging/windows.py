"""Where to look so that every pixel of a layer was seen: in bands, or only where a sparse file holds something."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from napari_pseudolabel.imaging.image import Image, Window

_BAND_PX = 2**20

Place = tuple[tuple[int, ...], Window]


def windows(image: Image) -> Iterator[Place]:
    """Indices of planes and windows in them, which together are the whole layer.

    Of a Zarr array most of whose chunks are not there, those that are, and one that is not: the others hold the
    same value, and there may be millions of them.
    """
    sparse = None if isinstance(image.data, np.ndarray) else _stored(image)
    yield from _bands(image) if sparse is None else sparse


def _bands(image: Image) -> Iterator[Place]:
    height, width = image.shape[-2:]
    rows = max(1, _BAND_PX // width)
    for index in image.planes():
        for start in range(0, height, rows):
            yield index, (slice(start, start + rows), slice(None))


def _stored(image: Image) -> Iterator[Place] | None:
    import zarr

    from napari_pseudolabel.imaging.zarr_store import stored_chunks

    if not isinstance(image.data, zarr.Array):
        return None
    found = stored_chunks(image.data)
    if found is None:
        return None
    sides = image.data.shards or image.data.chunks
    there = set(found)
    grid = (range(-(-size // side)) for size, side in zip(image.data.shape, sides, strict=True))
    absent = next(place for place in _product(*grid) if place not in there)
    return _places(image, sides, [*found, absent])


def _product(first: range, *rest: range) -> Iterator[tuple[int, ...]]:
    """As `itertools.product`, which would make a list of every range."""
    for one in first:
        for others in _product(*rest) if rest else [()]:
            yield (one, *others)


def _places(image: Image, sides: tuple[int, ...], chunks: list[tuple[int, ...]]) -> Iterator[Place]:
    seen: set[tuple[int, ...]] = set()
    kept = [axis for axis, letter in enumerate(image.axes) if letter not in "CS"]
    for chunk in chunks:
        place = tuple(chunk[axis] for axis in kept)
        if place in seen:  # another channel of the same pixels
            continue
        seen.add(place)
        ranges = [
            range(place[n] * sides[axis], min((place[n] + 1) * sides[axis], image.data.shape[axis]))
            for n, axis in enumerate(kept)
        ]
        rows, columns = (slice(one.start, one.stop) for one in ranges[-2:])
        for index in product(*ranges[:-2]):
            yield index, (rows, columns)

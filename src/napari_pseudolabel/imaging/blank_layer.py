"""Whether there is anything to see in a layer, and where to look so that every pixel of it was seen."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

import numpy as np

from napari_pseudolabel.imaging.image import Channel, Image, Window
from napari_pseudolabel.imaging.normalisation import IntensityRange

# So many pixels need a value, and so many another one than the rest: fewer are hot, dead or stray ones.
_LEAST_FINITE_PX = 16
_LEAST_STRAY_PX = 4
# Values that differ by less are the same: float32 itself is about ten times as fine.
_TOLERANCE, _DIGITS = 1e-6, 6
_BAND_PX = 2**20

Place = tuple[tuple[int, ...], Window]


def nothing_in(image: Image, channel: Channel | None = None, so: str = "nothing was labelled") -> str | None:
    """Say that there is nothing to see in a layer, because models find objects in it all the same.

    Nothing is: fewer than 16 pixels with a value that is neither NaN nor infinite, or all but at most 3 with the same
    (in tiny images: fewer than half). Reads only as far as it must: of a usual image a few rows, of one without
    content all.

    Parameters
    ----------
    image, channel
        The layer, and the channel as in `Image.plane`.
    so
        What follows from it, in the sentence.

    Returns
    -------
    str or None
        A sentence for the person; None where there is something.

    Raises
    ------
    InputError
        When the image cannot be read.
    """
    total = math.prod(image.shape)
    least_finite, least_stray = (
        max(1, min(least, total // 2)) for least in (_LEAST_FINITE_PX, _LEAST_STRAY_PX)
    )
    seen = finite = stray = 0
    alike: dict[float, int] = {}  # values that most of a band has, and how many pixels have them
    for index, window in _windows(image):
        band = image.plane(index, channel, window)
        seen += band.size
        values = band[np.isfinite(band)]
        if not values.size:
            continue
        finite += values.size
        # Where nearly all values are one, it is the median.
        middle = float(np.partition(values, values.size // 2)[values.size // 2])
        same = int(np.count_nonzero(_same(values, middle)))
        stray += values.size - same
        known = next((one for one in alike if _same(np.float64(one), middle)), middle)
        alike[known] = alike.get(known, 0) + same
        other = stray + sum(alike.values()) - max(alike.values())
        if finite >= least_finite and other >= least_stray:
            return None
    return _nothing(image.name, finite, seen, max(alike, key=lambda one: alike[one], default=0.0), so)


def extremes(image: Image, channel: Channel | None = None) -> IntensityRange:
    """Least and largest finite value of all pixels, for what is too sparse for a sample; parameters as above."""
    low, high = np.inf, -np.inf
    for index, window in _windows(image):
        values = image.plane(index, channel, window)
        values = values[np.isfinite(values)]
        low, high = min(low, values.min(initial=np.inf)), max(high, values.max(initial=-np.inf))
    return IntensityRange(float(low), float(high))


def _same(values: np.ndarray | np.float64, middle: float) -> np.ndarray:
    return np.asarray(np.abs(values - middle) <= _TOLERANCE * abs(middle))


def _nothing(name: str, finite: int, total: int, value: float, so: str) -> str:
    if finite == 0:
        why = "none of its pixels has a value (all are NaN or infinite)"
    elif finite < total / 2:
        why = f"only {finite} of its {total} pixels have a value (the others are NaN or infinite)"
    else:
        why = f"its pixels have the value {value:g} everywhere, as far as {_DIGITS} digits show"
    return f"There is nothing to see in {name}, and {so}: {why}; choose another image or channel."


def _windows(image: Image) -> Iterator[Place]:
    """Yield indices of planes and windows in them, which together are the whole layer.

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

"""Raw intensities to [0, 1], by statistics of the whole layer and never of a tile."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.image import Channel, Image

Kind = Literal["percentile", "range", "none"]

# Percentiles of 4 million pixels differ from those of all pixels by far less than a grey level.
_SAMPLES = 2**22
_PLANES = 32
_BLOCKS = 64
# What 8-bit images hold, and what programs make of it that work with real numbers.
_USUAL = (1.0, 255.0)
_SLACK = 1e-3
_PERCENTILES = (0.5, 99.5)


@dataclass(frozen=True)
class IntensityRange:
    """The raw values that become 0 and 1.

    Attributes
    ----------
    low, high
        Raw values; equal when the layer is constant or has no finite pixel.
    clip
        False hands values outside of the range on instead of clipping them.
    """

    low: float
    high: float
    clip: bool = True


def intensity_range(
    image: Image,
    channel: Channel | None = None,
    *,
    kind: Kind = "percentile",
    low: float = 0.5,
    high: float = 99.5,
) -> IntensityRange:
    """Find the intensities of a whole layer that become 0 and 1.

    Parameters
    ----------
    image, channel
        The layer, and the channel as in `Image.plane`.
    kind
        ``percentile``: the `low` and `high` percentiles of all finite pixels, or their minimum and
        maximum where the percentiles coincide; bool images are 0 to 1. A layer of more than 4
        million pixels is sampled, at the same places every time: up to 32 planes spread evenly,
        and within a plane every n-th pixel (arrays in memory) or a grid of blocks
        (others: a stride would read them as a whole).
        ``range``: the raw values `low` and `high`. ``none``: values are handed on as they are.
    low, high
        Percentiles in [0, 100], or raw values.

    Raises
    ------
    InputError
        When `low` is not below `high`, or a percentile is outside of [0, 100].
    """
    fixed = fixed_range(image.data.dtype, kind, low, high)
    return fixed if fixed is not None else percentiles(finite_samples(image, channel), low, high)


def is_sampled(image: Image) -> bool:
    """Whether percentiles of a layer come from a sample of its pixels."""
    return math.prod(image.shape) > _SAMPLES


def fixed_range(dtype: npt.DTypeLike, kind: Kind, low: float, high: float) -> IntensityRange | None:
    """Return the limits that no pixel has to be read for, None for percentiles; raises as `intensity_range` does."""
    if kind == "none":
        return IntensityRange(0.0, 1.0, clip=False)
    if kind not in ("percentile", "range"):
        raise InputError(f"{kind!r} is no normalisation; choose percentile, range or none.")
    if not (low < high and np.isfinite(low) and np.isfinite(high)):
        raise InputError(
            f"The low end of the normalisation ({low:g}) must be below its high end ({high:g}), both finite."
        )
    if kind == "range":
        return IntensityRange(float(low), float(high))
    if low < 0 or high > 100:
        raise InputError(f"Percentiles lie between 0 and 100, but {low:g} and {high:g} were given.")
    return IntensityRange(0.0, 1.0) if np.dtype(dtype).kind == "b" else None


def usual_range(values: npt.NDArray[np.float32], dtype: npt.DTypeLike) -> IntensityRange:
    """Find which values of a layer become 0 and 1 in a model that was trained on images with all their values.

    Parameters
    ----------
    values
        Finite values of the layer, 1D.
    dtype
        Of the layer.

    Returns
    -------
    IntensityRange
        0 to 1 for bool, and for real numbers that stay within it; 0 to 255 for values that stay within that, such as
        those of 8-bit images. Both stand for the same pictures. Any other layer is brought there by its percentiles
        0.5 and 99.5, as by a person who makes an 8-bit image of it.
    """
    kind = np.dtype(dtype).kind
    if kind == "b":
        return IntensityRange(0.0, _USUAL[0])
    if np.dtype(dtype) == np.uint8:
        return IntensityRange(0.0, _USUAL[1])
    found = percentiles(values, *_PERCENTILES)
    for top in _USUAL if kind == "f" else _USUAL[1:]:
        if found.low >= -_SLACK * top and found.high <= (1 + _SLACK) * top:
            return IntensityRange(0.0, top)
    return found


def percentiles(values: npt.NDArray[np.float32], low: float, high: float) -> IntensityRange:
    """Percentiles of finite values, 1D, or their minimum and maximum where the percentiles coincide."""
    if values.size == 0:
        return IntensityRange(0.0, 0.0)
    bottom, top = np.percentile(values, [low, high])
    if bottom == top:
        # Sparse images: fewer bright pixels than the percentile leaves out.
        bottom, top = values.min(), values.max()
    return IntensityRange(float(bottom), float(top))


def normalise(plane: np.ndarray, limits: IntensityRange) -> np.ndarray:
    """Map raw values to [0, 1].

    Parameters
    ----------
    plane
        Raw values of any shape; NaN becomes 0, infinities are clipped.
    limits
        From `intensity_range`; an empty range (a constant layer) gives zeros.

    Returns
    -------
    float32
        Same shape, in [0, 1] unless ``limits.clip`` is False (then infinities become 0).
    """
    span = np.float32(limits.high - limits.low)
    if not span > 0:
        return np.zeros(np.shape(plane), dtype=np.float32)
    scaled = np.subtract(plane, limits.low, dtype=np.float32)
    with np.errstate(over="ignore"):  # infinity is clipped below
        scaled /= span
    if limits.clip:
        np.clip(scaled, 0.0, 1.0, out=scaled)
        return np.nan_to_num(scaled, copy=False, nan=0.0)
    return np.nan_to_num(scaled, copy=False, nan=0.0, posinf=0.0, neginf=0.0)


def finite_samples(image: Image, channel: Channel | None) -> np.ndarray:
    """Finite values of the layer, all of them or an even sample; 1D float32."""
    return np.concatenate(sampled_parts(image, channel))


def sampled_parts(image: Image, channel: Channel | None) -> list[np.ndarray]:
    """Return the same, place by place: a list of 1D float32."""
    *leading, height, width = image.shape
    count = math.prod(leading)
    if count * height * width > _SAMPLES and count > _PLANES:
        spread = np.linspace(0, count - 1, _PLANES).round().astype(int)
        indices = [tuple(int(one) for one in np.unravel_index(position, leading)) for position in spread]
    else:
        indices = list(image.planes())
    budget = _SAMPLES // len(indices)
    blocks = max(2, int(np.ceil(np.sqrt(_BLOCKS / len(indices)))))
    parts = [part for index in indices for part in _plane_samples(image, index, channel, budget, blocks)]
    return [part[np.isfinite(part)] for part in parts]


def rank_error(parts: list[np.ndarray], limits: IntensityRange) -> float:
    """Return how well a sample knows which share of a layer lies below its limits: two standard errors, in [0, 1].

    The places of a sample differ more from each other than single pixels do, so the error is that of the places, where there
    are several; and at least that of as many pixels by chance.

    Parameters
    ----------
    parts
        Of `sampled_parts`.
    """
    parts = [part for part in parts if part.size]
    if not parts:
        return 0.0
    sizes = np.array([part.size for part in parts], float)
    weights, worst = sizes / sizes.sum(), 0.0
    for limit in (limits.low, limits.high):
        shares = np.array([np.mean(part < limit) for part in parts])
        mean = float(weights @ shares)
        by_chance = mean * (1 - mean) / sizes.sum()
        between = float(np.sum(weights**2 * (shares - mean) ** 2)) if len(parts) > 1 else 0.0
        worst = max(worst, 2 * math.sqrt(max(by_chance, between)))
    return worst


def _plane_samples(
    image: Image, index: tuple[int, ...], channel: Channel | None, budget: int, blocks: int
) -> list[np.ndarray]:
    """At most about `budget` pixels of a plane, in `blocks` x `blocks` blocks where it is not in memory."""
    height, width = image.shape[-2:]
    if height * width <= budget:
        return [image.plane(index, channel)]
    if isinstance(image.data, np.ndarray):
        step = int(np.ceil(np.sqrt(height * width / budget)))
        return [image.plane(index, channel, (slice(None, None, step), slice(None, None, step)))]
    # A stride would decode the whole plane; blocks touch a few chunks only. They lie elsewhere in
    # every plane, since few blocks at fixed places would favour these places.
    share = np.sqrt(budget / (height * width))
    random = np.random.default_rng(index or 0)
    rows = _block_slices(height, share, blocks, random)
    columns = _block_slices(width, share, blocks, random)
    return [image.plane(index, channel, (row, column)) for row in rows for column in columns]


def _block_slices(size: int, share: float, count: int, random: np.random.Generator) -> list[slice]:
    """Cut `size` pixels into `count` strips and pick a block of `share` of each at a random place."""
    edges = np.linspace(0, size, count + 1).round().astype(int)
    slices = []
    for start, stop in pairwise(edges.tolist()):
        block = int(np.ceil((stop - start) * share))
        first = start + int(random.integers(0, stop - start - block, endpoint=True))
        slices.append(slice(first, first + block))
    return slices

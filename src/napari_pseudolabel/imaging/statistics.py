"""What a model must know of a whole layer before it sees a part of it: measured once, and small enough to travel."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging.blank_layer import extremes
from napari_pseudolabel.imaging.image import Channel, Image, PartOf
from napari_pseudolabel.imaging.normalisation import (
    IntensityRange,
    Kind,
    finite_samples,
    fixed_range,
    is_sampled,
    percentiles,
    rank_error,
    sampled_parts,
    usual_range,
)
from napari_pseudolabel.imaging.value_checks import holds, unfitting

# Up to so many pixels every one is read. Larger layers are sampled by stored pieces, evenly over all planes.
_EXACT = 2**26
_BAND = 2**22
_SIDE = 256


@dataclass(frozen=True)
class Need:
    """What a model must know of every channel of a layer.

    Attributes
    ----------
    kind, low, high
        Which raw values become 0 and 1, as in `intensity_range`.
    moments
        Also mean, deviation and range, and where the layer is not zero.
    usual
        The range is that of the images that the program reads which the model comes from, not one that anybody chose
        for this model: a layer with other values is brought there as `usual_range` says.
    """

    kind: Kind = "percentile"
    low: float = 0.5
    high: float = 99.5
    moments: bool = False
    usual: bool = False

    def fixed(self, dtype: npt.DTypeLike) -> IntensityRange | None:
        """Return the limits of layers of a dtype for which no pixel has to be read, else None."""
        known = fixed_range(dtype, self.kind, self.low, self.high)
        if not self.usual or self.kind != "range":
            return known
        told_by_dtype = np.dtype(dtype) in (np.dtype(np.bool_), np.dtype(np.uint8))
        return usual_range(np.zeros(0, np.float32), dtype) if told_by_dtype else None

    def of_values(self, values: NDArray[np.float32], dtype: npt.DTypeLike) -> IntensityRange:
        """Return the limits of a layer with these finite values, 1D, where `fixed` knows none."""
        if self.usual and self.kind == "range":
            return usual_range(values, dtype)
        return percentiles(values, self.low, self.high)


@dataclass(frozen=True)
class Box:
    """A part of a plane: rows `y0` to `y1`, columns `x0` to `x1`, half open."""

    y0: int
    y1: int
    x0: int
    x1: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the box in an image."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) of the box."""
        return self.y1 - self.y0, self.x1 - self.x0


@dataclass(frozen=True)
class Moments:
    """Of the raw values of one channel; what is not finite counts as 0.

    Attributes
    ----------
    mean, std, low, high
        Inside the box of the layer; `std` is that of the population.
    inner_mean, inner_std
        Only of pixels that are not zero in every channel.
    """

    mean: float
    std: float
    low: float
    high: float
    inner_mean: float
    inner_std: float


@dataclass(frozen=True)
class ChannelStatistics:
    """What was asked of one channel; `moments` is None if they were not."""

    limits: IntensityRange
    moments: Moments | None = None


@dataclass(frozen=True)
class LayerStatistics:
    """Statistics of a whole layer, over all planes.

    Attributes
    ----------
    channels
        In the order in which the model takes them.
    box
        Smallest box that holds, in every plane, all pixels that are not zero in every channel; in pixels of the
        layer. None for the whole plane.
    notes
        Sentences for the person, where a large layer was sampled.
    share
        Part of all pixels that lies in the box; the moments are those of the box, and all around it is zero.
    """

    channels: tuple[ChannelStatistics, ...]
    box: Box | None = None
    notes: tuple[str, ...] = ()
    share: float = 1.0

    @classmethod
    def of_limits(cls, limits: IntensityRange) -> LayerStatistics:
        """One channel of which only the limits matter."""
        return cls((ChannelStatistics(limits),))


def measure(
    image: Image, channels: Sequence[Channel | None], need: Need, control: Control = Control()
) -> LayerStatistics:
    """Measure a whole layer: all planes of a stack together.

    Parameters
    ----------
    channels
        As in `Image.plane`; None for the default.
    need
        What the model asks for. Percentiles may come from a sample, see `intensity_range`. Moments and the box come
        from all pixels of a layer of up to 2**26, else from as many in pieces that are spread evenly; a sampled box is as much
        larger as the pieces lie apart. A note says how far what was sampled may be from what is.
    control
        Progress and cancel, once per piece.

    Raises
    ------
    InputError
        If the image cannot be read, or the need makes no sense.
    """
    if image.part_of is not None:
        return _of_whole(image, image.part_of, channels, need, control)
    known = [_limits(image, channel, need) for channel in channels]
    limits = [one for one, *_ in known]
    told = next((note for _, note, _ in known if note), ())
    notes = (*_sampled(image, need, max(error for *_, error in known)), *told)
    if not need.moments:
        return LayerStatistics(tuple(ChannelStatistics(one) for one in limits), notes=notes)
    places = _places(image)
    sums = _Sums(len(channels), image.shape[-1])
    stage = control.stage("Measuring the intensities", len(places.parts))
    means: list[float] = []
    for index, window in places.parts:
        pixels = np.stack([image.plane(index, channel, window) for channel in channels])
        means.append(float(np.nan_to_num(pixels[0], posinf=0, neginf=0).mean(dtype=np.float64)))
        sums.add(pixels, window)
        stage.advance(1)
    height = image.shape[-2]
    box = sums.box(height, places.gap)
    read = sum(_common(window, Box(0, height, 0, image.shape[-1])) for _, window in places.parts)
    seen = sum(_common(window, box) for _, window in places.parts)
    moments = [*sums.moments(seen)]
    if read < math.prod(image.shape):
        share = read / math.prod(image.shape)
        error = 2 * float(np.std(means)) * math.sqrt((1 - share) / len(means))
        notes += (
            f"The mean, the deviation and the range of the intensities of {image.name} come from "
            f"{share:.0%} of its pixels, in pieces that are spread evenly; the mean is known to within "
            f"{error / max(moments[0].std, 1e-12):.1%} of the deviation.",
        )
    return LayerStatistics(
        tuple(ChannelStatistics(one, of) for one, of in zip(limits, moments, strict=True)),
        None if box == Box(0, height, 0, image.shape[-1]) else box,
        notes,
        seen / read if read else 1.0,
    )


def _of_whole(
    image: Image, part: PartOf, channels: Sequence[Channel | None], need: Need, control: Control
) -> LayerStatistics:
    """Measure the image that another was cut out of: a part is normalised as the whole."""
    taken = channels if part.channel is None else [part.channel] * len(channels)
    found = measure(part.image, taken, need, control)
    if found.box is None:
        return found
    height, width = image.shape[-2:]
    (y0, x0), (y1, x1) = (
        (min(max(y - part.y0, 0), height), min(max(x - part.x0, 0), width))
        for y, x in ((found.box.y0, found.box.x0), (found.box.y1, found.box.x1))
    )
    box = Box(y0, y1, x0, x1)
    everything = box == Box(0, height, 0, width) or 0 in box.shape
    return replace(found, box=None if everything else box)


def _sampled(image: Image, need: Need, error: float) -> tuple[str, ...]:
    """Return what a person should know about percentiles, of whose ranks the sample knows so much."""
    if need.kind == "range" or need.fixed(image.data.dtype) is not None or not is_sampled(image):
        return ()
    return (
        f"The percentiles of {image.name} come from an even sample of its "
        f"{math.prod(image.shape) / 1e6:.0f} million pixels: {need.low:g} % and {need.high:g} % are meant, to within "
        f"{max(100 * error, 0.01):.2f} percentage points.",
    )


def _limits(
    image: Image, channel: Channel | None, need: Need
) -> tuple[IntensityRange, tuple[str, ...], float]:
    """Return the limits of a channel, what a person should know about them, and the error of their ranks."""
    dtype = image.data.dtype
    fixed = need.fixed(dtype)
    if fixed is not None and (need.kind != "range" or holds(fixed, dtype)):
        return fixed, (), 0.0
    parts = sampled_parts(image, channel)
    values = np.concatenate(parts)
    # Where a sample knows a single value, what there is lies between its places.
    found = fixed or _widened(need.of_values(values, dtype), lambda: extremes(image, channel))
    told = unfitting(image.name, values, found, usual=need.usual) if need.kind == "range" else ()
    return found, told, rank_error(parts, found) if is_sampled(image) else 0.0


def _widened(found: IntensityRange, widest: Callable[[], IntensityRange]) -> IntensityRange:
    if found.low != found.high:
        return found
    widest_range = widest()
    return widest_range if widest_range.low < widest_range.high else found


def whole_moments(layer: LayerStatistics, channel: int) -> tuple[float, float]:
    """Mean and deviation of one channel over all pixels of a layer, also those that are zero around the box."""
    known = layer.channels[channel].moments
    assert known is not None  # whoever asks for them has needed them
    mean = known.mean * layer.share
    squares = (known.std**2 + known.mean**2) * layer.share
    return mean, math.sqrt(max(squares - mean**2, 0.0))


@dataclass(frozen=True, eq=False)
class Intensities:
    """The intensities of one channel of a layer, for models of which nobody knows yet what they need.

    Attributes
    ----------
    values
        1D float32, finite, ascending: all of the layer, or the sample of `intensity_range`.
    dtype
        Of the layer.
    widest
        Least and largest value of the layer.
    """

    values: NDArray[np.float32]
    dtype: str
    widest: IntensityRange

    @classmethod
    def of(cls, image: Image, channel: Channel | None = None) -> Intensities:
        """Read them; raises as `intensity_range` does."""
        if (part := image.part_of) is not None:
            return cls.of(part.image, channel if part.channel is None else part.channel)
        values = np.sort(finite_samples(image, channel))
        alike = values.size == 0 or values[0] == values[-1]
        widest = extremes(image, channel) if alike else IntensityRange(float(values[0]), float(values[-1]))
        return cls(values, np.dtype(image.data.dtype).str, widest)

    def limits(self, need: Need = Need()) -> IntensityRange:
        """Return the limits that `measure` finds in the layer."""
        found = need.fixed(self.dtype)
        if found is None:
            found = need.of_values(self.values, self.dtype)
        return _widened(found, lambda: self.widest)


def moments_of(pixels: NDArray[np.float32]) -> Moments:
    """Moments of values of any shape that all count, at least one."""
    values = np.asarray(pixels, np.float64)
    mean, std = float(values.mean()), float(values.std())
    return Moments(mean, std, float(values.min()), float(values.max()), mean, std)


@dataclass(frozen=True)
class _Places:
    """What is read of a layer, and how far apart it lies along Y and X where it is not everything."""

    parts: list[tuple[tuple[int, ...], tuple[slice, slice]]]
    gap: tuple[int, int] = (0, 0)


def _places(image: Image) -> _Places:
    """Return bands that together are everything, or so many stored pieces on a lattice as may be read."""
    planes, (height, width) = list(image.planes()), image.shape[-2:]
    rows, columns = _stored(image)
    if len(planes) * height * width <= _EXACT:
        # As it is stored: a part of a piece costs as much as all of it.
        tall = max(
            1, min(height, max(_BAND // width // rows, 1) * rows if rows * width <= _BAND else _BAND // width)
        )
        return _Places(
            [
                (index, (slice(start, min(start + tall, height)), slice(0, width)))
                for index in planes
                for start in range(0, height, tall)
            ]
        )
    wide = rows * columns > _BAND
    rows, columns = (min(rows, _SIDE), min(columns, _SIDE)) if wide else (rows, columns)
    grid = -(-height // rows), -(-width // columns)
    over = len(planes) * grid[0] * grid[1] * rows * columns / _EXACT
    # As much apart in every direction; planes count as one.
    leap = min(len(planes), max(1, round(over ** (1 / 3)))) if len(planes) > 1 else 1
    step = [min(math.ceil(math.sqrt(over / leap)), number) for number in grid]
    lattice = [range(apart // 2, number, apart) for apart, number in zip(step, grid, strict=True)]
    parts = [
        (
            index,
            (slice(y * rows, min((y + 1) * rows, height)), slice(x * columns, min((x + 1) * columns, width))),
        )
        for index in planes[leap // 2 :: leap]
        for y in lattice[0]
        for x in lattice[1]
    ]
    return _Places(parts, (step[0] * rows, step[1] * columns))


def _stored(image: Image) -> tuple[int, int]:
    """Return the height and width of the pieces in which an image is stored; usual ones where it is in memory."""
    sides = getattr(image.data, "chunks", None)
    if isinstance(image.data, np.ndarray) or not sides:
        return min(_SIDE, image.shape[-2]), min(_SIDE, image.shape[-1])
    found = [sides[image.axes.index(letter)] for letter in "YX"]
    rows, columns = (int(side if isinstance(side, int) else side[0]) for side in found)
    return rows, columns


class _Sums:
    """Adds up parts. Pixels outside of the box are zero, so sums over all pixels are those of the box."""

    def __init__(self, channels: int, width: int) -> None:
        self._inner = 0
        self._mean, self._squares = np.zeros(channels), np.zeros(channels)
        self._low, self._high = np.full(channels, np.inf), np.full(channels, -np.inf)
        self._columns = np.zeros(width, bool)
        self._first, self._last = -1, -1

    def add(self, pixels: NDArray[np.float32], window: tuple[slice, slice]) -> None:
        """Add what is in a window: (C, h, w)."""
        values = np.nan_to_num(pixels, nan=0.0, posinf=0.0, neginf=0.0)
        inside = (values != 0).any(axis=0)
        rows = np.flatnonzero(inside.any(axis=1))
        if not rows.size:
            return
        first, last = window[0].start + int(rows[0]), window[0].start + int(rows[-1])
        self._first = first if self._first < 0 else min(self._first, first)
        self._last = max(self._last, last)
        self._columns[window[1]] |= inside.any(axis=0)
        chosen = values[:, inside] if not inside.all() else values.reshape(len(values), -1)
        count, mean = chosen.shape[1], chosen.mean(axis=1, dtype=np.float64)
        # about the mean of the part: sums of large squares would lose what they differ by
        squares = np.array(
            [
                np.square(array - middle, dtype=np.float64).sum()
                for array, middle in zip(chosen, mean, strict=True)
            ]
        )
        self._mean, self._squares = _merged((self._inner, self._mean, self._squares), (count, mean, squares))
        self._inner += count
        self._low, self._high = (
            np.minimum(self._low, chosen.min(axis=1)),
            np.maximum(self._high, chosen.max(axis=1)),
        )

    def box(self, height: int, gap: tuple[int, int]) -> Box:
        """Return what is not zero; everything if all is."""
        if self._first < 0:
            return Box(0, height, 0, len(self._columns))
        columns = np.flatnonzero(self._columns)
        return Box(
            max(self._first - gap[0], 0),
            min(self._last + 1 + gap[0], height),
            max(int(columns[0]) - gap[1], 0),
            min(int(columns[-1]) + 1 + gap[1], len(self._columns)),
        )

    def moments(self, seen: int) -> Iterator[Moments]:
        """Of each channel; `seen` pixels of the box were read, zeros included."""
        zeros = max(seen - self._inner, 0)
        mean, squares = self._mean, self._squares
        if zeros:
            nothing = np.zeros_like(mean)
            mean, squares = _merged((self._inner, mean, squares), (zeros, nothing, nothing))
        low, high = self._low, self._high
        if zeros or not self._inner:
            low, high = np.minimum(low, 0), np.maximum(high, 0)
        for channel in range(len(mean)):
            yield Moments(
                mean=float(mean[channel]),
                std=float(np.sqrt(squares[channel] / max(self._inner + zeros, 1))),
                low=float(low[channel]),
                high=float(high[channel]),
                inner_mean=float(self._mean[channel]),
                inner_std=float(np.sqrt(self._squares[channel] / max(self._inner, 1))),
            )


def _common(window: tuple[slice, slice], box: Box) -> int:
    """How many pixels of a window lie in a box."""
    rows, columns = window
    height = min(rows.stop, box.y1) - max(rows.start, box.y0)
    return max(0, height) * max(0, min(columns.stop, box.x1) - max(columns.start, box.x0))


_Part = tuple[int, NDArray[np.float64], NDArray[np.float64]]


def _merged(one: _Part, other: _Part) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and sum of squared deviations of two sets of values (count, mean, squares) together."""
    count = one[0] + other[0]
    apart = other[1] - one[1]
    mean = one[1] + apart * (other[0] / count)
    return mean, one[2] + other[2] + apart**2 * (one[0] * other[0] / count)

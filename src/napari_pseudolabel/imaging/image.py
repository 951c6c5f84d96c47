"""An image layer or file, looked at plane by plane."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

import numpy as np

from napari_pseudolabel.budget import check_memory
from napari_pseudolabel.errors import InputError, PseudolabelError
from napari_pseudolabel.imaging.placement import SQUARE_WITHIN, Placement
from napari_pseudolabel.imaging.reading.read_request import Position, ReadRequest
from napari_pseudolabel.imaging.server_answers import is_of_a_server, meant, told

Channel = int | Literal["mean", "luminance"] | str
"""An index picks one channel, as does a name that its file gives it; ``mean`` averages all; ``luminance`` weighs red, green and blue."""
COMBINED = ("mean", "luminance")

Window = tuple[slice, slice]

_LETTERS = "TZCYXS"
# Rec. 709 weights, as in skimage.color.rgb2gray.
_LUMINANCE = np.array([0.2125, 0.7154, 0.0721], dtype=np.float32)


class ArrayLike(Protocol):
    """What an image needs of its data: numpy, dask and zarr arrays have it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of every axis."""

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of the values."""

    def __getitem__(self, key: Any, /) -> Any: ...


@dataclass(frozen=True, eq=False)
class Image:
    """An image layer or file; nothing is read before a plane is asked for.

    Attributes
    ----------
    data
        numpy, dask or zarr array of bool, integers or real floats; level 0 of a multiscale image.
    axes
        One letter per axis of `data`: T time, Z depth, C channel, Y, X, and S for the three or four
        samples of RGB(A), which come last. Y comes directly before X once C and S are left out.
    placement
        Of the axes that stay in a label image: all but C and S.
    name
        As shown to the person.
    path
        The file it was read from.
    notes
        Sentences for the person about what reading had to assume or leave out.
    modality
        What it shows, such as "SEM", as models name it; empty if unknown.
    files
        All files that it lies in, where it was read from several.
    part_of
        The image that this one was cut out of, whose intensities count in the place of its own; None for a whole one.
    channel_names
        Of its channels, where the file tells them.
    request
        With which `path` was read, where it was; so that others can read it again.

    Raises
    ------
    InputError
        When axes, data and placement do not fit each other.
    """

    data: ArrayLike
    axes: str
    placement: Placement
    name: str
    path: str | None = None
    notes: tuple[str, ...] = ()
    modality: str = ""
    files: tuple[str, ...] = ()
    part_of: PartOf | None = None
    channel_names: tuple[str, ...] = ()
    request: ReadRequest | None = None

    def __post_init__(self) -> None:
        shape = tuple(self.data.shape)
        unknown = sorted(set(self.axes) - set(_LETTERS))
        if unknown:
            raise InputError(
                f"{self.name} has axes {self.axes!r}, and {', '.join(unknown)} cannot be handled; "
                f"bring it to axes out of {_LETTERS}."
            )
        if max(Counter(self.axes).values(), default=0) > 1 or len(self.axes) != len(shape):
            raise InputError(
                f"The axes {self.axes!r} do not fit the shape {shape} of {self.name}; correct them."
            )
        if not self.plane_axes.endswith("YX") or "S" in self.axes[:-1]:
            raise InputError(
                f"{self.name} has the axes {self.axes!r}; transpose it so that Y and X come last "
                "(RGB samples behind them)."
            )
        if "C" in self.axes and "S" in self.axes:
            raise InputError(f"{self.name} has channels and RGB samples; keep one of the two.")
        if "S" in self.axes and shape[-1] not in (3, 4):
            raise InputError(
                f"{self.name} has {shape[-1]} samples per pixel, but RGB(A) has 3 or 4; name them C."
            )
        if 0 in shape:
            raise InputError(f"{self.name} is empty (shape {shape}); choose another image.")
        if np.dtype(self.data.dtype).kind not in "buif":
            raise InputError(
                f"{self.name} holds values of type {self.data.dtype}; convert it to integers or real floats."
            )
        if self.placement.ndim != len(self.plane_axes):
            raise InputError(
                f"The placement of {self.name} has {self.placement.ndim} axes, but {self.plane_axes!r} needs "
                f"{len(self.plane_axes)} (channels and RGB samples do not count)."
            )

    @property
    def position(self) -> Position | None:
        """Which of several images of its file it is, as somebody asked for it; None where nobody did."""
        return None if self.request is None else self.request.position

    @property
    def plane_axes(self) -> str:
        """Axes of a label image of this image, such as ``"TYX"``."""
        return "".join(letter for letter in self.axes if letter not in "CS")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a label image of this image."""
        return tuple(
            int(size) for size, letter in zip(self.data.shape, self.axes, strict=True) if letter not in "CS"
        )

    @property
    def channels(self) -> int:
        """Number of channels that an index can pick; alpha does not count."""
        if "S" in self.axes:
            return 3
        return int(self.data.shape[self.axes.index("C")]) if "C" in self.axes else 1

    @property
    def default_channel(self) -> Channel:
        """Luminance of RGB, else the first channel."""
        return "luminance" if "S" in self.axes else 0

    def assumed(self, channel: Channel | None = None) -> tuple[str, ...]:
        """Sentences for the person: `notes`, that pixels are not square, and which of several channels is taken where nobody chose one."""
        notes, aspect = self.notes, self.placement.pixel_aspect
        if abs(aspect - 1) > SQUARE_WITHIN:
            notes += (
                f"The pixels of {self.name} are {aspect:.3g} times as high as wide, and it was used as it is: objects look stretched.",
            )
        if channel is not None or "C" not in self.axes or self.channels == 1:
            return notes
        return (*notes, f"{self.name} has {self.channels} channels, of which the first, 0, was used.")

    def planes(self) -> Iterator[tuple[int, ...]]:
        """Return indices over the axes before Y and X, in C order; one empty tuple for ``"YX"``."""
        return np.ndindex(*self.shape[:-2])

    def plane(
        self, index: tuple[int, ...] = (), channel: Channel | None = None, window: Window | None = None
    ) -> np.ndarray:
        """Read one plane.

        Parameters
        ----------
        index
            One of `planes`.
        channel
            Which channel, or how to combine them; None for `default_channel`.
        window
            Slices of Y and X to read, the whole plane when None.

        Returns
        -------
        (Y, X) float32
            Raw values; False and True become 0 and 1. What is infinite, as after a division by 0, has no value, as NaN has none.

        Raises
        ------
        InputError
            When there is no such plane or channel, or the file cannot be read.
        """
        key = self.selection(index, channel, window)
        if not isinstance(self.data, np.ndarray):
            sizes = [
                len(range(*part.indices(size)))
                for part, size in zip(key, self.data.shape, strict=True)
                if isinstance(part, slice)
            ]
            check_memory(
                math.prod(sizes) * (np.dtype(self.data.dtype).itemsize + 4), f"A plane of {self.name}"
            )
        try:
            values = np.asarray(self.data[key])
        except (MemoryError, PseudolabelError):
            raise
        except Exception as error:  # decoders and stores raise whatever they like
            why = told(meant(error), "its server") if is_of_a_server(error) else None
            raise InputError(
                f"A plane of {self.name} cannot be read; {why or f'the file may be damaged ({error})'}."
            ) from error
        decimal = values.dtype.kind == "f"
        with np.errstate(over="ignore"):  # beyond what 32 bit hold
            values = values.astype(np.float32)
        if decimal:
            values[np.isinf(values)] = np.nan
        if values.ndim == 2:
            return values
        chosen = self.default_channel if channel is None else self.told_channel(channel)
        # The channel axis may stand anywhere: count the slices before it.
        channel_axis = next(at for at, letter in enumerate(self.axes) if letter in "CS")
        position = sum(isinstance(part, slice) for part in key[:channel_axis])
        if chosen == "mean":
            return values.mean(axis=position, dtype=np.float32)
        return np.tensordot(values, _LUMINANCE, axes=(position, 0)).astype(np.float32)

    def selection(
        self, index: tuple[int, ...], channel: Channel | None, window: Window | None
    ) -> tuple[int | slice, ...]:
        """Return what `plane` reads of `data`, by axis; raises as it does."""
        leading = self.shape[:-2]
        if len(index) != len(leading) or not all(0 <= i < n for i, n in zip(index, leading, strict=True)):
            raise InputError(f"{self.name} has no plane {index}: it has {leading or 'a single plane'}.")
        chosen = self.told_channel(self.default_channel if channel is None else channel)
        rest = iter(index)
        spatial = dict(zip("YX", window or (slice(None), slice(None)), strict=True))
        samples: int | slice = chosen if isinstance(chosen, int) else slice(0, self.channels)
        return tuple(
            spatial[letter] if letter in "YX" else samples if letter in "CS" else int(next(rest))
            for letter in self.axes
        )

    def told_channel(self, channel: Channel) -> Channel:
        """Return the index of a channel, or how channels are combined; of a single channel all combinations are that channel.

        Raises
        ------
        InputError
            If there is no such channel, or several have that name.
        """
        count = self.channels
        if isinstance(channel, (int, np.integer)) and 0 <= channel < count:
            return int(channel) if count > 1 or set("CS") & set(self.axes) else 0
        if channel not in COMBINED:
            return self._named_channel(str(channel))
        if count == 1:
            return 0
        if channel == "luminance" and count != 3:
            raise InputError(
                f"{self.name} has {count} channels, so it has no luminance; give an index or 'mean'."
            )
        return channel

    def _named_channel(self, name: str) -> int:
        """Index of the channel that the file calls so; names of dyes and wavelengths may be numbers."""
        exact = [number for number, one in enumerate(self.channel_names) if name and one == name]
        alike = [n for n, one in enumerate(self.channel_names) if name and one.casefold() == name.casefold()]
        found = exact or alike
        if len(found) == 1:
            return found[0]
        if found:
            listed = " and ".join(map(str, found))
            raise InputError(f"The channels {listed} of {self.name} are all called {name}; give a number.")
        if any(self.channel_names):
            told = ", ".join(f"{number} ({one})" for number, one in enumerate(self.channel_names))
            raise InputError(f"{self.name} has no channel {name}; it has {told}.")
        count = f"0 to {self.channels - 1}" if self.channels > 1 else "0, the only one"
        raise InputError(
            f"{self.name} has no channel {name}, and its channels have no names; choose {count}."
        )


@dataclass(frozen=True, eq=False)
class PartOf:
    """Where a region that is an image of its own comes from.

    Attributes
    ----------
    image
        The whole.
    y0, x0
        Its pixel that is the first of the part.
    channel
        The one that was taken; None for all.
    """

    image: Image
    y0: int
    x0: int
    channel: int | None = None


def from_array(
    data: ArrayLike | Sequence[ArrayLike],
    axes: str | None = None,
    placement: Placement | None = None,
    name: str = "image",
) -> Image:
    """Make an image of an array.

    Parameters
    ----------
    data
        numpy, dask or zarr array, or the list of levels of a multiscale image, largest first.
    axes
        One letter per axis, see `Image`. When None they are taken from the axis labels of
        `placement` if these are such letters; else two axes are ``"YX"``, and three axes of which
        the last holds 3 or 4 values are ``"YXS"``. Anything else could mean several things.
    placement
        Of all axes but C and S; identity in pixels when None.
    name
        As shown to the person.

    Raises
    ------
    InputError
        When the axes cannot be told, or do not fit.
    """
    data = finest(data)
    if np.ma.isMaskedArray(data) and np.ma.is_masked(data):
        raise InputError(f"{name} has masked values; fill them first, with NaN in an image and 0 in labels.")
    known = hasattr(data, "shape") and (isinstance(getattr(data, "dtype", None), np.dtype))
    array = cast(ArrayLike, data if known else np.asarray(data))
    letters = guess_axes(tuple(array.shape), placement) if axes is None else axes.upper()
    if letters is None:
        raise InputError(
            f"An array of shape {tuple(array.shape)} can be read in several ways; say what its axes are, "
            "for example axes='ZYX' for planes, 'TYX' for time or 'CYX' for channels."
        )
    if placement is None:
        kept = "".join(letter for letter in letters if letter not in "CS")
        placement = Placement.identity(len(kept), kept)
    return Image(array, letters, placement, name)


def finest(data: Any) -> Any:
    """Return an array, or of several levels, as layers and readers hold them, the finest: numpy takes the coarsest without a word.

    Raises
    ------
    InputError
        If these are no levels, because they have one shape.
    """
    if not isinstance(data, Sequence) or not len(data) or not hasattr(data[0], "shape"):
        return data
    if len(data) > 1 and tuple(data[0].shape) == tuple(data[1].shape):
        raise InputError(
            f"A list of {len(data)} arrays of one shape is no image; hand in one by one, or a stack: np.stack(...) with axes='ZYX'."
        )
    return data[0]


def guess_axes(shape: tuple[int, ...], placement: Placement | None = None) -> str | None:
    """Axes that follow from a shape or from axis labels beyond doubt, None otherwise."""
    if placement is not None and placement.axis_labels is not None:
        letters = "".join(label[:1].upper() if len(label) == 1 else "?" for label in placement.axis_labels)
        if set(letters) <= set("TZCYX") and len(set(letters)) == len(letters):
            if len(letters) == len(shape):
                return letters
            if len(letters) == len(shape) - 1 and shape[-1] in (3, 4):
                return letters + "S"
    if len(shape) == 2:
        return "YX"
    if len(shape) == 3 and shape[-1] in (3, 4):
        return "YXS"
    return None

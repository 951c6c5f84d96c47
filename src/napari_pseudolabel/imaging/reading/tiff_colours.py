"""What the samples of a TIFF page mean: grey, inverted, a palette, colours, channels, or indices of labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from numpy.typing import DTypeLike, NDArray
from tifffile import PHOTOMETRIC

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.image import ArrayLike
from napari_pseudolabel.imaging.reading.transparency import refuse_hidden_labels, unseen_words
from napari_pseudolabel.types import Array

if TYPE_CHECKING:
    import dask.array as da

Block = Array

_PHOTOMETRIC_TAG, _ORIENTATION_TAG, _INK_SET_TAG = 262, 274, 332
_ALPHA = (1, 2)
_SIGN = 2**15
_GREY = (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MASK, PHOTOMETRIC.LINEAR_RAW)
# The decoders of these hand out RGB already.
_LOSSY = (6, 7)  # JPEG
_DECODED_TO_RGB = (6, 7, 33003, 33007, 34892)
# ITU-R BT.601, which TIFF 6.0 takes for granted.
_RED, _GREEN, _BLUE = 0.299, 0.587, 0.114


@dataclass(frozen=True)
class Pixels:
    """Values with their axes, samples of RGB last, and sentences for the person."""

    data: ArrayLike
    axes: str
    notes: tuple[str, ...] = ()


def lazy(data: ArrayLike) -> Any:
    """Return `data` with numpy's reshaping: itself in memory, else a dask array of planes."""
    if isinstance(data, np.ndarray):
        return data
    import dask.array as da  # most files fit into memory, and do without

    return data if isinstance(data, da.Array) else da.from_zarr(data)


def samples_last(data: ArrayLike, axes: str) -> Pixels:
    """Move the samples of planar colours behind Y and X."""
    if "S" not in axes[:-1]:
        return Pixels(data, axes)
    order = [*(position for position, letter in enumerate(axes) if letter != "S"), axes.index("S")]
    return Pixels(lazy(data).transpose(order), "".join(axes[position] for position in order))


def signed(pixels: Pixels, tif: tifffile.TiffFile) -> Pixels:
    """Return the signed values that ImageJ stores as 16 bit without a sign, 32768 higher, and says so by its calibration."""
    told = tif.imagej_metadata or {}
    shift = tuple(told.get(name) for name in ("cf", "c0", "c1"))
    if np.dtype(pixels.data.dtype).newbyteorder("=") != np.uint16 or shift != (0, -_SIGN, 1):
        return pixels

    def back(values: Block) -> Block:
        return (values.astype(np.uint16) ^ np.uint16(_SIGN)).view(np.int16)

    return Pixels(_mapped(pixels.data, back, np.int16), pixels.axes, pixels.notes)


def as_picture(pixels: Pixels, page: tifffile.TiffPage, *, table_is_for_display: bool, told: bool) -> Pixels:
    """Return what a viewer that knows the page's photometric interpretation would show.

    Parameters
    ----------
    pixels
        Stored values; samples, if there are any, come last and are called S.
    page
        That tells what they mean.
    table_is_for_display
        Whether a colour table that only becomes brighter is one for looking at measured values, as ImageJ writes.
    told
        Whether a person said what the axes are, so that S are colours, whatever the page says.

    Raises
    ------
    InputError
        For colours that cannot be brought to RGB.
    """
    found = _shown(pixels, page, table_is_for_display=table_is_for_display, told=told)
    if isinstance(pixels.data, np.ndarray) and _has_alpha(pixels, page):
        return replace(found, notes=(*found.notes, *unseen_words(pixels.data[..., -1])))
    return found


def _has_alpha(pixels: Pixels, page: tifffile.TiffPage) -> bool:
    return pixels.axes.endswith("S") and bool(page.extrasamples) and int(page.extrasamples[-1]) in _ALPHA


def _shown(pixels: Pixels, page: tifffile.TiffPage, *, table_is_for_display: bool, told: bool) -> Pixels:
    kind = _photometric(page)
    data, axes = pixels.data, pixels.axes
    if kind == PHOTOMETRIC.MINISWHITE:
        data = _mapped(data, _inverter(page))
    if kind == PHOTOMETRIC.PALETTE and page.colormap is not None and not axes.endswith("S"):
        return _from_table(data, axes, np.asarray(page.colormap), table_is_for_display, page.parent.filename)
    if told and kind in _GREY:
        return Pixels(data, axes)
    if kind in _GREY or kind == PHOTOMETRIC.PALETTE or not axes.endswith("S"):
        return _channels(data, axes, page)
    return _colours(data, axes, page, kind)


def as_indices(pixels: Pixels, page: tifffile.TiffPage, *, told: bool) -> Pixels:
    """Values of a label file as they are stored: no palette is applied, nothing is inverted.

    Parameters
    ----------
    pixels, page, told
        As for `as_picture`.
    """
    if int(page.compression) in _LOSSY:
        raise InputError(
            f"{page.parent.filename} is compressed as JPEG, which changes values; save labels as PNG or as TIFF."
        )
    if _has_alpha(pixels, page):
        samples = np.asarray(pixels.data)
        refuse_hidden_labels(samples[..., :-1], samples[..., -1], page.parent.filename)
    kind = _photometric(page)
    if kind in _GREY or kind == PHOTOMETRIC.PALETTE or not pixels.axes.endswith("S"):
        found = _channels(pixels.data, pixels.axes, page)
        if kind == PHOTOMETRIC.MINISWHITE:
            white = "It is stored with 0 for white; the stored values are the labels, so 0 is what viewers show white."
            return Pixels(found.data, found.axes, (*found.notes, white))
        return found
    if kind != PHOTOMETRIC.RGB:
        raise InputError(
            f"{page.parent.filename} stores colours as {_name(kind)}; give labels with one integer per pixel."
        )
    colours = lazy(pixels.data)[..., :3]
    if told or page.planarconfig != 2:
        return Pixels(colours, pixels.axes)
    if _equal(colours):
        taken = "Its three planes are marked as red, green and blue, and are the same; they were taken for one plane of labels."
        return Pixels(colours, pixels.axes, (taken,))
    # Programs that see three or four planes take them for planar colours when they write: as colours they would be no labels.
    free = next((letter for letter in "ZT" if letter not in pixels.axes), None)
    if free is None:
        return Pixels(colours, pixels.axes)
    planes = np.moveaxis(np.asarray(pixels.data), -1, 0)
    taken = f"Its {len(planes)} planes are marked as colours, but differ; they were taken for {len(planes)} planes of labels."
    return Pixels(planes, free + pixels.axes[:-1], (taken,))


def check_tables(series: tifffile.TiffPageSeries) -> None:
    """Refuse pages that have palettes of their own, because one would be used for all of them.

    Raises
    ------
    InputError
        If two differ.
    """
    first = series.keyframe
    if first.photometric != PHOTOMETRIC.PALETTE or len(series) == 1:
        return
    palette = np.asarray(first.colormap)
    for page in series:
        if page is not None and not np.array_equal(np.asarray(page.aspage().colormap), palette):
            raise InputError(
                f"The pages of {first.parent.filename} have differing palettes; save them as RGB."
            )


def turned(page: tifffile.TiffPage) -> tuple[str, ...]:
    """Return a sentence if other programs may show a page turned or mirrored."""
    tag = page.tags.get(_ORIENTATION_TAG)
    if tag is None or tag.value not in range(2, 9):
        return ()
    return (
        f"It asks viewers to turn it (orientation {tag.value}); its pixels were used as they are stored.",
    )


def _photometric(page: tifffile.TiffPage) -> int:
    if page.bitspersample == 1 and page.software.startswith("tifffile"):
        return int(PHOTOMETRIC.MINISBLACK)  # it calls True black where nobody said so
    if _PHOTOMETRIC_TAG not in page.tags:
        return int(PHOTOMETRIC.RGB if page.samplesperpixel >= 3 else PHOTOMETRIC.MINISBLACK)
    return int(page.photometric)


def _name(kind: int) -> str:
    try:
        return str(PHOTOMETRIC(kind).name)
    except ValueError:
        return f"photometric interpretation {kind}"


def _equal(samples: Array | da.Array) -> bool:
    first = np.asarray(samples[..., 0])
    return all(np.array_equal(first, np.asarray(samples[..., n])) for n in range(1, samples.shape[-1]))


def _mapped(
    data: ArrayLike, change: Callable[[Block], Block], dtype: DTypeLike | None = None, **axes: Any
) -> ArrayLike:
    """Change the values of an array, at once in memory, else when a plane is asked for."""
    if isinstance(data, np.ndarray):
        return change(data)
    found: ArrayLike = lazy(data).map_blocks(change, dtype=dtype or data.dtype, **axes)
    return found


def _inverter(page: tifffile.TiffPage) -> Callable[[Block], Block]:
    bits = page.bitspersample

    def invert(values: Block) -> Block:
        if values.dtype.kind == "f":
            return (1 - values).astype(values.dtype)
        if values.dtype.kind == "u" and bits < values.dtype.itemsize * 8:
            return (2**bits - 1 - values).astype(values.dtype)
        return np.invert(values)

    return invert


def _from_table(
    data: ArrayLike, axes: str, table: NDArray[np.uint16], for_display: bool, where: str
) -> Pixels:
    # Some programs write 8-bit colours into the 16-bit table.
    colours = (table if table.max() < 256 else table >> 8).astype(np.uint8)
    if (colours == colours[0]).all():
        return Pixels(_mapped(data, lambda values: colours[0][values], np.uint8), axes)
    brightness = _RED * table[0] + _GREEN * table[1] + _BLUE * table[2]
    if for_display and (np.diff(brightness) >= 0).all():
        return Pixels(data, axes, ("It has a colour table for display; the values themselves were used.",))
    if "C" in axes:
        raise InputError(f"{where} has channels and a palette; save it as RGB or as channels.")
    by_index = np.ascontiguousarray(colours.T)
    more = (
        {} if isinstance(data, np.ndarray) else {"new_axis": len(axes), "chunks": (*lazy(data).chunks, (3,))}
    )
    return Pixels(_mapped(data, lambda values: by_index[values], np.uint8, **more), axes + "S")


def _channels(data: ArrayLike, axes: str, page: tifffile.TiffPage) -> Pixels:
    """Return samples of a grey image are channels, but for transparency."""
    if not axes.endswith("S"):
        return Pixels(data, axes)
    extra = [int(sample) for sample in page.extrasamples]
    count = int(data.shape[-1])
    while count > 1 and extra and extra.pop() in _ALPHA:
        count -= 1
    kept = lazy(data)[..., :count]
    if count == 1:
        return Pixels(kept[..., 0], axes[:-1])
    if "C" not in axes:
        return Pixels(kept, axes[:-1] + "C")
    return _joined(kept, axes)


def _joined(data: Any, axes: str) -> Pixels:
    """Make the samples of every channel channels of their own."""
    position = axes.index("C")
    moved = np.moveaxis(data, -1, position + 1)
    shape = (*moved.shape[:position], -1, *moved.shape[position + 2 :])
    return Pixels(moved.reshape(shape), axes[:-1])


def _colours(data: ArrayLike, axes: str, page: tifffile.TiffPage, kind: int) -> Pixels:
    count, extra = int(data.shape[-1]), [int(sample) for sample in page.extrasamples]
    more_than_colours = count > 4 and any(one not in _ALPHA for one in extra)
    notes: tuple[str, ...] = ()
    if kind == PHOTOMETRIC.SEPARATED:
        if count < 4 or (_INK_SET_TAG in page.tags and page.tags[_INK_SET_TAG].value != 1):
            return _channels(data, axes, page)
        data = _blockwise(data, 4, _cmyk_to_rgb)
    elif kind == PHOTOMETRIC.YCBCR and int(page.compression) not in _DECODED_TO_RGB:
        data = _blockwise(data, 3, _ycbcr_to_rgb)
    elif kind not in (PHOTOMETRIC.RGB, PHOTOMETRIC.YCBCR):
        raise InputError(
            f"{page.parent.filename} stores colours as {_name(kind)}, which cannot be handled; save it as RGB."
        )
    elif count < 3 or count > 3 + max(len(extra), 1) or more_than_colours:
        told = (
            f"It has {count} samples per pixel, of which only three are colours; all were taken for channels."
        )
        found = _channels(data, axes, page)
        return Pixels(found.data, found.axes, (told,))
    elif count == 4 and (extra or [0])[0] not in _ALPHA:
        notes = ("What its fourth sample per pixel is it does not say; it was taken for transparency.",)
    # Of RGBA the image leaves out the last by itself.
    data = lazy(data)[..., : 4 if count == 4 and "C" not in axes else 3]
    if "C" not in axes:
        return Pixels(data, axes, notes)
    position = axes.index("C")
    if data.shape[position] == 1:
        return Pixels(data[(slice(None),) * position + (0,)], axes.replace("C", ""), notes)
    told = (
        f"Its {data.shape[position]} channels have three colours each; all of these were taken for channels."
    )
    found = _joined(data, axes)
    return Pixels(found.data, found.axes, (*notes, told))


def _blockwise(data: ArrayLike, samples: int, change: Callable[[Block], Block]) -> ArrayLike:
    """Change the colours of all pixels; all samples of a pixel are in one block."""
    kept = lazy(data)[..., :samples]
    if isinstance(kept, np.ndarray):
        return change(kept)
    whole = kept.rechunk({kept.ndim - 1: -1})
    found: ArrayLike = whole.map_blocks(change, dtype=data.dtype, chunks=(*whole.chunks[:-1], (3,)))
    return found


def _full(values: Block) -> float:
    return float(np.iinfo(values.dtype.name).max) if values.dtype.kind in "ui" else 1.0


def _back(values: Block, dtype: np.dtype[np.generic], full: float) -> Block:
    return (np.rint(values.clip(0, full)) if dtype.kind in "ui" else values).astype(dtype)


def _cmyk_to_rgb(values: Block) -> Block:
    full = _full(values)
    ink = values.astype(np.float64) / full
    return _back((1 - ink[..., :3]) * (1 - ink[..., 3:]) * full, values.dtype, full)


def _ycbcr_to_rgb(values: Block) -> Block:
    full = _full(values)
    middle = (full + 1) / 2 if values.dtype.kind in "ui" else 0.5
    y, cb, cr = (values[..., n].astype(np.float64) - (middle if n else 0) for n in range(3))
    red, blue = y + (2 - 2 * _RED) * cr, y + (2 - 2 * _BLUE) * cb
    green = (y - _RED * red - _BLUE * blue) / _GREEN
    return _back(np.stack([red, green, blue], axis=-1), values.dtype, full)

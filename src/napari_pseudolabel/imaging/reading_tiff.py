"""TIFF and its dialects: OME-TIFF, ImageJ, pyramids."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import tifffile
import zarr

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.image import ArrayLike
from napari_pseudolabel.imaging.source import Source
from napari_pseudolabel.imaging.tiff_sizes import coarser, imagej_sizes, ome_sizes

_IN_MEMORY_BYTES = 2**28
_DESCRIPTION = 270


def read_tiff(path: Path, level: int) -> Source:
    """Read the first image of a TIFF file.

    Raises
    ------
    InputError
        When there is no such level or no image. Decoders raise other errors on damaged files.
    """
    with tifffile.TiffFile(path) as tif:
        if not tif.series:
            raise InputError(f"{path} is a TIFF file without an image; choose another file.")
        _check_description(tif, path)
        levels = tif.series[0].levels
        if not 0 <= level < len(levels):
            raise InputError(f"{path} has {len(levels)} level(s), so level {level} does not exist.")
        full, wanted = levels[0], levels[level]
        steps, own_axes, placement = ome_sizes(tif.ome_metadata) if tif.is_ome else ({}, None, None)
        if tif.is_imagej:
            steps = imagej_sizes(tif)
        if level:
            placement = None
            steps = coarser(steps, dict(zip(full.axes, full.shape, strict=True)), wanted)
        axes = wanted.axes
        data: ArrayLike
        if wanted.size * wanted.dtype.itemsize <= _IN_MEMORY_BYTES:
            data = wanted.asarray()
        else:
            data = zarr.open_array(tifffile.imread(path, aszarr=True, series=0, level=level), mode="r")
    data, axes = _with_single_axes(data, axes, own_axes)
    data, axes = _samples_last(data, axes)
    axes = _known_letters(axes, data.shape)
    if placement is not None and placement.ndim != len(set(axes) - set("CS")):
        placement = None
    return Source(data, axes, steps, placement)


def _check_description(tif: tifffile.TiffFile, path: Path) -> None:
    """Refuse a file that lost its description, and with it the pixel size, behind its end.

    tifffile skips tags that point behind the end of a file, and descriptions are often written last.
    """
    layout, page, file = tif.tiff, tif.pages.first, tif.filehandle
    file.seek(page.offset)
    (count,) = struct.unpack(layout.tagnoformat, file.read(layout.tagnosize))
    entries = file.read(count * layout.tagsize)
    codes = {
        struct.unpack_from(f"{layout.byteorder}H", entries, number * layout.tagsize)[0]
        for number in range(count)
    }
    if _DESCRIPTION in codes and _DESCRIPTION not in page.tags:
        raise InputError(f"{path} is cut short: its description is lost; copy or download it again.")


def _lazy(data: ArrayLike) -> Any:
    """`data` with numpy's reshaping: itself in memory, else a dask array of planes."""
    return data if isinstance(data, np.ndarray) else da.from_zarr(data)


def _with_single_axes(data: ArrayLike, axes: str, wanted: str | None) -> tuple[ArrayLike, str]:
    """Bring back the axes of length 1 that reading has squeezed away."""
    if wanted is None or wanted == axes or [letter for letter in wanted if letter in axes] != list(axes):
        return data, axes
    return _lazy(data)[tuple(slice(None) if letter in axes else None for letter in wanted)], wanted


def _samples_last(data: ArrayLike, axes: str) -> tuple[ArrayLike, str]:
    """Move the samples of planar RGB behind Y and X."""
    if "S" not in axes[:-1]:
        return data, axes
    order = [*(position for position, letter in enumerate(axes) if letter != "S"), axes.index("S")]
    return _lazy(data).transpose(order), "".join(axes[position] for position in order)


def _known_letters(axes: str, shape: tuple[int, ...]) -> str:
    """Name axes that the file leaves open: planes, then time; samples that are not RGB are channels."""
    if axes.endswith("S") and shape[-1] not in (3, 4) and "C" not in axes:
        axes = axes[:-1] + "C"
    free = [letter for letter in "ZT" if letter not in axes]
    return "".join(free.pop(0) if letter in "IQ" and free else letter for letter in axes)

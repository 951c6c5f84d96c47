"""TIFF and its dialects: OME-TIFF, ImageJ, pyramids."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import tifffile

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.image import ArrayLike
from napari_pseudolabel.imaging.reading.claims import check_pixels, check_set
from napari_pseudolabel.imaging.reading.read_request import ReadRequest
from napari_pseudolabel.imaging.reading.source import Source
from napari_pseudolabel.imaging.reading.tiff_colours import (
    Pixels,
    as_indices,
    as_picture,
    check_tables,
    lazy,
    samples_last,
    signed,
    turned,
)
from napari_pseudolabel.imaging.reading.tiff_series import (
    along_an_axis,
    are_equal_pages,
    ask_along,
    belongs_to_a_set,
    channel_names,
    chosen_series,
    described_elsewhere,
    files_of,
    number_in_xml,
    under_its_own_name,
    whole_part,
)
from napari_pseudolabel.imaging.reading.tiff_sizes import coarser, tiff_sizes

_IN_MEMORY_BYTES = 2**28
_DESCRIPTION = 270


def read_tiff(path: Path, request: ReadRequest) -> Source:
    """Read one image of a TIFF file.

    Raises
    ------
    InputError
        When there is no such level, position or image, or files of its set are missing. Decoders raise other errors
        on damaged files.
    """
    with _opened(path, one_by_one=request.position is not None) as tif:
        series, position, notes = chosen_series(tif, path, request.position)
        _check_description(tif, path)
        levels = series.levels
        if not 0 <= request.level < len(levels):
            raise InputError(f"{path} has {len(levels)} level(s), so level {request.level} does not exist.")
        full, level = levels[0], levels[request.level]
        whole, told = whole_part(tif, full, path)
        files = files_of(full, path)
        number = number_in_xml(tif, series) if tif.is_ome else 0
        sizes = tiff_sizes(tif, full.keyframe, number)
        steps, placement = sizes.steps, sizes.placement
        if request.level:
            placement = None
            steps = coarser(steps, dict(zip(full.axes, full.shape, strict=True)), level)
        if not tif.is_ome:  # whose planes may be in other files
            check_pixels(level.size * level.dtype.itemsize, path.stat().st_size, path)
        data: ArrayLike
        if level.size * level.dtype.itemsize <= _IN_MEMORY_BYTES:
            data = level.asarray()
        else:
            import zarr

            store = tifffile.imread(
                path,
                aszarr=True,
                series=tif.series.index(series),
                level=request.level,
                omexml=tif.ome_metadata,
                is_shaped=tif.is_shaped,
            )
            data = zarr.open_array(store, mode="r")
        if whole is not None:
            data = lazy(data)[:whole]
        pixels = _with_axes(data, level, replace(request, position=position), path)
        if request.axes is None:
            pixels = _with_single_axes(pixels, sizes.axes)
        pixels = signed(pixels, tif)
        if request.labels:
            pixels = as_indices(pixels, level.keyframe, told=request.axes is not None)
        else:
            check_tables(level)
            pixels = as_picture(
                pixels,
                level.keyframe,
                table_is_for_display=tif.is_imagej or tif.is_ome,
                told=request.axes is not None,
            )
        told += turned(level.keyframe)
        shape = dict(zip(pixels.axes, pixels.data.shape, strict=False))
        names = channel_names(tif, number, shape.get("C", 0))
    axes = pixels.axes if request.axes else _known_letters(pixels.axes)
    if request.axes is not None or (placement is not None and placement.ndim != len(set(axes) - set("CS"))):
        placement = None
    return Source(
        pixels.data, axes, steps, placement, (*notes, *told, *pixels.notes, *sizes.notes), files, names
    )


def ask_tiff(path: Path) -> None:
    """Raise SeveralImages where `read_tiff` would ask which image is meant; pixels are not read for that.

    Of a set of files nothing is asked: each stands for the image that begins in it.
    """
    with _opened(path, one_by_one=False) as tif:
        if not (tif.is_ome and belongs_to_a_set(tif.ome_metadata)):
            series, _, _ = chosen_series(tif, path, None)
            ask_along(series.axes, series.shape, path)


@contextmanager
def _opened(path: Path, *, one_by_one: bool) -> Iterator[tifffile.TiffFile]:
    """Open a file together with the others of its set, wherever the set is described.

    Equal pages that were written one by one, each with a description of its own, are one stack, as in a file without
    descriptions; `one_by_one` leaves them apart.
    """
    with tifffile.TiffFile(path) as tif:
        xml = tif.ome_metadata if tif.is_ome else None
        check_set(xml, path)
        better = described_elsewhere(xml, path) or under_its_own_name(xml, path)
        if better is None and (one_by_one or not are_equal_pages(tif)):
            yield tif
            return
    if better is None:
        with tifffile.TiffFile(path, is_shaped=False) as tif:
            yield tif
        return
    check_set(better, path)
    with tifffile.TiffFile(path, omexml=better) as tif:
        yield tif


def _with_axes(data: ArrayLike, series: tifffile.TiffPageSeries, request: ReadRequest, path: Path) -> Pixels:
    """Name the axes: as the person says, else as the file does. Samples of a pixel come last and are called S."""
    axes, letters = series.axes, request.letters
    notes: tuple[str, ...] = ()
    if letters is None or len(letters) == len(axes) - 1 or request.position is not None:
        data, axes, notes = along_an_axis(data, axes, path, request.position)
    if letters is None:
        return replace(samples_last(data, axes), notes=notes)
    if len(letters) > len(axes):
        # Axes of length 1 that tifffile leaves out.
        shape, stored = series.get_shape(False), series.get_axes(False)
        kept = [n for n, letter in enumerate(stored) if letter != "S" or shape[n] > 1]
        if len(letters) == len(kept) and not notes:
            data, axes = lazy(data).reshape([shape[n] for n in kept]), "".join(stored[n] for n in kept)
    if "S" in axes and len(letters) == len(axes) - 1 and "S" not in letters:
        letters += "S"  # whoever says where the planes are need not say that there are colours
    if letters[-1:] in ("S", "C"):
        moved = samples_last(data, axes)
        data, axes = moved.data, moved.axes
    return Pixels(data, letters, notes)


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


def _with_single_axes(pixels: Pixels, request: str | None) -> Pixels:
    """Bring back the axes of length 1 that reading has squeezed away."""
    data, axes = pixels.data, pixels.axes
    if request is None or request == axes or [letter for letter in request if letter in axes] != list(axes):
        return pixels
    data = lazy(data)[tuple(slice(None) if letter in axes else None for letter in request)]
    return Pixels(data, request, pixels.notes)


def _known_letters(axes: str) -> str:
    """Name axes that the file leaves open: planes, then time."""
    free = [letter for letter in "ZT" if letter not in axes]
    return "".join(free.pop(0) if letter in "IQ" and free else letter for letter in axes)

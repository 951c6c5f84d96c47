"""TIFF and its dialects: OME-TIFF, ImageJ, pyramids."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import dask.array as da
import numpy as np
import tifffile
import zarr

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.image import ArrayLike
from napari_pseudolabel.imaging.placement import Placement
from napari_pseudolabel.imaging.source import Source, Step
from napari_pseudolabel.imaging.units import unit_or_pixel

ANNOTATION_NAMESPACE = "napari-pseudolabel"
"""Namespace of the OME-XML map annotation whose entries ``axes`` and ``placement`` (JSON) hold what
OME-XML has no place for: rotation, shear, affine, units other than length, axes of length 1."""

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
        steps, own_axes, placement = _ome(tif.ome_metadata) if tif.is_ome else ({}, None, None)
        if tif.is_imagej:
            steps = _imagej(tif)
        if level:
            placement = None
            steps = _coarser(steps, dict(zip(full.axes, full.shape, strict=True)), wanted)
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


def _ome(xml: str | None) -> tuple[dict[str, Step], str | None, Placement | None]:
    """Pixel sizes of the first image of OME-XML, and our annotation if it is there."""
    root = ElementTree.fromstring(xml or "<OME/>")
    pixels = root.find(".//{*}Pixels")
    steps = {}
    if pixels is not None:
        for letter, name, unit in (
            ("X", "PhysicalSizeX", "µm"),
            ("Y", "PhysicalSizeY", "µm"),
            ("Z", "PhysicalSizeZ", "µm"),
            ("T", "TimeIncrement", "s"),
        ):
            size = float(pixels.get(name, 0))
            if size > 0:
                steps[letter] = Step(size, unit_or_pixel(pixels.get(f"{name}Unit", unit)))
    entries = {
        entry.get("K"): entry.text or ""
        for entry in root.findall(
            f".//{{*}}MapAnnotation[@Namespace='{ANNOTATION_NAMESPACE}']/{{*}}Value/{{*}}M"
        )
    }
    placement = Placement.from_dict(json.loads(entries["placement"])) if "placement" in entries else None
    return steps, entries.get("axes"), placement


def _imagej(tif: tifffile.TiffFile) -> dict[str, Step]:
    """Pixel sizes ImageJ stores as pixels per unit in the resolution tags."""
    metadata: dict[str, Any] = tif.imagej_metadata or {}
    unit = unit_or_pixel(metadata.get("unit"))
    steps = {}
    if unit != "pixel":
        tags = tif.pages.first.tags
        for letter, tag in (("X", "XResolution"), ("Y", "YResolution")):
            pixels, units = tags[tag].value if tag in tags else (0, 1)
            if pixels and units:
                steps[letter] = Step(units / pixels, unit)
        if metadata.get("spacing"):
            steps["Z"] = Step(abs(float(metadata["spacing"])), unit)
    if metadata.get("finterval"):
        steps["T"] = Step(float(metadata["finterval"]), "second")
    return steps


def _coarser(
    steps: dict[str, Step], full_sizes: dict[str, int], wanted: tifffile.TiffPageSeries
) -> dict[str, Step]:
    """Steps of a coarser level, whose outer borders are those of the full image."""
    coarse = {}
    for letter, size in zip(wanted.axes, wanted.shape, strict=True):
        step = steps.get(letter, Step())
        ratio = full_sizes.get(letter, size) / size
        coarse[letter] = replace(
            step, scale=step.scale * ratio, translate=step.translate + step.scale * (ratio - 1) / 2
        )
    return coarse


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

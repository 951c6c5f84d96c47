"""ND2 of Nikon, by nd2."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_pseudolabel.budget import check_memory
from napari_pseudolabel.imaging.image import ArrayLike
from napari_pseudolabel.imaging.reading.claims import check_pixels
from napari_pseudolabel.imaging.reading.microscope.microscope_files import (
    IN_MEMORY_BYTES,
    kept_axes,
)
from napari_pseudolabel.imaging.reading.read_request import ReadRequest
from napari_pseudolabel.imaging.reading.source import Source, chosen_position
from napari_pseudolabel.imaging.reading.stated_sizes import stated_sizes

if TYPE_CHECKING:
    from nd2 import ND2File

_POSITIONS = "P"


def read(path: Path, request: ReadRequest) -> Source:
    """Read one position; see `MicroscopeKind.read`."""
    import nd2

    with nd2.ND2File(path) as file:
        sizes = dict(file.sizes)
        listed = _names(file, sizes.get(_POSITIONS, 1))
        number, _ = chosen_position(path, listed, request.position, ask=True)
        axes = kept_axes(path, {letter: size for letter, size in sizes.items() if letter != _POSITIONS})
        claimed = math.prod(sizes.values()) * file.dtype.itemsize
        check_pixels(claimed, path.stat().st_size, path)
        planes = file.to_dask()  # of which each opens the file again
        key = tuple(
            number if letter == _POSITIONS else slice(None) if letter in axes else 0 for letter in sizes
        )
        part = planes[key]
        data: ArrayLike = part
        if part.nbytes <= IN_MEMORY_BYTES:
            check_memory(2 * part.nbytes, path.name)
            data = np.asarray(part)
        voxel = file.voxel_size()
        names = tuple(one.channel.name for one in file.metadata.channels or ()) if "C" in axes else ()
    written = {"X": voxel.x, "Y": voxel.y, "Z": voxel.z}
    notes: tuple[str, ...] = ()
    if voxel.x == voxel.y == 1:
        # What the library says of a file that was never calibrated.
        written = {}
        notes = (
            "Its pixels are 1 um wide by its metadata, as where nobody calibrated; their size was taken for unknown.",
        )
    told = stated_sizes(
        "its ND2 metadata", {letter: (size, "micrometer") for letter, size in written.items() if size}
    )
    return Source(data, request.letters or axes, told.steps, notes=(*notes, *told.notes), channel_names=names)


def _names(file: ND2File, count: int) -> list[str]:
    for loop in file.experiment:
        if loop.type == "XYPosLoop":
            return [point.name or "" for point in loop.parameters.points][:count]
    return [""] * count

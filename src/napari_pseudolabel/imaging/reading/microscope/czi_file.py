"""CZI of ZEISS, by pylibCZIrw; tiles of a mosaic come merged, as the microscope placed them."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from napari_pseudolabel.budget import check_markup
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.image import ArrayLike
from napari_pseudolabel.imaging.reading.microscope.microscope_files import (
    IN_MEMORY_BYTES,
    kept_axes,
)
from napari_pseudolabel.imaging.reading.read_request import ReadRequest
from napari_pseudolabel.imaging.reading.source import Source, chosen_position
from napari_pseudolabel.imaging.reading.stated_sizes import stated_sizes
from napari_pseudolabel.types import Array

_TYPES = {
    "Gray8": np.uint8,
    "Gray16": np.uint16,
    "Gray32Float": np.float32,
    "Bgr24": np.uint8,
    "Bgr48": np.uint16,
    "Bgr96Float": np.float32,
}
_PIECE = 2048


@dataclass(frozen=True, eq=False)
class _Pixels:
    """One scene, of which Y and X and planes are read when they are asked for.

    Attributes
    ----------
    scene
        Its number; None in a file without scenes.
    x0, y0
        Where it begins in the coordinates of the file.
    axes, shape, dtype
        Of the whole; S are red, green and blue.
    """

    path: Path
    scene: int | None
    x0: int
    y0: int
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, key: Any, /) -> Array:
        """Read a part; `key` has an integer or a slice for every axis."""
        spans = {
            letter: range(*part.indices(size)) if isinstance(part, slice) else range(part, part + 1)
            for letter, part, size in zip(self.axes, key, self.shape, strict=True)
        }
        before = [letter for letter in self.axes if letter not in "YXS"]
        shape = tuple(len(spans[letter]) for letter in self.axes if letter != "S")
        colours = (3,) if "S" in self.axes else ()
        found = np.empty(shape + colours, self.dtype)
        y, x = np.array(spans["Y"]), np.array(spans["X"])
        roi = (self.x0 + x.min(), self.y0 + y.min(), np.ptp(x) + 1, np.ptp(y) + 1)
        with _opened(self.path) as file:
            for at in np.ndindex(*shape[:-2]):
                plane = {letter: spans[letter][n] for letter, n in zip(before, at, strict=True)}
                values = file.read(roi=tuple(map(int, roi)), plane=plane, scene=self.scene)
                values = values[y - y.min()][:, x - x.min()]
                found[at] = values[..., ::-1] if colours else values[..., 0]
        if colours:
            found = found[..., np.array(spans["S"])]
        ints = tuple(0 if not isinstance(part, slice) else slice(None) for part in key)
        return found[ints]


def read(path: Path, request: ReadRequest) -> Source:
    """Read one scene; see `MicroscopeKind.read`."""
    with _opened(path) as file:
        text = file.raw_metadata
        check_markup(text, path.name)
        scenes = dict(sorted(file.scenes_bounding_rectangle_no_pyramid.items()))
        place = file.total_bounding_rectangle_no_pyramid
        box, kinds = file.total_bounding_box_no_pyramid, set(file.pixel_types.values())
    about = ElementTree.fromstring(text)
    names = {
        int(one.get("Index", -1)): str(one.get("Name") or "")
        for one in about.findall("./Metadata/Information/Image/Dimensions/S/Scenes/Scene")
    }
    listed = [names.get(scene, "") for scene in scenes] or [""]
    number, _ = chosen_position(path, listed, request.position, ask=True)
    scene = [*scenes][number] if scenes else None
    if scene is not None:
        place = scenes[scene]
    # In the order in which libCZI keeps planes together; Y and X are those of the scene.
    sizes = {letter: last - first for letter, (first, last) in box.items() if letter not in "YX"}
    axes = kept_axes(path, {**sizes, "Y": place.h, "X": place.w})
    coloured = {kind.startswith("Bgr") for kind in kinds}
    if not kinds <= set(_TYPES) or len(coloured) > 1 or (True in coloured and "C" in axes):
        raise InputError(
            f"{path.name} has pixels of the types {', '.join(sorted(kinds))}, which make no image here; "
            "save what is to be labelled as OME-TIFF."
        )
    if True in coloured:
        axes += "S"
    lengths = {**sizes, "Y": place.h, "X": place.w, "S": 3}
    shape = tuple(lengths[letter] for letter in axes)
    dtype = np.result_type(*(_TYPES[kind] for kind in kinds))
    pixels = _Pixels(path, scene, place.x, place.y, axes, shape, dtype)
    told = stated_sizes("its CZI metadata", _sizes(about))
    channels = about.findall("./Metadata/Information/Image/Dimensions/Channels/Channel")
    return Source(
        _data(pixels),
        request.letters or axes,
        told.steps,
        notes=told.notes,
        channel_names=tuple(str(one.get("Name") or "") for one in channels) if "C" in axes else (),
    )


def _opened(path: Path) -> AbstractContextManager[Any]:
    from pylibCZIrw import czi

    opened: AbstractContextManager[Any] = czi.open_czi(str(path))
    return opened


def _data(pixels: _Pixels) -> ArrayLike:
    if math.prod(pixels.shape) * pixels.dtype.itemsize <= IN_MEMORY_BYTES:
        return pixels[(slice(None),) * pixels.ndim]
    import dask.array as da  # most files fit into memory

    pieces = [
        size if letter == "S" else _PIECE if letter in "YX" else 1
        for letter, size in zip(pixels.axes, pixels.shape, strict=True)
    ]
    return da.from_array(pixels, chunks=pieces, lock=True, fancy=False, asarray=False, name=False)


def _sizes(about: ElementTree.Element) -> dict[str, tuple[object, object]]:
    """Return pixel sizes as they are written, in metres; 0 stands for unknown."""
    found: dict[str, tuple[object, object]] = {}
    for one in about.findall("./Metadata/Scaling/Items/Distance"):
        letter, value = one.get("Id", ""), (one.findtext("Value") or "").strip()
        if letter in ("X", "Y", "Z") and value not in ("", "0"):
            found[letter] = (value, "meter")
    return found

"""Pyramids of OME-Zarr that are written window by window, in any order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from napari_pseudolabel.imaging.image import Window
from napari_pseudolabel.imaging.placement import Placement
from napari_pseudolabel.imaging.units import canonical_unit, is_time, micrometres
from napari_pseudolabel.types import Array, ArrayKey, JsonObject

if TYPE_CHECKING:
    import zarr  # for many a command and the docks nothing is stored

NgffVersion = Literal["0.5", "0.4"]
OWN = "napari_pseudolabel"
"""Name of our own attribute, which holds the complete placement among others."""

_SIDE = 512
# The smallest level fits into one piece.
_SMALLEST = 512


@dataclass(frozen=True)
class Pyramid:
    """Arrays of the same pixels, each half as fine as the one before: pixel i of level k is pixel i * 2**k of the first.

    Attributes
    ----------
    levels
        (..., Y, X), the finest first.
    """

    levels: tuple[zarr.Array, ...]

    @classmethod
    def create(
        cls,
        group: zarr.Group,
        shape: Sequence[int],
        dtype: npt.DTypeLike,
        *,
        fill: float = 0,
        letters: str | None = None,
    ) -> Pyramid:
        """Make the arrays "0", "1" ... of a group; no pixel is written.

        Parameters
        ----------
        shape
            (..., Y, X) of the finest level.
        fill
            What pixels are that nobody has written.
        letters
            One per axis, for the names of the dimensions.
        """
        old = group.metadata.zarr_format == 2
        named: dict[str, Any] = (
            {"chunk_key_encoding": {"name": "v2", "separator": "/"}}
            if old
            else {"dimension_names": None if letters is None else list(letters.lower())}
        )
        return cls(
            tuple(
                group.create_array(
                    str(number),
                    shape=size,
                    dtype=np.dtype(dtype),
                    chunks=(*(1 for _ in size[:-2]), *(min(_SIDE, side) for side in size[-2:])),
                    fill_value=fill,
                    **named,
                )
                for number, size in enumerate(_sizes(tuple(shape)))
            )
        )

    @classmethod
    def of(cls, group: zarr.Group) -> Pyramid:
        """Return the arrays of a group that `create` has made."""
        import zarr

        found: list[zarr.Array] = []
        while isinstance(array := group.get(str(len(found))), zarr.Array):
            found.append(array)
        return cls(tuple(found))

    def write(self, index: tuple[int, ...], window: Window, values: Array, *, finest: bool = True) -> None:
        """Write a window of one plane (h, w) into all levels; without the finest where that is there already."""
        top, left = window[0].start, window[1].start
        for number, level in enumerate(self.levels):
            if not (number or finest):
                continue
            step = 2**number
            first = -(-top // step), -(-left // step)
            part = values[first[0] * step - top :: step, first[1] * step - left :: step]
            if not part.size:
                continue  # no pixel of a coarse level lies in it
            rows, columns = (
                slice(start, start + size) for start, size in zip(first, part.shape, strict=True)
            )
            key: ArrayKey = (*index, rows, columns)
            level[key] = part

    def bands(self, rows: int = _SIDE) -> Iterator[tuple[tuple[int, ...], Window]]:
        """Yield index and window of parts that together are everything, plane by plane and from the top down."""
        height, width = self.levels[0].shape[-2:]
        for index in np.ndindex(*self.levels[0].shape[:-2]):
            for start in range(0, height, rows):
                yield index, (slice(start, min(start + rows, height)), slice(0, width))


def open_group(path: str, version: NgffVersion = "0.5") -> zarr.Group:
    """Make an empty group in a folder that is empty or not there."""
    import zarr

    return zarr.open_group(path, mode="a", zarr_format=2 if version == "0.4" else 3)


def describe(
    group: zarr.Group,
    pyramid: Pyramid,
    name: str,
    placement: Placement,
    letters: str,
    labels: JsonObject | None = None,
) -> None:
    """Write what makes a group an OME-Zarr image, so that it is one from now on.

    Parameters
    ----------
    letters
        One per axis of the pyramid.
    labels
        What is said of the values of labels (``image-label``); None for an image.
    """
    told = [
        _axis(letter, unit)
        for letter, unit in zip(letters, placement.units or ("pixel",) * placement.ndim, strict=True)
    ]
    datasets = [
        {"path": str(number), "coordinateTransformations": _transformations(placement, number)}
        for number in range(len(pyramid.levels))
    ]
    image: JsonObject = {"name": name, "axes": told, "datasets": datasets, "type": "nearest"}
    own = {OWN: {"placement": placement.to_dict()}}
    marks: JsonObject = {} if labels is None else {"image-label": labels}
    if group.metadata.zarr_format == 2:
        marks = {key: {"version": "0.4", **value} for key, value in marks.items()}
        group.attrs.update({"multiscales": [{"version": "0.4", **image}], **marks, **own})
    else:
        group.attrs.update({"ome": {"version": "0.5", "multiscales": [image], **marks}, **own})


def _axis(letter: str, unit: str) -> JsonObject:
    found: JsonObject = {"name": letter.lower(), "type": "time" if letter == "T" else "space"}
    known = is_time(unit) if letter == "T" else micrometres(unit) is not None
    return {**found, "unit": canonical_unit(unit)} if known else found


def _transformations(placement: Placement, level: int) -> list[JsonObject]:
    n = placement.ndim
    # A file holds sizes; what is mirrored or turned is in our own attribute.
    scale = [one * (2**level if axis >= n - 2 else 1) for axis, one in enumerate(placement.spacing)]
    return [
        {"type": "scale", "scale": scale},
        {"type": "translation", "translation": list(placement.position)},
    ]


def _sizes(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the shapes of all levels."""
    count = 1 + max(0, math.ceil(math.log2(max(1, max(shape[-2:])) / _SMALLEST)))
    return [(*shape[:-2], *(-(-side // 2**number) for side in shape[-2:])) for number in range(count)]

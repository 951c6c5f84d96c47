"""Zarr arrays and groups, OME-Zarr among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import zarr

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.source import Source, Step, axes_by_shape
from napari_pseudolabel.imaging.units import unit_or_pixel

_LETTERS = {"time": "T", "channel": "C"}


def read_zarr(path: Path, level: int) -> Source:
    """Open a Zarr array, an OME-Zarr image, or a group that holds a single array.

    Raises
    ------
    InputError
        When the folder is no Zarr, holds several arrays, or has no such level.
    """
    try:
        node = zarr.open(str(path), mode="r")
    except Exception as error:  # zarr has one error per missing or broken file
        raise InputError(
            f"The folder {path} is not a Zarr array or group; choose an image file or a .zarr folder."
        ) from error
    if isinstance(node, zarr.Group):
        attributes = _ome_attributes(node)
        if "bioformats2raw.layout" in attributes and "0" in node:
            node = node["0"]
            attributes = _ome_attributes(node)
        if attributes.get("multiscales"):
            return _multiscale(node, attributes["multiscales"][0], path, level)
        node = _only_array(node, path)
    if level != 0:
        raise InputError(f"{path} has a single level, so level {level} does not exist; use level 0.")
    return Source(node, _array_axes(node))


def _ome_attributes(group: zarr.Group) -> Mapping[str, Any]:
    """Attributes of OME-Zarr: under ``ome`` from version 0.5 on, at the top before."""
    attributes = group.attrs.asdict()
    return attributes.get("ome", attributes)


def _only_array(group: zarr.Group, path: Path) -> zarr.Array:
    arrays = dict(group.arrays())
    if len(arrays) != 1:
        names = ", ".join(sorted(arrays)[:8]) or "no array"
        raise InputError(f"The Zarr group {path} holds {names}; give the path of one array or image in it.")
    return next(iter(arrays.values()))


def _array_axes(array: zarr.Array) -> str:
    names = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS")
    letters = _letters(names) if names else None
    return letters if letters and len(letters) == array.ndim else axes_by_shape(array.shape)


def _letters(names: Sequence[Any]) -> str | None:
    letters = [_LETTERS.get(str(name).lower(), str(name).upper()) for name in names]
    return "".join(letters) if all(letter in "TZCYXS" and len(letter) == 1 for letter in letters) else None


def _multiscale(group: zarr.Group, multiscale: Mapping[str, Any], path: Path, level: int) -> Source:
    datasets = multiscale["datasets"]
    if not 0 <= level < len(datasets):
        raise InputError(f"{path} has {len(datasets)} level(s), so level {level} does not exist.")
    array = group[datasets[level]["path"]]
    # Axes are objects from version 0.4 on, names in 0.3, and always TCZYX before.
    listed = multiscale.get("axes", list("tczyx")[-array.ndim :])
    described = [axis if isinstance(axis, Mapping) else {"name": axis} for axis in listed]
    letters = _letters([_LETTERS.get(axis.get("type", ""), axis["name"]) for axis in described])
    if letters is None or len(letters) != array.ndim:
        names = ", ".join(str(axis["name"]) for axis in described)
        raise InputError(f"{path} has the axes {names}; only t, c, z, y and x can be handled.")
    scale, translate = [1.0] * array.ndim, [0.0] * array.ndim
    for transform in (
        *datasets[level].get("coordinateTransformations", ()),
        *multiscale.get("coordinateTransformations", ()),
    ):
        if transform["type"] == "scale":
            scale = [a * b for a, b in zip(scale, transform["scale"], strict=True)]
            translate = [a * b for a, b in zip(translate, transform["scale"], strict=True)]
        elif transform["type"] == "translation":
            translate = [a + b for a, b in zip(translate, transform["translation"], strict=True)]
        elif transform["type"] != "identity":
            raise InputError(
                f"{path} uses the transformation {transform['type']!r}, which cannot be handled."
            )
    steps = {
        letter: Step(float(size), unit_or_pixel(axis.get("unit")), float(offset))
        for letter, axis, size, offset in zip(letters, described, scale, translate, strict=True)
    }
    return Source(array, letters, steps)

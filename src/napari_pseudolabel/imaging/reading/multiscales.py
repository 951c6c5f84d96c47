"""What an OME-Zarr says of the images in a group, looked at before anything is made of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import zarr

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.reading.stated_sizes import number
from napari_pseudolabel.types import JsonObject

_KNOWN_VERSIONS = ("0.1", "0.2", "0.3", "0.4", "0.5")
_ALWAYS_FIVE = ("0.1", "0.2")  # in which nobody names axes
_VALUES = ("scale", "translation")


@dataclass(frozen=True)
class DescribedAxis:
    """One axis as it is described: ``y``, ``space``, ``micrometer``; empty what is not told."""

    name: str
    kind: str
    unit: str


@dataclass(frozen=True)
class DescribedLevel:
    """One level of a pyramid: its path in the group, and its own transformations in order."""

    path: str
    transforms: tuple[JsonObject, ...]

    @property
    def step(self) -> float:
        """How large a pixel is by the scale; 0 where there is none."""
        for one in self.transforms:
            if one["type"] == "scale":
                return math.prod(_numbers(one["scale"]))
        return 0.0


@dataclass(frozen=True)
class Multiscale:
    """A described image.

    Attributes
    ----------
    name
        Empty if it has none.
    levels
        As they are listed.
    axes
        None where it names none.
    transforms
        Of all levels, after their own.
    notes
        Sentences for the person.
    """

    name: str
    levels: tuple[DescribedLevel, ...]
    axes: tuple[DescribedAxis, ...] | None
    transforms: tuple[JsonObject, ...]
    notes: tuple[str, ...]

    def letters_of(self, ndim: int) -> tuple[DescribedAxis, ...]:
        """Axes of an array with so many; where none are named they are the last of TCZYX, as in the first versions."""
        return self.axes or tuple(DescribedAxis(name, "", "") for name in "tczyx"[-ndim:])

    def scale_and_translation(
        self, level: DescribedLevel, ndim: int, path: str
    ) -> tuple[list[float], list[float]]:
        """Return what the transformations come to, one after another; what is no number is NaN.

        Raises
        ------
        InputError
            If one has another number of values than the array has axes.
        """
        scale, translate = [1.0] * ndim, [0.0] * ndim
        for transform in (*level.transforms, *self.transforms):
            kind = transform["type"]
            if kind == "identity":
                continue
            values = _numbers(transform[kind])
            if len(values) != ndim:
                raise InputError(
                    f"{path} cannot be placed: its {kind} has {len(values)} numbers, but level {level.path} has {ndim} axes; "
                    "correct its description, or write it again."
                )
            if kind == "scale":
                scale = [a * b for a, b in zip(scale, values, strict=True)]
                translate = [a * b for a, b in zip(translate, values, strict=True)]
            else:
                translate = [a + b for a, b in zip(translate, values, strict=True)]
        return scale, translate


def ome_attributes(node: zarr.Array | zarr.Group) -> JsonObject:
    """Attributes of OME-Zarr: under ``ome`` from version 0.5 on, at the top before."""
    attributes: JsonObject = node.attrs.asdict()
    found = attributes.get("ome", attributes)
    return found if isinstance(found, dict) else {}


def multiscales_of(group: zarr.Group, path: str) -> tuple[Multiscale, ...]:
    """Return the images that a group describes; none where it describes none.

    Raises
    ------
    InputError
        One sentence for what is not as the format says: which part, and what is there.
    """
    attributes = ome_attributes(group)
    listed = attributes.get("multiscales") or ()
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        raise _wrong(path, "its multiscales are no list")
    return tuple(_described(one, attributes.get("version"), path) for one in listed)


def _described(found: object, version: object, path: str) -> Multiscale:
    if not isinstance(found, Mapping):
        raise _wrong(path, "one of its multiscales is no object")
    version = found.get("version", version)
    known = version is None or str(version) in _KNOWN_VERSIONS
    try:
        axes = _axes(found, version, path)
        levels = tuple(_level(one, path) for one in _list(found, "datasets", path))
        if not levels:
            raise _wrong(path, "it lists no levels (datasets)")
        transforms = _transforms(found, path)
    except InputError as error:
        if known:
            raise
        raise InputError(
            f"{path} is OME-Zarr of version {version}, which is not known here; write it as 0.4 or 0.5. ({error})"
        ) from None
    notes: tuple[str, ...] = ()
    if not known:
        notes = (f"It is OME-Zarr of version {version}, which is not known here; it was read like 0.5.",)
    return Multiscale(str(found.get("name") or ""), levels, axes, transforms, notes)


def _axes(found: Mapping[str, Any], version: object, path: str) -> tuple[DescribedAxis, ...] | None:
    """Axes are objects from version 0.4 on, names in 0.3, and always TCZYX before."""
    if found.get("axes") is None:
        if version is None or str(version) in _ALWAYS_FIVE:
            return None
        raise _wrong(path, f"it names no axes, as version {version} has to")
    axes = []
    for one in _list(found, "axes", path):
        axis = one if isinstance(one, Mapping) else {"name": one}
        if not isinstance(axis.get("name"), str) or not axis["name"]:
            raise _wrong(path, "one of its axes has no name")
        axes.append(DescribedAxis(axis["name"], str(axis.get("type") or ""), str(axis.get("unit") or "")))
    return tuple(axes)


def _level(found: object, path: str) -> DescribedLevel:
    if not isinstance(found, Mapping) or not isinstance(found.get("path"), str):
        raise _wrong(path, "one of its levels (datasets) has no path")
    return DescribedLevel(found["path"], _transforms(found, path))


def _transforms(found: Mapping[str, Any], path: str) -> tuple[JsonObject, ...]:
    listed = _list(found, "coordinateTransformations", path)
    for one in listed:
        kind = one.get("type") if isinstance(one, Mapping) else None
        if kind not in (*_VALUES, "identity"):
            raise InputError(f"{path} uses the transformation {kind!r}, which cannot be handled.")
        if kind in _VALUES and not isinstance(one.get(kind), (list, tuple)):
            raise _wrong(path, f"its {kind} is no list of numbers")
    return tuple(listed)


def _list(found: Mapping[str, Any], name: str, path: str) -> list[JsonObject]:
    listed = found.get(name)
    if listed is None:
        return []
    if not isinstance(listed, (list, tuple)):
        raise _wrong(path, f"its {name} are no list")
    return list(listed)


def _numbers(values: Sequence[object]) -> list[float]:
    return [math.nan if (found := number(value)) is None else found for value in values]


def _wrong(path: str, what: str) -> InputError:
    return InputError(f"{path} is not described as OME-Zarr has to be: {what}; write it again.")

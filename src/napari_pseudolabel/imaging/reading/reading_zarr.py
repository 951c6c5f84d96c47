"""Zarr arrays and groups, OME-Zarr among them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import zarr

from napari_pseudolabel.budget import BUDGET
from napari_pseudolabel.errors import FileError, InputError
from napari_pseudolabel.imaging.placement import Placement
from napari_pseudolabel.imaging.pyramid import OWN
from napari_pseudolabel.imaging.reading.file_names import MICROSCOPE_SUFFIXES, SUFFIXES
from napari_pseudolabel.imaging.reading.multiscales import (
    DescribedLevel,
    Multiscale,
    multiscales_of,
    ome_attributes,
)
from napari_pseudolabel.imaging.reading.read_request import Position, ReadRequest
from napari_pseudolabel.imaging.reading.source import Source, axes_by_shape, chosen_position, none_stands_out
from napari_pseudolabel.imaging.reading.stated_sizes import stated_sizes, unless_changed
from napari_pseudolabel.imaging.zarr_store import open_checked
from napari_pseudolabel.types import JsonObject

_LETTERS = {"time": "T", "channel": "C"}


def read_zarr(path: Path, request: ReadRequest) -> Source:
    """Open a Zarr array, an OME-Zarr image, or a group that holds a single array, in a folder.

    Raises
    ------
    InputError
        When the folder is no Zarr, holds several arrays, or has no such level or position.
    """
    try:
        node = open_checked(path)
    except FileError as error:
        raise InputError(
            f"The folder {path} is not a Zarr array or group that can be read: {error}"
        ) from None
    except Exception as error:  # zarr has one error per missing or broken file
        raise InputError(
            f"The folder {path} is not a Zarr array or group; choose an image file or a .zarr folder."
        ) from error
    return _source_in(node, str(path), request)


def read_remote(url: str, request: ReadRequest) -> Source:
    """Open the same behind an address.

    Raises
    ------
    InputError
        As `read_zarr`, and if the server cannot be reached, refuses or is in trouble.
    """
    from napari_pseudolabel.imaging.remote_store import open_remote

    end = next((end for end in (*SUFFIXES, *MICROSCOPE_SUFFIXES) if url.lower().endswith(end)), "")
    if end and end != ".zarr":
        raise InputError(
            f"Of addresses only Zarr is read, and {url} is a file; download it, and give its path."
        )
    return _source_in(open_remote(url), url, request)


def _source_in(node: zarr.Array | zarr.Group, path: str, request: ReadRequest) -> Source:
    notes: tuple[str, ...] = ()
    position = request.position
    if isinstance(node, zarr.Group):
        inner = _inner_images(node, position)
        if inner:
            alike = _is_of_a_plate(node) or none_stands_out(
                [_pixels_in(node[one], f"{path}/{one}") for one in inner]
            )
            number, notes = chosen_position(path, inner, position, ask=alike)
            if inner[number] not in node:
                raise InputError(f"{path} names {inner[number]}, which is not in it; copy the folder again.")
            node, position = node[inner[number]], None
    if isinstance(node, zarr.Group):
        if listed := multiscales_of(node, path):
            if request.labels:
                _refuse_image_with_labels(node, path)
            alike = none_stands_out([_pixels_of(node, one) for one in listed])
            number, told = chosen_position(path, [one.name for one in listed], position, ask=alike)
            source = _multiscale(node, listed[number], path, request)
            return replace(source, notes=(*notes, *told, *source.notes))
        node = _only_array(node, path)
    if request.level != 0:
        raise InputError(f"{path} has a single level, so level {request.level} does not exist; use level 0.")
    chosen_position(path, [""], position)
    return Source(node, request.letters or _array_axes(node), notes=notes)


def _inner_images(group: zarr.Group, position: Position | None) -> list[str]:
    """Paths of the images that a group says it consists of: series, fields of a plate or of a well, labels.

    Of a plate those of the one well that a position names, where it does: every well that is looked into takes a moment. A
    well without fields stands for itself, so that somebody misses it.
    """
    attributes = ome_attributes(group)
    if attributes.get("multiscales"):
        return []
    if "bioformats2raw.layout" in attributes:
        return _series(group)
    if "plate" in attributes:
        wells = [str(one["path"]) for one in attributes["plate"]["wells"]]
        wells = [well for well in wells if str(position).startswith(f"{well}/")] or wells
        fields = {well: _fields(group[well]) if well in group else [] for well in wells}
        return [
            path for well, inner in fields.items() for path in ([f"{well}/{one}" for one in inner] or [well])
        ]
    return _fields(group) or [str(one) for one in attributes.get("labels", ())]


def _series(group: zarr.Group) -> list[str]:
    """Numbers of the series of a group; where nobody lists it they are as many as there are without a gap, as the format says."""
    if group.store.supports_listing:
        return sorted((key for key in group if key.isdecimal()), key=int)
    return list(takewhile(group.__contains__, map(str, range(BUDGET.planes))))


def _pixels_in(node: zarr.Array | zarr.Group, path: str) -> int:
    """How many pixels a plane of the largest image of a group has; 0 where there is none."""
    if isinstance(node, zarr.Array):
        return math.prod(node.shape[-2:])
    return max((_pixels_of(node, one) for one in multiscales_of(node, path)), default=0)


def _pixels_of(group: zarr.Group, multiscale: Multiscale) -> int:
    found = group.get(multiscale.levels[0].path)
    return math.prod(found.shape[-2:]) if isinstance(found, zarr.Array) else 0


def _is_of_a_plate(group: zarr.Group) -> bool:
    return not {"plate", "well"}.isdisjoint(ome_attributes(group))


def _fields(well: zarr.Array | zarr.Group) -> list[str]:
    return [str(one["path"]) for one in ome_attributes(well).get("well", {}).get("images", ())]


def _refuse_image_with_labels(group: zarr.Group, path: str) -> None:
    if "image-label" in ome_attributes(group) or "labels" not in group:
        return
    names = ome_attributes(group["labels"]).get("labels", ())
    if names:
        given = " or ".join(f"{path}/labels/{name}" for name in names)
        raise InputError(f"{path} is an image, and its labels are beside it; give {given}.")


def _only_array(group: zarr.Group, path: str) -> zarr.Array:
    try:
        arrays = dict(group.arrays())
    except ValueError:  # nobody lists it
        raise InputError(
            f"What is in the Zarr group {path} cannot be listed; give the address of one array or image in it."
        ) from None
    if len(arrays) != 1:
        names = ", ".join(sorted(arrays)[:8]) or "no array"
        raise InputError(f"The Zarr group {path} holds {names}; give the path of one array or image in it.")
    return next(iter(arrays.values()))


def _array_axes(array: zarr.Array) -> str:
    attributes: JsonObject = array.attrs.asdict()
    names = getattr(array.metadata, "dimension_names", None) or attributes.get("_ARRAY_DIMENSIONS")
    letters = _letters(names) if names else None
    return letters if letters and len(letters) == array.ndim else axes_by_shape(array.shape)


def _letters(names: Sequence[object]) -> str | None:
    letters = [_LETTERS.get(str(name).lower(), str(name).upper()) for name in names]
    return "".join(letters) if all(letter in "TZCYXS" and len(letter) == 1 for letter in letters) else None


def _multiscale(group: zarr.Group, multiscale: Multiscale, path: str, request: ReadRequest) -> Source:
    levels, order = _finest_first(group, multiscale.levels)
    told_before = (*multiscale.notes, *order)
    if not 0 <= request.level < len(levels):
        raise InputError(f"{path} has {len(levels)} level(s), so level {request.level} does not exist.")
    level = levels[request.level]
    array = group.get(level.path)
    if array is None:
        raise InputError(f"{path} names {level.path} as a level, which is not in it; copy the folder again.")
    if isinstance(array, zarr.Group):
        raise InputError(f"{path} names a group as level {request.level}, where an array is expected.")
    described = multiscale.letters_of(array.ndim)
    own = [_LETTERS.get(axis.kind, axis.name) for axis in described]
    letters = request.letters or _letters(own)
    names = ", ".join(axis.name for axis in described)
    if letters is None or len(set(letters)) != len(letters):
        raise InputError(f"{path} has the axes {names}; only t, c, z, y and x can be handled, each once.")
    if len(letters) != array.ndim and request.letters is None:
        raise InputError(
            f"{path} has the axes {names}, but level {level.path} has {array.ndim}; say what they are (--axes)."
        )
    if multiscale.axes is None and request.letters is None and array.ndim in (3, 4):
        told_before += (
            f"It names no axes; they were taken for {names}. Say what they are if they are others.",
        )
    if len(own) != array.ndim:
        return Source(
            array, letters, notes=told_before
        )  # as the person says; sizes of other axes say nothing
    ours = [str(name).upper() for name in own]
    units = [axis.unit for axis in described]
    transforms = (*level.transforms, *multiscale.transforms)
    scale, translate = multiscale.scale_and_translation(level, array.ndim, path)
    if any(units) and not any(transform["type"] == "scale" for transform in transforms):
        untold = "Its axes have units but no scale, so its pixel size is not known."
        return Source(array, letters, notes=(untold, *told_before))
    sizes = zip(scale, units, strict=True)
    told = stated_sizes("its OME-Zarr metadata", dict(zip(ours, sizes, strict=True)))
    offsets = {
        name: offset / size for name, size, offset in zip(ours, scale, translate, strict=True) if size > 0
    }
    lost = [name.lower() for name in told.steps if not math.isfinite(offsets.get(name, 0.0))]
    steps = {
        name: step if name.lower() in lost else replace(step, translate=step.scale * offsets.get(name, 0.0))
        for name, step in told.steps.items()
    }
    notes: tuple[str, ...] = ()
    if lost:
        notes = (f"Its translation along {', '.join(lost)} is no number, and was left out.",)
    placement = _own_placement(group, letters) if request.level == 0 and request.axes is None else None
    if placement is not None:
        kept = "".join(letter for letter in letters if letter not in "CS")
        placement, changed = unless_changed(placement, kept, steps, told.source)
        notes += changed
    named = _channel_names(group) if "C" in letters else ()
    fit = len(named) == dict(zip(letters, array.shape, strict=True)).get("C")
    return Source(
        array,
        letters,
        steps,
        placement,
        notes=(*told_before, *told.notes, *notes),
        channel_names=named if fit else (),
    )


def _finest_first(
    group: zarr.Group, levels: tuple[DescribedLevel, ...]
) -> tuple[tuple[DescribedLevel, ...], tuple[str, ...]]:
    """Levels of a pyramid from the finest on, as they have to be listed, and a sentence if they are not."""
    steps = [one.step for one in levels]
    if all(steps) and steps == sorted(steps):
        return levels, ()  # nothing has to be opened, which may be far away
    found = [group.get(one.path) for one in levels]
    sizes = [math.prod(array.shape) if isinstance(array, zarr.Array) else 0 for array in found]
    if sizes[0] == max(sizes) or 0 in sizes:
        return levels, ()
    order = sorted(range(len(sizes)), key=lambda number: -sizes[number])
    return tuple(levels[number] for number in order), (
        "Its levels are not listed from the finest to the coarsest; the finest was read first.",
    )


def _channel_names(group: zarr.Group) -> tuple[str, ...]:
    """Return what the channels are called for display; none where no channel has a name."""
    found = ome_attributes(group).get("omero")
    channels = found.get("channels") if isinstance(found, Mapping) else None
    names = tuple(str(one.get("label") or "") if isinstance(one, Mapping) else "" for one in channels or ())
    return names if any(names) else ()


def _own_placement(group: zarr.Group, letters: str) -> Placement | None:
    """Return what this package wrote beside the scale: rotation, shear, affine. None where there is nothing of it."""
    attributes: JsonObject = group.attrs.asdict()
    try:
        found = Placement.from_dict(attributes[OWN]["placement"])
    except (InputError, KeyError, TypeError):
        return None
    return found if found.ndim == len(set(letters) - set("CS")) else None

"""napari layers as images: what the axes are, where the pixels lie, and the data without copying it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from napari_pseudolabel.errors import InputError, PseudolabelError
from napari_pseudolabel.imaging import Image, Placement
from napari_pseudolabel.imaging.image import PartOf, finest
from napari_pseudolabel.imaging.reading.read_request import Position, ReadRequest
from napari_pseudolabel.models.fitting import same_modality
from napari_pseudolabel.types import JsonObject

if TYPE_CHECKING:
    from napari.layers import Image as ImageLayer
    from napari.layers import Layer

MODALITY_KEY = "modality"
PART_OF_KEY = "napari_pseudolabel_part_of"
POSITION_KEY = "napari_pseudolabel_position"
"""Which of several images of its file a layer is."""
OWN_READER = "napari-pseudolabel"
"""The reader of layers that are one of several images of their file."""
_MOST_CHANNELS = 8
_Of = TypeVar("_Of")
_WORDS = {
    "t": "T",
    "time": "T",
    "frame": "T",
    "z": "Z",
    "depth": "Z",
    "plane": "Z",
    "slice": "Z",
    "c": "C",
    "ch": "C",
    "channel": "C",
    "channels": "C",
}


def image_of(layer: ImageLayer, channel_axis: int | None = None) -> Image:
    """Look at an Image layer as an image; nothing is read or copied.

    Parameters
    ----------
    layer
        2D, stack, time series, RGB(A) or multiscale (its level 0), of numpy, dask or zarr data.
    channel_axis
        Axis that holds channels; None for the axis whose label says so ("c", "channel"), if any.

    Raises
    ------
    InputError
        When the layer has other than two to four axes besides channels, or a rotation mixes the
        channels with other axes.
    """
    data = finest(layer.data)
    axes = axes_of(layer, channel_axis)
    placement = placement_of(layer)
    if "C" in axes:
        placement = placement.drop_axis(axes.index("C"))
    path, modality = source_path(layer), noted_modality(layer)
    position = position_in_file(layer)
    request = None if position is None else ReadRequest(position=position)
    whole = unwrapped(layer).metadata.get(PART_OF_KEY)
    part_of = whole.part if isinstance(whole, Whole) else None
    return Image(data, axes, placement, layer.name, path, modality=modality, part_of=part_of, request=request)


class Whole:
    """What a layer was cut out of, in its metadata: it stays with the layer, and is not copied with them."""

    def __init__(self, part: PartOf) -> None:
        self.part = part

    def __deepcopy__(self, memo: dict[int, object]) -> Whole:
        return self


def axes_of(layer: ImageLayer, channel_axis: int | None = None) -> str:
    """One letter per axis of the data of a layer, see `imaging.Image`.

    Axis labels and units decide where they can; the axis before Y and X is depth otherwise.
    """
    labels = [_WORDS.get(str(label).strip().lower()) for label in layer.axis_labels]
    channel = channel_axis
    if channel is None and not layer.rgb and "C" in labels:
        channel = labels.index("C")
    rest = [axis for axis in range(layer.ndim) if axis != channel]
    if not 2 <= len(rest) <= 4:
        raise InputError(
            f"{layer.name} has {len(rest)} axes besides channels, but two to four can be labelled; "
            "slice it to planes, a stack or a time series."
        )
    letters: dict[int, str] = {rest[-2]: "Y", rest[-1]: "X"}
    leading = rest[:-2]
    told = [str(label).strip().lower() for label in layer.axis_labels]
    if any(told[axis] in ("y", "x") for axis in leading) or any(labels[axis] for axis in rest[-2:]):
        raise InputError(
            f"{layer.name} has the axes {', '.join(map(str, layer.axis_labels))}, but Y and X come last in a layer; transpose its data, or "
            "correct its axis labels."
        )
    for axis in leading:
        found = labels[axis]
        if found in ("T", "Z") and found not in letters.values():
            letters[axis] = found
        elif _is_time(layer, axis) and "T" not in letters.values():
            letters[axis] = "T"
    free = [letter for letter in ("Z", "T") if letter not in letters.values()]
    for axis in reversed(leading):
        if axis not in letters:
            letters[axis] = free.pop(0)
    if channel is not None:
        letters[channel] = "C"
    return "".join(letters[axis] for axis in range(layer.ndim)) + ("S" if layer.rgb else "")


def possible_channel_axis(layer: ImageLayer) -> int | None:
    """First axis of a stack if it is so short that it may hold channels and nothing says otherwise."""
    labels = [_WORDS.get(str(label).strip().lower()) for label in layer.axis_labels]
    if layer.rgb or layer.ndim < 3 or "C" in labels or labels[0] in ("T", "Z"):
        return None
    length = int(layer.level_shapes[0][0] if layer.multiscale else layer.data.shape[0])
    return 0 if length <= _MOST_CHANNELS and not _is_time(layer, 0) else None


def readings_of(layer: ImageLayer) -> list[Image]:
    """Return what a layer may be, the likelier first: its first axis may hold channels, and nothing says so."""
    found = []
    for axis in dict.fromkeys((None, possible_channel_axis(layer))):
        with suppress(PseudolabelError):
            found.append(image_of(layer, axis))
    return found


def image_fitting(layer: ImageLayer, labels: Layer) -> Image | None:
    """Return the image of a layer if its planes have the shape of the labels, if need be without its first axis."""
    return next((one for one in readings_of(layer) if one.shape == tuple(labels.data.shape)), None)


def placement_of(layer: Layer) -> Placement:
    """Scale, translate, rotate, shear, affine, units and axis labels of a layer.

    Matrices that do nothing become None, so that they do not stand in the way of dropping an axis.
    """
    names = ("scale", "translate", "rotate", "shear", "units", "axis_labels")
    found = {name: getattr(layer, name) for name in names}
    return placement_from({**found, "affine": layer.affine.affine_matrix})


def placement_from(attributes: JsonObject) -> Placement:
    """Placement out of the attributes of a layer as napari hands them to writers."""
    scale = tuple(float(value) for value in attributes["scale"])
    n = len(scale)
    translate = attributes.get("translate")
    units, labels = attributes.get("units"), attributes.get("axis_labels")
    return Placement(
        scale=scale,
        translate=(0.0,) * n if translate is None else tuple(float(value) for value in translate),
        rotate=_unless(attributes.get("rotate"), np.eye(n)),
        shear=_unless(attributes.get("shear"), np.zeros(n * (n - 1) // 2)),
        affine=_unless(attributes.get("affine"), np.eye(n + 1)),
        units=None if units is None else tuple(str(unit) for unit in units),
        axis_labels=None if labels is None else tuple(str(label) for label in labels),
    )


def source_path(layer: Layer) -> str | None:
    """File the layer was read from, None if it was not."""
    path = layer.source.path
    return None if path is None else str(path)


def position_in_file(layer: Layer) -> Position | None:
    """Which of several images of its file a layer is; None where the file holds one, or nobody noted it."""
    found = layer.metadata.get(POSITION_KEY)
    return found if isinstance(found, int | str) else None


def modality_of(layer: Layer, known: Iterable[str]) -> str:
    """Modality of an image, one of `known`; empty if neither metadata nor name tell.

    Samples and the person note it in the metadata; people tend to have it in file names, as words of their own.
    """
    noted, named = (_words(str(text)) for text in (layer.metadata.get(MODALITY_KEY, ""), layer.name))
    names = set(known)
    for found in (
        {name for name in names if _words(name) == noted},
        {name for name in names if _words(name) in named},
    ):
        if len(found) == 1:
            return found.pop()
    return ""


def shown_by(layer: Layer, known: Iterable[str]) -> str:
    """Return the same, but what the metadata say counts even where it is none of `known`."""
    noted = noted_modality(layer)
    return modality_of(layer, [name for name in known if not noted or same_modality(name, noted)]) or noted


def noted_modality(layer: Layer) -> str:
    """Modality of an image as its metadata tell; empty if they do not."""
    noted = layer.metadata.get(MODALITY_KEY)
    return noted.strip() if isinstance(noted, str) else ""


def note_modality(layer: Layer, modality: str) -> None:
    """Remember what an image shows; empty to forget it."""
    layer.metadata[MODALITY_KEY] = modality


def object_size_of(layer: Layer) -> float | None:
    """Median diameter of the objects in pixels, where the metadata of an image say it as samples do."""
    size = layer.metadata.get("object_size_px")
    return float(size) if isinstance(size, int | float) and size > 0 else None


def unwrapped(item: _Of) -> _Of:
    """Return the object behind the proxy that napari hands to plugins; a proxy lives too short to be remembered."""
    return getattr(item, "__wrapped__", item)


def _words(text: str) -> str:
    """Letters only, lower case, with one blank around every word."""
    return f" {' '.join(re.findall(r'[a-z]+', text.lower()))} "


def _is_time(layer: Layer, axis: int) -> bool:
    from napari_pseudolabel.imaging.units import is_time

    return is_time(layer.units[axis])


def _unless(matrix: object, neutral: np.ndarray) -> np.ndarray | None:
    if matrix is None:
        return None
    values = np.asarray(matrix, dtype=float)
    return None if values.shape == neutral.shape and np.array_equal(values, neutral) else values

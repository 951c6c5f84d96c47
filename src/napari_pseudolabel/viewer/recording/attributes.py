"""What a layer is besides its pixels, as JSON, and layers out of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Literal, cast

import numpy as np
from napari.layers import Image, Labels, Layer, Points, Shapes
from napari.utils.colormaps import (
    AVAILABLE_COLORMAPS,
    Colormap,
    CyclicLabelColormap,
    DirectLabelColormap,
)

from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.viewer.recording.plain import plain, plain_table

Kind = Literal["labels", "image", "shapes", "points"]
_CLASSES: dict[Kind, type[Labels | Image | Shapes | Points]] = {
    "labels": Labels,
    "image": Image,
    "shapes": Shapes,
    "points": Points,
}

_PLACEMENT = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
_COMMON = ("name", *_PLACEMENT, "opacity", "blending", "visible", "projection_mode")
_GIVEN: dict[Kind, tuple[str, ...]] = {
    "labels": ("rendering", "depiction", "iso_gradient_mode"),
    "image": (
        *("contrast_limits", "gamma", "interpolation2d", "interpolation3d", "rendering", "depiction"),
        *("iso_threshold", "attenuation"),
    ),
    "shapes": ("ndim", "shape_type", "edge_width", "edge_color", "face_color", "z_index"),
    "points": (
        *("ndim", "size", "symbol", "border_width", "border_width_is_relative", "border_color"),
        *("face_color", "shown"),
    ),
}
# What a layer can be told only after it was made.
_SET: dict[Kind, tuple[str, ...]] = {
    "labels": (
        *("selected_label", "brush_size", "contour", "contiguous", "n_edit_dimensions"),
        *("preserve_labels", "show_selected_label"),
    ),
    "image": ("contrast_limits_range", "contrast_limits"),
    "shapes": (),
    "points": (),
}
# Colours and sizes of nothing cannot be set one by one.
_PER_ITEM = {"shape_type", "edge_width", "edge_color", "face_color", "z_index"} | {
    *("size", "symbol", "border_width", "border_color", "shown"),
}


def kind_of(layer: Layer) -> Kind | None:
    """Kind of a layer; None for those that are not recorded."""
    if layer.ndim < 2:
        return None
    # A subclass of some plugin knows more about itself than we could bring back.
    return next((kind for kind, one in _CLASSES.items() if type(layer) is one), None)


def attributes_of(layer: Layer, kind: Kind) -> JsonObject:
    """Everything about a layer that comes back, without features and metadata."""
    found: JsonObject = {}
    for name in (*_COMMON, *_GIVEN[kind], *_SET[kind]):
        # What one version of napari has and another has not must not keep the rest from being saved.
        with suppress(AttributeError, TypeError):
            found[name] = _READ.get(name, plain)(getattr(layer, name))
    if kind in ("labels", "image"):
        found["colormap"] = _colormap(cast(Any, layer).colormap)
    if kind == "image":
        found["rgb"] = bool(cast(Any, layer).rgb)
    if kind in ("shapes", "points"):
        found["data"] = plain(list(cast(Any, layer).data))
    found["editable"] = bool(layer.editable)
    return found


def features_of(layer: Layer) -> JsonObject:
    """Columns of the features of a layer; empty if it has none."""
    table = getattr(layer, "features", None)
    pandas = sys.modules.get("pandas")  # where nobody has imported it, this is no table
    return plain_table(table) if pandas is not None and isinstance(table, pandas.DataFrame) else {}


def given(kind: Kind, attributes: Mapping[str, Any]) -> JsonObject:
    """Arguments with which a layer is made."""
    names = [name for name in (*_COMMON, *_GIVEN[kind]) if attributes.get(name) is not None]
    if kind in ("shapes", "points") and not attributes.get("data"):
        names = [name for name in names if name not in _PER_ITEM]
    found = {name: _WRITE.get(name, _same)(attributes[name]) for name in names}
    if "colormap" in attributes:
        found["colormap"] = _colormap_from(attributes["colormap"])
    if "rgb" in attributes:
        found["rgb"] = attributes["rgb"]
        if attributes["rgb"]:
            for name in ("colormap", "contrast_limits", "iso_threshold"):
                found.pop(name, None)
    if attributes.get("features"):
        import pandas as pd

        found["features"] = pd.DataFrame(attributes["features"])
    return found


def items_of(kind: Kind, attributes: Mapping[str, Any]) -> Any:
    """Return the data of a Shapes or Points layer."""
    data = attributes.get("data") or []
    if kind == "shapes":
        return [np.array(one, float) for one in data] or None
    return np.array(data, float) if data else None


def made(kind: Kind, data: Any, attributes: Mapping[str, Any], metadata: Mapping[str, Any]) -> Layer:
    """Return a layer out of its attributes.

    Raises
    ------
    Exception
        Whatever napari raises at what it cannot use.
    """
    layer = _CLASSES[kind](data, metadata=dict(metadata), **given(kind, attributes))
    settle(layer, kind, attributes)
    return layer


def bare(kind: Kind, data: Any, attributes: Mapping[str, Any], metadata: Mapping[str, Any]) -> Layer:
    """As `made`, of the pixels and the name alone: for attributes that this napari does not understand."""
    return _CLASSES[kind](data, metadata=dict(metadata), name=attributes.get("name"))


def settle(layer: Layer, kind: Kind, attributes: Mapping[str, object]) -> None:
    """Set what a layer can be told only after it was made."""
    for name in _SET[kind]:
        value = attributes.get(name)
        if value is not None and not (attributes.get("rgb") and name.startswith("contrast")):
            setattr(layer, name, value)
    if attributes.get("editable") is False:
        layer.editable = False


def adopt(layer: Layer, kind: Kind, attributes: Mapping[str, object]) -> None:
    """Give a layer that was read from its file what it had."""
    found = given(kind, attributes)
    for name in ("rgb", "ndim", "features"):
        found.pop(name, None)
    for name, value in found.items():
        setattr(layer, name, value)
    settle(layer, kind, attributes)


def _colormap(colormap: Any) -> JsonObject:
    if isinstance(colormap, DirectLabelColormap):
        return {"direct": [[key, plain(colour)] for key, colour in colormap.color_dict.items()]}
    known = AVAILABLE_COLORMAPS.get(colormap.name)
    if known is not None and np.array_equal(known.colors, colormap.colors):
        return {"name": colormap.name}
    found = {name: plain(getattr(colormap, name)) for name in ("name", "colors", "controls", "interpolation")}
    if isinstance(colormap, CyclicLabelColormap):
        return {"cyclic": {**found, "seed": colormap.seed, "background_value": colormap.background_value}}
    return {"continuous": found}


def _colormap_from(stored: Mapping[str, Any]) -> object:
    if "direct" in stored:
        return DirectLabelColormap(
            color_dict={key: np.array(colour, np.float32) for key, colour in stored["direct"]}
        )
    if "cyclic" in stored:
        return CyclicLabelColormap(**stored["cyclic"])
    return Colormap(**stored["continuous"]) if "continuous" in stored else stored["name"]


def _same(value: object) -> object:
    return value


def _strings(value: Any) -> list[str]:
    return [str(one) for one in value]


_READ: dict[str, Callable[[Any], Any]] = {
    "units": _strings,
    "axis_labels": _strings,
    "symbol": lambda symbols: [str(one.value) for one in np.atleast_1d(symbols)],
    "affine": lambda affine: plain(affine.affine_matrix),
}
_WRITE: dict[str, Callable[[object], object]] = dict.fromkeys(
    ("rotate", "affine", "edge_color", "face_color", "border_color"), np.array
)

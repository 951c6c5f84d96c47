"""The description of a package, versions 0.4 and 0.5 of the format, in our words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.segmenters.bioimageio.bioimage_steps import InputSteps, read_steps
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.wording import sentence

_LAYOUTS = {"bcyx": "channels_first", "byxc": "channels_last"}
_UM = {
    "micrometer": 1.0,
    "nanometer": 1e-3,
    "millimeter": 1e3,
    "centimeter": 1e4,
    "angstrom": 1e-4,
    "meter": 1e6,
}
OURS = "napari_pseudolabel"
"""Under this name in ``config`` lies what a package that was made here says besides."""

_USUAL_TILE = 256
_UNNAMED = re.compile(r"(channel|c|ch)_?\d*", re.IGNORECASE)
_LONGEST = 500


@dataclass(frozen=True)
class TensorAxis:
    """One axis of an input or output: a letter, and its sizes as `least` and more by steps of `step`; 0 for one size."""

    letter: str
    least: int = 1
    step: int = 0
    names: tuple[str, ...] = ()
    pixel_um: float | None = None


@dataclass(frozen=True)
class PackageDescription:
    """What a package says about itself.

    Attributes
    ----------
    layout, channels, tile, stride
        Of the input.
    classes
        Names of the channels of the output; empty if they have none.
    output, threshold
        Of the output, where the postprocessing tells.
    weights
        Formats, each with its ``source``, ``sha256``, and more.
    ours
        What a package says that was made here: ``card`` has fields of a card, ``tile`` and ``overlap`` are those of the model.
    """

    name: str
    text: str
    licence: str
    authors: tuple[str, ...]
    citation: tuple[str, ...]
    layout: str
    channels: int
    tile: int
    stride: int
    pixel_size_um: float | None
    classes: tuple[str, ...]
    output: str | None
    threshold: float | None
    steps: InputSteps
    weights: Mapping[str, JsonObject]
    ours: Mapping[str, Any]


def read_description(said: JsonObject, whose: str) -> PackageDescription:
    """Read the description of a model.

    Parameters
    ----------
    said
        The values of the YAML.
    whose
        Name of the package.

    Raises
    ------
    CheckpointError
        If it is of something else than a model that turns one image into one, or asks for what is not done here.
    """
    if said.get("type", "model") != "model":
        raise CheckpointError(
            f"{whose} is a package of the kind {sentence(said['type'])[:40]}, and no model."
        )
    inputs, outputs = said.get("inputs") or [], said.get("outputs") or []
    if len(inputs) != 1 or len(outputs) != 1:
        raise CheckpointError(
            f"{whose} takes {len(inputs)} images and answers with {len(outputs)}, where one and one were expected."
        )
    axes, made = _axes(inputs[0]), _axes(outputs[0])
    letters = "".join(axis.letter for axis in axes)
    if letters not in _LAYOUTS:
        raise CheckpointError(
            f"{whose} takes images of the axes {letters}; batch, channel, Y and X are taken, in this order or with the "
            "channels last."
        )
    by_letter = {axis.letter: axis for axis in axes}
    channels, tile, stride = _sizes(by_letter, whose)
    names = next((axis.names for axis in made if axis.letter == "c"), ())
    output, threshold = _output(outputs[0].get("postprocessing") or [], whose)
    return PackageDescription(
        name=_text(said.get("name")) or whose,
        text=_text(said.get("description")),
        licence=_text(said.get("license")),
        authors=tuple(_text(one.get("name")) for one in said.get("authors") or ()),
        citation=tuple(filter(None, map(_cited, said.get("cite") or ()))),
        layout=_LAYOUTS[letters],
        channels=channels,
        tile=tile,
        stride=stride,
        pixel_size_um=by_letter["x"].pixel_um,
        classes=() if all(map(_UNNAMED.fullmatch, names)) else names,
        output=output,
        threshold=threshold,
        steps=read_steps(inputs[0].get("preprocessing") or [], letters, channels, whose),
        weights={str(kind): dict(one) for kind, one in (said.get("weights") or {}).items() if one},
        ours=_mapping(_mapping(said.get("config")).get(OURS)),
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return sentence(value)[:_LONGEST] if isinstance(value, str | int | float) else ""


def _cited(one: Mapping[str, object]) -> str:
    where = one.get("doi") or one.get("url")
    return " ".join(filter(None, (_text(one.get("text")), f"({_text(where)})" if where else "")))[:_LONGEST]


def _axes(tensor: Mapping[str, Any]) -> list[TensorAxis]:
    axes = tensor["axes"]
    if isinstance(axes, str):
        return _old_axes(axes, tensor.get("shape"))
    return [_axis(one) for one in axes]


def _old_axes(axes: str, shape: object) -> list[TensorAxis]:
    """Read axes of version 0.4: letters, and a size, or a least one and a step, for each."""
    if isinstance(shape, Mapping):
        least, step = shape.get("min"), shape.get("step")
    else:
        least, step = shape, None
    sizes = least if isinstance(least, Sequence) else [1] * len(axes)
    steps = step if isinstance(step, Sequence) else [0] * len(axes)
    return [
        TensorAxis(letter, int(size), int(by)) for letter, size, by in zip(axes, sizes, steps, strict=True)
    ]


def _axis(said: Mapping[str, Any]) -> TensorAxis:
    kind = str(said["type"])
    if kind == "channel":
        names = tuple(map(_text, said.get("channel_names") or ()))
        return TensorAxis("c", len(names) or 1, names=names)
    if kind != "space":
        return TensorAxis(kind[:1] or "?")
    size, unit = said.get("size"), said.get("unit")
    pixel = float(said.get("scale") or 1.0) * _UM[unit] if unit in _UM else None
    letter = str(said.get("id", "?"))
    if isinstance(size, int):
        return TensorAxis(letter, size, pixel_um=pixel)
    if isinstance(size, Mapping) and "min" in size:
        return TensorAxis(letter, int(size["min"]), int(size.get("step", 0)), pixel_um=pixel)
    return TensorAxis(letter, pixel_um=pixel)


def _sizes(axes: Mapping[str, TensorAxis], whose: str) -> tuple[int, int, int]:
    """Channels, side of the tiles, and what it must be a multiple of."""
    y, x = axes["y"], axes["x"]
    if not y.step and not x.step and y.least != x.least:
        raise CheckpointError(
            f"{whose} takes images of {y.least} x {x.least} pixels and no others; only square tiles are taken."
        )
    least, step = max(y.least, x.least), max(y.step, x.step)
    if not step:
        return axes["c"].least, least, least
    tile = least + max(-(-(_USUAL_TILE - least) // step), 0) * step
    # Sizes that are no multiples of the step: this one, and no other.
    return axes["c"].least, tile, step if least % step == 0 else tile


def _output(steps: Sequence[Mapping[str, Any]], whose: str) -> tuple[str | None, float | None]:
    """Tell what the answer of the network itself means, from what is done with it afterwards."""
    output, threshold = None, None
    for one in steps:
        name, said = str(one.get("id") or one.get("name")), one.get("kwargs") or {}
        match name:
            case "sigmoid":
                output = "sigmoid_logits"
            case "softmax":
                output = "logits"
            case "binarize" if isinstance(said.get("threshold"), int | float):
                output, threshold = output or "sigmoid", float(said["threshold"])
            case "ensure_dtype" | "clip":
                pass
            case _:
                raise CheckpointError(
                    f"{whose} makes objects of its answers by {name[:60]}, which cannot be done here; label with "
                    "bioimageio.core, and bring the labels along."
                )
    return output, threshold

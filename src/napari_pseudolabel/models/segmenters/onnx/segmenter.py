"""An ONNX model as a segmenter, and what the house asks of its files; none of it runs one but `loads`."""

from __future__ import annotations

from pathlib import Path

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.card_files import validated
from napari_pseudolabel.models.inspection import Inspection, useful, useless
from napari_pseudolabel.models.offers import Offer
from napari_pseudolabel.models.segmenters.onnx.onnx_graph import OnnxGraph, Size, read_graph
from napari_pseudolabel.models.segmenters.onnx.onnx_session import OnnxNetwork, examine, missing_library
from napari_pseudolabel.models.segmenters.program import ProgramSegmenter, described, filled
from napari_pseudolabel.models.segmenters.torchscript.reading import (
    DecodedNetwork,
    ProgramArchitecture,
    understand,
)
from napari_pseudolabel.types import JsonObject

FAMILY = "onnx"

_WHAT = "an ONNX model"
_PROBE = 64  # pixels; at least one stride of any common network
_MOST_CHANNELS = 64
_REAL = ("float32", "float16", "float64")


def declines(offer: Offer) -> str:
    """Why it is no ONNX model, by its name."""
    return "" if offer.path.suffix == ".onnx" and offer.path.is_file() else "no ONNX file"


def describes(offer: Offer) -> Inspection | None:
    """Describe a model by its graph and its card; it does not run."""
    path, what = offer.path, "ONNX segmenter"
    if declines(offer) or offer.foreign:
        return None
    graph, _ = read_graph(path)
    card, problem = described(path, offer.given, family=FAMILY, what=_WHAT, told=told(graph, offer.given))
    problem = missing_library(path.name) or problem
    if problem:
        return useless(path, what, problem, missing=card.missing, card=card, parameters=graph.weights)
    return useful(path, what, card, parameters=graph.weights)


def loads(offer: Offer) -> ProgramSegmenter:
    """Load an ONNX file, whose card says at least ``classes`` and ``normalisation``.

    Raises
    ------
    CheckpointError
        If the file is damaged or refused, the card is incomplete or does not fit the graph, or onnxruntime is not
        installed.
    """
    return load(offer.path, offer.given)


def load(path: Path, given: JsonObject, guessed: JsonObject | None = None) -> ProgramSegmenter:
    """Load an ONNX file with a card from elsewhere; see `loads`. `guessed` are fields of the architecture if the file tells none."""
    graph, content = read_graph(path)
    known = told(graph, given)
    untold = {field: value for field, value in (guessed or {}).items() if field not in known}
    given = {**given, "architecture": {**untold, **given.get("architecture", {})}}
    full, problem = described(path, given, family=FAMILY, what=_WHAT, told=known)
    if problem := missing_library(path.name) or problem:
        raise CheckpointError(problem)
    said = validated(ProgramArchitecture, full.architecture, f"The card of {path.name}")
    side = said.tile if "tile" in known else -(-_PROBE // said.stride) * said.stride
    examined = examine(
        path, channels=said.in_channels, side=side, layout=said.layout, dtype=graph.inputs[0].dtype
    )
    reading = understand(examined, full.classes, said, path, side)
    if graph.sha256 != examined.sha256:
        raise CheckpointError(f"{path.name} was changed while it was read; try again.")
    network = OnnxNetwork(path, graph, content)
    return ProgramSegmenter(
        filled(full, said, reading), graph.sha256, DecodedNetwork(network, reading, path.name)
    )


def told(graph: OnnxGraph, given: JsonObject) -> JsonObject:
    """Return what the shape of the input tells about the architecture.

    Parameters
    ----------
    given
        The card, which may say the layout where the shape does not.

    Raises
    ------
    CheckpointError
        If the graph does not take one image of real numbers, with channels, in square tiles.
    """
    name = graph.name
    if len(graph.inputs) != 1:
        named = ", ".join(one.name for one in graph.inputs[:4]) or "none"
        raise CheckpointError(
            f"{name} has {len(graph.inputs)} inputs ({named}), where one image was expected; it is no segmenter of images."
        )
    (port,) = graph.inputs
    if port.dtype not in _REAL:
        raise CheckpointError(
            f"{name} takes {port.dtype} and not real numbers; export it with an input of the kind float32."
        )
    if len(port.sizes) != 4:
        axes = f"{len(port.sizes)} axes" if port.sizes else "axes that it does not tell"
        raise CheckpointError(
            f"{name} takes arrays of {axes}; images of the axes batch, channel, Y and X are taken, in this order or with "
            "the channels last."
        )
    layout = given.get("architecture", {}).get("layout") or _layout(port.sizes)
    if layout is None:
        return {}
    batch, *rest = port.sizes
    channels, *sides = rest if layout == "channels_first" else (rest[2], *rest[:2])
    fixed = [one for one in sides if isinstance(one, int)]
    if len(set(fixed)) > 1:
        raise CheckpointError(
            f"{name} takes images of {sides[0]} x {sides[1]} pixels and no others; export it for square tiles, or for any size."
        )
    if isinstance(batch, int) and batch != 1:
        raise CheckpointError(
            f"{name} takes {batch} images at once and no fewer; export it for one, or for any number."
        )
    found: JsonObject = {"layout": layout}
    if isinstance(channels, int):
        found["in_channels"] = channels
    if fixed:
        found |= {"tile": fixed[0], "stride": fixed[0]}
    return found


def _layout(sizes: tuple[Size, ...]) -> str | None:
    """Tell where the channels are: the axis whose size is fixed and small, and the other not."""
    _, first, _, last = sizes
    could = [isinstance(one, int) and one <= _MOST_CHANNELS for one in (first, last)]
    if could == [True, True]:  # tiny tiles: the fewer are the channels
        could = [int(first) < int(last), int(last) < int(first)]  # type: ignore[arg-type]
    if could[0] == could[1]:
        return None
    return "channels_first" if could[0] else "channels_last"

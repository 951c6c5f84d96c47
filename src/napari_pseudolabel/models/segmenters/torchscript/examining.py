"""Open a TorchScript file, hand images to it and call it for the first time; both happen in a process of its own before they do here."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.inspection_process import Limits, call_in_process
from napari_pseudolabel.models.segmenters.torchscript.layout import damaged, read
from napari_pseudolabel.models.segmenters.torchscript.operators import check_program
from napari_pseudolabel.models.segmenters.torchscript.source_text import check_sources
from napari_pseudolabel.models.segmenters.torchscript.weights_check import check_weights
from napari_pseudolabel.types import JsonObject

# What does not change the meaning of the values it is given.
_HAND_ON = frozenset(
    f"aten::{name}"
    for name in (
        "to", "type_as", "float", "half", "contiguous", "clone", "detach", "squeeze", "unsqueeze", "permute", "slice", "select",
        "upsample_bilinear2d", "upsample_nearest2d", "clamp",
    )
) | {"prim::unchecked_cast"}  # fmt: skip
_JOINS = ("aten::cat", "aten::concat", "aten::stack")
_LISTS = ("prim::TupleConstruct", "prim::ListConstruct")
# By so much answers may differ with the order of sums.
_ROUNDED = {"float16": 0.03, "bfloat16": 0.1}
_ROUNDED_FLOAT32 = 1e-4
_DTYPES = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float64": torch.float64,
}


class Feed(BaseModel):
    """How a network takes images.

    Attributes
    ----------
    dtype
        Of the images.
    widened
        Whether its weights of another precision are made float32 first.
    channels_last
        Whether it takes (B, h, w, C).
    one_by_one
        Whether it takes one image at a time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dtype: Literal["float32", "float16", "bfloat16", "float64"] = "float32"
    widened: bool = False
    channels_last: bool = False
    one_by_one: bool = False

    def prepared(self, network: nn.Module) -> nn.Module:
        """Return the network, or a copy of it with float32 weights."""
        return copy.deepcopy(network.requires_grad_(False)).float() if self.widened else network

    def call(self, network: nn.Module, images: Tensor) -> Any:
        """Call a prepared network with (B, C, h, w) float32; one answer, or a list of one for each image."""
        images = images.to(_DTYPES[self.dtype])
        if self.channels_last:
            images = images.permute(0, 2, 3, 1).contiguous()
        return [network(image[None]) for image in images] if self.one_by_one else network(images)

    def named(self, answer: Any) -> list[tuple[int | str | None, Any]]:
        """Return what is in an answer, by position or key; of several images of the first."""
        if self.one_by_one:
            answer = answer[0]
        if isinstance(answer, Mapping):
            return [(key if isinstance(key, int) else str(key), value) for key, value in answer.items()]
        if isinstance(answer, tuple | list):
            return list(enumerate(answer))
        return [(None, answer)]


def feeds(dtype: str | None, layout: str | None) -> Iterator[Feed]:
    """Yield the ways that are tried, the most likely first."""
    kinds = [Feed()]
    if dtype:
        kinds += [Feed(widened=True), Feed(dtype="float16"), Feed(dtype="bfloat16"), Feed(dtype="float64")]
    layouts = (layout == "channels_last",) if layout else (False, True)
    for one_by_one in (False, True):
        for channels_last in layouts:
            for kind in kinds:
                yield kind.model_copy(update={"channels_last": channels_last, "one_by_one": one_by_one})


class Answer(BaseModel):
    """One of the things that a network answered with to a square test image.

    Attributes
    ----------
    key
        Position in a tuple or list, key in a dictionary; None if there is nothing else.
    shape
        Of the tensor; None if it is none.
    whole
        Whether it holds whole numbers or truth values.
    finite
        Whether no value is NaN.
    low, high
        Range of its values.
    adds_up
        Whether the values along axis 1, and along the last, are chances that add up to 1.
    last
        The operator that computed it, as far as the program tells: "sigmoid".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: int | str | None = None
    shape: tuple[int, ...] | None = None
    whole: bool = False
    finite: bool = True
    low: float = 0
    high: float = 0
    adds_up: tuple[bool, bool] = (False, False)
    last: str = ""


class Examined(BaseModel):
    """What was found out about a file.

    Attributes
    ----------
    sha256
        Of what was examined.
    dtype
        Of weights that are not float32: "float16"; None if all are.
    steady
        Whether it answers the same image the same twice; not so where it draws random numbers, or was saved in training.
    feed
        How it takes images; None if it takes none that was tried.
    answers
        To the last image that was tried.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    dtype: str | None = None
    steady: bool = True
    feed: Feed | None = None
    answers: tuple[Answer, ...] = ()


def examine(
    path: Path, *, channels: int, side: int, layout: Literal["channels_first", "channels_last"] | None
) -> Examined:
    """Open a file and call its network, in a process of its own.

    Parameters
    ----------
    channels, side
        Of the test image, in pixels.
    layout
        How images are handed over; None tries.

    Raises
    ------
    CheckpointError
        If it is refused, damaged, or takes more memory or time than a network does.
    """
    found = _apart("examined", path, channels, side, layout)
    return Examined.model_validate(found)


def look(path: Path) -> None:
    """Open a file in a process of its own without calling its network; raises as `examine` does."""
    _apart("opened", path)


def open_checked(path: Path) -> tuple[nn.Module, str]:
    """Open a file in this process, if nothing in it is refused; returns the network and the sha256.

    Raises
    ------
    CheckpointError
        If it is refused or damaged.
    """
    content = read(path)
    check_sources(content)
    check_weights(content)
    try:
        network = torch.jit.load(content.packed(), map_location="cpu")
    except (MemoryError, RecursionError):
        raise CheckpointError(f"{path.name} does not fit into memory.") from None
    except Exception:  # damaged archives raise errors of many kinds
        raise damaged(path.name) from None
    check_program(network, path.name)
    return network.eval(), content.sha256


def opened(path: str) -> None:
    """Open it in the other process; see `look`."""
    open_checked(Path(path))


def examined(path: str, channels: int, side: int, layout: str | None) -> JsonObject:
    """Run in the other process; see `examine`."""
    torch.set_num_threads(1)
    network, sha256 = open_checked(Path(path))
    dtype = next(filter(None, map(_other_dtype, (*network.parameters(), *network.buffers()))), None)
    result = Examined(sha256=sha256, dtype=dtype)
    last = list(_last_operators(network))
    ramp = torch.linspace(0, 1, side * side).reshape(1, 1, side, side)
    image = torch.cat([ramp, ramp.flip(3)]).repeat(1, channels, 1, 1)
    for feed in feeds(dtype, layout):
        try:
            with torch.inference_mode():
                prepared = feed.prepared(network)
                answer = feed.call(prepared, image)
                alone, again, beside = (
                    _values(feed, feed.call(prepared, images))
                    for images in (image[:1], image[:1], torch.cat([image[:1], image[1:] / 4]))
                )
        except MemoryError:
            raise
        except Exception as error:  # whatever the network's own code raises
            if "memory" in str(error):
                raise MemoryError from None
            continue
        steady = _alike(alone, again)
        if steady and not _alike(alone, beside, _ROUNDED.get(feed.dtype, _ROUNDED_FLOAT32)):
            continue  # it normalises by all images that it is given, so it is given one
        found = {"feed": feed, "answers": answers_to(feed, answer, last), "steady": steady}
        return result.model_copy(update=found).model_dump(mode="json")
    return result.model_dump(mode="json")


def answers_to(feed: Feed, answer: object, last: Sequence[str]) -> tuple[Answer, ...]:
    """Describe what a network answered; `last` are the operators that computed it, as far as they are known."""
    named = feed.named(answer)
    return tuple(
        _described(key, value, last[n] if len(last) == len(named) else "")
        for n, (key, value) in enumerate(named)
    )


def same_answers(feed: Feed, one: object, other: object) -> bool:
    """Whether two answers to the same image hold the same values."""
    return _alike(_values(feed, one), _values(feed, other))


def _apart(function: str, path: Path, *arguments: object) -> object:
    return call_in_process(
        f"{__name__}:{function}", str(path.absolute()), *arguments, name=path.name, limits=Limits.of(path)
    )


def _other_dtype(tensor: Tensor) -> str | None:
    other = tensor.is_floating_point() and tensor.dtype != torch.float32
    return str(tensor.dtype).removeprefix("torch.") if other else None


def _values(feed: Feed, answer: object) -> list[Tensor]:
    """Return what a network answers for the first of several images."""
    found = [value for _, value in feed.named(answer) if isinstance(value, Tensor) and value.ndim]
    return [value[0].double() for value in found]


def _alike(first: list[Tensor], second: list[Tensor], rounded: float = 0) -> bool:
    """Whether values are the same but for what rounding may change, as a part of the largest."""
    return len(first) == len(second) and all(
        tensor.shape == other.shape
        and torch.allclose(tensor, other, rtol=0, atol=rounded * _largest(tensor), equal_nan=True)
        for tensor, other in zip(first, second, strict=True)
    )


def _largest(values: Tensor) -> float:
    return float(values.nan_to_num().abs().max()) if values.numel() else 0.0


def _described(key: int | str | None, value: object, last: str) -> Answer:
    if not isinstance(value, Tensor):
        return Answer(key=key)
    whole = not value.is_floating_point()
    data = value.double()
    if data.numel() == 0 or bool(data.isnan().any()):
        return Answer(key=key, shape=tuple(value.shape), whole=whole, finite=False)
    chances = bool((data >= 0).all())
    adds_up = tuple(
        chances
        and data.ndim == 4
        and torch.allclose(data.sum(axis), torch.ones((), dtype=data.dtype), atol=4e-3)
        for axis in ((1, -1) if data.ndim == 4 else ())
    )
    low, high = (float(torch.nan_to_num(tensor)) for tensor in (data.min(), data.max()))
    return Answer(
        key=key,
        shape=tuple(value.shape),
        whole=whole,
        low=low,
        high=high,
        adds_up=(adds_up[0], adds_up[1]) if adds_up else (False, False),
        last=last,
    )


def _last_operators(network: Any) -> Iterator[str]:
    """Yield the operators that compute what `forward` returns, without what only hands values on."""
    graph = network._c._get_method("forward").inlined_graph
    for output in graph.outputs():
        node = output.node()
        if node.kind() in _LISTS:
            yield from (_computed_by(one) for one in node.inputs())
        elif node.kind() == "prim::DictConstruct":
            yield from (_computed_by(one) for one in list(node.inputs())[1::2])
        else:
            yield _computed_by(output)


def _computed_by(value: Any) -> str:
    node = value.node()
    while node.kind() in _HAND_ON:
        node, value = node.inputsAt(0).node(), node.inputsAt(0)
    if node.kind() in _JOINS and node.inputsAt(0).node().kind() == "prim::ListConstruct":
        joined = {_computed_by(one) for one in node.inputsAt(0).node().inputs()}
        return joined.pop() if len(joined) == 1 else ""
    if node.kind() == "prim::If":
        place = [output.unique() for output in node.outputs()].index(value.unique())
        found = {_computed_by(list(block.outputs())[place]) for block in node.blocks()} - {"Uninitialized"}
        return found.pop() if len(found) == 1 else ""
    return str(node.kind()).partition("::")[2].removesuffix("_")

"""What the answer of a network means: told by its card, by the program and by the shape, or asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.card_files import sidecar_path
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.models.segmenters.torchscript.examining import Answer, Examined, Feed
from napari_pseudolabel.tiling import is_out_of_memory

Output = Literal["logits", "probabilities", "sigmoid", "sigmoid_logits"]
_SIGMOIDS = ("sigmoid", "sigmoid_logits")
_UNBOUNDED = (
    "conv2d", "_convolution", "conv_transpose2d", "linear", "batch_norm", "instance_norm", "group_norm", "log_softmax",
)  # fmt: skip
_SMALLER = (1, 2, 4, 8)  # how many times smaller than the image an answer may be
_SLACK = 1e-6
BACKGROUND = LabelClass(name="background", value=0)


class ProgramArchitecture(BaseModel):
    """``card.architecture`` of this family.

    Attributes
    ----------
    in_channels
        Channels of the image.
    tile, stride
        Side of the tiles in prediction, and what it must be a multiple of, in pixels.
    overlap
        Of tiles, in pixels; None for the usual share of the tile.
    output
        ``logits``: one channel per class, background included, before a softmax. ``probabilities``: the same,
        after it. ``sigmoid``: one channel per class, each a probability by itself, so that classes may overlap and
        what is in none is background. ``sigmoid_logits``: the same, before the sigmoid. Found out where it can be.
    threshold
        A pixel belongs to a class of ``sigmoid`` or ``sigmoid_logits`` above this probability, 0.5 by default.
    take
        Position or key of the segmentation where the network answers with a tuple, a list or a dictionary.
    layout
        Whether the network takes (B, C, h, w) or (B, h, w, C); found out if not given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    in_channels: int = Field(default=1, ge=1, le=64)
    tile: int = Field(default=256, ge=8, le=4096)
    stride: int = Field(default=32, ge=1, le=4096)
    overlap: int | None = Field(default=None, ge=0, le=2048)
    output: Output | None = None
    threshold: float | None = Field(default=None, gt=0, lt=1)
    take: int | str | None = None
    layout: Literal["channels_first", "channels_last"] | None = None


@dataclass(frozen=True)
class OutputDecoding:
    """How an answer becomes probabilities.

    Attributes
    ----------
    feed
        How the network takes images.
    take
        Which part of the answer; None for all of it.
    channels_last, flat
        Whether it is (B, h, w, K), or (B, h, w) without channels.
    smaller
        How many times smaller than the image.
    output
        What its values are.
    adds_background
        Whether the background has no channel of its own.
    """

    feed: Feed
    take: int | str | None
    channels_last: bool
    flat: bool
    smaller: int
    output: Output
    adds_background: bool


def understand(
    examined: Examined, classes: Sequence[LabelClass], said: ProgramArchitecture, path: Path, side: int
) -> OutputDecoding:
    """Tell what a network answers with.

    Parameters
    ----------
    examined
        What it did with a square image.
    classes
        Of the card, with or without a background.
    said
        What the card says about it.
    side
        Of the image, in pixels.

    Raises
    ------
    CheckpointError
        If it cannot be told or does not fit; says what to write into the card.
    """
    name = path.name
    if examined.feed is None:
        dtype = examined.dtype
        more = f" Its weights are {dtype}; save it with float32 weights." if dtype else ""
        raise CheckpointError(
            f"{name} fails on a {side} x {side} image with {said.in_channels} channel(s); name in_channels and stride "
            f"in its card.{more}"
        )
    if not examined.steady:
        raise CheckpointError(
            f"{name} answers the same image differently each time; save it in evaluation mode (network.eval() before "
            "it is scripted or traced) and without random numbers."
        )
    answer = _chosen(examined.answers, classes, said, path, side)
    if answer.whole:
        raise CheckpointError(
            f"{name} answers with whole numbers, where values for each class were expected; save it without the last step."
        )
    if not answer.finite:
        raise CheckpointError(
            f"{name} answers a test image with values that are no numbers (NaN); it was not loaded. Save it with float32 weights."
        )
    fit = _fit(answer, side)
    if fit is None:
        raise CheckpointError(f"{name} does not answer with one channel of the image's size for each class.")
    channels_last, flat, smaller, count = fit
    adds = _adds_background(count, classes)
    given = said.output or ("sigmoid" if answer.last == "sigmoid" else None)
    # Fewer channels than classes: only those of sigmoids can do without one for the background.
    if adds is None or (1 < count < len(classes) and given not in _SIGMOIDS):
        raise CheckpointError(
            f"{name} has {count} outputs, but its card names {len(classes)} classes; correct it."
        )
    output = given or _output(answer, count, channels_last, classes, path)
    if count == 1 and output in ("logits", "probabilities"):
        # Alone, either can only be the chance of the one class.
        output = "sigmoid_logits" if output == "logits" else "sigmoid"
    if output in ("sigmoid", "probabilities") and not (answer.low >= -_SLACK and answer.high <= 1 + 1e-3):
        raise CheckpointError(
            f"The card of {name} says that its outputs are {output}, but they reach from {answer.low:.3g} to "
            f"{answer.high:.3g}; correct output under architecture."
        )
    if said.threshold is not None and output not in _SIGMOIDS:
        raise CheckpointError(
            f"The card of {name} has a threshold, which needs outputs of the kind sigmoid or sigmoid_logits; correct it."
        )
    return OutputDecoding(
        examined.feed, answer.key, channels_last, flat, smaller, output, adds and output in _SIGMOIDS
    )


def _chosen(
    answers: Sequence[Answer],
    classes: Sequence[LabelClass],
    said: ProgramArchitecture,
    path: Path,
    side: int,
) -> Answer:
    """Return the part of the answer that is the segmentation."""
    there = ", ".join(f"{answer.key!r} {_shape(answer)}" for answer in answers[:8])
    if said.take is not None:
        found = [answer for answer in answers if answer.key == said.take]
        if not found:
            raise CheckpointError(
                f"The card of {path.name} says take {said.take!r}, but the network answers with {there or 'nothing'}; "
                "correct it."
            )
        return found[0]
    if len(answers) == 1:
        return answers[0]
    fitting = [
        answer
        for answer in answers
        if not answer.whole
        and (fit := _fit(answer, side))
        and fit[2] == 1
        and _adds_background(fit[3], classes) is not None
    ]
    if len(fitting) != 1:
        raise CheckpointError(
            f"{path.name} answers with {len(answers)} things ({there}); write which of them is the segmentation into "
            f"{sidecar_path(path).name} beside it: take under architecture."
        )
    return fitting[0]


def _shape(answer: Answer) -> str:
    return "without an image" if answer.shape is None else "x".join(map(str, answer.shape[1:]))


def _fit(answer: Answer, side: int) -> tuple[bool, bool, int, int] | None:
    """Channels last, without channels, times smaller, channels; None if it is no image of the right size."""
    shape = answer.shape
    if shape is None or len(shape) not in (3, 4):
        return None
    sizes = [side // times for times in _SMALLER if side % times == 0]
    if len(shape) == 3:
        return (False, True, side // shape[1], 1) if shape[1] == shape[2] and shape[1] in sizes else None
    if shape[2] == shape[3] and shape[2] in sizes:
        return False, False, side // shape[2], shape[1]
    if shape[1] == shape[2] and shape[1] in sizes:
        return True, False, side // shape[1], shape[3]
    return None


def _adds_background(count: int, classes: Sequence[LabelClass]) -> bool | None:
    """Whether the background has no channel among `count`; None if they do not fit the classes."""
    has_background = any(label_class.value == 0 for label_class in classes)
    if count == len(classes):
        return not has_background
    return True if has_background and count == len(classes) - 1 else None


def _output(
    answer: Answer, count: int, channels_last: bool, classes: Sequence[LabelClass], path: Path
) -> Output:
    """Tell the kind of output by its values; raises if that cannot be told."""
    background = any(label_class.value == 0 for label_class in classes)
    if count == len(classes) and count > 1 and background:
        if answer.adds_up[1 if channels_last else 0]:
            return "probabilities"
        # Values that go or may go beyond [0, 1] are no probabilities, and a background is there to lose against.
        if answer.low < -_SLACK or answer.high > 1 + _SLACK or answer.last in _UNBOUNDED:
            return "logits"
    kinds = "sigmoid or sigmoid_logits" if count == 1 else "logits, probabilities, sigmoid or sigmoid_logits"
    raise CheckpointError(
        f"What the {count} output{'s'[: count > 1]} of {path.name} mean cannot be told from the file; write output "
        f"({kinds}) under architecture into {sidecar_path(path).name} beside it."
    )


class DecodedNetwork(nn.Module):
    """A TorchScript network as our prediction wants it: (B, C, h, w) float32 -> probabilities (B, K, h, w).

    Parameters
    ----------
    network
        As it was loaded.
    reading
        How it is fed, and what its answer means.
    name
        Of the file.
    """

    def __init__(self, network: nn.Module, reading: OutputDecoding, name: str) -> None:
        super().__init__()
        self.network = reading.feed.prepared(network)
        self.reading = reading
        self.name = name

    def forward(self, images: Tensor) -> Tensor:
        """See the class.

        Raises
        ------
        CheckpointError
            If the network fails on images of this size.
        """
        side = "x".join(map(str, images.shape[-2:]))
        try:
            answer = self.reading.feed.call(self.network, images)
            found = (
                torch.cat([self._taken(one) for one in answer])
                if self.reading.feed.one_by_one
                else self._taken(answer)
            )
        except (RuntimeError, LookupError, TypeError, AttributeError) as error:
            if is_out_of_memory(error):
                raise
            raise CheckpointError(
                f"{self.name} fails on tiles of {side} pixels; name tile and stride in its card."
            ) from None
        height, width = (size // self.reading.smaller for size in images.shape[-2:])
        if found.ndim != 4 or tuple(found.shape[-2:]) != (height, width):
            raise CheckpointError(
                f"{self.name} answers tiles of {side} pixels with another size than it should; name tile and stride in its card."
            )
        chances = self._chances(found.float())
        if self.reading.smaller > 1:
            chances = functional.interpolate(chances, images.shape[-2:], mode="bilinear")
        if self.reading.adds_background:
            nothing = 1 - chances.amax(1, keepdim=True)
            chances = torch.cat([nothing, chances], 1)
        return chances

    def _taken(self, answer: object) -> Tensor:
        take = self.reading.take
        found: Tensor = answer if take is None else answer[take]  # type: ignore[index,assignment]
        if self.reading.flat:
            return found[:, None]
        return found.permute(0, 3, 1, 2) if self.reading.channels_last else found

    def _chances(self, values: Tensor) -> Tensor:
        match self.reading.output:
            case "logits":
                return values.softmax(1)
            case "sigmoid_logits":
                return values.sigmoid()
        return values.clamp(0, 1)

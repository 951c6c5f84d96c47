"""How images are handed to a network, and what it answers is taken apart."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

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
        """The network, or a copy of it with float32 weights."""
        return copy.deepcopy(network.requires_grad_(False)).float() if self.widened else network

    def call(self, network: nn.Module, images: Tensor) -> Any:
        """Call a prepared network with (B, C, h, w) float32; one answer, or a list of one for each image."""
        images = images.to(_DTYPES[self.dtype])
        if self.channels_last:
            images = images.permute(0, 2, 3, 1).contiguous()
        return [network(one[None]) for one in images] if self.one_by_one else network(images)

    def named(self, answer: Any) -> list[tuple[int | str | None, Any]]:
        """What is in an answer, by position or key; of several images of the first."""
        if self.one_by_one:
            answer = answer[0]
        if isinstance(answer, Mapping):
            return [(key if isinstance(key, int) else str(key), value) for key, value in answer.items()]
        if isinstance(answer, tuple | list):
            return list(enumerate(answer))
        return [(None, answer)]


def feeds(dtype: str | None, layout: str | None) -> Iterator[Feed]:
    """The ways that are tried, the most likely first."""
    kinds = [Feed()]
    if dtype:
        kinds += [Feed(widened=True), Feed(dtype="float16"), Feed(dtype="bfloat16"), Feed(dtype="float64")]
    layouts = (layout == "channels_last",) if layout else (False, True)
    for one_by_one in (False, True):
        for channels_last in layouts:
            for kind in kinds:
                yield kind.model_copy(update={"channels_last": channels_last, "one_by_one": one_by_one})

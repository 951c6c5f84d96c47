"""The decoder of micro-sam: from the features of an image to where objects are, and how far each pixel is from their middles and edges.

Archit et al., Segment Anything for Microscopy (Nature Methods 2025). Names of modules are those of the files (``decoder_state``); the
answers are held to the package's own (docs/micro_sam.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from typing_extensions import override

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.outline import outlined
from napari_pseudolabel.models.segmenters.common import check_fit, fill

OUTPUTS = 3
"""Probability of an object; distance to its middle; to its edge, from 1 at the edge to 0 in the middle."""

_LEVELS = 4


@dataclass(frozen=True)
class DecoderShape:
    """What the weights of a decoder say about it.

    Attributes
    ----------
    widths
        Channels of the four resolutions, the coarsest first.
    transposed
        Whether what is coarse is made finer by convolutions, and not by interpolation.
    """

    widths: tuple[int, ...]
    transposed: bool = False

    @classmethod
    def of(cls, weights: Mapping[str, Tensor], name: str) -> Self:
        """Read it from the weights, by their names.

        Raises
        ------
        CheckpointError
            If they are of another decoder.
        """
        last = weights.get("out_conv.weight")
        found = [weights.get(f"deconv{number}.block.1.block.bias") for number in range(1, _LEVELS + 1)]
        widths = tuple(len(one) for one in found if one is not None and one.ndim == 1)
        halves = all(before == 2 * after for before, after in pairwise(widths))
        if last is None or not last.ndim or len(widths) < _LEVELS or not halves:
            raise CheckpointError(f"{name} holds another decoder than that of micro-sam for objects.")
        if len(last) != OUTPUTS:
            raise CheckpointError(
                f"{name} holds a decoder with {len(last)} outputs, where that for objects has {OUTPUTS}; choose a model for objects."
            )
        return cls(widths, any(key.startswith("decoder.samplers.0.block") for key in weights))


class DistanceDecoder(nn.Module):
    """Features (B, F, h, w) to (B, 3, 16 h, 16 w) in [0, 1]; see `OUTPUTS`.

    Parameters
    ----------
    features
        F.
    """

    def __init__(self, features: int, shape: DecoderShape) -> None:
        super().__init__()
        widths = shape.widths
        finer = _Transposed if shape.transposed else _Interpolated
        first, last = widths[0], widths[-1]
        for number, (before, after) in enumerate(pairwise((features, *widths)), start=1):
            self.add_module(f"deconv{number}", _Finer(finer(before, after), after))
        self.base = _TwoConvolutions(features, first)
        self.decoder = nn.Module()
        self.decoder.blocks = nn.ModuleList(
            _TwoConvolutions(before, after) for before, after in pairwise(widths)
        )
        self.decoder.samplers = nn.ModuleList(finer(before, after) for before, after in pairwise(widths))
        self.deconv_out = finer(last, last)
        self.decoder_head = _TwoConvolutions(2 * last, last)
        self.out_conv = nn.Conv2d(last, OUTPUTS, 1)

    @override
    def forward(self, features: Tensor) -> Tensor:
        """Answer."""
        levels = [features]
        for number in range(1, _LEVELS + 1):
            levels.append(self.get_submodule(f"deconv{number}")(levels[-1]))
        x: Tensor = self.base(features)
        steps = zip(self._parts("samplers"), self._parts("blocks"), levels[1:_LEVELS], strict=True)
        for sampler, block, level in steps:
            x = sampler(x)
            # Of twice as many channels the middle ones are taken.
            left = (level.shape[1] - x.shape[1]) // 2
            x = block(torch.cat([x, level[:, left : left + x.shape[1]]], 1))
        x = self.decoder_head(torch.cat([self.deconv_out(x), levels[_LEVELS]], 1))
        answer: Tensor = self.out_conv(x).sigmoid()
        return answer

    def _parts(self, name: str) -> list[nn.Module]:
        return list(self.decoder.get_submodule(name).children())


def is_decoder(weights: Mapping[str, Tensor]) -> bool:
    """Whether weights are of such a decoder, by their names."""
    return {"out_conv.weight", "base.block.1.weight", "deconv1.block.1.block.weight"} <= weights.keys()


def distance_decoder(
    shape: DecoderShape, weights: Mapping[str, Tensor], features: int, name: str
) -> DistanceDecoder:
    """Build the decoder of a file and fill it, after a look at what it would be like.

    Raises
    ------
    CheckpointError
        If the weights are not all, or not its own.
    """

    def make() -> DistanceDecoder:
        return DistanceDecoder(features, shape)

    # Files of trainings may hold the encoder once more.
    own = {key: one for key, one in weights.items() if not key.startswith("encoder.")}
    check_fit(outlined(make), own, name)
    decoder = make()
    fill(decoder, own, name)
    decoder.eval()
    return decoder


class _TwoConvolutions(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.InstanceNorm2d(before),
            nn.Conv2d(before, after, 3, padding=1),
            nn.ReLU(),
            nn.InstanceNorm2d(after),
            nn.Conv2d(after, after, 3, padding=1),
            nn.ReLU(),
        )

    @override
    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.block(x)
        return answer


class _Interpolated(nn.Module):
    """Twice as fine."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, 1)

    @override
    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.conv(interpolate(x, scale_factor=2, mode="bilinear"))
        return answer


class _Transposed(nn.Module):
    """Twice as fine."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.block = nn.ConvTranspose2d(before, after, 2, 2)

    @override
    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.block(x)
        return answer


class _OwnNorm(nn.BatchNorm2d):
    """Normalises by what it sees, and not by what was seen in training, as micro-sam does whenever it segments an image."""

    @override
    def forward(self, input: Tensor) -> Tensor:
        return nn.functional.instance_norm(input, weight=self.weight, bias=self.bias, eps=self.eps)


class _PlainConvolution(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Conv2d(width, width, 3, padding=1)

    @override
    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.block(x)
        return answer


class _Finer(nn.Module):
    """Twice as fine, and another convolution."""

    def __init__(self, finer: nn.Module, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(finer, _PlainConvolution(width), _OwnNorm(width), nn.ReLU())

    @override
    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.block(x)
        return answer

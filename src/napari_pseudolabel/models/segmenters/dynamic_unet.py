"""The U-Net of our own segmenters: that of nnU-Net, as MONAI's DynUNet has it, with the same names of weights."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

_SLOPE = 0.01  # of the leaky side of the activation, and what the first weights are drawn for


class _Named(nn.Module):
    """A convolution under the name ``conv``, where files have its weights."""

    def __init__(self, conv: nn.Conv2d | nn.ConvTranspose2d) -> None:
        super().__init__()
        self.conv = conv
        nn.init.kaiming_normal_(conv.weight, a=_SLOPE)
        if conv.bias is not None:
            nn.init.zeros_(conv.bias)

    @override
    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class _InstanceNorm(nn.InstanceNorm2d):
    """Instance normalisation with gain and offset, a seventh faster on a CPU."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        if x.device.type == "cpu" and not torch.is_grad_enabled():
            # The same numbers to rounding, without the detour over the running statistics of a batch.
            return F.group_norm(x, self.num_features, self.weight, self.bias, self.eps)
        return super().forward(x)


def _conv(inside: int, outside: int, size: int = 3, stride: int = 1) -> _Named:
    return _Named(nn.Conv2d(inside, outside, size, stride, padding=size // 2, bias=False))


class _Block(nn.Module):
    """Twice convolution, instance normalisation and activation; with a shortcut if `residual`."""

    def __init__(self, inside: int, outside: int, stride: int = 1, *, residual: bool = False) -> None:
        super().__init__()
        self.conv1 = _conv(inside, outside, stride=stride)
        self.conv2 = _conv(outside, outside)
        self.norm1 = _InstanceNorm(outside, affine=True)
        self.norm2 = _InstanceNorm(outside, affine=True)
        self.residual = residual
        if residual and (inside != outside or stride != 1):
            self.conv3: nn.Module = _conv(inside, outside, 1, stride)
            self.norm3: nn.Module = _InstanceNorm(outside, affine=True)
        elif residual:
            self.conv3 = self.norm3 = nn.Identity()
        self.activation = nn.LeakyReLU(_SLOPE, inplace=True)

    @override
    def forward(self, x: Tensor) -> Tensor:
        h = self.activation(self.norm1(self.conv1(x)))
        h = self.norm2(self.conv2(h))
        if self.residual:
            h = h + self.norm3(self.conv3(x))
        return self.activation(h)


class _Up(nn.Module):
    """Double the size, join with the features of that size, and a plain block."""

    def __init__(self, below: int, channels: int) -> None:
        super().__init__()
        self.transp_conv = _Named(nn.ConvTranspose2d(below, channels, 2, 2, bias=False))
        self.conv_block = _Block(2 * channels, channels)

    @override
    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.conv_block(torch.cat([self.transp_conv(x), skip], dim=1))


class DynamicUNet(nn.Module):
    """Logits of every pixel.

    Parameters
    ----------
    in_channels, classes
        Channels of the image and of the answer.
    filters
        Channels of each level, three or more; every level but the first halves the resolution.
    residual
        Residual blocks on the way down instead of plain ones.

    Notes
    -----
    Instance normalisation, LeakyReLU, strided convolutions down, transposed ones up (Isensee et al. 2021,
    nnU-Net). Parameter names and shapes, and their order, equal those of DynUNet of MONAI in two dimensions
    with affine normalisation and without deep supervision, so that weights can be exchanged.
    """

    def __init__(
        self, in_channels: int, classes: int, filters: Sequence[int], *, residual: bool = False
    ) -> None:
        super().__init__()
        steps = list(pairwise(filters))
        self.input_block = _Block(in_channels, filters[0], residual=residual)
        self.downsamples = nn.ModuleList(
            _Block(above, below, 2, residual=residual) for above, below in steps[:-1]
        )
        self.bottleneck = _Block(*steps[-1], 2, residual=residual)
        self.upsamples = nn.ModuleList(_Up(below, above) for above, below in reversed(steps))
        # Two names deep, as files have it.
        self.output_block = nn.ModuleDict({"conv": _Named(nn.Conv2d(filters[0], classes, 1))})

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, classes, H, W) of (B, in_channels, H, W); sides are multiples of 2 per halving."""
        skips = [self.input_block(x)]
        for down in self.downsamples:
            skips.append(down(skips[-1]))
        x = self.bottleneck(skips[-1])
        for up in self.upsamples:
            x = up(x, skips.pop())
        return self.output_block["conv"](x)

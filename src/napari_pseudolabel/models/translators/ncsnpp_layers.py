"""Layers of the NCSN++ generator with adaptive group normalisation.

Parameter names and shapes equal those of the published SynDiff and AxonDeepSynth checkpoints, so
their weights load; everything else is written from the formulas (Song et al. 2021, score-based
generative modelling; Xiao et al. 2022, denoising diffusion GANs; Oezbey et al. 2023, SynDiff).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override


def initialise(weight: Tensor, scale: float = 1.0) -> None:
    """Variance scaling over fan_avg with a uniform law; `scale` 0 means nearly zero."""
    nn.init.xavier_uniform_(weight, gain=math.sqrt(max(scale, 1e-10)))


def conv(in_channels: int, out_channels: int, size: int = 3, *, scale: float = 1.0) -> nn.Conv2d:
    """Same-size convolution with the initialisation of NCSN++."""
    layer = nn.Conv2d(in_channels, out_channels, size, padding=size // 2)
    initialise(layer.weight, scale)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def dense(in_features: int, out_features: int) -> nn.Linear:
    """Linear layer with the initialisation of NCSN++."""
    layer = nn.Linear(in_features, out_features)
    initialise(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def group_norm(channels: int, *, affine: bool = True) -> nn.GroupNorm:
    """Group normalisation with the group count all published checkpoints share."""
    return nn.GroupNorm(min(channels // 4, 32), channels, eps=1e-6, affine=affine)


class PixelNorm(nn.Module):
    """Divide by the root mean square over the channel axis."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)


def step_embedding(step: Tensor, size: int) -> Tensor:
    """Sinusoidal embedding of the integer diffusion step, (B,) -> (B, size)."""
    half = size // 2
    frequency = torch.exp(torch.arange(half, device=step.device) * (-math.log(10000) / (half - 1)))
    angle = step.float()[:, None] * frequency
    return F.pad(torch.cat([angle.sin(), angle.cos()], dim=1), (0, size % 2))


class FirFilter(nn.Module):
    """Separable low-pass for resampling by two; has no parameters and no state on disk."""

    kernel: Tensor

    def __init__(self, taps: Sequence[float] = (1, 3, 3, 1)) -> None:
        super().__init__()
        # numpy: where there are only shapes (device "meta"), torch's arithmetic imports its compiler, which writes files
        line = np.asarray(taps, dtype=np.float32)
        kernel = np.outer(line, line)
        self.register_buffer("kernel", torch.tensor(kernel / kernel.sum()), persistent=False)
        self.length = len(taps)

    def _weight(self, x: Tensor, kernel: Tensor) -> Tensor:
        return kernel.to(x.dtype).expand(x.shape[1], 1, -1, -1)

    def up(self, x: Tensor) -> Tensor:
        """Double the size: zeros between the samples, then the filter with gain 4."""
        start = self.length - 1 - ((self.length - 1) // 2 + 1)
        weight, channels = self._weight(x, self.kernel * 4), x.shape[1]
        if 2 * start == self.length - 2:  # as much to be cut off on both sides
            return F.conv_transpose2d(x, weight, stride=2, padding=start, groups=channels)
        y = F.conv_transpose2d(x, weight, stride=2, groups=channels)
        return y[..., start : start + 2 * x.shape[-2], start : start + 2 * x.shape[-1]]

    def down(self, x: Tensor) -> Tensor:
        """Halve the size: the filter at every second sample."""
        pad = self.length - 2
        return self._correlate(x, ((pad + 1) // 2, pad // 2), stride=2)

    def before_strided_conv(self, x: Tensor) -> Tensor:
        """Filter so that a valid 3 x 3 convolution with stride 2 halves the size."""
        pad = self.length - 2 + 2
        return self._correlate(x, ((pad + 1) // 2, pad // 2), stride=1)

    def _correlate(self, x: Tensor, pad: tuple[int, int], stride: int) -> Tensor:
        weight, both = self._weight(x, self.kernel.flip(0, 1)), min(pad)
        if pad[0] != pad[1]:
            x, both = F.pad(x, (*pad, *pad)), 0
        return F.conv2d(x, weight, stride=stride, padding=both, groups=x.shape[1])


def silu(fresh: Tensor) -> Tensor:
    """SiLU of a tensor that nobody else has: in its place, where no gradient needs it as it was."""
    return F.silu(fresh, inplace=not torch.is_grad_enabled())


def joined(x: Tensor, fresh: Tensor, gain: float) -> Tensor:
    """``(x + fresh) * gain``, in the place of `fresh` where no gradient is asked for."""
    if torch.is_grad_enabled():
        return (x + fresh) * gain
    return fresh.add_(x).mul_(gain)


class AdaptiveGroupNorm(nn.Module):
    """Group normalisation whose gain and offset come from the latent embedding."""

    def __init__(self, channels: int, style_features: int) -> None:
        super().__init__()
        self.norm = group_norm(channels, affine=False)
        self.style = dense(style_features, 2 * channels)
        with torch.no_grad():
            self.style.bias[:channels] = 1.0

    @override
    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Normalise (B, C, H, W) with the style of each, (B, S), or one for all, (1, S)."""
        both = self.style(style)
        if len(both) == 1:
            gain, offset = both[0].chunk(2)
            return F.group_norm(x, self.norm.num_groups, gain, offset, self.norm.eps)
        gain, offset = both[:, :, None, None].chunk(2, dim=1)
        return gain * self.norm(x) + offset


class NIN(nn.Module):
    """1 x 1 convolution stored as a matrix (in, out), the layout of the published weights."""

    def __init__(self, in_channels: int, out_channels: int, *, scale: float = 0.1) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.empty(in_channels, out_channels))
        self.b = nn.Parameter(torch.zeros(out_channels))
        initialise(self.W, scale)

    @override
    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.W.t()[:, :, None, None], self.b)


class Attention(nn.Module):
    """Single-head self-attention over all pixels of a feature map."""

    def __init__(self, channels: int, *, skip_rescale: bool) -> None:
        super().__init__()
        self.GroupNorm_0 = group_norm(channels)
        self.NIN_0 = NIN(channels, channels)
        self.NIN_1 = NIN(channels, channels)
        self.NIN_2 = NIN(channels, channels)
        self.NIN_3 = NIN(channels, channels, scale=0.0)
        self.gain = 1 / math.sqrt(2) if skip_rescale else 1.0

    @override
    def forward(self, x: Tensor) -> Tensor:
        h = self.GroupNorm_0(x)
        query, key, value = (
            layer(h).flatten(2).transpose(1, 2) for layer in (self.NIN_0, self.NIN_1, self.NIN_2)
        )
        # With an axis of heads it is computed block by block, in memory that does not grow with the square of the pixels.
        h = F.scaled_dot_product_attention(query[:, None], key[:, None], value[:, None])[:, 0]
        return joined(x, self.NIN_3(h.transpose(1, 2).reshape(x.shape)), self.gain)


class ResidualBlock(nn.Module):
    """Residual block conditioned on the step and the latent.

    Covers the published types: ``biggan`` (resampling inside, 1 x 1 shortcut), ``biggan_oneadagn``
    (the second normalisation is a plain one) and ``ddpm`` (no resampling, matrix shortcut).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kind: str,
        step_features: int | None,
        latent_features: int,
        resample: str = "",
        fir: FirFilter | None = None,
        dropout: float = 0.0,
        skip_rescale: bool = True,
    ) -> None:
        super().__init__()
        self.GroupNorm_0 = AdaptiveGroupNorm(in_channels, latent_features)
        self.Conv_0 = conv(in_channels, out_channels)
        self.Dense_0 = dense(step_features, out_channels) if step_features else None
        self.one_style = kind == "biggan_oneadagn"
        self.GroupNorm_1: nn.Module = (
            group_norm(out_channels) if self.one_style else AdaptiveGroupNorm(out_channels, latent_features)
        )
        self.dropout = nn.Dropout(dropout)
        self.Conv_1 = conv(out_channels, out_channels, scale=0.0)
        if kind == "ddpm":
            if in_channels != out_channels:
                self.NIN_0 = NIN(in_channels, out_channels)
        elif in_channels != out_channels or resample:
            self.Conv_2 = conv(in_channels, out_channels, 1)
        self.resample = resample
        # A list hides the shared filter from the module tree: it has no weights of its own.
        self._fir = [fir]
        self.gain = 1 / math.sqrt(2) if skip_rescale else 1.0

    def _resampled(self, x: Tensor) -> Tensor:
        fir = self._fir[0]
        if self.resample == "up":
            return F.interpolate(x, scale_factor=2, mode="nearest") if fir is None else fir.up(x)
        if self.resample == "down":
            return F.avg_pool2d(x, 2) if fir is None else fir.down(x)
        return x

    @override
    def forward(self, x: Tensor, step: Tensor | None, style: Tensor) -> Tensor:
        h = self._resampled(silu(self.GroupNorm_0(x, style)))
        x = self._resampled(x)
        h = self._first_conv(h, step)
        h = self.GroupNorm_1(h) if self.one_style else self.GroupNorm_1(h, style)
        h = self.Conv_1(self.dropout(silu(h)))
        if hasattr(self, "Conv_2"):
            x = self.Conv_2(x)
        elif hasattr(self, "NIN_0"):
            x = self.NIN_0(x)
        return joined(x, h, self.gain)

    def _first_conv(self, h: Tensor, step: Tensor | None) -> Tensor:
        """Convolve and add what the step says."""
        if self.Dense_0 is None or step is None:
            return self.Conv_0(h)
        told = self.Dense_0(F.silu(step))
        if len(told) > 1:
            return self.Conv_0(h) + told[:, :, None, None]
        conv = self.Conv_0
        return F.conv2d(h, conv.weight, conv.bias + told[0], padding=conv.padding)


class _StridedConv(nn.Module):
    """Holds the weights under the names ``Conv2d_0.weight`` and ``.bias``."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        initialise(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias, stride=2)


class Downsample(nn.Module):
    """Halve the size, with or without a learnt convolution."""

    def __init__(
        self, in_channels: int, out_channels: int, *, with_conv: bool, fir: FirFilter | None
    ) -> None:
        super().__init__()
        self._fir = [fir]
        self.with_conv = with_conv
        if with_conv and fir is not None:
            self.Conv2d_0 = _StridedConv(in_channels, out_channels)
        elif with_conv:
            self.Conv_0 = nn.Conv2d(in_channels, out_channels, 3, stride=2)
            initialise(self.Conv_0.weight)
            nn.init.zeros_(self.Conv_0.bias)  # type: ignore[arg-type]

    @override
    def forward(self, x: Tensor) -> Tensor:
        fir = self._fir[0]
        if fir is None:
            return self.Conv_0(F.pad(x, (0, 1, 0, 1))) if self.with_conv else F.avg_pool2d(x, 2)
        return self.Conv2d_0(fir.before_strided_conv(x)) if self.with_conv else fir.down(x)


class Upsample(nn.Module):
    """Double the size without learnt weights."""

    def __init__(self, *, fir: FirFilter | None) -> None:
        super().__init__()
        self._fir = [fir]

    @override
    def forward(self, x: Tensor) -> Tensor:
        fir = self._fir[0]
        return F.interpolate(x, scale_factor=2, mode="nearest") if fir is None else fir.up(x)


class Combine(nn.Module):
    """Join the input pyramid with the features by sum or concatenation."""

    def __init__(self, in_channels: int, out_channels: int, *, method: str) -> None:
        super().__init__()
        self.Conv_0 = conv(in_channels, out_channels, 1)
        self.method = method

    @override
    def forward(self, pyramid: Tensor, features: Tensor) -> Tensor:
        h = self.Conv_0(pyramid)
        return torch.cat([h, features], dim=1) if self.method == "cat" else h + features

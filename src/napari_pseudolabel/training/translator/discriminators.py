"""The two kinds of critics of SynDiff, written from the papers."""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_pseudolabel.models.translators.ncsnpp_layers import FirFilter, conv, dense, step_embedding

_STEP_FEATURES = 128


class _DownBlock(nn.Module):
    """Residual block that halves the size and knows the step."""

    def __init__(self, in_channels: int, out_channels: int, step_features: int, fir: FirFilter) -> None:
        super().__init__()
        self.conv_0 = conv(in_channels, out_channels)
        self.step = dense(step_features, out_channels)
        self.conv_1 = conv(out_channels, out_channels)
        self.skip = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self._fir = [fir]

    def forward(self, x: Tensor, step: Tensor) -> Tensor:
        fir = self._fir[0]
        h = self.conv_0(F.leaky_relu(x, 0.2)) + self.step(step)[:, :, None, None]
        h = fir.down(self.conv_1(F.leaky_relu(h, 0.2)))
        return (h + self.skip(fir.down(x))) / math.sqrt(2)


class DiffusiveDiscriminator(nn.Module):
    """Tell a real pair (x_t, x_{t+1}) from one whose x_t was drawn by the generator.

    Parameters
    ----------
    width
        Channels of the first level; later levels have 2, 4, 8, 8 ... times as many.
    image_size
        Side of the training patches in pixels; blocks are added until 4 pixels are left.

    Notes
    -----
    Step-conditioned critic with a minibatch standard-deviation channel (Xiao et al. 2022; Karras et
    al. 2018). Critics are not part of a shipped checkpoint, so their parameter names are our own.
    """

    def __init__(self, width: int = 64, image_size: int = 256) -> None:
        super().__init__()
        depth = max(1, int(math.log2(image_size / 4)))
        channels = [width * min(2**level, 8) for level in range(depth + 1)]
        self.fir = FirFilter()
        self.embed = nn.Sequential(
            dense(_STEP_FEATURES, _STEP_FEATURES),
            nn.LeakyReLU(0.2),
            dense(_STEP_FEATURES, _STEP_FEATURES),
            nn.LeakyReLU(0.2),
        )
        self.first = conv(2, channels[0], 1)
        self.blocks = nn.ModuleList(
            _DownBlock(a, b, _STEP_FEATURES, self.fir) for a, b in itertools.pairwise(channels)
        )
        self.last = conv(channels[-1] + 1, channels[-1])
        self.score = dense(channels[-1], 1)

    def forward(self, x: Tensor, step: Tensor, x_next: Tensor) -> Tensor:
        """Score of (B, 1, H, W) states `x` given their successors `x_next`, -> (B, 1)."""
        embedding = self.embed(step_embedding(step, _STEP_FEATURES))
        h = self.first(torch.cat([x, x_next], dim=1))
        for block in self.blocks:
            h = block(h, embedding)
        # Spread over the batch: a generator that makes everything alike is caught here.
        spread = (h.var(dim=0, unbiased=False) + 1e-8).sqrt().mean().expand(len(h), 1, *h.shape[2:])
        h = F.leaky_relu(self.last(torch.cat([h, spread], dim=1)), 0.2)
        return self.score(h.sum(dim=(2, 3)))


class PatchDiscriminator(nn.Sequential):
    """70-pixel PatchGAN critic of the one-pass generators (Isola et al. 2017), (B, 1, H, W) -> scores."""

    def __init__(self, width: int = 64) -> None:
        layers: list[nn.Module] = [nn.Conv2d(1, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for level, stride in ((1, 2), (2, 2), (3, 1)):
            before, after = width * 2 ** (level - 1), width * 2**level
            layers += [
                nn.Conv2d(before, after, 4, stride, 1, bias=False),
                nn.InstanceNorm2d(after),
                nn.LeakyReLU(0.2),
            ]
        super().__init__(*layers, nn.Conv2d(8 * width, 1, 4, 1, 1))
        for layer in self:
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, 0.0, 0.02)

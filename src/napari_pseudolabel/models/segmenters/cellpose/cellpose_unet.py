"""The residual U-Net with a style vector of Cellpose 1 to 3, in the layout of its checkpoints.

Stringer et al., Cellpose (Nature Methods 2021). Names of modules are those of the files; the answers are held to the package's own
(docs/cellpose_sam.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from typing_extensions import override

from napari_pseudolabel.errors import CheckpointError

_STEPS = 4  # convolutions of every block


def widths_of(weights: Mapping[str, Tensor], name: str) -> tuple[int, ...]:
    """Return the channels of the input and of each level, as the weights of a file have them.

    Raises
    ------
    CheckpointError
        If they are those of no network in two dimensions.
    """
    widths: list[int] = []
    while (
        weight := weights.get(f"downsample.down.res_down_{max(len(widths) - 1, 0)}.proj.1.weight")
    ) is not None:
        if weight.ndim != 4:
            raise CheckpointError(f"{name} is a Cellpose network for volumes; choose one for planes.")
        widths += [int(size) for size in (weight.shape[1], weight.shape[0])[bool(widths) :]]
    if len(widths) < 3:
        raise CheckpointError(f"{name} is no whole Cellpose network; copy or download it again.")
    return tuple(widths)


class CellposeUNet(nn.Module):
    """Images (B, C, h, w) to flows along Y and X, times five, and the logit of being in an object: (B, K, h, w), K at least 3.

    Parameters
    ----------
    widths
        Channels of the input and of each level; every level but the first halves the resolution.
    outputs
        K.
    kernel
        Side of the convolutions.
    """

    def __init__(self, widths: tuple[int, ...], outputs: int = 3, kernel: int = 3) -> None:
        super().__init__()
        self.widths = widths
        self.downsample = _Down(widths, kernel)
        self.upsample = _Up(widths[1:], kernel)
        self.output = _convolution(widths[1], outputs, 1)
        # How wide objects are that it was trained on: on its own grid, and before images were brought to that.
        self.diam_mean = nn.Parameter(torch.full((1,), 30.0), requires_grad=False)
        self.diam_labels = nn.Parameter(torch.full((1,), 30.0), requires_grad=False)

    @override
    def forward(self, image: Tensor) -> Tensor:
        """Answer; channels that an image lacks are empty, as the nuclei of a grey one."""
        missing = self.widths[0] - image.shape[1]
        if missing > 0:
            image = torch.cat([image, image.new_zeros(len(image), missing, *image.shape[2:])], 1)
        levels = self.downsample(image)
        style = levels[-1].mean((2, 3))
        style = style / style.square().sum(1, keepdim=True).sqrt()
        answer: Tensor = self.output(self.upsample(style, levels))
        return answer


def _convolution(before: int, after: int, kernel: int, *, rectified: bool = True) -> nn.Sequential:
    middle = [nn.ReLU()] if rectified else []
    return nn.Sequential(
        nn.BatchNorm2d(before, eps=1e-5, momentum=0.05),
        *middle,
        nn.Conv2d(before, after, kernel, padding=kernel // 2),
    )


class _Down(nn.Module):
    def __init__(self, widths: tuple[int, ...], kernel: int) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.down = nn.Sequential()
        for number, (before, after) in enumerate(pairwise(widths)):
            self.down.add_module(f"res_down_{number}", _DownBlock(before, after, kernel))

    @override
    def forward(self, image: Tensor) -> list[Tensor]:
        levels: list[Tensor] = []
        for block in self.down:
            levels.append(block(self.pool(levels[-1]) if levels else image))
        return levels


class _DownBlock(nn.Module):
    def __init__(self, before: int, after: int, kernel: int) -> None:
        super().__init__()
        self.proj = _convolution(before, after, 1, rectified=False)
        self.conv = nn.Sequential()
        for number in range(_STEPS):
            self.conv.add_module(f"conv_{number}", _convolution(after if number else before, after, kernel))

    @override
    def forward(self, x: Tensor) -> Tensor:
        first, second, third, fourth = self.conv
        x = self.proj(x) + second(first(x))
        return x + fourth(third(x))


class _Up(nn.Module):
    def __init__(self, widths: tuple[int, ...], kernel: int) -> None:
        super().__init__()
        self.larger = nn.Upsample(scale_factor=2, mode="nearest")
        self.up = nn.Sequential()
        for number, (after, before) in enumerate(pairwise((*widths, widths[-1]))):
            self.up.add_module(f"res_up_{number}", _UpBlock(before, after, widths[-1], kernel))

    @override
    def forward(self, style: Tensor, levels: list[Tensor]) -> Tensor:
        x = levels[-1]
        for number in reversed(range(len(levels))):
            block = self.up[number]
            x = block(x if number == len(levels) - 1 else self.larger(x), levels[number], style)
        return x


class _UpBlock(nn.Module):
    def __init__(self, before: int, after: int, style: int, kernel: int) -> None:
        super().__init__()
        self.proj = _convolution(before, after, 1, rectified=False)
        self.conv = nn.Sequential()
        self.conv.add_module("conv_0", _convolution(before, after, kernel))
        for number in range(1, _STEPS):
            self.conv.add_module(f"conv_{number}", _StyledConvolution(after, style, kernel))

    @override
    def forward(self, x: Tensor, skipped: Tensor, style: Tensor) -> Tensor:
        first, second, third, fourth = self.conv
        x = self.proj(x) + second(first(x) + skipped, style)
        return x + fourth(third(x, style), style)


class _StyledConvolution(nn.Module):
    def __init__(self, width: int, style: int, kernel: int) -> None:
        super().__init__()
        self.conv = _convolution(width, width, kernel)
        self.full = nn.Linear(style, width)

    @override
    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        answer: Tensor = self.conv(x + self.full(style)[:, :, None, None])
        return answer

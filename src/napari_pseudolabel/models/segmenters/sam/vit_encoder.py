"""The image encoder of Segment Anything: a vision transformer with windows and relative positions.

Kirillov et al., Segment Anything (ICCV 2023), after Li et al., ViTDet (ECCV 2022). Names of modules are those of the checkpoints, which
tell everything about the network; the answers are held to the package's own (docs/cellpose_sam.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad
from typing_extensions import override

from napari_pseudolabel.errors import CheckpointError

_EPS = 1e-6


@dataclass(frozen=True)
class EncoderShape:
    """What the weights of an encoder say about it.

    Attributes
    ----------
    width
        Features of a token.
    head
        Features of each head of the attention.
    patch
        Side of the pixels of a token.
    grid
        Tokens along Y and X.
    positions
        For each block, how many relative positions along Y and along X it knows.
    windows
        For each block, the side of its windows in tokens; 0 where every token attends to all.
    hidden
        Features within the blocks.
    features
        Of the answer.
    """

    width: int
    head: int
    patch: int
    grid: tuple[int, int]
    positions: tuple[tuple[int, int], ...]
    windows: tuple[int, ...]
    hidden: int
    features: int

    @classmethod
    def of(cls, weights: Mapping[str, Tensor], name: str) -> Self:
        """Read it from the weights, by their names.

        Raises
        ------
        CheckpointError
            If some are missing, or not of such an encoder.
        """
        try:
            (_, *grid, width) = weights["pos_embed"].shape
            patches = weights["patch_embed.proj.weight"].shape
            head = int(weights["blocks.0.attn.rel_pos_h"].shape[1])
            positions: list[tuple[int, int]] = []
            while (along_y := f"blocks.{len(positions)}.attn.rel_pos_h") in weights:
                along_x = along_y[:-1] + "w"
                positions.append((int(weights[along_y].shape[0]), int(weights[along_x].shape[0])))
            hidden = int(weights["blocks.0.mlp.lin1.weight"].shape[0])
            features = int(weights["neck.0.weight"].shape[0])
            (rows, columns), patch = grid, int(patches[2])
        except (KeyError, IndexError, ValueError) as error:
            raise CheckpointError(
                f"{name} holds an image encoder of another kind than those of Segment Anything (vit_b, vit_l, vit_h): {error} is missing "
                "or of another shape."
            ) from None
        whole = (2 * rows - 1, 2 * columns - 1)
        windows = tuple(0 if known == whole else (known[0] + 1) // 2 for known in positions)
        if head < 1 or width % head or min(*whole, patch) < 1 or min(windows) < 0:
            raise CheckpointError(
                f"{name} describes an image encoder that cannot exist; copy or download it again."
            )
        return cls(int(width), head, patch, (rows, columns), tuple(positions), windows, hidden, features)

    @property
    def side(self) -> int:
        """Pixels along the longer side of the image that it takes."""
        return self.patch * max(self.grid)

    @property
    def without_windows(self) -> Self:
        """The same where every token attends to all in each block, as in Cellpose-SAM."""
        return replace(self, windows=(0,) * len(self.windows))

    def network(self) -> nn.Module:
        """Build it."""
        return ImageEncoder(self)


class ImageEncoder(nn.Module):
    """Images (B, 3, h, w) of the size that it knows to features (B, F, rows, columns) of their patches."""

    def __init__(self, shape: EncoderShape) -> None:
        super().__init__()
        self.patch_embed = _Patches(shape)
        self.pos_embed = nn.Parameter(torch.zeros(1, *shape.grid, shape.width))
        self.blocks = nn.ModuleList(
            _Block(shape, known, window) for known, window in zip(shape.positions, shape.windows, strict=True)
        )
        self.neck = sam_neck(shape.width, shape.features)

    @override
    def forward(self, image: Tensor) -> Tensor:
        """Answer; where the image has fewer channels, the others are empty."""
        x = self.patch_embed(image) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        answer: Tensor = self.neck(x.permute(0, 3, 1, 2))
        return answer


class ChannelNorm(nn.Module):
    """Normalisation over the channels of every pixel: (B, C, h, w) -> (B, C, h, w)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Answer."""
        centred = x - x.mean(1, keepdim=True)
        scaled = centred / torch.sqrt(centred.square().mean(1, keepdim=True) + _EPS)
        return scaled * self.weight[:, None, None] + self.bias[:, None, None]


def sam_neck(width: int, features: int) -> nn.Sequential:
    """Return what ends every encoder: from the channels of its tokens to those that the decoders take."""
    return nn.Sequential(
        nn.Conv2d(width, features, 1, bias=False),
        ChannelNorm(features),
        nn.Conv2d(features, features, 3, padding=1, bias=False),
        ChannelNorm(features),
    )


class Perceptron(nn.Module):
    """Two layers, as in every transformer."""

    def __init__(self, width: int, hidden: int, activation: nn.Module) -> None:
        super().__init__()
        self.lin1, self.lin2 = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.activation = activation

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Answer."""
        answer: Tensor = self.lin2(self.activation(self.lin1(x)))
        return answer


class _Patches(nn.Module):
    def __init__(self, shape: EncoderShape) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, shape.width, shape.patch, shape.patch)

    @override
    def forward(self, image: Tensor) -> Tensor:
        own = self.proj.weight[:, : image.shape[1]]
        return nn.functional.conv2d(image, own, self.proj.bias, self.proj.stride).permute(0, 2, 3, 1)


class _Block(nn.Module):
    def __init__(self, shape: EncoderShape, known: tuple[int, int], window: int) -> None:
        super().__init__()
        self.window = window
        self.norm1 = nn.LayerNorm(shape.width, _EPS)
        self.attn = _Attention(shape.width, shape.head, known)
        self.norm2 = nn.LayerNorm(shape.width, _EPS)
        self.mlp = Perceptron(shape.width, shape.hidden, nn.GELU())

    @override
    def forward(self, x: Tensor) -> Tensor:
        normal = self.norm1(x)
        x = x + (self._in_windows(normal) if self.window else self.attn(normal))
        answer: Tensor = x + self.mlp(self.norm2(x))
        return answer

    def _in_windows(self, x: Tensor) -> Tensor:
        """Attend within windows (B, H, W, C); those at the end are filled up with zeros."""
        batch, height, width, channels = x.shape
        side = self.window
        below, right = -height % side, -width % side
        x = pad(x, (0, 0, 0, right, 0, below))
        rows, columns = (height + below) // side, (width + right) // side
        x = x.view(batch, rows, side, columns, side, channels).transpose(2, 3)
        x = self.attn(x.reshape(-1, side, side, channels))
        x = x.view(batch, rows, columns, side, side, channels).transpose(2, 3)
        return x.reshape(batch, rows * side, columns * side, channels)[:, :height, :width]


class _Attention(nn.Module):
    """Of all tokens of a window to all others, by what they are and by how far they are apart."""

    def __init__(self, width: int, head: int, known: tuple[int, int]) -> None:
        super().__init__()
        self.head = head
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.rel_pos_h = nn.Parameter(torch.zeros(known[0], head))
        self.rel_pos_w = nn.Parameter(torch.zeros(known[1], head))

    @override
    def forward(self, x: Tensor) -> Tensor:
        batch, height, width, channels = x.shape
        asked, offered, said = (
            self.qkv(x).view(batch, height * width, 3, -1, self.head).permute(2, 0, 3, 1, 4).unbind()
        )
        rows = _distances(self.rel_pos_h, height)
        columns = _distances(self.rel_pos_w, width)
        heads = []
        # One head at a time: at full size, how far tokens are apart takes 67 MB for each.
        for q, k, v in zip(asked.unbind(1), offered.unbind(1), said.unbind(1), strict=True):
            places = q.view(batch, height, width, self.head)
            apart = (places @ rows.transpose(1, 2)).unsqueeze(-1) + torch.einsum(
                "bhwc,wkc->bhwk", places, columns
            ).unsqueeze(-2)
            mask = apart.reshape(batch, height * width, height * width)
            heads.append(nn.functional.scaled_dot_product_attention(q, k, v, mask))
        answer: Tensor = self.proj(torch.cat(heads, -1).view(batch, height, width, channels))
        return answer


def _distances(known: Tensor, size: int) -> Tensor:
    """Return what is known of each pair of places along an axis: (size, size, C), interpolated where the axis has another length."""
    count = 2 * size - 1
    if len(known) != count:
        known = interpolate(known.T[None], count, mode="linear")[0].T
    at = torch.arange(size, device=known.device)
    return known[at[:, None] - at + size - 1]

"""The small image encoder of MobileSAM (vit_t), of which micro-sam has models of its own: TinyViT.

Zhang et al., Faster Segment Anything (2023), after Wu et al., TinyViT (ECCV 2022). Names of modules are those of the checkpoints, whose
weights tell nearly everything; the answers are held to the package's own (docs/micro_sam.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from typing_extensions import override

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.segmenters.sam.vit_encoder import sam_neck

# Weights do not say it; all that there are take it.
_SIDE = 1024
_CLASSES = "head.weight"


@dataclass(frozen=True)
class TinyShape:
    """What the weights of an encoder say about it.

    Attributes
    ----------
    widths
        Channels of each stage; the first is convolutional, in the others tokens attend within windows.
    depths
        Blocks of each stage.
    expanded
        Channels within the blocks of the first stage.
    windows, heads
        Side of the windows in tokens, and how many heads attend, of each stage but the first.
    hidden
        Features within the blocks of each stage but the first.
    features
        Of the answer.
    answers
        Of the part that tells photographs apart, which nobody asks here; 0 where it is not there.
    side
        Pixels along the longer side of the image that it takes.
    """

    widths: tuple[int, ...]
    depths: tuple[int, ...]
    expanded: int
    windows: tuple[int, ...]
    heads: tuple[int, ...]
    hidden: tuple[int, ...]
    features: int
    answers: int = 0
    side: int = _SIDE

    @staticmethod
    def fits(weights: Mapping[str, Tensor]) -> bool:
        """Whether weights are of such an encoder."""
        return "patch_embed.seq.0.c.weight" in weights

    @classmethod
    def of(cls, weights: Mapping[str, Tensor], name: str) -> Self:
        """Read it from the weights, by their names.

        Raises
        ------
        CheckpointError
            If some are missing, or not of such an encoder.
        """
        try:
            stages = 1 + max(int(key.split(".")[1]) for key in weights if key.startswith("layers."))
            depths = tuple(
                len({key.split(".")[3] for key in weights if key.startswith(f"layers.{number}.blocks.")})
                for number in range(stages)
            )
            merged = [f"layers.{number}.downsample.conv1.c.weight" for number in range(stages - 1)]
            widths = tuple(int(weights[key].shape[0]) for key in ("patch_embed.seq.2.c.weight", *merged))
            first = [f"layers.{number}.blocks.0" for number in range(1, stages)]
            biases = [weights[f"{block}.attn.attention_biases"].shape for block in first]
            hidden = tuple(int(weights[f"{block}.mlp.fc1.weight"].shape[0]) for block in first)
            expanded = int(weights["layers.0.blocks.0.conv1.c.weight"].shape[0])
            features = int(weights["neck.0.weight"].shape[0])
            answers = int(weights[_CLASSES].shape[0]) if _CLASSES in weights else 0
            heads, windows = (
                tuple(one) for one in zip(*((int(h), math.isqrt(w)) for h, w in biases), strict=True)
            )
        except (KeyError, IndexError, ValueError) as error:
            raise CheckpointError(
                f"{name} holds an image encoder of another kind than that of MobileSAM (vit_t): {error} is missing or of another shape."
            ) from None
        sizes = (*heads, *windows, *depths)
        if stages < 2 or min(sizes) < 1 or any(w % h for w, h in zip(widths[1:], heads, strict=True)):
            raise CheckpointError(
                f"{name} describes an image encoder that cannot exist; copy or download it again."
            )
        return cls(widths, depths, expanded, windows, heads, hidden, features, answers)

    def network(self) -> nn.Module:
        """Build it."""
        return TinyEncoder(self)


class TinyEncoder(nn.Module):
    """Images (B, 3, h, w) to features (B, F, h / 16, w / 16) of their patches."""

    def __init__(self, shape: TinyShape) -> None:
        super().__init__()
        widths, last = shape.widths, len(shape.widths) - 1
        self.patch_embed = _TinyPatches(widths[0])
        self.layers = nn.ModuleList()
        for number, (width, depth) in enumerate(zip(widths, shape.depths, strict=True)):
            if number == 0:
                blocks: list[nn.Module] = [_Inverted(width, shape.expanded) for _ in range(depth)]
            else:
                own = shape.heads[number - 1], shape.windows[number - 1], shape.hidden[number - 1]
                blocks = [_TinyBlock(width, *own) for _ in range(depth)]
            # The resolution is that of the other encoders, so the last step does not halve it.
            merge = (
                _Merge(width, widths[number + 1], 2 if number < last - 1 else 1) if number < last else None
            )
            self.layers.append(_Stage(blocks, merge))
        self.norm_head = nn.LayerNorm(widths[-1])
        self.head = nn.Linear(widths[-1], shape.answers) if shape.answers else nn.Identity()
        self.neck = sam_neck(widths[-1], shape.features)

    @override
    def forward(self, image: Tensor) -> Tensor:
        """Answer."""
        x = self.patch_embed(image)
        for stage in self.layers:
            x = stage(x)
        answer: Tensor = self.neck(x)
        return answer


class _Normed(nn.Sequential):
    """A convolution without bias, and a normalisation by what was seen in training."""

    def __init__(self, before: int, after: int, kernel: int = 1, step: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.add_module("c", nn.Conv2d(before, after, kernel, step, kernel // 2, groups=groups, bias=False))
        self.add_module("bn", nn.BatchNorm2d(after))


class _TinyPatches(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.seq = nn.Sequential(_Normed(3, width // 2, 3, 2), nn.GELU(), _Normed(width // 2, width, 3, 2))

    @override
    def forward(self, image: Tensor) -> Tensor:
        answer: Tensor = self.seq(image)
        return answer


class _Stage(nn.Module):
    def __init__(self, blocks: list[nn.Module], merge: nn.Module | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample = merge

    @override
    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x if self.downsample is None else self.downsample(x)


class _Inverted(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.conv1 = _Normed(width, hidden)
        self.conv2 = _Normed(hidden, hidden, 3, groups=hidden)
        self.conv3 = _Normed(hidden, width)
        self.act = nn.GELU()

    @override
    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.act(x + self.conv3(self.act(self.conv2(self.act(self.conv1(x))))))
        return answer


class _Merge(nn.Module):
    def __init__(self, before: int, after: int, step: int) -> None:
        super().__init__()
        self.act = nn.GELU()
        self.conv1 = _Normed(before, after)
        self.conv2 = _Normed(after, after, 3, step, groups=after)
        self.conv3 = _Normed(after, after)

    @override
    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.conv3(self.act(self.conv2(self.act(self.conv1(x)))))
        return answer


class _TinyBlock(nn.Module):
    """Attention within windows, a convolution of each channel, two layers."""

    def __init__(self, width: int, heads: int, window: int, hidden: int) -> None:
        super().__init__()
        self.window = window
        self.attn = _WindowAttention(width, heads, window)
        self.local_conv = _Normed(width, width, 3, groups=width)
        self.mlp = _TinyPerceptron(width, hidden)

    @override
    def forward(self, x: Tensor) -> Tensor:
        x = x + self._in_windows(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        x = self.local_conv(x)
        answer: Tensor = x + self.mlp(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return answer

    def _in_windows(self, x: Tensor) -> Tensor:
        """Attend within windows (B, H, W, C); those at the end are filled up with zeros."""
        batch, height, width, channels = x.shape
        side = self.window
        x = pad(x, (0, 0, 0, -width % side, 0, -height % side))
        rows, columns = x.shape[1] // side, x.shape[2] // side
        x = x.view(batch, rows, side, columns, side, channels).transpose(2, 3)
        x = self.attn(x.reshape(-1, side * side, channels))
        x = x.view(batch, rows, columns, side, side, channels).transpose(2, 3)
        return x.reshape(batch, rows * side, columns * side, channels)[:, :height, :width]


class _WindowAttention(nn.Module):
    """Of all tokens of a window to all others, by what they are and by how many rows and columns are between them."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.attention_biases = nn.Parameter(torch.zeros(heads, window * window))

    @override
    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm(x)).unflatten(-1, (self.heads, 3, -1)).permute(3, 0, 2, 1, 4).unbind()
        found = nn.functional.scaled_dot_product_attention(q, k, v, self.attention_biases[:, self._apart()])
        answer: Tensor = self.proj(found.transpose(1, 2).flatten(2))
        return answer

    def _apart(self) -> Tensor:
        """Which bias belongs to each pair of tokens: (N, N)."""
        at = torch.arange(self.window, device=self.attention_biases.device)
        apart = (at[:, None] - at).abs()
        pairs = apart[:, None, :, None] * self.window + apart[None, :, None, :]
        return pairs.reshape(self.window**2, self.window**2)


class _TinyPerceptron(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.act = nn.GELU()

    @override
    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.fc2(self.act(self.fc1(self.norm(x))))
        return answer

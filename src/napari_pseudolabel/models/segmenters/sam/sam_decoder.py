"""The decoder of Segment Anything: from the features of an image and some clicks to masks of what they mean.

Kirillov et al., Segment Anything (ICCV 2023). Names of modules are those of the checkpoints.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from typing_extensions import override

from napari_pseudolabel.models.segmenters.sam.vit_encoder import ChannelNorm, Perceptron

_HEADS, _LAYERS = 8, 2
MASKS = 4
"""The first for several clicks, three of different size for one."""
_KINDS = 4  # of places: outside, inside, and two corners of a box, which nobody draws here


class PromptEncoder(nn.Module):
    """Clicks to tokens, places to numbers.

    Parameters
    ----------
    features
        Of a token.
    hidden
        Channels of masks that are shown, see `mask_downscaling`.
    """

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.pe_layer = _Waves(features // 2)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, features) for _ in range(_KINDS))
        self.not_a_point_embed = nn.Embedding(1, features)
        self.no_mask_embed = nn.Embedding(1, features)
        # Only there because checkpoints have it: nobody shows masks here.
        quarter = hidden // 4
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, quarter, 2, 2),
            ChannelNorm(quarter),
            nn.GELU(),
            nn.Conv2d(quarter, hidden, 2, 2),
            ChannelNorm(hidden),
            nn.GELU(),
            nn.Conv2d(hidden, features, 1),
        )

    def points(self, places: Tensor, inside: Tensor, side: int) -> Tensor:
        """Return tokens (B, N + 1, F) of places (B, N, 2), X and Y in pixels of an image of that side, and whether they are inside."""
        tokens = self.pe_layer((places + 0.5) / side)
        outer, inner = (self.point_embeddings[kind].get_parameter("weight") for kind in (0, 1))
        tokens = tokens + torch.where(inside[..., None], inner, outer)
        none = self.not_a_point_embed.weight.expand(len(tokens), 1, -1)
        return torch.cat([tokens, none], 1)

    def grid(self, rows: int, columns: int) -> Tensor:
        """Return what tells the places of a grid: (1, F, rows, columns)."""
        device = self.no_mask_embed.weight.device
        y, x = ((torch.arange(size, device=device) + 0.5) / size for size in (rows, columns))
        places = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)
        return self.pe_layer(places).permute(2, 0, 1)[None]


class _Waves(nn.Module):
    """Places in [0, 1] as sines and cosines of random frequencies, which are in the checkpoint."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.zeros(2, count))

    @override
    def forward(self, places: Tensor) -> Tensor:
        frequencies: Tensor = self.get_buffer("positional_encoding_gaussian_matrix")
        phase = 2 * math.pi * ((2 * places - 1) @ frequencies)
        return torch.cat([phase.sin(), phase.cos()], -1)


class MaskDecoder(nn.Module):
    """Features of an image and tokens of clicks to masks and how good they probably are.

    Parameters
    ----------
    features
        Of a token.
    within
        Features within the layers of the transformer.
    """

    def __init__(self, features: int, within: int) -> None:
        super().__init__()
        self.transformer = _TwoWays(features, within)
        self.iou_token = nn.Embedding(1, features)
        self.mask_tokens = nn.Embedding(MASKS, features)
        half, quarter = features // 4, features // 8
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(features, half, 2, 2),
            ChannelNorm(half),
            nn.GELU(),
            nn.ConvTranspose2d(half, quarter, 2, 2),
            nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleList(_Layers(features, quarter) for _ in range(MASKS))
        self.iou_prediction_head = _Layers(features, MASKS)

    @override
    def forward(self, image: Tensor, places: Tensor, clicks: Tensor) -> tuple[Tensor, Tensor]:
        """Answer.

        Parameters
        ----------
        image, places
            (1, F, h, w): features, and what tells where they are.
        clicks
            (B, N, F).

        Returns
        -------
        tuple
            (B, 4, 4 h, 4 w) logits, and (B, 4) what their IoU is guessed to be.
        """
        own = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([own.expand(len(clicks), -1, -1), clicks], 1)
        batch, (_, features, height, width) = len(clicks), image.shape
        tokens, seen = self.transformer(
            tokens, *(one.flatten(2).transpose(1, 2).expand(batch, -1, -1) for one in (image, places))
        )
        finer = self.output_upscaling(seen.transpose(1, 2).reshape(batch, features, height, width))
        weights = torch.stack(
            [one(tokens[:, 1 + number]) for number, one in enumerate(self.output_hypernetworks_mlps)], 1
        )
        masks = torch.einsum("bmc,bchw->bmhw", weights, finer)
        return masks, self.iou_prediction_head(tokens[:, 0])


class _Layers(nn.Module):
    """Three layers."""

    def __init__(self, features: int, outputs: int, hidden: int | None = None) -> None:
        super().__init__()
        widths = (features, hidden or features, hidden or features, outputs)
        self.layers = nn.ModuleList(nn.Linear(widths[i], widths[i + 1]) for i in range(3))

    @override
    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = layer(x).relu()
        answer: Tensor = self.layers[-1](x)
        return answer


class _TwoWays(nn.Module):
    """Tokens look at the image, and the image at the tokens, twice."""

    def __init__(self, features: int, within: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            _TwoWayLayer(features, within, first=not number) for number in range(_LAYERS)
        )
        self.final_attn_token_to_image = _Attention(features, features // 2)
        self.norm_final_attn = nn.LayerNorm(features)

    @override
    def forward(self, tokens: Tensor, image: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        asked = tokens
        for layer in self.layers:
            tokens, image = layer(tokens, image, asked, places)
        found = self.final_attn_token_to_image(tokens + asked, image + places, image)
        return self.norm_final_attn(tokens + found), image


class _TwoWayLayer(nn.Module):
    def __init__(self, features: int, within: int, *, first: bool) -> None:
        super().__init__()
        self.first = first
        self.self_attn = _Attention(features, features)
        self.norm1 = nn.LayerNorm(features)
        self.cross_attn_token_to_image = _Attention(features, features // 2)
        self.norm2 = nn.LayerNorm(features)
        self.mlp = Perceptron(features, within, nn.ReLU())
        self.norm3 = nn.LayerNorm(features)
        self.norm4 = nn.LayerNorm(features)
        self.cross_attn_image_to_token = _Attention(features, features // 2)

    @override
    def forward(self, tokens: Tensor, image: Tensor, asked: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        if self.first:
            tokens = self.norm1(self.self_attn(tokens, tokens, tokens))
        else:
            own = tokens + asked
            tokens = self.norm1(tokens + self.self_attn(own, own, tokens))
        tokens = self.norm2(tokens + self.cross_attn_token_to_image(tokens + asked, image + places, image))
        tokens = self.norm3(tokens + self.mlp(tokens))
        image = self.norm4(image + self.cross_attn_image_to_token(image + places, tokens + asked, tokens))
        return tokens, image


class _Attention(nn.Module):
    def __init__(self, features: int, inner: int) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(features, inner) for _ in range(3))
        self.out_proj = nn.Linear(inner, features)

    @override
    def forward(self, asking: Tensor, offering: Tensor, said: Tensor) -> Tensor:
        q, k, v = (
            layer(one).unflatten(-1, (_HEADS, -1)).transpose(1, 2)
            for layer, one in ((self.q_proj, asking), (self.k_proj, offering), (self.v_proj, said))
        )
        found = nn.functional.scaled_dot_product_attention(q, k, v)
        answer: Tensor = self.out_proj(found.transpose(1, 2).flatten(2))
        return answer

"""The diffusive generator of SynDiff and AxonDeepSynth: NCSN++ with adaptive group normalisation."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_pseudolabel.models.translators.generator_config import GeneratorConfig
from napari_pseudolabel.models.translators.ncsnpp_layers import (
    Attention,
    Combine,
    Downsample,
    FirFilter,
    PixelNorm,
    ResidualBlock,
    Upsample,
    conv,
    dense,
    group_norm,
    step_embedding,
)


class NCSNpp(nn.Module):
    """Predict the clean target image from a noisy one, the source image, the step and a latent.

    Parameters
    ----------
    config
        Constructor arguments. ``embedding_type`` "fourier" and ``progressive`` "residual" never
        ran in the originals and are refused with a ValueError.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        if config.embedding_type != "positional" or config.progressive not in ("none", "output_skip"):
            raise ValueError(
                f"embedding_type={config.embedding_type!r} with progressive={config.progressive!r} "
                "never ran in the published code and cannot be loaded."
            )
        self.config = config
        self.fir = FirFilter(config.fir_kernel) if config.fir else None
        self.all_modules = nn.ModuleList(self._modules_in_order())
        layers: list[nn.Module] = [PixelNorm(), dense(config.nz, config.z_emb_dim), nn.SiLU()]
        for _ in range(config.n_mlp):
            layers += [dense(config.z_emb_dim, config.z_emb_dim), nn.SiLU()]
        self.z_transform = nn.Sequential(*layers)

    def _block(self, in_channels: int, out_channels: int, resample: str = "") -> ResidualBlock:
        c = self.config
        return ResidualBlock(
            in_channels,
            out_channels,
            kind=c.resblock_type,
            step_features=4 * c.num_channels_dae if c.conditional else None,
            latent_features=c.z_emb_dim,
            resample=resample,
            fir=self.fir,
            dropout=c.dropout,
            skip_rescale=c.skip_rescale,
        )

    def _attention(self, channels: int) -> Attention:
        return Attention(channels, skip_rescale=self.config.skip_rescale)

    def _modules_in_order(self) -> Iterator[nn.Module]:
        """Yield the flat module list whose positions are the names in the published weights."""
        c, nf = self.config, self.config.num_channels_dae
        last = len(c.ch_mult) - 1
        if c.conditional:
            yield dense(nf, 4 * nf)
            yield dense(4 * nf, 4 * nf)
        yield conv(c.num_channels, nf)
        skips, channels, pyramid = [nf], nf, c.num_channels
        for level, factor in enumerate(c.ch_mult):
            for _ in range(c.num_res_blocks):
                yield self._block(channels, nf * factor)
                channels = nf * factor
                if level in c.attn_levels:
                    yield self._attention(channels)
                skips.append(channels)
            if level == last:
                continue
            if c.resblock_type == "ddpm":
                yield Downsample(channels, channels, with_conv=c.resamp_with_conv, fir=self.fir)
            else:
                yield self._block(channels, channels, "down")
            if c.progressive_input == "input_skip":
                yield Combine(pyramid, channels, method=c.progressive_combine)
                channels *= 2 if c.progressive_combine == "cat" else 1
            elif c.progressive_input == "residual":
                yield Downsample(pyramid, channels, with_conv=True, fir=self.fir)
                pyramid = channels
            skips.append(channels)
        yield self._block(channels, channels)
        yield self._attention(channels)
        yield self._block(channels, channels)
        for level in reversed(range(last + 1)):
            for _ in range(c.num_res_blocks + 1):
                yield self._block(channels + skips.pop(), nf * c.ch_mult[level])
                channels = nf * c.ch_mult[level]
            if level in c.attn_levels:
                yield self._attention(channels)
            if c.progressive == "output_skip":
                yield group_norm(channels)
                yield conv(channels, c.num_channels, scale=0.0)
            if level:
                if c.resblock_type == "ddpm":
                    yield Upsample(fir=self.fir)
                else:
                    yield self._block(channels, channels, "up")
        if c.progressive == "none":
            yield group_norm(channels)
            yield conv(channels, c.num_channels, scale=0.0)

    def forward(self, x: Tensor, step: Tensor, latent: Tensor) -> Tensor:
        """Predict the clean image.

        Parameters
        ----------
        x
            (B, 2, H, W) float; channel 0 the noisy target, channel 1 the source, both in [-1, 1]
            ([0, 1] if not ``centered``). H and W are multiples of ``config.stride``.
        step
            (B,) int64 diffusion step in 0 .. T - 1, or (1,) for one of all, which is cheaper.
        latent
            (B, nz) standard normal, or (1, nz) for one of all.

        Returns
        -------
        Tensor
            (B, num_channels, H, W); channel 0 is the prediction of the clean target.
        """
        c = self.config
        modules = iter(self.all_modules)
        style = self.z_transform(latent)
        embedding = None
        if c.conditional:
            embedding = next(modules)(step_embedding(step, c.num_channels_dae).to(x.dtype))
            embedding = next(modules)(F.silu(embedding))
        if not c.centered:
            x = 2 * x - 1
        skips = self._encode(x, modules, embedding, style)
        h = next(modules)(skips[-1], embedding, style)
        h = next(modules)(h)
        h = next(modules)(h, embedding, style)
        h = self._decode(h, skips, modules, embedding, style)
        return h if c.not_use_tanh else torch.tanh(h)

    def _encode(
        self, x: Tensor, modules: Iterator[nn.Module], embedding: Tensor | None, style: Tensor
    ) -> list[Tensor]:
        c = self.config
        gain = 1 / math.sqrt(2) if c.skip_rescale else 1.0
        pyramid = x
        skips = [next(modules)(x)]
        for level in range(len(c.ch_mult)):
            for _ in range(c.num_res_blocks):
                h = next(modules)(skips[-1], embedding, style)
                if level in c.attn_levels:
                    h = next(modules)(h)
                skips.append(h)
            if level == len(c.ch_mult) - 1:
                break
            down = next(modules)
            h = down(skips[-1]) if isinstance(down, Downsample) else down(skips[-1], embedding, style)
            if c.progressive_input == "input_skip":
                pyramid = F.avg_pool2d(pyramid, 2) if self.fir is None else self.fir.down(pyramid)
                h = next(modules)(pyramid, h)
            elif c.progressive_input == "residual":
                pyramid = h = (next(modules)(pyramid) + h) * gain
            skips.append(h)
        return skips

    def _decode(
        self,
        h: Tensor,
        skips: list[Tensor],
        modules: Iterator[nn.Module],
        embedding: Tensor | None,
        style: Tensor,
    ) -> Tensor:
        c = self.config
        enlarge = Upsample(fir=self.fir)
        output: Tensor | None = None
        for level in reversed(range(len(c.ch_mult))):
            for _ in range(c.num_res_blocks + 1):
                h = next(modules)(torch.cat([h, skips.pop()], dim=1), embedding, style)
            if level in c.attn_levels:
                h = next(modules)(h)
            if c.progressive == "output_skip":
                detail = next(modules)(h)
                detail = next(modules)(F.silu(detail))
                output = detail if output is None else enlarge(output) + detail
            if level:
                up = next(modules)
                h = up(h) if isinstance(up, Upsample) else up(h, embedding, style)
        if output is not None:
            return output
        h = next(modules)(h)
        return next(modules)(F.silu(h))

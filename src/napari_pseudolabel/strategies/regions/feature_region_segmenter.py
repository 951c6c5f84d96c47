"""What a diffusion computes of an image before it answers, and regions in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from typing_extensions import override

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.segmenters.tiled import TiledSegmenter, TileRequirements
from napari_pseudolabel.models.translators.base import Translator
from napari_pseudolabel.models.translators.ncsnpp_layers import ResidualBlock
from napari_pseudolabel.strategies.regions.clusters import Clusters
from napari_pseudolabel.tiling import BlendWindow, Covering, TileSettings, pick_device, run_tiles

_BLOCKS = 2
_MEAN_OVER_PX = 3


class FeatureNetwork(nn.Module):
    """The last two full-size residual blocks of a generator, in its first call: (B, 1, h, w) in [0, 1] -> (B, F, h, w).

    The state is the mean of the noise instead of noise, and so is the latent, so that the same tile has the same features
    wherever it lies; that is as good (docs/benchmarks.md). Features are averaged over three by three pixels.

    Raises
    ------
    InputError
        If the translator is no diffusion of one source channel.
    """

    def __init__(self, translator: Translator) -> None:
        super().__init__()
        described = translator.card.architecture
        if not translator.diffusive or described.get("num_channels", 2) != 2:
            raise InputError(
                f"{translator.card.name} has no features of this kind; choose a translator that is a diffusion of one channel."
            )
        self.network: Any = translator.network
        self._step = int(translator.card.schedule.get("num_timesteps", 2)) - 1
        self._latent = int(described["nz"])

    @override
    def forward(self, tiles: Tensor) -> Tensor:
        seen: list[Tensor] = []

        def keep(_block: nn.Module, _given: object, made: Tensor) -> None:
            if made.shape[-2:] == tiles.shape[-2:]:
                seen.append(made)
                del seen[:-_BLOCKS]

        blocks = [module for module in self.network.modules() if isinstance(module, ResidualBlock)]
        hooks = [block.register_forward_hook(keep) for block in blocks]
        try:
            source = 2 * tiles - 1
            step = torch.tensor([self._step], device=tiles.device)
            latent = torch.zeros(1, self._latent, device=tiles.device)
            self.network(torch.cat([torch.zeros_like(source), source], dim=1), step, latent)
        finally:
            for hook in hooks:
                hook.remove()
        return F.avg_pool2d(
            torch.cat(seen, dim=1), _MEAN_OVER_PX, 1, _MEAN_OVER_PX // 2, count_include_pad=False
        )


class RegionNetwork(nn.Module):
    """Probabilities of regions by distance from their centres: (B, 1, h, w) in [0, 1] -> (B, K, h, w).

    The first classes are those that regions may be called; nothing is one of them before it was named.
    """

    mean: Tensor
    axes: Tensor
    centres: Tensor

    def __init__(self, features: FeatureNetwork, clusters: Clusters | None, classes: int) -> None:
        super().__init__()
        self.features, self._classes, self._spread = features, classes, 1.0
        self._known = clusters is not None
        if clusters is not None:
            self._spread = clusters.spread
            for name in ("mean", "axes", "centres"):
                self.register_buffer(name, torch.from_numpy(getattr(clusters, name)))

    @override
    def forward(self, tiles: Tensor) -> Tensor:
        features = self.features(tiles)
        if not self._known:  # only how long it takes can be told
            return features.new_full((len(tiles), self._classes, *tiles.shape[-2:]), 1 / self._classes)
        points = torch.einsum("bfhw,fc->bchw", features - self.mean[None, :, None, None], self.axes)
        squares = torch.stack(
            [(points - one[None, :, None, None]).square().sum(1) for one in self.centres], 1
        )
        regions = (-squares / (2 * self._spread**2)).softmax(1)
        return F.pad(regions, (0, 0, 0, 0, self._classes - regions.shape[1], 0))


@dataclass(frozen=True)
class _Takes:
    in_channels: int
    tile: int
    stride: int


@dataclass(frozen=True, eq=False)
class FeatureRegionSegmenter(TiledSegmenter):
    """A segmenter made of a translator; see `Segmenter`.

    Attributes
    ----------
    covering
        The tiles of the translator.
    """

    covering: Covering

    OUTPUT = "probabilities"

    @classmethod
    def of(cls, translator: Translator, card: Card, clusters: Clusters | None) -> FeatureRegionSegmenter:
        """Make one; without clusters it knows no regions yet."""
        network = RegionNetwork(FeatureNetwork(translator), clusters, len(card.classes)).eval()
        return cls(card, translator.sha256, network, translator.layout)

    @property
    @override
    def architecture(self) -> TileRequirements:
        return _Takes(1, self.covering.tile, self.covering.stride)

    @property
    @override
    def layout(self) -> Covering:
        return self.covering


def features_of(translator: Translator, plane: NDArray[np.float32], control: Control) -> NDArray[np.float32]:
    """Return what a translator computes of a plane (H, W) in [0, 1]: (F, H, W) float32."""
    network = FeatureNetwork(translator).eval()
    grid = translator.layout.grid((plane.shape[0], plane.shape[1]), TileSettings(), None)
    device = pick_device(TileSettings().device)
    translator.to(device)
    with torch.inference_mode():
        return run_tiles(
            plane[None],
            lambda tiles, _origins: network(tiles),
            grid,
            BlendWindow.of(grid),
            batch=1,
            device=device,
            control_stage=control.stage("Finding kinds of regions", len(grid)),
        )

"""The U-Nets of nnU-Net v2 in 2D, with its parameter names.

Written from the published description: Isensee et al., "nnU-Net: a self-configuring method for deep
learning-based biomedical image segmentation", Nature Methods 2021, and "nnU-Net Revisited", MICCAI 2024
(residual encoder; blocks as in ResNet-D, He et al., CVPR 2019).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from typing_extensions import override

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.segmenters.nnunet.plans import Network, Pair
from napari_pseudolabel.types import JsonObject

# A name in a file selects an entry here; it is never imported.
_NORMS = {"InstanceNorm2d": nn.InstanceNorm2d, "BatchNorm2d": nn.BatchNorm2d}
_DROPOUTS = {"Dropout": nn.Dropout, "Dropout2d": nn.Dropout2d}
_NONLINEARITIES = {
    name: getattr(nn, name) for name in ("LeakyReLU", "ReLU", "PReLU", "ELU", "GELU", "SiLU", "Mish", "SELU")
}
_BLOCKS = ("BasicBlockD", "BottleneckD")


class _Parts:
    """Makes the small modules that the plans choose."""

    def __init__(self, network: Network) -> None:
        self.bias = network.conv_bias
        self.nonlin_first = network.nonlin_first and network.kind == "plain"
        self.norm = _chosen(_NORMS, network.norm_op, "normalisation")
        self.norm_kwargs = network.norm_op_kwargs or {}
        self.dropout = _chosen(_DROPOUTS, network.dropout_op, "dropout")
        self.dropout_kwargs = network.dropout_op_kwargs or {}
        self.nonlin = _chosen(_NONLINEARITIES, network.nonlin, "nonlinearity")
        self.nonlin_kwargs = network.nonlin_kwargs or {}

    def activation(self) -> nn.Module:
        return nn.Identity() if self.nonlin is None else _made(self.nonlin, **self.nonlin_kwargs)


def _chosen(table: JsonObject, dotted: str | None, what: str) -> Callable[..., nn.Module] | None:
    if dotted is None:
        return None
    module, _, name = dotted.rpartition(".")
    if name not in table or not (module == "torch.nn" or module.startswith("torch.nn.modules")):
        raise CheckpointError(f"The {what} {dotted} of the nnU-Net plans is not supported.")
    return table[name]


def _made(kind: Callable[..., nn.Module], *args: object, **kwargs: object) -> nn.Module:
    try:
        return kind(*args, **kwargs)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"The nnU-Net plans describe an impossible layer: {error}.") from None


class _Conv(nn.Module):
    """Convolution, dropout, normalisation, nonlinearity, each but the first optional."""

    def __init__(
        self,
        parts: _Parts,
        channels: Pair,
        kernel: Pair = (1, 1),
        stride: Pair = (1, 1),
        *,
        bias: bool | None = None,
        dropout: bool = True,
        nonlin: bool = True,
    ) -> None:
        super().__init__()
        padding = ((kernel[0] - 1) // 2, (kernel[1] - 1) // 2)
        self.conv = nn.Conv2d(*channels, kernel, stride, padding, bias=parts.bias if bias is None else bias)
        steps: list[nn.Module] = [self.conv]
        if dropout and parts.dropout is not None:
            self.dropout = _made(parts.dropout, **parts.dropout_kwargs)
            steps.append(self.dropout)
        if parts.norm is not None:
            self.norm = _made(parts.norm, channels[1], **parts.norm_kwargs)
            steps.append(self.norm)
        if nonlin and parts.nonlin is not None:
            self.nonlin = parts.activation()
            steps.append(self.nonlin)
            if parts.nonlin_first and parts.norm is not None:
                steps[-2:] = steps[:-3:-1]
        self._order = [next(n for n, m in self.named_children() if m is step) for step in steps]

    def forward(self, x: Tensor) -> Tensor:
        for name in self._order:
            x = getattr(self, name)(x)
        return x


class _Stack(nn.Module):
    """Convolutions in a row; the first has the stride."""

    def __init__(self, parts: _Parts, count: int, channels: Pair, kernel: Pair, stride: Pair) -> None:
        super().__init__()
        inner = (channels[1], channels[1])
        self.convs = nn.Sequential(
            _Conv(parts, channels, kernel, stride), *(_Conv(parts, inner, kernel) for _ in range(count - 1))
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.convs(x)


class _Residual(nn.Module):
    """A residual block; with `bottleneck` channels it narrows to them between two 1x1 convolutions."""

    def __init__(
        self, parts: _Parts, channels: Pair, kernel: Pair, stride: Pair, bottleneck: int | None
    ) -> None:
        super().__init__()
        first, last = channels
        if bottleneck is None:
            self.conv1 = _Conv(parts, channels, kernel, stride)
            self.conv2 = _Conv(parts, (last, last), kernel, dropout=False, nonlin=False)
            self.conv3: nn.Module = nn.Identity()
        else:
            self.conv1 = _Conv(parts, (first, bottleneck), dropout=False)
            self.conv2 = _Conv(parts, (bottleneck, bottleneck), kernel, stride)
            self.conv3 = _Conv(parts, (bottleneck, last), dropout=False, nonlin=False)
        self._last = "nonlin2" if bottleneck is None else "nonlin3"
        self.add_module(self._last, parts.activation())
        skip: list[nn.Module] = []
        if stride != (1, 1):
            skip.append(nn.AvgPool2d(stride, stride))
        if first != last:
            skip.append(_Conv(parts, channels, bias=False, dropout=False, nonlin=False))
        self.skip = nn.Sequential(*skip)

    def forward(self, x: Tensor) -> Tensor:
        changed = self.conv3(self.conv2(self.conv1(x)))
        return getattr(self, self._last)(changed + self.skip(x))


class _ResidualStack(nn.Module):
    """Residual blocks in a row; the first has the stride."""

    def __init__(
        self, parts: _Parts, count: int, channels: Pair, kernel: Pair, stride: Pair, bottleneck: int | None
    ) -> None:
        super().__init__()
        inner = (channels[1], channels[1])
        self.blocks = nn.Sequential(
            _Residual(parts, channels, kernel, stride, bottleneck),
            *(_Residual(parts, inner, kernel, (1, 1), bottleneck) for _ in range(count - 1)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(x)


class _Encoder(nn.Module):
    def __init__(self, network: Network, parts: _Parts, channels: int) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        residual = network.kind == "residual"
        self.stem: nn.Module = nn.Identity()
        if residual:
            stem = network.stem_channels or network.features_per_stage[0]
            self.stem = _Stack(parts, 1, (channels, stem), network.kernel_sizes[0], (1, 1))
            channels = stem
            name = network.block.rpartition(".")[2]
            if name not in _BLOCKS:
                raise CheckpointError(f"The block {network.block} of the nnU-Net plans is not supported.")
            if (name == "BottleneckD") != (network.bottleneck_channels is not None):
                raise CheckpointError(f"plans.json: the block {name} and bottleneck_channels do not fit.")
        for stage, features in enumerate(network.features_per_stage):
            common = (
                parts,
                network.blocks_per_stage[stage],
                (channels, features),
                network.kernel_sizes[stage],
                network.strides[stage],
            )
            if residual:
                narrow = network.bottleneck_channels
                stages.append(_ResidualStack(*common, None if narrow is None else narrow[stage]))
            else:
                stages.append(nn.Sequential(_Stack(*common)))
            channels = features
        self.stages = nn.Sequential(*stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x)
        skips = []
        for stage in self.stages:
            x = stage(x)
            skips.append(x)
        return skips


class _Decoder(nn.Module):
    def __init__(self, network: Network, parts: _Parts, classes: int) -> None:
        super().__init__()
        features, strides, kernels = network.features_per_stage, network.strides, network.kernel_sizes
        self.transpconvs = nn.ModuleList()
        self.stages = nn.ModuleList()
        self.seg_layers = nn.ModuleList()  # one per level for deep supervision; only the last is used
        for level, convolutions in enumerate(network.n_conv_per_stage_decoder):
            below = network.n_stages - 1 - level
            here, stride = features[below - 1], strides[below]
            self.transpconvs.append(
                nn.ConvTranspose2d(features[below], here, stride, stride, bias=network.conv_bias)
            )
            self.stages.append(_Stack(parts, convolutions, (2 * here, here), kernels[below - 1], (1, 1)))
            self.seg_layers.append(nn.Conv2d(here, classes, 1))

    def forward(self, skips: list[Tensor]) -> Tensor:
        x = skips[-1]
        for up, stage, skip in zip(self.transpconvs, self.stages, skips[-2::-1], strict=True):
            x = stage(torch.cat((up(x), skip), 1))
        return self.seg_layers[-1](x)


class UNet(nn.Module):
    """(B, C, H, W) -> logits (B, K, H, W); H and W are multiples of the product of the strides."""

    def __init__(self, network: Network, channels: int, classes: int) -> None:
        super().__init__()
        if network.conv_op.rpartition(".")[2] != "Conv2d":
            raise CheckpointError(f"The network uses {network.conv_op}; only 2D convolutions are supported.")
        parts = _Parts(network)
        self.encoder = _Encoder(network, parts, channels)
        self.decoder = _Decoder(network, parts, classes)

    @override
    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))

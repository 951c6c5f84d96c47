"""MONAI's networks that a bundle may name: a class of MONAI for each name, whose arguments are checked before it sees them.

Nothing that a configuration names is imported: only these names are known, and their arguments are numbers, lists of numbers and names of
layers from short lists.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from torch import nn
from typing_extensions import override

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.card_files import validated
from napari_pseudolabel.models.cards import LARGEST_TILE, LARGEST_WIDTH
from napari_pseudolabel.types import JsonObject

OWN = "DynUNet"
"""The one that is our own network, so that MONAI need not be installed."""
_ACTIVATIONS = frozenset(
    ["elu", "relu", "leakyrelu", "prelu", "relu6", "selu", "gelu", "swish", "mish", "celu"]
)
_NORMS = frozenset(["instance", "batch", "group"])

_LARGEST_STRIDE = 128

_Width = Annotated[int, Field(ge=1, le=LARGEST_WIDTH)]
_Stride = Annotated[int, Field(ge=1, le=4)]
_Kernel = Annotated[int, Field(ge=1, le=9)]
_Count = Annotated[int, Field(ge=0, le=16)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Layer = str | tuple[str, dict[str, bool | int | float]]


class NetworkArguments(BaseModel):
    """Arguments of one of MONAI's networks, as its class calls them; what is not said has the class's own default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    NAME: ClassVar[str]

    spatial_dims: Literal[2]
    in_channels: int = Field(ge=1, le=64)
    out_channels: int = Field(ge=1, le=1000)

    @property
    @abstractmethod
    def stride(self) -> int:
        """Sides of the input are multiples of it."""

    @model_validator(mode="after")
    def _takes_small_images(self) -> Self:
        if self.stride > _LARGEST_STRIDE:
            raise ValueError(
                f"it makes images {self.stride} times smaller; up to {_LARGEST_STRIDE} can be handled"
            )
        return self

    @field_validator("act", "norm", check_fields=False)
    @classmethod
    def _of_known_layers(cls, value: _Layer, info: Any) -> _Layer:
        name = value if isinstance(value, str) else value[0]
        known = _ACTIVATIONS if info.field_name == "act" else _NORMS
        if name.lower() not in known:
            raise ValueError(f"one of {', '.join(sorted(known))}")
        return value


class UNetArguments(NetworkArguments):
    """MONAI's UNet, with or without residual units (Kerfoot et al. 2018)."""

    NAME = "UNet"

    channels: tuple[_Width, ...] = Field(min_length=2, max_length=8)
    strides: tuple[_Stride, ...] = Field(min_length=1, max_length=7)
    kernel_size: _Kernel = 3
    up_kernel_size: _Kernel = 3
    num_res_units: _Count = 0
    act: _Layer = "PRELU"
    norm: _Layer = "INSTANCE"
    dropout: _Share = 0.0
    bias: bool = True
    adn_ordering: Literal["NDA", "NAD", "DNA", "AND", "ADN", "DAN", "NA", "AN"] = "NDA"

    @property
    @override
    def stride(self) -> int:
        return math.prod(self.strides[: len(self.channels) - 1])


class AttentionUnetArguments(NetworkArguments):
    """MONAI's AttentionUnet (Oktay et al. 2018)."""

    NAME = "AttentionUnet"

    channels: tuple[_Width, ...] = Field(min_length=2, max_length=8)
    strides: tuple[_Stride, ...] = Field(min_length=1, max_length=7)
    kernel_size: _Kernel = 3
    up_kernel_size: _Kernel = 3
    dropout: _Share = 0.0

    @property
    @override
    def stride(self) -> int:
        return math.prod(self.strides)


class BasicUNetArguments(NetworkArguments):
    """MONAI's BasicUNet (Falk et al. 2019)."""

    NAME = "BasicUNet"

    features: tuple[_Width, ...] = Field(default=(32, 32, 64, 128, 256, 32), min_length=6, max_length=6)
    act: _Layer = ("LeakyReLU", {"negative_slope": 0.1, "inplace": True})
    norm: _Layer = ("instance", {"affine": True})
    bias: bool = True
    dropout: _Share = 0.0
    upsample: Literal["deconv", "pixelshuffle", "nontrainable"] = "deconv"

    @property
    @override
    def stride(self) -> int:
        return 16


class SegResNetArguments(NetworkArguments):
    """MONAI's SegResNet (Myronenko 2018), without its autoencoder."""

    NAME = "SegResNet"

    init_filters: _Width = 8
    blocks_down: tuple[_Count, ...] = Field(default=(1, 2, 2, 4), min_length=1, max_length=7)
    blocks_up: tuple[_Count, ...] = Field(default=(1, 1, 1), max_length=6)
    act: _Layer = ("RELU", {"inplace": True})
    norm: _Layer = ("GROUP", {"num_groups": 8})
    dropout_prob: _Share | None = None
    use_conv_final: bool = True
    upsample_mode: Literal["deconv", "nontrainable", "pixelshuffle"] = "nontrainable"

    @property
    @override
    def stride(self) -> int:
        return 2 ** (len(self.blocks_down) - 1)


NETWORKS: Mapping[str, type[NetworkArguments]] = {
    one.NAME: one for one in (UNetArguments, AttentionUnetArguments, BasicUNetArguments, SegResNetArguments)
}


class NamedArchitecture(BaseModel):
    """``card.architecture`` of a bundle with one of these networks.

    Attributes
    ----------
    network, arguments
        Its name, and what its class is given.
    in_channels, tile
        Channels of the image; side of the tiles in prediction, in pixels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: str
    arguments: JsonObject
    in_channels: int
    tile: int = Field(default=256, ge=32, le=LARGEST_TILE)

    @property
    def stride(self) -> int:
        """Sides of the network's input are multiples of this many pixels."""
        return self.checked.stride

    @property
    def checked(self) -> NetworkArguments:
        """The arguments."""
        return checked_arguments(self.network, self.arguments, "the card")

    def build(self) -> nn.Module:
        """Make the network with random weights.

        Raises
        ------
        CheckpointError
            If MONAI is not installed.
        """
        if problem := missing_monai(self.network):
            raise CheckpointError(problem)
        from monai.networks import nets

        network: nn.Module = getattr(nets, self.checked.NAME)(**self.checked.model_dump(exclude_unset=True))
        return network


def missing_monai(name: str) -> str:
    """Say that MONAI is not installed, which has the network of this name; empty if it is."""
    if find_spec("monai") is not None:
        return ""
    return f'Its network, {name}, is one of MONAI: pip install "napari-pseudolabel[monai]".'


def checked_arguments(name: str, said: Mapping[str, Any], whose: str) -> NetworkArguments:
    """Check the arguments of a network.

    Raises
    ------
    CheckpointError
        If the name is not known here, or an argument is not, or out of range.
    """
    if name not in NETWORKS:
        raise CheckpointError(
            f"{whose} is of the network {name[:60] or 'without a name'}; of MONAI's networks {OWN}, {', '.join(NETWORKS)} are "
            "read, in two dimensions. Export it to ONNX or TorchScript."
        )
    return validated(NETWORKS[name], dict(said), f"The network {name} of {whose}")

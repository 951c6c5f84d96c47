"""What ``plans.json`` and ``dataset.json`` of an nnU-Net v2 folder say, checked and resolved.

Plans of nnU-Net 2.2 and older name the network by ``UNet_class_name`` and a few numbers, plans since 2.3
by an ``architecture`` block; both become one `Network`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from napari_pseudolabel.budget import read_json
from napari_pseudolabel.errors import CheckpointError, FileError
from napari_pseudolabel.models.card_files import validated
from napari_pseudolabel.models.cards import LARGEST_TILE, LARGEST_WIDTH, LabelClass
from napari_pseudolabel.types import JsonObject

Pair = tuple[int, int]
_Width = Annotated[int, Field(ge=1, le=LARGEST_WIDTH)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Label = Annotated[int, Field(ge=0, le=255)]
_Count = Annotated[int, Field(ge=1)]
_Step = Annotated[int, Field(ge=1, le=64)]

NETWORKS = {"PlainConvUNet": "plain", "ResidualEncoderUNet": "residual"}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class ForegroundIntensities(_Part):
    """Foreground intensities of one channel of the training set, used by CT normalisation."""

    mean: _Finite
    std: _Finite
    percentile_00_5: _Finite
    percentile_99_5: _Finite


class Dataset(_Part):
    """``dataset.json``: channels and labels. A label that is a list of integers is a region."""

    channel_names: dict[str, str] = Field(
        min_length=1, max_length=64, validation_alias=AliasChoices("channel_names", "modality")
    )
    labels: dict[str, _Label | list[_Label]] = Field(max_length=257)
    regions_class_order: list[_Label] | None = None

    @property
    def has_regions(self) -> bool:
        """Whether channels are overlapping regions, with a sigmoid each, instead of exclusive labels."""
        return any(isinstance(value, list) and len(value) > 1 for value in self.labels.values())

    def classes(self) -> tuple[LabelClass, ...]:
        """Classes in the order of the network's channels.

        Labels include the background; regions do not, and their `value` is what they paint.
        """
        used = {name: value for name, value in self.labels.items() if name != "ignore"}
        if not self.has_regions:
            by_value = sorted((v[0] if isinstance(v, list) else v, name) for name, v in used.items())
            return tuple(LabelClass(name=name, value=value) for value, name in by_value)
        names = [name for name, value in used.items() if set(np.atleast_1d(value).tolist()) != {0}]
        if self.regions_class_order is None or len(self.regions_class_order) != len(names):
            raise CheckpointError(
                "dataset.json has regions, but regions_class_order does not give one label for each of them."
            )
        return tuple(
            LabelClass(name=name, value=value)
            for name, value in zip(names, self.regions_class_order, strict=True)
        )


class Network(_Part):
    """Constructor arguments of the U-Net, by their names in nnU-Net's plans.

    ``conv_op``, ``norm_op``, ``dropout_op``, ``nonlin`` and ``block`` are dotted names; `networks` looks
    them up in its own table.
    """

    kind: Literal["plain", "residual"]
    n_stages: int = Field(ge=2, le=12)
    features_per_stage: tuple[_Width, ...]
    kernel_sizes: tuple[tuple[_Step, _Step], ...]
    strides: tuple[tuple[_Step, _Step], ...]
    blocks_per_stage: tuple[_Count, ...]
    n_conv_per_stage_decoder: tuple[_Count, ...]
    conv_op: str = "torch.nn.modules.conv.Conv2d"
    conv_bias: bool = False
    norm_op: str | None = None
    norm_op_kwargs: JsonObject | None = None
    dropout_op: str | None = None
    dropout_op_kwargs: JsonObject | None = None
    nonlin: str | None = None
    nonlin_kwargs: JsonObject | None = None
    nonlin_first: bool = False
    block: str = "BasicBlockD"
    bottleneck_channels: tuple[_Width, ...] | None = None
    stem_channels: int | None = Field(default=None, ge=1, le=LARGEST_WIDTH)

    @property
    def layers(self) -> int:
        """How many blocks of convolutions there are; each has weights of its own."""
        return sum(self.blocks_per_stage) + sum(self.n_conv_per_stage_decoder)


class _Architecture(_Part):
    network_class_name: str
    arch_kwargs: JsonObject


class Configuration(_Part):
    """One configuration of the plans with everything it inherits."""

    patch_size: tuple[Annotated[int, Field(ge=1, le=LARGEST_TILE)], ...]
    spacing: tuple[Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)], ...]
    normalization_schemes: tuple[str, ...]
    use_mask_for_norm: tuple[bool, ...]
    resampling_fn_data: str = "resample_data_or_seg_to_shape"
    resampling_fn_data_kwargs: JsonObject = Field(default_factory=lambda: {"order": 3})
    resampling_fn_probabilities: str = "resample_data_or_seg_to_shape"
    resampling_fn_probabilities_kwargs: JsonObject = Field(default_factory=lambda: {"order": 1})
    previous_stage: str | None = None
    architecture: _Architecture | None = None
    UNet_class_name: str | None = None
    UNet_base_num_features: int | None = None
    unet_max_num_features: int | None = None
    n_conv_per_stage_encoder: tuple[int, ...] | None = None
    n_conv_per_stage_decoder: tuple[int, ...] | None = None
    pool_op_kernel_sizes: tuple[tuple[int, ...], ...] | None = None
    conv_kernel_sizes: tuple[tuple[int, ...], ...] | None = None

    def network(self) -> Network:
        """Resolve the network of either generation of plans.

        Raises
        ------
        CheckpointError
            If it is not a 2D plain or residual-encoder U-Net, or its description is incomplete.
        """
        if self.architecture is not None:
            name = self.architecture.network_class_name.rpartition(".")[2]
            arguments = dict(self.architecture.arch_kwargs)
        elif self.UNet_class_name is not None:
            name = self.UNet_class_name
            arguments = self._old_arguments()
        else:
            raise CheckpointError(
                "plans.json names no network: neither “architecture” nor “UNet_class_name” is there."
            )
        if name not in NETWORKS:
            raise CheckpointError(
                f"The nnU-Net network {name} is not supported; {' and '.join(NETWORKS)} are."
            )
        kind = NETWORKS[name]
        blocks = "n_conv_per_stage" if kind == "plain" else "n_blocks_per_stage"
        return _network(kind, arguments, blocks)

    def _old_arguments(self) -> JsonObject:
        needed = (
            "UNet_base_num_features unet_max_num_features n_conv_per_stage_encoder n_conv_per_stage_decoder"
        )
        names = f"{needed} pool_op_kernel_sizes conv_kernel_sizes".split()
        absent = [name for name in names if getattr(self, name) is None]
        if absent:
            raise CheckpointError(f"plans.json lacks {', '.join(absent)}, which describe the network.")
        stages = len(self.n_conv_per_stage_encoder or ())
        base, most = self.UNet_base_num_features or 1, self.unet_max_num_features or 1
        return {
            "n_stages": stages,
            "features_per_stage": [min(base * 2**stage, most) for stage in range(stages)],
            "kernel_sizes": self.conv_kernel_sizes,
            "strides": self.pool_op_kernel_sizes,
            "n_conv_per_stage": self.n_conv_per_stage_encoder,
            "n_blocks_per_stage": self.n_conv_per_stage_encoder,
            "n_conv_per_stage_decoder": self.n_conv_per_stage_decoder,
            "conv_bias": True,
            "norm_op": "torch.nn.InstanceNorm2d",
            "norm_op_kwargs": {"eps": 1e-5, "affine": True},
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
        }


class Plans(_Part):
    """``plans.json``."""

    dataset_name: str = ""
    transpose_forward: tuple[int, ...] = (0, 1, 2)
    configurations: dict[str, JsonObject]
    foreground_intensity_properties: dict[str, ForegroundIntensities] = Field(
        default_factory=dict,
        validation_alias=AliasChoices(
            "foreground_intensity_properties_per_channel", "foreground_intensity_properties_by_modality"
        ),
    )

    def configuration(self, name: str) -> Configuration:
        """Return a 2D configuration after resolving ``inherits_from``, recursively; the child wins.

        Raises
        ------
        CheckpointError
            If it is not there, inherits from itself, is incomplete, or is not a 2D one.
        """
        merged: JsonObject = {}
        seen: list[str] = []
        parent: str | None = name
        while parent is not None:
            if parent not in self.configurations:
                there = ", ".join(self.configurations)
                raise CheckpointError(f"plans.json has no configuration “{parent}”; it has {there}.")
            if parent in seen:
                raise CheckpointError(f"In plans.json the configuration “{parent}” inherits from itself.")
            seen.append(parent)
            merged = {**self.configurations[parent], **merged}
            parent = self.configurations[parent].get("inherits_from")
        configuration = validated(Configuration, merged, f"plans.json, configuration {name}")
        if configuration.previous_stage:
            raise CheckpointError(f"The nnU-Net configuration {name} is a cascade; only 2d is supported.")
        if len(configuration.patch_size) != 2 or len(configuration.spacing) not in (2, 3):
            raise CheckpointError(f"The nnU-Net configuration {name} is not 2D; only 2d is supported.")
        if sorted(self.transpose_forward) != [0, 1, 2] or self.transpose_forward[0] != 0:
            raise CheckpointError(
                "This nnU-Net model cuts volumes along another axis than the first; only 2D ones can be used."
            )
        return configuration


def read_plans(folder: Path) -> Plans:
    """Read ``plans.json`` of a model folder."""
    return validated(Plans, _json(folder / "plans.json"), "plans.json")


def read_dataset(folder: Path) -> Dataset:
    """Read ``dataset.json`` of a model folder."""
    content = _json(folder / "dataset.json")
    labels = content.get("labels")
    if isinstance(labels, dict) and labels and all(str(key).isdigit() for key in labels):
        raise CheckpointError("dataset.json is in the format of nnU-Net v1; only nnU-Net v2 is supported.")
    return validated(Dataset, content, "dataset.json")


def _json(path: Path) -> JsonObject:
    try:
        content = read_json(path)
    except FileNotFoundError:
        raise CheckpointError(f"There is no {path.name} in {path.parent}.") from None
    except FileError as error:
        raise CheckpointError(f"The nnU-Net folder {path.parent} cannot be used: {error}") from None
    except OSError:
        raise CheckpointError(f"{path.name} in {path.parent} is not readable JSON.") from None
    if not isinstance(content, dict):
        raise CheckpointError(f"{path.name} in {path.parent} does not hold a JSON object.")
    return content


def _network(kind: str, arguments: JsonObject, blocks: str) -> Network:
    stages = arguments.get("n_stages")
    if type(stages) is not int or not 2 <= stages <= 12:
        raise CheckpointError(f"plans.json describes a network with {stages} stages; 2 to 12 are possible.")
    per_stage = {
        "features_per_stage": (arguments.get("features_per_stage"), stages),
        "blocks_per_stage": (arguments.get(blocks), stages),
        "n_conv_per_stage_decoder": (arguments.get("n_conv_per_stage_decoder"), stages - 1),
    }
    given = {
        name: value
        for name, value in arguments.items()
        if name in Network.model_fields and not (value is None and name in ("conv_op", "block"))
    }
    for name, (value, count) in per_stage.items():
        given[name] = [value] * count if isinstance(value, int) else value
    for name in ("kernel_sizes", "strides"):
        value = arguments.get(name)
        sizes = [value] * stages if isinstance(value, int) else value
        given[name] = [(s, s) if isinstance(s, int) else s for s in sizes or ()]
    if isinstance(given.get("bottleneck_channels"), int):
        given["bottleneck_channels"] = [given["bottleneck_channels"]] * stages
    network = validated(Network, {**given, "kind": kind}, "plans.json, architecture")
    for name in ("features_per_stage", "blocks_per_stage", "kernel_sizes", "strides"):
        if len(getattr(network, name)) != stages:
            raise CheckpointError(f"plans.json: {name} does not have one entry for each of {stages} stages.")
    if len(network.n_conv_per_stage_decoder) != stages - 1:
        raise CheckpointError(f"plans.json: n_conv_per_stage_decoder does not have {stages - 1} entries.")
    return network

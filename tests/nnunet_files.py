"""Small nnU-Net model folders with random weights, as nnU-Net writes them."""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_pseudolabel.models.segmenters.nnunet.networks import UNet
from napari_pseudolabel.models.segmenters.nnunet.plans import Plans, read_dataset

ARGUMENTS = {
    "n_stages": 3,
    "features_per_stage": [4, 8, 8],
    "conv_op": "torch.nn.modules.conv.Conv2d",
    "kernel_sizes": [[3, 3]] * 3,
    "strides": [[1, 1], [2, 2], [2, 2]],
    "n_conv_per_stage": [1, 1, 1],
    "n_conv_per_stage_decoder": [1, 1],
    "conv_bias": True,
    "norm_op": "torch.nn.modules.instancenorm.InstanceNorm2d",
    "norm_op_kwargs": {"eps": 1e-5, "affine": True},
    "dropout_op": None,
    "dropout_op_kwargs": None,
    "nonlin": "torch.nn.LeakyReLU",
    "nonlin_kwargs": {"inplace": True},
}
INTENSITIES = {"mean": 100.0, "std": 50.0, "percentile_00_5": 10.0, "percentile_99_5": 240.0, "median": 99}


class ModelFolder:
    """A folder that tests change before they load it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.configuration: dict[str, Any] = {
            "patch_size": [32, 32],
            "spacing": [1.0, 1.0],
            "normalization_schemes": ["ZScoreNormalization"],
            "use_mask_for_norm": [False],
            "architecture": {
                "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
                "arch_kwargs": dict(ARGUMENTS),
                "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
            },
        }
        self.plans: dict[str, Any] = {
            "dataset_name": "Dataset001_Test",
            "transpose_forward": [0, 1, 2],
            "configurations": {"2d": self.configuration},
            "foreground_intensity_properties_per_channel": {"0": INTENSITIES, "1": INTENSITIES},
        }
        self.dataset: dict[str, Any] = {
            "channel_names": {"0": "grey"},
            "labels": {"background": 0, "myelin": 1, "axon": 2},
            "file_ending": ".png",
        }
        self.checkpoint: dict[str, Any] = {
            "optimizer_state": {},
            "_best_ema": np.float32(0.5),
            "init_args": {"configuration": "2d", "fold": 0, "device": torch.device("cpu")},
            "trainer_name": "nnUNetTrainer",
            "inference_allowed_mirroring_axes": (0, 1),
        }

    @property
    def arguments(self) -> dict[str, Any]:
        """Constructor arguments of the network."""
        return self.configuration["architecture"]["arch_kwargs"]

    def residual(self) -> None:
        """Make it a residual-encoder U-Net."""
        self.configuration["architecture"]["network_class_name"] = "x.y.ResidualEncoderUNet"
        self.arguments["n_blocks_per_stage"] = self.arguments.pop("n_conv_per_stage")

    def write_texts(self) -> None:
        """Write plans.json and dataset.json."""
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / "plans.json").write_text(json.dumps(self.plans))
        (self.path / "dataset.json").write_text(json.dumps(self.dataset))

    def write(
        self, folds: tuple[Any, ...] = (0,), prefix: str = "", name: str = "final", seed: int = 0
    ) -> Path:
        """Write everything, with other random weights for each fold."""
        self.write_texts()
        configuration = Plans.model_validate(self.plans).configuration(
            self.checkpoint["init_args"]["configuration"]
        )
        for number, fold in enumerate(folds):
            torch.manual_seed(seed + number)
            dataset = read_dataset(self.path)
            network = UNet(configuration.network(), len(dataset.channel_names), len(dataset.classes()))
            state = OrderedDict(network.state_dict())
            for key in list(state):  # the original stores these a second time under another name
                state[key.replace(".conv.", ".all_modules.0.")] = state[key]
                if key.startswith("encoder."):
                    state[f"decoder.{key}"] = state[key]
            weights = OrderedDict((prefix + key, value * 3) for key, value in state.items())
            folder = self.path / f"fold_{fold}"
            folder.mkdir(exist_ok=True)
            torch.save({**self.checkpoint, "network_weights": weights}, folder / f"checkpoint_{name}.pth")
        return self.path

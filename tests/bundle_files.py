"""A small MONAI bundle with random weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch

from napari_pseudolabel.models.segmenters.dynamic_unet import DynamicUNet

FILTERS = (4, 8, 8)


def bundle(
    path: Path,
    make=None,
    names: Sequence[str] = ("background", "cell"),
    name: str = "DynUNet",
    arguments: dict | None = None,
    **changes,
) -> Path:
    """Write a bundle with our network, or one of the class `make` with the arguments that the configuration has."""
    levels = len(FILTERS)
    arguments = arguments or {
        "spatial_dims": 2,
        "out_channels": len(names),
        "kernel_size": [3] * levels,
        "strides": [1] + [2] * (levels - 1),
        "upsample_kernel_size": [2] * (levels - 1),
        "filters": list(FILTERS),
    }
    network = {"_target_": f"monai.networks.nets.{name}", "in_channels": "@image_channels", **arguments}
    steps = [
        {"_target_": "LoadImaged", "keys": "image"},
        {"_target_": "EnsureChannelFirstd", "keys": "image"},
        {"_target_": "NormalizeIntensityd", "keys": "image"},
    ]
    config = {
        "image_channels": 1,
        "device": "$torch.device('cpu')",
        "network_def": {**network, **changes.pop("network_def", {})},
        "preprocessing": {"_target_": "Compose", "transforms": steps},
        **changes,
    }
    about = {
        "name": "Bright cells",
        "license": "Apache 2.0",
        "network_data_format": {
            "outputs": {"pred": {"channel_def": {str(n): name for n, name in enumerate(names)}}}
        },
    }
    for kind, value in (("inference", config), ("metadata", about)):
        (file := path / "configs" / f"{kind}.json").parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value))
    torch.manual_seed(7)
    made = DynamicUNet(1, len(names), FILTERS) if make is None else make(in_channels=1, **arguments)
    (path / "models").mkdir()
    torch.save(made.state_dict(), path / "models" / "model.pt")
    return path

"""A small model of every family, so that what holds for one is tried with all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from napari_pseudolabel.models.cards import Card, LabelClass, Modality
from napari_pseudolabel.models.segmenters import monai_unet
from napari_pseudolabel.models.segmenters.nnunet.networks import UNet
from napari_pseudolabel.models.segmenters.nnunet.plans import Plans
from napari_pseudolabel.models.sidecar import write_sidecar
from napari_pseudolabel.models.translators import grey_levels, syndiff
from napari_pseudolabel.models.translators.generator_config import GeneratorConfig
from napari_pseudolabel.models.translators.ncsnpp import NCSNpp
from napari_pseudolabel.models.translators.resnet import ResnetGenerator

SEM = Modality(name="SEM", pixel_size_um=0.2, object_size_px=10)
TEM = Modality(name="TEM", pixel_size_um=0.2, object_size_px=10)
CLASSES = (
    LabelClass(name="background", value=0),
    LabelClass(name="one", value=1),
    LabelClass(name="two", value=5),
)
TILE = 32


def _monai(folder: Path, channels: int = 1) -> Path:
    torch.manual_seed(3)
    card = Card(
        kind="segmenter",
        family="monai-unet",
        architecture={"filters": (4, 8, 8), "tile": TILE, "in_channels": channels},
        source=TEM,
        classes=CLASSES,
    )
    monai_unet.save(monai_unet.build(card), card, path := folder / "monai.safetensors")
    return path


class _Instance(nn.Module):
    """A convolution and a normalisation that sees the whole tile, as most networks have."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, 6, 5, padding=2),
            nn.InstanceNorm2d(6, affine=True),
            nn.ReLU(),
            nn.Conv2d(6, len(CLASSES), 3, padding=1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) * 3


def _torchscript(folder: Path, channels: int = 1) -> Path:
    torch.manual_seed(4)
    path = folder / "script.pt"
    torch.jit.save(torch.jit.script(_Instance(channels).eval()), path)
    write_sidecar(
        path,
        {
            "kind": "segmenter",
            "family": "torchscript",
            "classes": [one.model_dump() for one in CLASSES],
            "normalisation": {"kind": "percentile", "low": 1, "high": 99},
            "architecture": {"in_channels": channels, "tile": TILE, "stride": 4, "output": "logits"},
            "source": TEM.model_dump(),
        },
    )
    return path


def nnunet_folder(
    folder: Path,
    schemes: tuple[str, ...] = ("ZScoreNormalization",),
    masked: bool = False,
    transpose: tuple[int, int, int] = (0, 1, 2),
) -> Path:
    """An nnU-Net model folder with random weights for as many channels as there are schemes."""
    path = folder / "nnUNetTrainer__nnUNetPlans__2d"
    (path / "fold_0").mkdir(parents=True)
    intensities = {"mean": 100.0, "std": 50.0, "percentile_00_5": 10.0, "percentile_99_5": 240.0}
    plans = {
        "dataset_name": "Dataset001_Test",
        "transpose_forward": list(transpose),
        "foreground_intensity_properties_per_channel": {str(i): intensities for i in range(len(schemes))},
        "configurations": {
            "2d": {
                "patch_size": [TILE, TILE - 8],
                "spacing": [1.0, 1.0],
                "normalization_schemes": list(schemes),
                "use_mask_for_norm": [masked] * len(schemes),
                "architecture": {
                    "network_class_name": "x.PlainConvUNet",
                    "arch_kwargs": {
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
                        "nonlin": "torch.nn.LeakyReLU",
                    },
                },
            }
        },
    }
    dataset = {
        "channel_names": {str(i): f"channel {i}" for i in range(len(schemes))},
        "labels": {one.name: number for number, one in enumerate(CLASSES)},
        "file_ending": ".png",
    }
    (path / "plans.json").write_text(json.dumps(plans))
    (path / "dataset.json").write_text(json.dumps(dataset))
    torch.manual_seed(5)
    network = UNet(Plans.model_validate(plans).configuration("2d").network(), len(schemes), len(CLASSES))
    torch.save(
        {
            "network_weights": {name: 3 * weight for name, weight in network.state_dict().items()},
            "init_args": {"configuration": "2d"},
            "inference_allowed_mirroring_axes": (0, 1),
        },
        path / "fold_0" / "checkpoint_final.pth",
    )
    return path


def _syndiff(folder: Path) -> Path:
    torch.manual_seed(6)
    config = GeneratorConfig(
        image_size=TILE,
        num_channels_dae=8,
        ch_mult=(1, 1),
        num_res_blocks=1,
        n_mlp=1,
        nz=4,
        z_emb_dim=8,
        attn_resolutions=(),
        num_timesteps=2,
    )
    network = NCSNpp(config)
    nn.init.normal_(network.all_modules[-1].weight, std=0.3)
    card = Card(kind="translator", family="syndiff", source=SEM, target=TEM)
    return syndiff.save(network, card, folder / "syndiff.safetensors")


def _resnet(folder: Path) -> Path:
    torch.manual_seed(7)
    path = folder / "gen_non_diffusive_1to2.pth"
    torch.save(ResnetGenerator(4, 3).state_dict(), path)
    write_sidecar(path, {"source": SEM.model_dump(), "target": TEM.model_dump(), "architecture": {}})
    return path


def _grey_levels(folder: Path) -> Path:
    curve = np.linspace(1, 0, 256, dtype=np.float32) ** 1.3
    card = Card(kind="translator", family="grey-levels", source=SEM, target=TEM)
    path = folder / "curve.safetensors"
    path.write_bytes(grey_levels.as_file(curve, card))
    return path


SEGMENTERS: dict[str, Callable[[Path], Path]] = {
    "monai-unet": _monai,
    "torchscript": _torchscript,
    "nnunet": nnunet_folder,
}
"""Makes a segmenter of a family in a folder."""

TRANSLATORS: dict[str, Callable[[Path], Path]] = {
    "syndiff": _syndiff,
    "resnet": _resnet,
    "grey-levels": _grey_levels,
}
"""Makes a translator of a family in a folder."""

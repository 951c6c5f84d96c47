"""A small model of every family, so that what holds for one is tried with all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cellpose_case
import numpy as np
import sam_case
import torch
from bioimage_files import description, package
from bundle_files import bundle
from nnunet_files import INTENSITIES, ModelFolder
from onnx_files import of_whole_tile, saved
from syndiff_case import GENERATOR
from torch import nn

from napari_pseudolabel.models.card_files import write_sidecar
from napari_pseudolabel.models.cards import Card, LabelClass, Modality, Normalisation
from napari_pseudolabel.models.segmenters import monai_unet
from napari_pseudolabel.models.translators import curve_file, small_unet, syndiff
from napari_pseudolabel.models.translators.implicit_schedule import ImplicitSchedule
from napari_pseudolabel.models.translators.ncsnpp import NCSNpp
from napari_pseudolabel.models.translators.resnet import ResnetGenerator
from napari_pseudolabel.models.translators.structure_maps import Condition, StructureMaps
from napari_pseudolabel.models.translators.zero_shot import architecture_with
from napari_pseudolabel.models.translators.zero_shot_network import ZeroShotNetwork

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


def _onnx(folder: Path) -> Path:
    path = saved(of_whole_tile(9, len(CLASSES), TILE), folder / "graph.onnx")
    classes = [one.model_dump() for one in CLASSES]
    write_sidecar(
        path, {"classes": classes, "normalisation": {"low": 1, "high": 99}, "source": TEM.model_dump()}
    )
    return path


def _bioimageio(folder: Path) -> Path:
    made = of_whole_tile(10, len(CLASSES), TILE)
    names = {"channel_names": [one.name for one in CLASSES]}
    said = description(b"")
    batch, _, y, x = said["inputs"][0]["axes"]
    fixed = [{**axis, "size": TILE} for axis in (y, x)]
    inputs = [{**said["inputs"][0], "axes": [batch, *fixed, {"type": "channel"}]}]
    outputs = [{"id": "m", "axes": [batch, *fixed, {"type": "channel", **names}]}]
    path = package(folder / "package", made, inputs=inputs, outputs=outputs)
    write_sidecar(path, {"classes": [one.model_dump() for one in CLASSES], "source": TEM.model_dump()})
    return path


def _monai_bundle(folder: Path) -> Path:
    path = bundle(folder / "bundle", names=[one.name for one in CLASSES])
    classes = [one.model_dump() for one in CLASSES]
    write_sidecar(path, {"classes": classes, "source": TEM.model_dump(), "architecture": {"tile": TILE}})
    return path


def _cellpose(folder: Path) -> Path:
    path = cellpose_case.saved(folder / "cyto")
    write_sidecar(path, {"architecture": {"tile": 48}, "source": TEM.model_dump()})
    return path


def sam_of(folder: Path, *, decoder: bool = True) -> Path:
    """A Segment Anything that finds discs by the decoder of micro-sam, or by clicks on a grid."""
    path = sam_case.saved(folder / ("vit_b_discs" if decoder else "sam_vit_b.pth"), decoder=decoder)
    write_sidecar(path, {"architecture": sam_case.ARCHITECTURE, "source": TEM.model_dump()})
    return path


def nnunet_folder(
    folder: Path,
    schemes: tuple[str, ...] = ("ZScoreNormalization",),
    masked: bool = False,
    transpose: tuple[int, int, int] = (0, 1, 2),
) -> Path:
    """An nnU-Net model folder with random weights for as many channels as there are schemes."""
    model = ModelFolder(folder / "nnUNetTrainer__nnUNetPlans__2d")
    model.configuration |= {
        "patch_size": [TILE, TILE - 8],
        "normalization_schemes": list(schemes),
        "use_mask_for_norm": [masked] * len(schemes),
    }
    channels = [str(number) for number in range(len(schemes))]
    model.plans["transpose_forward"] = list(transpose)
    model.plans["foreground_intensity_properties_per_channel"] = dict.fromkeys(channels, INTENSITIES)
    model.dataset["channel_names"] = {number: f"channel {number}" for number in channels}
    model.dataset["labels"] = {one.name: number for number, one in enumerate(CLASSES)}
    return model.write(seed=5)


def syndiff_of(folder: Path, steps: int = 2) -> Path:
    """A generator with random weights for a diffusion of so many steps, of which fast takes the first and the last."""
    torch.manual_seed(6)
    network = NCSNpp(replace(GENERATOR, num_timesteps=steps))
    nn.init.normal_(network.all_modules[-1].weight, std=0.3)
    card = Card(kind="translator", family="syndiff", source=SEM, target=TEM)
    return syndiff.save(network, card, folder / f"syndiff-{steps}.safetensors")


def _resnet(folder: Path) -> Path:
    torch.manual_seed(7)
    path = folder / "gen_non_diffusive_1to2.pth"
    torch.save(ResnetGenerator(4, 3).state_dict(), path)
    write_sidecar(path, {"source": SEM.model_dump(), "target": TEM.model_dump(), "architecture": {}})
    return path


def _small_unet(folder: Path) -> Path:
    torch.manual_seed(8)
    network = small_unet.SmallUNet((4, 6, 8))
    nn.init.normal_(network.leave.weight, std=0.5)
    card = Card(kind="translator", family="small-unet", source=SEM, target=TEM)
    return syndiff.save(network, card, folder / "fast.safetensors")


def _grey_levels(folder: Path) -> Path:
    curve = np.linspace(1, 0, 256, dtype=np.float32) ** 1.3
    card = Card(kind="translator", family="grey-levels", source=SEM, target=TEM)
    path = folder / "curve.safetensors"
    path.write_bytes(curve_file.as_file(curve, card))
    return path


def zero_shot_of(folder: Path, condition: Condition = "gradients") -> Path:
    """A zero-shot translator with random weights that takes two steps."""
    torch.manual_seed(9)
    maps = StructureMaps(condition)
    config = replace(GENERATOR, num_channels=maps.channels, num_timesteps=2)
    network = ZeroShotNetwork(config, maps, ImplicitSchedule.create(num_timesteps=2))
    nn.init.normal_(network.denoiser.all_modules[-1].weight, std=0.3)
    card = Card(
        kind="translator",
        family="zero-shot",
        architecture=architecture_with(config, maps),
        schedule=network.schedule.said,
        source=Modality(name="any", object_size_px=10),
        target=TEM,
        normalisation=Normalisation(),
    )
    return syndiff.save(network, card, folder / f"zero-shot-{condition}.safetensors")


SEGMENTERS: dict[str, Callable[[Path], Path]] = {
    "monai-unet": _monai,
    "torchscript": _torchscript,
    "onnx": _onnx,
    "bioimageio": _bioimageio,
    "monai-bundle": _monai_bundle,
    "nnunet": nnunet_folder,
    "cellpose": _cellpose,
    "sam": sam_of,
}
"""Makes a segmenter of a family in a folder."""

TRANSLATORS: dict[str, Callable[[Path], Path]] = {
    "syndiff": syndiff_of,
    "resnet": _resnet,
    "small-unet": _small_unet,
    "zero-shot": zero_shot_of,
    "grey-levels": _grey_levels,
}
"""Makes a translator of a family in a folder."""

PAIRS = (
    *((None, segmenter) for segmenter in SEGMENTERS),
    *((translator, segmenter) for translator in TRANSLATORS for segmenter in ("monai-unet", "nnunet")),
    *(
        ("resnet", segmenter)
        for segmenter in SEGMENTERS
        if segmenter not in ("monai-unet", "nnunet", "cellpose", "sam")
    ),
    # These find objects only where they look like some.
    *(("grey-levels", segmenter) for segmenter in ("cellpose", "sam")),
)
"""Every family alone, and behind or before one of another kind; every translator before the two segmenters that differ most."""

"""Valid files of every family, and what can be done to them."""

from __future__ import annotations

import copy
import json
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from families import SEGMENTERS, TRANSLATORS
from nnunet_files import ARGUMENTS, INTENSITIES
from safetensors.torch import save as to_safetensors
from syndiff_case import WITH_ATTENTION

from napari_pseudolabel.models.segmenters.nnunet.networks import UNet
from napari_pseudolabel.models.segmenters.nnunet.plans import Plans, read_dataset
from napari_pseudolabel.models.translators.ncsnpp import NCSNpp

PLANS: dict[str, Any] = {
    "dataset_name": "Dataset001_Test",
    "transpose_forward": [0, 1, 2],
    "configurations": {
        "base": {"spacing": [1.0, 1.0], "use_mask_for_norm": [False]},
        "2d": {
            "inherits_from": "base",
            "patch_size": [32, 32],
            "normalization_schemes": ["CTNormalization"],
            "resampling_fn_data": "resample_data_or_seg_to_shape",
            "resampling_fn_data_kwargs": {
                "is_seg": False,
                "order": 3,
                "order_z": 0,
                "force_separate_z": None,
            },
            "architecture": {
                "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
                "arch_kwargs": ARGUMENTS,
                "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
            },
        },
    },
    "foreground_intensity_properties_per_channel": {"0": INTENSITIES},
}
DATASET: dict[str, Any] = {
    "channel_names": {"0": "grey"},
    "labels": {"background": 0, "whole": [1, 2], "axon": [2], "ignore": 3},
    "regions_class_order": [1, 2],
    "file_ending": ".png",
}
CARD: dict[str, Any] = {
    "kind": "translator",
    "family": "syndiff",
    "name": "a",
    "architecture": {"image_size": 32, "fir_kernel": [1, 3, 3, 1], "attn_resolutions": [16], "dropout": 0.0},
    "schedule": {"num_timesteps": 2, "beta_min": 0.1, "beta_max": 20.0, "use_geometric": False},
    "source": {"name": "SEM", "pixel_size_um": 0.2, "object_size_px": 10},
    "target": {"name": "TEM", "pixel_size_um": 0.1},
    "normalisation": {"kind": "percentile", "low": 1, "high": 99},
    "training": {"data": ["x"], "steps": 3},
    "quality": [{"metric": "dice", "value": 0.5, "data": "x"}],
    "parent": None,
}
HOSTILE_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**31,
    2**63,
    10**30,
    10**400,
    1e308,
    -0.0,
    float("nan"),
    float("inf"),
    0.5,
    "",
    "x" * 100_000,
    "\ud800",
    "\x1b[31m\u202e\x00",
    "[red]x[/red]<b>",
    "1e9",
    [],
    {},
    [[]],
    {"": None},
    [0] * 5000,
    [1e9, 1e9],
    [[2**40] * 3] * 3,
    json.loads("[" * 80 + "]" * 80),
)


def families(folder: Path) -> dict[str, Path]:
    """One small valid checkpoint of every kind; for a folder its path."""
    torch.manual_seed(0)
    state = NCSNpp(WITH_ATTENTION).state_dict()
    found = {}

    def saved(name: str, value: Any, **options: Any) -> None:
        found[name] = folder / f"{name}.pth"
        torch.save(value, found[name], **options)

    saved("generator", state)
    saved("legacy", state, _use_new_zipfile_serialization=False)
    settings = {"num_timesteps": 2, "image_size": 32, "contrast1": "T1", "contrast2": "T2"}
    saved(
        "content", {"epoch": 3, "args": settings, "gen_diffusive_1_dict": state, "optimizer_1": {"lr": 0.1}}
    )
    (folder / "generator.card.json").write_text(json.dumps(CARD))
    found["resnet"] = TRANSLATORS["resnet"](folder)
    found["own"] = TRANSLATORS["syndiff"](folder)
    found["curve"] = TRANSLATORS["grey-levels"](folder)
    found["segmenter"] = SEGMENTERS["monai-unet"](folder)
    found["nnunet"] = nnunet(folder / "nnUNetTrainer__nnUNetPlans__2d")
    return found


def nnunet(folder: Path, plans: Any = PLANS, dataset: Any = DATASET) -> Path:
    """An nnU-Net folder whose weights fit `PLANS` and `DATASET`."""
    (folder / "fold_0").mkdir(parents=True)
    for name, content in (("plans.json", PLANS), ("dataset.json", DATASET)):
        (folder / name).write_text(json.dumps(content))
    described = Plans.model_validate(PLANS).configuration("2d").network()
    torch.manual_seed(0)
    weights = UNet(described, 1, len(read_dataset(folder).classes())).state_dict()
    torch.save(
        {
            "network_weights": weights,
            "init_args": {"configuration": "2d"},
            "inference_allowed_mirroring_axes": (0, 1),
            "_best_ema": np.float32(0.5),
        },
        folder / "fold_0" / "checkpoint_final.pth",
    )
    for name, content in (("plans.json", plans), ("dataset.json", dataset)):
        (folder / name).write_text(json.dumps(content))
    return folder


def changed_bytes(content: bytes, dice: random.Random) -> bytes:
    """Flip, cut, insert, repeat, or overwrite with ones or zeros."""
    data = bytearray(content)
    # the beginning and the end are what parsers read
    window = dice.choice((64, 1024, len(data)))
    at = dice.choice(
        (dice.randrange(min(window, len(data))), len(data) - 1 - dice.randrange(min(window, len(data))))
    )
    kind = dice.randrange(6)
    if kind == 0:
        for _ in range(dice.choice((1, 1, 3, 20))):
            place = min(len(data) - 1, max(0, at + dice.randrange(-8, 8)))
            data[place] ^= 1 << dice.randrange(8)
    elif kind == 1:
        del data[at:]
    elif kind == 2:
        data[at:at] = dice.randbytes(dice.choice((1, 4, 100)))
    elif kind == 3:
        data[at:at] = data[at : at + dice.choice((2, 20, 500))]
    elif kind == 4:
        data[at : at + dice.choice((1, 2, 4, 8))] = dice.choice((b"\xff", b"\0", b"\x7f")) * dice.choice(
            (1, 2, 4, 8)
        )
    else:
        del data[at : at + dice.choice((1, 8, 200))]
    return bytes(data)


def changed_value(value: Any, dice: random.Random) -> Any:
    """A nested value with one to three of its parts replaced, removed or exchanged."""
    result = copy.deepcopy(value)
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        places = list(_places(result))
        if not places:
            return dice.choice(HOSTILE_VALUES)
        holder, key = dice.choice(places)
        action = dice.randrange(8)
        if action == 0:
            del holder[key]
        elif action == 1:
            other_holder, other_key = dice.choice(places)
            first, second = copy.deepcopy((holder[key], other_holder[other_key]))
            holder[key], other_holder[other_key] = second, first
        elif action == 2 and isinstance(holder, dict):
            holder[dice.choice(("", "x", "\ud800", "filters", "tile", "extra"))] = dice.choice(HOSTILE_VALUES)
        else:
            holder[key] = copy.deepcopy(dice.choice(HOSTILE_VALUES))
    return result


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    stack = [value]
    while stack:
        item = stack.pop()
        keys = list(item) if isinstance(item, dict) else range(len(item)) if isinstance(item, list) else ()
        found += [(item, key) for key in keys]
        stack += [item[key] for key in keys]
    return found


def with_card(path: Path, change: Callable[[Any], Any]) -> None:
    """Change the card in the header of a safetensors file."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"]["card"] = json.dumps(change(json.loads(header["__metadata__"]["card"])))
    _write_header(path, header, content[8 + length :])


def with_header(path: Path, change: Callable[[Any], Any]) -> None:
    """Change the header itself: names, types, shapes and offsets."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    _write_header(path, change(json.loads(content[8 : 8 + length])), content[8 + length :])


def _write_header(path: Path, header: Any, data: bytes) -> None:
    text = json.dumps(header).encode("utf-8", "surrogatepass")
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def tensors(weights: dict[str, torch.Tensor], card: dict[str, Any]) -> bytes:
    """Content of a safetensors file with any card."""
    return to_safetensors(weights, {"card": json.dumps(card)})

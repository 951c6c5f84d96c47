"""What is in a diffusers folder, looked at before any library sees it: weights and descriptions, and nothing that could run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from napari_pseudolabel.budget import BUDGET, check_header, check_regular, read_json, read_text
from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.safe_load import sha256

INDEX = "model_index.json"
# Class names that are understood. What a folder holds beside these parts is not looked at.
_PARTS: dict[str, tuple[str, ...]] = {
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL",),
    "text_encoder": ("CLIPTextModel",),
    "tokenizer": ("CLIPTokenizer", "CLIPTokenizerFast"),
    "scheduler": ("",),
}
_WEIGHTS = {
    "unet": "diffusion_pytorch_model",
    "vae": "diffusion_pytorch_model",
    "text_encoder": "model",
}
_VARIANTS = ("", "fp16")
_PROGRAMS = (".py", ".pyc", ".so", ".dll", ".dylib")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
# What a description of a few bytes could ask for without end; layers have weights, so there are no more of them than of those.
_COUNTS = ("layers_per_block", "transformer_layers_per_block", "num_hidden_layers")
# What makes of a network another one than is understood here.
_OTHER = ("addition_embed_type", "class_embed_type", "encoder_hid_dim", "encoder_hid_dim_type")


@dataclass(frozen=True)
class DiffusersFolder:
    """A folder that was looked through.

    Attributes
    ----------
    configs
        What ``config.json`` says of each network, and the description of the schedule under "scheduler".
    variants
        For each network the variant of its weights, "" or "fp16".
    stored
        For each network how many numbers its weights hold.
    size
        Bytes of all weights.
    sha256
        Of the files that are read.
    """

    path: Path
    configs: Mapping[str, Mapping[str, Any]]
    variants: Mapping[str, str]
    stored: Mapping[str, int]
    size: int
    sha256: str


def is_diffusers_folder(path: Path) -> bool:
    """Whether a folder is called as one of diffusers is; says nothing about what is in it."""
    return (path / INDEX).is_file()


def look_through(path: Path) -> DiffusersFolder:
    """Look through a folder of a text-to-image latent diffusion.

    Raises
    ------
    CheckpointError
        If it is none, holds programs or pickles, lacks a part, or is beyond the budget; one sentence.
    """
    name = path.name
    if not is_diffusers_folder(path):
        raise CheckpointError(
            f"{name} is no folder of a text-to-image model: it holds no {INDEX}; choose the folder that diffusers saved."
        )
    _refuse_code(path)
    index = _mapping(path / INDEX)
    for part, known in _PARTS.items():
        said = index.get(part)
        made_by = said[1] if isinstance(said, list) and len(said) == 2 else None
        if not isinstance(made_by, str) or (known != ("",) and made_by not in known):
            raise CheckpointError(
                f"{name} is no text-to-image model of a kind that is understood: its {part} is {made_by or 'missing'}, not "
                f"{known[0] or 'a schedule'}; choose a folder such as Stable Diffusion 1 or 2 has."
            )
    if index.get("text_encoder_2", [None])[0]:
        raise CheckpointError(
            f"{name} has two text encoders, which are not understood; choose a folder such as Stable Diffusion 1 or 2 has."
        )
    configs, variants, stored, size = {}, {}, {}, 0
    files = [path / INDEX, *_tokenizer_files(path)]
    for part, stem in _WEIGHTS.items():
        description = path / part / "config.json"
        variant, weights = _weights(path, part, stem)
        header = check_header(weights)
        configs[part], variants[part] = _mapping(description), variant
        stored[part] = _numbers(header, weights)
        size += check_regular(weights)
        files += [description, weights]
        _refuse_endless(configs[part], len(header), description, name)
    schedule = path / "scheduler" / "scheduler_config.json"
    configs["scheduler"] = _mapping(schedule)
    for key in _OTHER:
        if configs["unet"].get(key) is not None:
            raise CheckpointError(
                f"The unet of {name} takes more than a phrase ({key}), which is not understood; choose another folder."
            )
    return DiffusersFolder(path, configs, variants, stored, size, sha256(path, [*files, schedule]))


def _refuse_code(path: Path) -> None:
    for found in _inside(path):
        if found.suffix in _PROGRAMS:
            raise CheckpointError(
                f"{path.name} brings a program ({found.name}), and a checkpoint is never run; choose a folder without."
            )
        if found.suffix in _PICKLES:
            raise CheckpointError(
                f"{path.name} holds a pickle ({found.name}), which can run programs; keep only its .safetensors files, or save it "
                "again with safe_serialization=True."
            )


def _inside(path: Path) -> Iterator[Path]:
    found = list(islice(path.rglob("*"), BUDGET.entries + 1))
    if len(found) > BUDGET.entries:
        raise CheckpointError(
            f"{path.name} holds more than {BUDGET.entries:,} files; choose the folder of one model."
        )
    return iter(found)


def _mapping(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise CheckpointError(f"{path.parent.name} lacks {path.name}; copy or download the folder again.")
    value = read_json(path)
    if not isinstance(value, dict):
        raise CheckpointError(f"{path.parent.name}/{path.name} describes nothing; download the folder again.")
    if "auto_map" in value:
        raise CheckpointError(
            f"{path.parent.name}/{path.name} asks for a program of its own (auto_map), and a checkpoint is never run; choose another "
            "folder."
        )
    return value


def _weights(path: Path, part: str, stem: str) -> tuple[str, Path]:
    for variant in _VARIANTS:
        weights = path / part / f"{stem}{'.' if variant else ''}{variant}.safetensors"
        if weights.is_file():
            return variant, weights
    raise CheckpointError(
        f"{path.name} has no {part}/{stem}.safetensors; weights are read from single safetensors files only."
    )


def _tokenizer_files(path: Path) -> list[Path]:
    """Return the files of the tokenizer, after a look at each."""
    folder = path / "tokenizer"
    found = sorted(one for one in folder.glob("*.json")) if folder.is_dir() else []
    merges = folder / "merges.txt"
    for one in found:
        _mapping(one)
    if merges.is_file():
        read_text(merges)
        found.append(merges)
    names = {one.name for one in found}
    if not ("tokenizer.json" in names or {"vocab.json", "merges.txt"} <= names):
        raise CheckpointError(
            f"{path.name} has neither tokenizer/tokenizer.json nor vocab.json and merges.txt; download it again."
        )
    return found


def _numbers(header: Mapping[str, object], weights: Path) -> int:
    total = 0
    for key, one in header.items():
        if key == "__metadata__":
            continue
        shape = one.get("shape") if isinstance(one, dict) else None
        if not isinstance(shape, list) or not all(isinstance(n, int) and n >= 0 for n in shape):
            raise CheckpointError(f"{weights.name} does not say how large {key[:60]} is; download it again.")
        total += math.prod(shape)
    return total


def _refuse_endless(config: Mapping[str, Any], tensors: int, file: Path, name: str) -> None:
    def most(value: object) -> float:
        if isinstance(value, list):
            return max(map(most, value), default=0)
        return value if isinstance(value, (int, float)) else 0

    for key in _COUNTS:
        if most(config.get(key)) > tensors:
            raise CheckpointError(
                f"{file.parent.name}/{file.name} of {name} asks for {most(config[key]):,} layers, of which the weights hold "
                f"{tensors:,} tensors; it was not loaded."
            )

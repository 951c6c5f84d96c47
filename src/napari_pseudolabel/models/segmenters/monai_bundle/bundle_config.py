"""What the configuration of a MONAI bundle says, read as data: no expression in it is evaluated, nothing it names is imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_pseudolabel.budget import BUDGET, parse_yaml, read_bytes, read_json
from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.segmenters.bioimageio.bioimage_steps import InputSteps, LayerStep, PixelStep
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.wording import sentence

METADATA = "configs/metadata.json"
_CONFIGS = ("configs/inference.json", "configs/inference.yaml")
# Of transforms: those that leave the values of a plane as they are.
_NEUTRAL = frozenset(
    [
        "LoadImage",
        "EnsureChannelFirst",
        "EnsureType",
        "ToTensor",
        "CastToType",
        "AsChannelFirst",
        "AddChannel",
        "ToDevice",
    ]
)
_DEEPEST = 8


def read_config(folder: Path) -> JsonObject:
    """Read the configuration of inference.

    Raises
    ------
    CheckpointError
        If there is none, or it is damaged.
    """
    for name in _CONFIGS:
        path = folder / name
        if path.is_file():
            said = (
                read_json(path)
                if path.suffix == ".json"
                else parse_yaml(read_bytes(path, BUDGET.yaml_bytes), name)
            )
            if isinstance(said, dict):
                return said
    raise CheckpointError(
        f"{folder.name} has no configs/inference.json, which describes the network of a MONAI bundle."
    )


def plain(value: Any, config: JsonObject, whose: str, depth: int = 0) -> Any:
    """Return a value of the configuration with its references (``@name``) in place.

    Raises
    ------
    CheckpointError
        If it is an expression, which would have to be run, or refers to nothing.
    """
    if depth > _DEEPEST:
        raise CheckpointError(f"The configuration of {whose} refers to itself.")
    if isinstance(value, str) and value.startswith("$"):
        raise CheckpointError(
            f"The configuration of {whose} asks to run {sentence(value)[:80]!r}; nothing in it is run. Write the value in its place."
        )
    if isinstance(value, str) and value.startswith("@"):
        found: Any = config
        for part in value[1:].replace("#", "::").split("::"):
            if not isinstance(found, Mapping) or part not in found:
                raise CheckpointError(
                    f"The configuration of {whose} refers to {sentence(value)[:80]}, which is not there."
                )
            found = found[part]
        return plain(found, config, whose, depth + 1)
    if isinstance(value, Mapping):
        return {key: plain(one, config, whose, depth + 1) for key, one in value.items()}
    return [plain(one, config, whose, depth + 1) for one in value] if isinstance(value, list) else value


def target(value: Mapping[str, Any]) -> str:
    """Return the last part of what an entry names: ``monai.networks.nets.DynUNet`` is DynUNet."""
    return str(value.get("_target_", "")).rpartition(".")[2]


def read_transforms(config: JsonObject, channels: int, whose: str) -> InputSteps:
    """Read how images are prepared.

    Raises
    ------
    CheckpointError
        If it is not known here, or is an expression.
    """
    given = config.get("preprocessing")
    if given is None:
        return InputSteps()
    steps = plain(given.get("transforms", [given]) if isinstance(given, Mapping) else given, config, whose)
    before: list[PixelStep] = []
    after: list[PixelStep] = []
    layer: LayerStep | None = None
    words: list[str] = []
    for one in steps:
        name = target(one).removesuffix("d").removesuffix("D")
        if name in _NEUTRAL or one.get("_disabled_") is True:
            continue
        found = _step(name, one, channels, whose)
        words.append(name)
        for step in found:
            if isinstance(step, LayerStep):
                if layer is not None or any(gain <= 0 for earlier in before for gain in earlier.gain):
                    raise _refused(whose, name)
                layer = step
            else:
                (before if layer is None else after).append(step)
    return InputSteps(tuple(before), layer, tuple(after), tuple(words))


def _step(name: str, said: Mapping[str, Any], channels: int, whose: str) -> Sequence[PixelStep | LayerStep]:
    alone = channels == 1 or said.get("channel_wise") is True
    match name:
        case "ScaleIntensityRange":
            low, high = float(said["a_min"]), float(said["a_max"])
            first, last = (
                float(said[key]) if said.get(key) is not None else value
                for key, value in (("b_min", 0.0), ("b_max", 1.0))
            )
            gain = (last - first) / (high - low)
            limits = {"low": first, "high": last} if said.get("clip") is True else {}
            return [PixelStep((gain,), (first - low * gain,), **limits)]
        case "ScaleIntensity" if alone and said.get("factor") is None:
            first, last = float(said.get("minv", 0.0)), float(said.get("maxv", 1.0))
            return [LayerStep((0.0, 100.0), 0.0), PixelStep((last - first,), (first,))]
        case "ScaleIntensityRangePercentiles" if alone and said.get("relative") is not True:
            first, last = float(said["b_min"]), float(said["b_max"])
            limits = {"low": first, "high": last} if said.get("clip") is True else {}
            layer = LayerStep((float(said["lower"]), float(said["upper"])), 0.0)
            return [layer, PixelStep((last - first,), (first,), **limits)]
        case "NormalizeIntensity" if said.get("nonzero") is not True:
            if said.get("subtrahend") is None and said.get("divisor") is None and alone:
                return [LayerStep(None, 0.0)]
            if isinstance(said.get("subtrahend"), int | float) and isinstance(
                said.get("divisor"), int | float
            ):
                width = float(said["divisor"])
                return [PixelStep((1 / width,), (-float(said["subtrahend"]) / width,))]
    raise _refused(whose, name)


def _refused(whose: str, name: str) -> CheckpointError:
    return CheckpointError(
        f"{whose} prepares its images by {sentence(name)[:60] or 'something without a name'} in a way that cannot be done here; "
        "label with MONAI, and bring the labels along."
    )

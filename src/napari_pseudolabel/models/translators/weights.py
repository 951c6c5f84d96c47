"""Compare and check weights, in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.wording import some

Shape = tuple[int, ...]

_SHOWN = 4


def finite_float32(path: Path, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return weights as float32, or raise a CheckpointError if one is not a finite number."""
    result = {}
    for name, weight in state.items():
        if not weight.is_floating_point():
            raise CheckpointError(f"{name} in {path.name} holds {weight.dtype} instead of real numbers.")
        result[name] = weight.to(torch.float32)
        if not torch.isfinite(result[name]).all():
            raise CheckpointError(
                f"{name} in {path.name} holds values that are not finite; the training failed."
            )
    return result


def describe_mismatch(found: Mapping[str, Shape], expected: Mapping[str, Shape]) -> str:
    """Say in words how two sets of names and shapes differ; empty if they do not."""
    missing = [n for n in expected if n not in found]
    extra = [n for n in found if n not in expected]
    wrong = [
        f"{n} is {by(found[n])} instead of {by(expected[n])}"
        for n in expected
        if n in found and tuple(found[n]) != tuple(expected[n])
    ]
    parts = [f"{some(missing, _SHOWN)} missing"] if missing else []
    parts += [f"{some(extra, _SHOWN)} unexpected"] if extra else []
    parts += [some(wrong, _SHOWN)] if wrong else []
    return "; ".join(parts)


def by(shape: Shape) -> str:
    """Write a shape as "2 x 3"."""
    return " x ".join(str(n) for n in shape) or "a single number"


def describe_weights(state: Mapping[str, torch.Tensor]) -> str:
    """Say in words what weights without a known family are, as a clause ("it holds ...")."""
    if is_discriminator(state):
        return "it is a discriminator of SynDiff, which only judges images in training"
    if any(name.startswith("encoder.stages.") for name in state):
        return "it holds nnU-Net weights; open the model folder that holds plans.json"
    return f"it holds weights of another network, called {some(list(state), 3)}"


def is_discriminator(state: Mapping[str, torch.Tensor]) -> bool:
    """Whether weights without prefix are of a discriminator of SynDiff, time-dependent or PatchGAN."""
    if any(n.startswith("t_embed.") for n in state) and any(n.startswith("start_conv.") for n in state):
        return True
    first = state.get("model.0.weight")
    return first is not None and tuple(first.shape[2:]) == (4, 4)

"""Weights alone, of a network that is known here by its name: no code of a package is run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.card_files import validated
from napari_pseudolabel.models.safe_load import load_weights, sha256
from napari_pseudolabel.models.segmenters.common import fitted
from napari_pseudolabel.models.segmenters.monai_bundle.bundle_networks import (
    NETWORKS,
    NamedArchitecture,
    checked_arguments,
)
from napari_pseudolabel.models.segmenters.monai_bundle.segmenter import state_of
from napari_pseudolabel.models.segmenters.program import ProgramSegmenter, described, filled
from napari_pseudolabel.models.segmenters.torchscript.examining import Examined, Feed, answers_to
from napari_pseudolabel.models.segmenters.torchscript.reading import (
    DecodedNetwork,
    ProgramArchitecture,
    understand,
)
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.wording import sentence

_LIBRARY = "monai.networks.nets"
_LAST = ("conv2d",)  # of all these networks


def architecture_told(weights: Mapping[str, Any], whose: str) -> NamedArchitecture:
    """Return the network of weights as versions 0.4 and 0.5 of the format name it.

    Raises
    ------
    CheckpointError
        If it is none of those that are known, is brought along as code, or its arguments are out of range.
    """
    said = weights.get("architecture") or ""
    if isinstance(said, Mapping):
        module, name = str(said.get("import_from") or ""), str(said.get("callable") or "")
        arguments = said.get("kwargs") or {}
    else:
        module, _, name = str(said).rpartition(".")
        arguments = weights.get("kwargs") or {}
    if not f"{module}.".startswith(f"{_LIBRARY}.") or name not in NETWORKS:
        raise CheckpointError(
            f"The weights of {whose} are for the network {sentence(name)[:60] or 'without a name'} of "
            f"{sentence(module)[:60] or 'a file of the package'}, and no code of a package is run; of MONAI's networks "
            f"{', '.join(NETWORKS)} are known. Export it to ONNX."
        )
    checked = checked_arguments(name, arguments, whose)
    return NamedArchitecture(network=name, arguments=dict(arguments), in_channels=checked.in_channels)


def load(path: Path, given: JsonObject, guessed: JsonObject, network: NamedArchitecture) -> ProgramSegmenter:
    """Load weights into a network; parameters as of `torchscript.segmenter.load`.

    Raises
    ------
    CheckpointError
        If they do not fit, or MONAI is not installed.
    """
    given = {**given, "architecture": {**guessed, **given.get("architecture", {})}}
    full, problem = described(path, given, family="bioimageio", what="weights")
    if problem:
        raise CheckpointError(problem)
    said = validated(ProgramArchitecture, full.architecture, f"The card of {path.name}")
    if said.in_channels != network.in_channels or said.layout == "channels_last":
        raise CheckpointError(
            f"The network of {path.name} takes {network.in_channels} channels, channels first, and its description says otherwise."
        )
    side = 2 * network.stride
    shape = (1, network.in_channels, side, side)
    made = fitted(network.build, state_of(load_weights(path), path), path.name, shape)
    ramp = torch.linspace(0, 1, side * side).reshape(1, 1, side, side).expand(shape)
    digest, feed = sha256(path), Feed()
    with torch.inference_mode():
        answers = answers_to(feed, feed.call(made, ramp), _LAST)
    reading = understand(Examined(sha256=digest, feed=feed, answers=answers), full.classes, said, path, side)
    return ProgramSegmenter(filled(full, said, reading), digest, DecodedNetwork(made, reading, path.name))

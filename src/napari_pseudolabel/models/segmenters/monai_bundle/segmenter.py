"""A MONAI bundle as a segmenter: its weights in our own network, where its configuration names one that we have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from napari_pseudolabel.budget import read_json
from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.imaging import Need
from napari_pseudolabel.models.card_files import (
    complete,
    named_classes,
    overlay,
    sidecar_path,
    unknown_modalities,
)
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.inspection import Inspection, useful, useless
from napari_pseudolabel.models.offers import Offer
from napari_pseudolabel.models.safe_load import load_weights, sha256, strip_prefixes
from napari_pseudolabel.models.segmenters.base import LayerPart
from napari_pseudolabel.models.segmenters.bioimageio.bioimage_steps import InputSteps
from napari_pseudolabel.models.segmenters.common import fitted
from napari_pseudolabel.models.segmenters.monai_bundle.bundle_config import (
    METADATA,
    plain,
    read_config,
    read_transforms,
    target,
)
from napari_pseudolabel.models.segmenters.monai_unet import MonaiSegmenter, architecture_of, build
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.wording import sentence

FAMILY = "monai-bundle"

_NETWORK, _WEIGHTS = "network_def", "models/model.pt"
# The same weights under other names, and what only trainings use.
_ALIASES = ("skip_layers.", "heads.", "deep_supervision_heads.")
_USUAL_FILTERS = (32, 64, 128, 256, 512, 512, 512, 512)
_AFFINE = ("instance", {"affine": True})


@dataclass(frozen=True, eq=False)
class BundleSegmenter(MonaiSegmenter):
    """The network of a bundle, whose images are prepared as its configuration says; see `Segmenter`."""

    steps: InputSteps

    @property
    @override
    def need(self) -> Need:
        return self.steps.need

    @override
    def prepared(self, raw: NDArray[np.float32], part: LayerPart | None) -> NDArray[np.float32]:
        return self.steps.prepared(raw, part.whole if part is not None else None)


def declines(offer: Offer) -> str:
    """Why it is no bundle."""
    return "" if (offer.path / METADATA).is_file() else "no MONAI bundle"


def describes(offer: Offer) -> Inspection | None:
    """Describe a bundle by its configuration; nothing of it runs."""
    if declines(offer):
        return None
    card, problem, _ = _read(offer)
    if problem:
        return useless(offer.path, "MONAI bundle", problem, missing=card.missing, card=card)
    return useful(offer.path, "MONAI bundle", card)


def loads(offer: Offer) -> BundleSegmenter:
    """Load a bundle whose network is MONAI's DynUNet in two dimensions.

    Raises
    ------
    CheckpointError
        If it is of another network, its configuration would have to be run, or the weights do not fit.
    """
    card, problem, steps = _read(offer)
    if problem:
        raise CheckpointError(problem)
    path = offer.path / _WEIGHTS
    if not path.is_file():
        raise CheckpointError(f"{offer.path.name} has no {_WEIGHTS}; download the bundle with its weights.")
    weights = _state(load_weights(path), path)
    described = architecture_of(card)
    side = 2 * described.stride
    network = fitted(lambda: build(card), weights, path.name, (1, described.in_channels, side, side))
    return BundleSegmenter(card, sha256(offer.path), network, steps)


def _state(value: object, path: Path) -> dict[str, Tensor]:
    """Return the weights by name, where a bundle keeps them."""
    while (
        isinstance(value, Mapping)
        and len(value) < 10
        and not any(isinstance(one, Tensor) for one in value.values())
    ):
        value = next((value[key] for key in ("model", "net", "network", "state_dict") if key in value), None)
    if not isinstance(value, Mapping):
        raise CheckpointError(f"{path.name} holds no weights of a network.")
    return {name: one for name, one in strip_prefixes(value).items() if not name.startswith(_ALIASES)}


def _read(offer: Offer) -> tuple[Card, str, InputSteps]:
    """Return the card, what is missing as a sentence, and how images are prepared."""
    path, name = offer.path, offer.path.name
    about = read_json(path / METADATA)
    if not isinstance(about, dict):
        raise CheckpointError(f"{METADATA} of {name} is no description; correct or replace it.")
    config = read_config(path)
    architecture, outputs = _architecture(config, name)
    steps = read_transforms(config, architecture["in_channels"], name)
    known: JsonObject = {
        "name": _text(about.get("name")) or name,
        "description": _text(about.get("description")),
        "licence": _text(about.get("license")),
        "authors": [_text(about["authors"])] if about.get("authors") else [],
        "citation": [_text(one) for one in about.get("references") or ()],
        "normalisation": steps.normalisation.model_dump(),
    }
    names = _classes(about)
    if len(names) == outputs:
        known["classes"] = named_classes(names)
    overlay(known, {key: value for key, value in offer.given.items() if key != "normalisation"})
    known["architecture"] = {**architecture, **known.get("architecture", {})}
    missing = (*(() if "classes" in known else ("classes",)), *unknown_modalities(known, ("source",)))
    note = f"Images are prepared as the bundle says: {', '.join(steps.words) or 'not at all'}."
    card = complete(
        known, path, kind="segmenter", family=FAMILY, assumed=("tile",), missing=missing, notes=(note,)
    )
    problem = f"{name} does not say what the {outputs} channels of its answer are; write classes into {sidecar_path(path).name} beside it."
    return card, "" if "classes" in known else problem, steps


def _text(value: object) -> str:
    return sentence(value)[:500] if isinstance(value, str) else ""


def _classes(about: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the channels of the answer, in their order; empty if there are none."""
    outputs = about.get("network_data_format", {}).get("outputs", {})
    first: Mapping[str, Any] = next(iter(outputs.values()), {})
    named = first.get("channel_def") or {}
    return tuple(_text(named[key]) for key in sorted(named, key=str))


def _architecture(config: JsonObject, whose: str) -> tuple[JsonObject, int]:
    """Return the architecture in our words, and how many channels the network answers with.

    Raises
    ------
    CheckpointError
        If it is another one.
    """
    given = config.get(_NETWORK)
    if not isinstance(given, Mapping):
        raise CheckpointError(f"The configuration of {whose} has no {_NETWORK}, which names the network.")
    kind = target(given)
    if kind != "DynUNet":
        raise CheckpointError(
            f"{whose} is of the network {sentence(kind)[:60] or 'without a name'}; of MONAI's networks DynUNet is read, in two "
            "dimensions. Export it to ONNX or TorchScript."
        )
    said = plain(given, config, whose)
    levels = len(said["strides"])
    norm = said.get("norm_name", _AFFINE)
    expected = {
        "spatial_dims": said.get("spatial_dims") == 2,
        "kernel_size": all(_pair(one) == (3, 3) for one in said["kernel_size"]),
        "strides": [_pair(one) for one in said["strides"]] == [(1, 1)] + [(2, 2)] * (levels - 1),
        "upsample_kernel_size": all(_pair(one) == (2, 2) for one in said["upsample_kernel_size"]),
        "norm_name": not isinstance(norm, str) and (str(norm[0]).lower(), norm[1]) == _AFFINE,
        "act_name": "act_name" not in said,
        "trans_bias": not said.get("trans_bias"),
        "postprocessing": not _sigmoid(config),
    }
    if wrong := [name for name, fits in expected.items() if not fits]:
        raise CheckpointError(
            f"{whose} has a DynUNet of another kind than is read here ({', '.join(wrong)}); export it to ONNX or TorchScript."
        )
    filters = said.get("filters") or _USUAL_FILTERS[:levels]
    return {
        "in_channels": int(said["in_channels"]),
        "filters": list(filters),
        "res_block": said.get("res_block") is True,
    }, int(said["out_channels"])


def _pair(value: int | Sequence[int]) -> tuple[int, ...]:
    return (value, value) if isinstance(value, int) else tuple(value)


def _sigmoid(config: JsonObject) -> bool:
    """Whether answers are made probabilities one by one, which a softmax over them is not."""
    steps = config.get("postprocessing") or {}
    given = steps.get("transforms", []) if isinstance(steps, Mapping) else []
    return any(isinstance(one, Mapping) and one.get("sigmoid") is True for one in given)

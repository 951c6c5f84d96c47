"""A MONAI bundle as a segmenter: its weights in a network that its configuration names and that is known here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
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
    validated,
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
from napari_pseudolabel.models.segmenters.monai_bundle.bundle_networks import (
    OWN,
    NamedArchitecture,
    checked_arguments,
    missing_monai,
)
from napari_pseudolabel.models.segmenters.monai_unet import (
    MonaiArchitecture,
    architecture_of,
    build,
    predicted_layout,
    predicted_tile,
)
from napari_pseudolabel.models.segmenters.tiled import TiledSegmenter
from napari_pseudolabel.tiling import Covering
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.wording import sentence

FAMILY = "monai-bundle"

_NETWORK, _WEIGHTS = "network_def", "models/model.pt"
# The same weights under other names, and what only trainings use.
_ALIASES = ("skip_layers.", "heads.", "deep_supervision_heads.")
_USUAL_FILTERS = (32, 64, 128, 256, 512, 512, 512, 512)
_AFFINE = ("instance", {"affine": True})


Described = MonaiArchitecture | NamedArchitecture


@dataclass(frozen=True, eq=False)
class BundleSegmenter(TiledSegmenter):
    """The network of a bundle, whose images are prepared as its configuration says; see `Segmenter`."""

    OUTPUT = "logits"

    steps: InputSteps
    described: Described

    @property
    @override
    def architecture(self) -> Described:
        return self.described

    @property
    @override
    def tile(self) -> int:
        return predicted_tile(self.described)

    @property
    @override
    def layout(self) -> Covering:
        return predicted_layout(self.described)

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
    if not problem and "arguments" in card.architecture:
        problem = missing_monai(str(card.architecture["network"]))
    if problem:
        return useless(offer.path, "MONAI bundle", problem, missing=card.missing, card=card)
    return useful(offer.path, "MONAI bundle", card)


def loads(offer: Offer) -> BundleSegmenter:
    """Load a bundle of one of the networks of MONAI that are known here, in two dimensions.

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
    described = _described(card)
    own = isinstance(described, MonaiArchitecture)
    weights = state_of(load_weights(path), path, _ALIASES if own else ())
    side = 2 * described.stride

    def made() -> nn.Module:
        return build(card) if isinstance(described, MonaiArchitecture) else described.build()

    network = fitted(made, weights, path.name, (1, described.in_channels, side, side))
    return BundleSegmenter(card, sha256(offer.path), network, steps, described)


def _described(card: Card) -> Described:
    if "arguments" not in card.architecture:
        return architecture_of(card)
    named = validated(NamedArchitecture, card.architecture, "The card's architecture")
    outputs = named.checked.out_channels
    if len(card.classes) != outputs or outputs < 2:
        raise CheckpointError(
            f"The network answers with {outputs} channels, but {len(card.classes)} classes are named, two or more; "
            "correct the card."
        )
    return named


def state_of(value: object, path: Path, aliases: tuple[str, ...] = ()) -> dict[str, Tensor]:
    """Return the weights by name, where files keep them, without those whose names begin with `aliases`.

    Raises
    ------
    CheckpointError
        If there are none.
    """
    while (
        isinstance(value, Mapping)
        and len(value) < 10
        and not any(isinstance(one, Tensor) for one in value.values())
    ):
        value = next((value[key] for key in ("model", "net", "network", "state_dict") if key in value), None)
    if not isinstance(value, Mapping):
        raise CheckpointError(f"{path.name} holds no weights of a network.")
    return {name: one for name, one in strip_prefixes(value).items() if not name.startswith(aliases)}


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
    said = {key: value for key, value in plain(given, config, whose).items() if not key.startswith("_")}
    if _sigmoid(config):
        raise CheckpointError(
            f"{whose} makes probabilities of its answers one by one (sigmoid), where a softmax is taken here; export it to ONNX "
            "or TorchScript."
        )
    if kind != OWN:
        arguments = checked_arguments(sentence(kind), said, whose)
        named = {"network": arguments.NAME, "arguments": said, "in_channels": arguments.in_channels}
        return named, arguments.out_channels
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
